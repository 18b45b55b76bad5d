"""Coach configuration: which language model puts findings into words, and what it may be told; kept private."""

from __future__ import annotations

import ipaddress
from dataclasses import asdict, dataclass
from json import dumps
from urllib.parse import urlsplit

from core.damage import read_record
from core.errors import UserError
from core.files import write_private
from core.project.workspace import Workspace

ADDRESSES = {
    "openrouter": "https://openrouter.ai/api/v1",
    "ollama": "http://127.0.0.1:11434/v1",
    "llama_cpp": "http://127.0.0.1:8080/v1",
}
MODEL_EXAMPLE = "openai/gpt-4o-mini"
_MOST_LETTERS = 300


@dataclass(frozen=True)
class CoachConfig:
    """A service that speaks OpenAI's chat completions protocol, and when it is asked.

    Attributes:
        enabled: off until a person switches it on.
        address: of the service, up to and with ``/v1``.
        model: its name there.
        key: secret; never shown, logged or sent anywhere but to ``address``.
        share_texts: whether sentences of the run are sent as well; else numbers and findings alone.
        at_end: whether a run that has ended is explained by itself.
        every_minutes: and how often one that is at work; 0 for never.
        most_tokens: that one run may cost in all, of both directions.
        language: that reports are written in by themselves, as the page's.
    """

    enabled: bool = False
    address: str = ""
    model: str = ""
    key: str = ""
    share_texts: bool = False
    at_end: bool = True
    every_minutes: int = 0
    most_tokens: int = 50_000
    language: str = "en"

    @property
    def is_ready(self) -> bool:
        """Whether it may be asked."""
        return self.enabled and bool(self.address and self.model)


def load(workspace: Workspace) -> CoachConfig:
    """What is configured.

    Raises:
        DamagedFile: it cannot be read.
    """
    path = workspace.path / "private" / "coach.json"
    return read_record(path, CoachConfig) if path.exists() else CoachConfig()


def save(workspace: Workspace, config: CoachConfig) -> None:
    """Keep the configuration.

    Raises:
        UserError: ``coach.address``, ``coach.model``, ``coach.plain_http`` or ``coach.limits``.
    """
    if config.enabled or config.address:
        _check_address(config)
    if config.enabled and not config.model:
        raise UserError("coach.model", "No model is named.", "Write its name as the service calls it.")
    if not (0 <= config.every_minutes <= 10_000 and 500 <= config.most_tokens <= 10_000_000):
        raise UserError(
            "coach.limits",
            "Minutes go from 0 to 10,000, and a run's tokens from 500 to 10,000,000.",
            "Write numbers between these.",
        )
    if max(map(len, (config.address, config.model, config.key))) > _MOST_LETTERS:
        raise UserError("coach.long", "Address, model or key is too long.", "Paste it once more.")
    write_private(workspace.path / "private" / "coach.json", dumps(asdict(config), ensure_ascii=False, indent=2) + "\n")


def _check_address(config: CoachConfig) -> None:
    try:
        parts = urlsplit(config.address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:  # an odd port or bracket
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise UserError(
            "coach.address",
            "That is no address of a service.",
            "It begins with https:// or http:// and ends with /v1, such as http://127.0.0.1:11434/v1.",
        )
    if config.key and parts.scheme == "http" and not is_near(host):
        raise UserError(
            "coach.plain_http",
            "The key would go over the internet where anybody on the way can read it.",
            "Write https:// instead, or leave the key empty.",
        )


def is_near(host: str) -> bool:
    """Whether a host is this computer or one of its own network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith((".local", ".lan", ".home.arpa", ".internal"))
    return address.is_private or address.is_loopback
