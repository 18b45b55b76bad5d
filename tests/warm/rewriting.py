"""Assertions of test files, rewritten once: pytest has each of its workers do so, five seconds of processor for all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import CodeType

from _pytest.assertion import rewrite

_rewrite = rewrite._rewrite_test
_rewritten: dict[Path, tuple[bytes, CodeType]] = {}


def rewrite_tests(places: Iterable[Path]) -> None:
    """Rewrite these test files, and those in these folders, for the workers that are forked from here.

    What pytest has on disk from an earlier run is left to it.
    """
    for place in places:
        for path in [place] if place.is_file() else [*place.rglob("test_*.py"), *place.rglob("conftest.py")]:
            if rewrite._read_pyc(path, rewrite.get_cache_dir(path) / (path.stem + rewrite.PYC_TAIL)) is None:
                _rewritten[path] = _rewrite(path, None)  # type: ignore[arg-type]  # without options of pytest's
    rewrite._rewrite_test = lambda path, config: _rewritten.get(path) or _rewrite(path, config)
