"""One question to a language model, by OpenAI's chat completions protocol, with every fault told in words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from core.coach.config import CoachConfig, is_near
from core.errors import UserError

ANSWER_TOKENS = 900
_MOST_BYTES = 1 << 20
_TIMEOUT = httpx.Timeout(90.0, connect=10.0)  # a model on a processor needs a while for its first word
_LONGEST_S = 300.0  # for a whole answer, of which some services let a byte come now and then
_TRIES = 2
_LONGEST_WAIT_S = 20.0
_CHARACTERS_A_TOKEN = 3  # about, counted low so that a limit is rather met too early

Messages = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Answer:
    """What came back: the text, tokens in both directions, and US dollars where the service tells them."""

    text: str
    tokens_in: int
    tokens_out: int
    cost: float | None = None

    @property
    def tokens(self) -> int:
        """Of both directions."""
        return self.tokens_in + self.tokens_out


def ask(config: CoachConfig, messages: Messages, wait: Callable[[float], None] = time.sleep) -> Answer:
    """Ask once; a service that is busy or away for a moment is asked a second time.

    Args:
        config: which service.
        messages: as the protocol has them.
        wait: called with seconds between the two; may raise to give up.

    Raises:
        UserError: ``coach.away``, ``coach.slow``, ``coach.key``, ``coach.unknown``, ``coach.busy``, ``coach.garbage``,
            ``coach.moved``, ``coach.fault``.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            return _ask(config, messages)
        except _Again as again:
            if attempt == _TRIES:
                raise again.error from None
            wait(again.after_s)
    raise AssertionError


def about_tokens(messages: Messages) -> int:
    """How many tokens a question will take, at a guess, with its answer."""
    return sum(len(message["content"]) for message in messages) // _CHARACTERS_A_TOKEN + ANSWER_TOKENS


class _Again(Exception):
    def __init__(self, error: UserError, after_s: float = 2.0) -> None:
        self.error, self.after_s = error, after_s


def _ask(config: CoachConfig, messages: Messages) -> Answer:
    if not config.key.isascii():  # no header holds it
        raise _wrong_key()
    body = {"model": config.model, "messages": list(messages), "max_tokens": ANSWER_TOKENS, "temperature": 0.2}
    headers = {"Authorization": f"Bearer {config.key}"} if config.key else {}
    url = f"{config.address.rstrip('/')}/chat/completions"
    try:
        # No redirects: the key would go along. A proxy of the environment knows nothing of one's own network.
        is_far = not is_near(urlsplit(config.address).hostname or "")
        with (
            httpx.Client(timeout=_TIMEOUT, follow_redirects=False, trust_env=is_far) as client,
            client.stream("POST", url, json=body, headers=headers) as response,
        ):
            content = _read(response)
            status, retry_after = response.status_code, response.headers.get("retry-after", "")
    except httpx.TimeoutException:
        raise UserError(
            "coach.slow",
            "The language model has not answered in time.",
            "Ask again, or choose a smaller model under System. The findings above stand without it.",
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL):
        raise _Again(
            UserError(
                "coach.away",
                "The language model cannot be reached.",
                "Is its service running, and the address under System right? The findings above stand without it.",
            )
        ) from None
    if 300 <= status < 400:
        raise UserError(
            "coach.moved",
            "The service sends what it is asked on to another address, which was not asked: the key would go along.",
            "Write under System the address that it has now, if you trust it. The findings above stand without it.",
        )
    if status != 200:
        raise _refusal(status, retry_after)
    return _answer(content, messages)


def _read(response: httpx.Response) -> bytes:
    content, until = bytearray(), time.monotonic() + _LONGEST_S
    for part in response.iter_bytes():
        content += part
        if len(content) > _MOST_BYTES:
            raise _garbage()
        if time.monotonic() > until:
            raise httpx.ReadTimeout("the answer takes too long")
    return bytes(content)


def _refusal(status: int, retry_after: str) -> Exception:
    if status in (401, 403):
        return _wrong_key()
    if status == 402:
        return UserError("coach.credit", "The account at the service has no credit left.", "Top it up there.")
    if status in (400, 404, 422):
        return UserError(
            "coach.unknown",
            "The service knows no such model, or not in this form (it answers {status}).",
            "Check the address and the name of the model under System.",
            status=status,
        )
    seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 2.0
    if status == 429 and seconds > _LONGEST_WAIT_S:
        return _busy()
    if status == 429:
        return _Again(_busy(), seconds)
    return _Again(
        UserError(
            "coach.fault",
            "The service has a fault of its own (it answers {status}).",
            "Ask again later. The findings above stand without it.",
            status=status,
        )
    )


def _wrong_key() -> UserError:
    return UserError("coach.key", "The service does not take the key.", "Write it anew under System.")


def _busy() -> UserError:
    return UserError("coach.busy", "The service has too much to do.", "Ask again in a few minutes.")


def _garbage() -> UserError:
    return UserError(
        "coach.garbage",
        "What the service answered cannot be understood.",
        "Does the address end as the service's own help says, usually with /v1? Check it under System.",
    )


def _answer(content: bytes, messages: Messages) -> Answer:
    try:
        raw: dict[str, Any] = json.loads(content)
        text = raw["choices"][0]["message"]["content"]
        usage = raw.get("usage") or {}
        if not isinstance(text, str) or not text.strip():
            raise TypeError
        tokens_in = int(usage.get("prompt_tokens") or about_tokens(messages) - ANSWER_TOKENS)
        tokens_out = int(usage.get("completion_tokens") or len(text) // _CHARACTERS_A_TOKEN)
        cost = usage.get("cost")
        cost = float(cost) if isinstance(cost, (int, float)) and 0 <= cost < 1e6 else None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        raise _garbage() from None
    return Answer(text.strip(), max(0, tokens_in), max(0, tokens_out), cost)
