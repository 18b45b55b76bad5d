"""yt-dlp's errors, each as a cause and a next step."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from core.errors import UserError


def explain(url: str, message: str, before: Iterable[str] = ()) -> UserError:
    """The error for people behind yt-dlp's message.

    Args:
        url: what was asked for, as people should see it.
        message: the message it ended with.
        before: what it warned of on the way: where the end says little, the cause is there.
    """
    make = _cause(message)
    if make in (None, _page_change, _no_sound):
        causes = (_cause(text) for text in before)
        make = next((text for text in causes if text in (_bot, _no_network, _forbidden, _own_network)), make)
    return make(url) if make else _general_error(url, message)


def _cause(message: str) -> Callable[[str], UserError] | None:
    return next((make for pattern, make in _CAUSES if re.search(pattern, message, re.IGNORECASE)), None)


def too_big(url: str, max_mb: int) -> UserError:
    """The download passes the limit."""
    return UserError(
        "youtube.too_big",
        "The sound of {url} is larger than {limit} MB.",
        "Choose a shorter video, or raise VOICEWRIGHT_MAX_UPLOAD_MB.",
        url=url,
        limit=max_mb,
    )


def longer_than_chosen(url: str, max_minutes: float) -> UserError:
    """The video is longer than the person wants."""
    return UserError(
        "youtube.longer_than_chosen",
        "The video at {url} is longer than the {minutes} minutes you chose.",
        "Raise “Longest video” under “More settings”, or take a part of it.",
        url=url,
        minutes=f"{max_minutes:g}",
    )


def is_a_playlist(url: str) -> UserError:
    """The address is a list, and nobody has chosen from it."""
    return UserError(
        "youtube.is_list",
        "{url} holds several recordings.",
        "Let the list be shown, and choose from it.",
        url=url,
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
        "Add the cookies of a browser that is signed in (under “More settings”), or download it yourself and add the "
        "file.",
        url=url,
    )


def _bot(url: str) -> UserError:
    return UserError(
        "youtube.refused",
        "The site refused the download of {url}: it takes this computer for a robot, or too much was fetched.",
        "Add the cookies of a browser that is signed in (under “More settings”) and resume, or wait an hour and "
        "resume.",
        url=url,
    )


def _forbidden(url: str) -> UserError:
    return UserError(
        "youtube.forbidden",
        "The site broke off the download of {url} (403, forbidden), again after new tries.",
        "Try again later, update yt-dlp (./launch.sh update-ytdlp), or add cookies under “More settings”.",
        url=url,
    )


def _drm(url: str) -> UserError:
    return UserError(
        "youtube.drm",
        "The video at {url} is copy-protected (DRM) and cannot be fetched.",
        "Choose another video, or ask who owns it for the sound.",
        url=url,
    )


def _own_network(url: str) -> UserError:
    return UserError(
        "youtube.own_network",
        "{url} leads to an address that is not public; it was not asked.",
        "Download the recording yourself and add the file.",
        url=url,
    )


def _page_change(url: str) -> UserError:
    return UserError(
        "youtube.changed",
        "The page of {url} could not be understood: the site has changed.",
        "Update yt-dlp (./launch.sh update-ytdlp), or download it yourself and add the file.",
        url=url,
    )


def _broken_off(url: str) -> UserError:
    return UserError(
        "youtube.broken_off",
        "The download of {url} broke off, again after new tries.",
        "Try again later.",
        url=url,
    )


def _members(url: str) -> UserError:
    return UserError(
        "youtube.members",
        "The video at {url} is only for members or signed-in people.",
        "Add the cookies of a browser that is signed in (under “More settings”), or choose a public video.",
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


def _missing(url: str) -> UserError:
    return UserError(
        "youtube.gone",
        "The video at {url} is private, deleted or not there.",
        "Open the link in the browser: if it does not play there without signing in, choose another.",
        url=url,
    )


def _not_supported(url: str) -> UserError:
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
        "Update yt-dlp (./launch.sh update-ytdlp) and try again, or download it yourself and add the file.",
        url=url,
    )


def _general_error(url: str, message: str) -> UserError:
    return UserError(
        "youtube.failed",
        "{url} could not be fetched ({what}).",
        "Try again; if that does not help, update yt-dlp (./launch.sh update-ytdlp), or add the recording as a file.",
        url=url,
        what=_plain(message),
    )


def _plain(message: str) -> str:
    """The first sentence of a message, without colours, prefixes and the appeal to report it."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", message)
    text = re.split(r"; please report|\. See  ?http|\(caused by", text)[0]
    return re.sub(r"^ERROR: *(\[[^\]]*\] *[^:]{0,40}: *)?", "", text).strip()[:200] or "no reason was given"


# Order matters: "Sign in to confirm your age" is about age, not about robots.
_CAUSES: tuple[tuple[str, Callable[[str], UserError]], ...] = (
    (r"private address", _own_network),
    (r"no suitable extractor|unsupported url|is not a valid url", _not_supported),
    (
        r"failed to resolve|name or service not known|temporary failure in name|name resolution|getaddrinfo"
        r"|network is unreachable|no route to host|connection refused|failed to establish|nodename nor servname"
        r"|tunnel connection failed|unable to connect to proxy|certificate_verify_failed|webpage: .{0,40}timed out",
        _no_network,
    ),
    (r"http error 5\d\d", _broken_off),
    (r"private video|(video|playlist|channel|clip|track) is private", _missing),
    (r"confirm your age|age.?restricted|inappropriate for some users|age.?verif", _age),
    (r"not a bot|http error 429|too many requests|rate.?limit|captcha|likely being blocked", _bot),
    (r"drm", _drm),
    (
        r"members.?only|join this channel|subscriber|login required|account cookies|only available (for|to) registered"
        r"|requires payment|premium|log ?in to|sign in to (view|watch)|use --cookies",
        _members,
    ),
    (r"in your country|geo.?restrict|from your location|in your region|not available in your", _region),
    (r"live event|premieres in|is offline|will begin in|not currently live", _live),
    (
        r"has been removed|unavailable|been terminated|does not exist|deleted|http error 404|http error 410"
        r"|incomplete youtube id|not exist",
        _missing,
    ),
    (r"http error 403", _forbidden),
    (r"timed out|connection reset|incomplete ?read|bytes read|remote end closed|more expected", _broken_off),
    (r"requested format|no video formats|only images are available|did not get any data", _no_sound),
    (r"unable to extract|failed to (extract|parse)|unable to parse|regexnotfound", _page_change),
)  # fmt: skip
