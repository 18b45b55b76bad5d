"""The language model's service: a real small server on loopback, with the faults that real ones have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from core.coach import service as module
from core.coach.config import CoachConfig, load, save
from core.coach.service import ask
from core.errors import UserError
from core.project.workspace import Workspace
from tests.coach.model import EVER, GOOD, Model, serve

QUESTION = [{"role": "user", "content": "Why?"}]


@pytest.fixture
def model() -> Iterator[Model]:
    """A service on loopback."""
    yield from serve()


@pytest.fixture
def other() -> Iterator[Model]:
    """Another one, which nobody has chosen."""
    yield from serve()


def _config(model: Model, **changes: Any) -> CoachConfig:
    return CoachConfig(**{"enabled": True, "address": model.address, "model": "small", "key": "s3cret", **changes})


def test_an_answer_comes_with_its_tokens_and_what_it_cost(model: Model) -> None:
    answer = ask(_config(model), QUESTION)
    assert (answer.text, answer.tokens, answer.cost) == ("Because of [F1].", 46, 0.0012)
    body, key = model.requests[0]
    assert body["model"] == "small" and body["messages"] == QUESTION and key == "Bearer s3cret"


def test_without_a_key_none_is_sent_and_tokens_are_guessed_where_none_are_told(model: Model) -> None:
    model.says({"choices": [{"message": {"content": "Yes. " * 30}}]})
    answer = ask(_config(model, key=""), QUESTION)
    assert model.requests[0][1] == "" and answer.tokens_out == 50 and answer.cost is None


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, {}, "coach.key"),
        (402, {}, "coach.credit"),
        (404, {}, "coach.unknown"),
        (500, {}, "coach.fault"),
        (200, b"<html>", "coach.garbage"),
        (200, {"choices": []}, "coach.garbage"),
        (200, {"choices": [{"message": {"content": None}}]}, "coach.garbage"),
        (200, {"choices": [{"message": {"content": "  "}}]}, "coach.garbage"),
        (200, b'{"choices": [{"message": {"content": "Yes."}}], "usage": {"prompt_tokens": 1e999}}', "coach.garbage"),
        (200, b"[" * 100_000, "coach.garbage"),
        (200, b"x" * (2 << 20), "coach.garbage"),
    ],
)
def test_each_fault_is_told_and_the_key_is_in_none(model: Model, status: int, body: object, code: str) -> None:
    for _ in range(2):
        model.says(body, status)
    with pytest.raises(UserError) as caught:
        ask(_config(model), QUESTION, lambda seconds: None)
    assert caught.value.code == code
    assert "s3cret" not in repr(caught.value) + str(caught.value.__cause__) + str(caught.value.values)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_service_that_sends_on_to_another_host_is_not_followed(model: Model, other: Model, status: int) -> None:
    model.says({}, status, Location=f"{other.address}/chat/completions")
    with pytest.raises(UserError) as caught:
        ask(_config(model), QUESTION, lambda seconds: None)
    assert caught.value.code == "coach.moved" and len(model.requests) == 1
    assert other.requests == [], "neither the question nor the key"


def test_an_answer_that_never_ends_is_broken_off(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    model.says(b" " * 4096, EVER)
    with pytest.raises(UserError) as caught:
        ask(_config(model), QUESTION)
    assert caught.value.code == "coach.garbage", "too much of it"
    monkeypatch.setattr(module, "_LONGEST_S", 0.2)
    model.says(b" ", EVER)
    with pytest.raises(UserError) as caught:
        ask(_config(model), QUESTION)
    assert caught.value.code == "coach.slow", "a byte now and then"


def test_a_key_that_no_header_can_hold_is_told(model: Model) -> None:
    with pytest.raises(UserError) as caught:
        ask(_config(model, key="s3cret\u2026"), QUESTION)
    assert caught.value.code == "coach.key" and not model.requests


def test_one_that_is_busy_is_asked_again_after_as_long_as_it_says(model: Model) -> None:
    waits: list[float] = []
    model.says({}, 429, Retry_After="7")
    assert ask(_config(model), QUESTION, waits.append).text and waits == [7.0]
    model.says({}, 429, Retry_After="600")
    with pytest.raises(UserError) as caught:
        ask(_config(model), QUESTION, waits.append)
    assert caught.value.code == "coach.busy" and len(waits) == 1


def test_one_that_is_away_and_one_that_is_silent(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError) as caught:
        ask(_config(model, address="http://127.0.0.1:1/v1"), QUESTION, lambda seconds: None)
    assert caught.value.code == "coach.away"
    with monkeypatch.context() as patch, pytest.raises(UserError) as caught:
        patch.setattr(module, "_LONGEST_S", -1.0)
        ask(_config(model), QUESTION)
    assert caught.value.code == "coach.slow"
    monkeypatch.setattr(module, "_TIMEOUT", httpx.Timeout(0.2))
    model.says(GOOD, 0)
    with pytest.raises(UserError) as caught:
        ask(_config(model), QUESTION)
    assert caught.value.code == "coach.slow"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"address": "ftp://x/v1"}, "coach.address"),
        ({"address": "http://user:pass@x/v1"}, "coach.address"),
        ({"address": "http://[::1/v1"}, "coach.address"),
        ({"address": "http://api.example.com/v1", "key": "k"}, "coach.plain_http"),
        ({"model": ""}, "coach.model"),
        ({"every_minutes": -1}, "coach.limits"),
        ({"most_tokens": 3}, "coach.limits"),
        ({"key": "k" * 400}, "coach.long"),
    ],
)
def test_what_cannot_be_is_not_kept(workspace: Workspace, changes: dict[str, Any], code: str) -> None:
    good = {"enabled": True, "address": "http://192.168.1.5:8080/v1", "model": "m", "key": "k"}
    save(workspace, CoachConfig(**good))
    with pytest.raises(UserError) as caught:
        save(workspace, CoachConfig(**{**good, **changes}))
    assert caught.value.code == code and load(workspace) == CoachConfig(**good)
    assert (workspace.path / "private" / "coach.json").stat().st_mode & 0o777 == 0o600
