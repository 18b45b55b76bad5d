"""Which language a request gets: the switch's cookie, then the setting, then the browser's wish."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from core.settings import Settings
from ui import i18n

LANGUAGES = tuple(i18n.LANGUAGES)
COOKIE = "voicewright_lang"


def match_tag(tag: str) -> str | None:
    """Our name of a language tag (``pt`` and ``pt-PT`` give ``pt-BR``), or None."""
    main = tag.strip().replace("_", "-").split("-")[0].lower()
    return next((lang for lang in LANGUAGES if lang.split("-")[0].lower() == main), None)


def best_accepted(header: str) -> str | None:
    """The best of our languages in an Accept-Language header, or None."""
    wishes: list[tuple[float, str]] = []
    for part in header.split(",")[:20]:
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            continue
        if (lang := match_tag(tag)) and quality > 0:
            wishes.append((quality, lang))
    return max(wishes, key=lambda wish: wish[0], default=(0.0, None))[1]


def choose(request: HTTPConnection, settings: Settings) -> str:
    """The language of a request."""
    cookie = request.cookies.get(COOKIE, "")
    return (
        (cookie if cookie in LANGUAGES else None)
        or match_tag(settings.language)
        or best_accepted(request.headers.get("accept-language", ""))
        or LANGUAGES[0]
    )
