"""The list of contents of a zip before it is read: how many files it holds, in which letters they are named."""

from __future__ import annotations

import contextlib
import struct
import zipfile
from pathlib import Path
from typing import IO

from core.errors import UserError
from core.sources.alphabets import writing_of
from core.sources.encodings import encoding_of

_END = b"PK\x05\x06"
_END_BYTES = 22
_END64 = b"PK\x06\x06"
_MEMBER = b"PK\x01\x02"
_MEMBER_BYTES = 46
_COMMENT_BYTES = 65_535
_IS_UTF8 = 0x800
_UNICODE_PATH = 0x7075  # Info-ZIP's field for a name in UTF-8


def count_members(path: Path, limit: int) -> int:
    """How many files a zip lists, counted up to one more than ``limit`` without keeping any of them.

    Python's own reader builds an object for each before anybody can look at how many there are.

    Raises:
        ValueError: it is no zip, or says its list is longer than the file.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(max(0, size - _END_BYTES - _COMMENT_BYTES))
        tail = file.read()
        at = tail.rfind(_END)
        if at < 0 or len(tail) < at + _END_BYTES:
            raise ValueError("no end of a zip")
        length, start = struct.unpack("<II", tail[at + 12 : at + 20])
        end = size - len(tail) + at
        if 0xFFFFFFFF in (length, start) or tail[at + 10 : at + 12] == b"\xff\xff":
            length, end = _zip64(file, end, length)
        if length > end:
            raise ValueError("the list is longer than the file")
        file.seek(end - length)
        count = 0
        while count <= limit and length >= _MEMBER_BYTES:
            head = file.read(_MEMBER_BYTES)
            if head[:4] != _MEMBER or len(head) < _MEMBER_BYTES:
                break
            beyond = sum(struct.unpack("<HHH", head[28:34]))
            file.seek(beyond, 1)
            length -= _MEMBER_BYTES + beyond
            count += 1
    return count


def _zip64(file: IO[bytes], end: int, length: int) -> tuple[int, int]:
    """Length of the list and where it ends, of an archive larger than the old fields can say."""
    file.seek(max(0, end - 20 - 56))
    record = file.read(56)
    if record[:4] != _END64 or len(record) < 56:
        return length, end
    return struct.unpack("<Q", record[40:48])[0], end - 20 - 56


def names_of(members: list[zipfile.ZipInfo], language: str) -> list[list[str]]:
    """The name of each file with ``/`` between folders, and what else its bytes may stand for.

    Names without the mark for UTF-8 (macOS, many programs) are read together: as UTF-8 if they are that, else in the
    encoding in which they look like the project's language, at last as the standard says (cp437).
    """
    raw_names = [raw for member in members if (raw := _raw_name(member)) and not raw.isascii()]
    encodings = ["ascii", "utf-8"]
    if raw_names:
        with contextlib.suppress(UserError):
            encodings.append(encoding_of(b"\n".join(raw_names), language))
    encodings += [*writing_of(language).encodings, "cp437"]
    return [_names(member, list(dict.fromkeys(encodings))) for member in members]


def _raw_name(member: zipfile.ZipInfo) -> bytes:
    """The bytes of a name that does not say its encoding."""
    return b"" if member.flag_bits & _IS_UTF8 else member.orig_filename.encode("cp437", errors="replace")


def _names(member: zipfile.ZipInfo, encodings: list[str]) -> list[str]:
    raw = _raw_name(member)
    if not raw:
        return [_slashes(member.orig_filename)]
    names = [name] if (name := _unicode_path(member.extra)) else []
    for encoding in encodings:
        try:
            names.append(raw.decode(encoding))
        except UnicodeDecodeError:
            continue
        if encoding in ("ascii", "utf-8"):
            break  # what is UTF-8 is nothing else
    return list(dict.fromkeys(map(_slashes, names)))


def _slashes(name: str) -> str:
    return name.replace("\\", "/")


def _unicode_path(extra: bytes) -> str:
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        if kind == _UNICODE_PATH and length > 5:
            return extra[9 : 4 + length].decode("utf-8", errors="ignore")
        extra = extra[4 + length :]
    return ""
