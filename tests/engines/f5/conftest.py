"""A base so small that a test of it costs next to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.engines.f5.model.tiny import make_starter


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same architecture as the published base, v1, with random weights; never written to."""
    return make_starter(tmp_path_factory.mktemp("f5") / "v1", dim=32, depth=2)


@pytest.fixture(scope="session")
def tiny_v0(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights, built as v0."""
    return make_starter(tmp_path_factory.mktemp("f5") / "v0", dim=32, depth=2, flags="v0")
