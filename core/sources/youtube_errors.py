"""What yt-dlp said, as a cause and a next step."""

from __future__ import annotations

import re
from collections.abc import Callable

from core.errors import UserError


def explain(url: str, said: str) -> UserError:
    """The error for people behind yt-dlp's message."""
    for pattern, make in _CAUSES:
        if re.search(pattern, said, re.IGNORECASE):
            return make(url)
    return _other(url, said)


def too_big(url: str, max_mb: int) -> UserError:
    """The download passes the limit."""
    return UserError(
        "youtube.too_big",
        "The sound of {url} is larger than {limit} MB.",
        "Choose a shorter video, or raise VOICEWRIGHT_MAX_UPLOAD_MB.",
        url=url,
        limit=max_mb,
    )


def too_long(url: str, max_hours: float) -> UserError:
    """The video is longer than the limit."""
    return UserError(
        "youtube.too_long",
        "The video at {url} is longer than {hours} hours.",
        "Choose a shorter video, or raise VOICEWRIGHT_MAX_SOURCE_HOURS.",
        url=url,
        hours=f"{max_hours:g}",
    )


def _age(url: str) -> UserError:
    return UserError(
        "youtube.age",
        "The video at {url} is only shown to adults who are signed in.",
        "Choose another video, or download it yourself and add the file.",
        url=url,
    )


def _bot(url: str) -> UserError:
    return UserError(
        "youtube.refused",
        "The site refused the download of {url}: it takes this computer for a robot, or too much was fetched.",
        "Try again in an hour, or update yt-dlp (pip install -U yt-dlp), or download it yourself and add the file.",
        url=url,
    )


def _members(url: str) -> UserError:
    return UserError(
        "youtube.members",
        "The video at {url} is only for members or signed-in people.",
        "Choose a public video, or download it yourself and add the file.",
        url=url,
    )


def _region(url: str) -> UserError:
    return UserError(
        "youtube.region",
        "The video at {url} is not shown in this country.",
        "Choose another video.",
        url=url,
    )


def _live(url: str) -> UserError:
    return UserError(
        "youtube.live",
        "The video at {url} is a live event that has not ended.",
        "Add it when its recording is online.",
        url=url,
    )


def _gone(url: str) -> UserError:
    return UserError(
        "youtube.gone",
        "The video at {url} is private, deleted or not there.",
        "Open the link in the browser: if it does not play there without signing in, choose another.",
        url=url,
    )


def _unsupported(url: str) -> UserError:
    return UserError(
        "youtube.unsupported",
        "No video was found at {url}: this site is not supported.",
        "Paste the link of a single video on YouTube or another video site, or add the recording as a file.",
        url=url,
    )


def _no_network(url: str) -> UserError:
    return UserError(
        "youtube.no_network",
        "The site of {url} could not be reached.",
        "Check the internet connection of the computer Voicewright runs on, then try again.",
        url=url,
    )


def _no_sound(url: str) -> UserError:
    return UserError(
        "youtube.no_sound",
        "No sound could be fetched from {url}.",
        "Update yt-dlp (pip install -U yt-dlp) and try again, or download it yourself and add the file.",
        url=url,
    )


def _other(url: str, said: str) -> UserError:
    return UserError(
        "youtube.failed",
        "{url} could not be fetched ({what}).",
        "Try again; if that does not help, update yt-dlp (pip install -U yt-dlp), or add the recording as a file.",
        url=url,
        what=_plain(said),
    )


def _plain(said: str) -> str:
    """The first sentence of a message, without colours, prefixes and the appeal to report it."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", said)
    text = re.split(r"; please report|\. See  ?http|\(caused by", text)[0]
    return re.sub(r"^ERROR: *(\[[^\]]*\] *[^:]{0,40}: *)?", "", text).strip()[:200] or "no reason was given"


# Order matters: "Sign in to confirm your age" is about age, not about robots.
_CAUSES: tuple[tuple[str, Callable[[str], UserError]], ...] = (
    (r"no suitable extractor|unsupported url|is not a valid url", _unsupported),
    (
        r"failed to resolve|name or service not known|temporary failure in name|name resolution|getaddrinfo"
        r"|network is unreachable|no route to host|connection refused|timed out|connection reset|failed to establish"
        r"|tunnel connection failed|unable to connect to proxy|certificate_verify_failed",
        _no_network,
    ),
    (r"confirm your age|age.?restricted|inappropriate for some users", _age),
    (r"not a bot|http error 403|http error 429|too many requests|rate.?limit", _bot),
    (
        r"members.?only|join this channel|subscriber|login required|account cookies|only available (for|to) registered",
        _members,
    ),
    (r"in your country|geo.?restrict|from your location", _region),
    (r"live event|premieres in|is offline|will begin in", _live),
    (
        r"private video|video is private|has been removed|unavailable|been terminated|does not exist|deleted"
        r"|http error 404|http error 410|incomplete youtube id|not exist",
        _gone,
    ),
    (r"requested format|no video formats|only images are available", _no_sound),
)  # fmt: skip
