"""Facts about engines, without their libraries."""

from __future__ import annotations

import pytest

from core.engines import registry
from core.errors import UserError


def test_xtts_is_described() -> None:
    info = registry.info("xtts")
    assert len(info.languages) == 17 and info.sample_rate == 24_000
    assert info.clip_seconds == (0.5, 11.6) and info.clip_rate == 22_050


@pytest.mark.parametrize(
    ("asked", "code"), [("en", "en"), ("en-US", "en"), ("pt-BR", "pt"), ("pt_br", "pt"), ("zh", "zh-cn"), ("JA", "ja")]
)
def test_language_codes_are_understood(asked: str, code: str) -> None:
    assert registry.language_code(asked, "xtts") == code


@pytest.mark.parametrize("asked", ["", "xx", "english"])
def test_unknown_languages_are_refused(asked: str) -> None:
    with pytest.raises(UserError) as caught:
        registry.language_code(asked, "xtts")
    assert caught.value.code == "engine.language"


def test_an_unknown_or_missing_engine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="tacotron"):
        registry.get_engine("tacotron")
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="peft"):
        registry.get_engine("xtts")


def test_the_engine_is_handed_out() -> None:
    assert registry.get_engine("xtts").info is registry.info("xtts")
