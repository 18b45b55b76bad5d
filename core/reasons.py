"""Reasons: what libraries and the system say went wrong, told in words of ours where it happens often.

What they said is kept as the value ``words``, for the details; of anything else it is all that can be told.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from core.errors import UserError, without_folders
from core.files import disk_full, is_full

# What PyTorch, the libraries of CUDA, CTranslate2 and C++ say when memory runs out.
_NO_MEMORY = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "failed to allocate",
    "alloc_failed",
    "allocation_failed",
    "bad_alloc",
)
_CARD = ("cuda", "cublas", "cudnn", "cufft", "nccl", "nvidia driver")
_CARD_FAULTS = ("cuda error", "cublas_status", "cudnn_status", "cudnn error", "cufft error", "nccl error")
# How torch, pickle, safetensors, CTranslate2, zlib, SQLite, libsndfile and Pillow say that a file is none of theirs.
_BROKEN = (
    *("pytorchstreamreader failed", "might be corrupted", "corrupt file", "invalid load key", "ran out of input"),
    *("pickle data was truncated", "while deserializing", "is incomplete: failed to read", "while decompressing"),
    *("is malformed", "is not a database", "format not recognised", "unknown format", "cannot identify image file"),
    *("image file is truncated", "bad crc-32", "not a zip file", "unexpected end of file", "unexpected eof"),
)
_BROKEN_KINDS = (
    *("BadZipFile", "UnidentifiedImageError", "JSONDecodeError", "UnicodeDecodeError", "ParseError", "XMLSyntaxError"),
    "PackageNotFoundError",
)


def reason_of(error: Exception, limit: int = 200) -> UserError:
    """An error as a value of another: one that is meant for people itself; a frequent one of a library or the system
    in words of ours; of others the first line, told as words that stay English."""
    if isinstance(error, UserError):
        return error
    words = " ".join((f"{type(error).__name__}: {error}".splitlines() or [""])[0].split())
    words = without_folders(words).removesuffix(":")[:limit]
    return _frequent(error, words) or UserError("reason.words", "the program says “{words}”", words=words)


def failure_of(error: Exception) -> UserError | None:
    """What a person is told of an error that nobody caught, where its reason is a frequent one; None: it is a bug."""
    if is_full(error):
        return disk_full()
    reason = reason_of(error)
    if reason.code == "reason.words":
        return None
    return UserError(
        "reason.failure",
        "It could not be done: {what}.",
        "Put that right, then try again; the log has the full story.",
        what=reason,
    )


def original_words(values: dict[str, Any]) -> list[str]:
    """What programs said themselves, of all reasons among an error's values, be they errors or records of them."""
    words = []
    for value in values.values():
        inner = value.values if isinstance(value, UserError) else value.get("values") if isinstance(value, dict) else 0
        if isinstance(inner, dict):
            words += [str(inner["words"])] if "words" in inner else []
            words += original_words(inner)
    return words


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: a card's, or this computer's."""
    # By name, because torch's own class is not to be imported for it.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _NO_MEMORY)


def _frequent(error: Exception, words: str) -> UserError | None:
    plain = f"{type(error).__name__}: {error}".lower()
    if is_full(error):
        return UserError("reason.disk_full", "the disk is full", words=words)
    if out_of_memory(error):
        if "cpu" not in plain and (_holds(plain, _CARD) or type(error).__name__ == "OutOfMemoryError"):
            return UserError("reason.card_memory", "the graphics card has too little free memory", words=words)
        return UserError("reason.memory", "this computer has too little free memory", words=words)
    return _of_card(plain, words) or _of_network(error, plain, words) or _of_file(error, plain, words)


def _of_card(plain: str, words: str) -> UserError | None:
    if not _holds(plain, _CARD):
        return None
    if "no kernel image" in plain:
        return UserError("reason.card_unknown", "the installed PyTorch does not know this graphics card", words=words)
    if _holds(plain, ("nvidia driver", "driver version", "no cuda-capable device")):
        return UserError("reason.card_driver", "the graphics card's driver is missing or too old", words=words)
    if _holds(plain, ("cannot be loaded", "could not load library", "cannot open shared object")):
        return UserError("reason.card_library", "a library that the graphics card needs is missing", words=words)
    if _holds(plain, _CARD_FAULTS):
        return UserError("reason.card", "the graphics card broke off a computation", words=words)
    return None


def _of_network(error: Exception, plain: str, words: str) -> UserError | None:
    if isinstance(error, ConnectionRefusedError) or "connection refused" in plain:
        return UserError("reason.refused", "the connection was refused there", words=words)
    if _holds(plain, ("name or service not known", "name resolution", "getaddrinfo failed", "nodename nor servname")):
        return UserError("reason.no_name", "its address was not found, so there may be no internet", words=words)
    if isinstance(error, TimeoutError) or _holds(plain, ("timed out", "timeout:")):
        return UserError("reason.timeout", "no answer came in time", words=words)
    if _holds(plain, ("network is unreachable", "no route to host")):
        return UserError("reason.no_network", "there is no network connection", words=words)
    if "certificate" in plain and "verif" in plain:
        return UserError("reason.certificate", "who answers there cannot prove that it is them", words=words)
    if isinstance(error, ConnectionError) or _holds(plain, ("peer closed connection", "server disconnected")):
        return UserError("reason.broken_off", "the connection broke off", words=words)
    return None


def _of_file(error: Exception, plain: str, words: str) -> UserError | None:
    number = error.errno if isinstance(error, OSError) else None
    filename = error.filename if isinstance(error, OSError) else None
    file = PurePath(filename).name[-80:] if isinstance(filename, str) else ""
    if number == errno.ENOENT or "no such file or directory" in plain:
        if file:
            return UserError("reason.not_found", "there is no “{file}”", file=file, words=words)
        return UserError("reason.nothing_there", "a file is not there", words=words)
    if number in (errno.EACCES, errno.EPERM) or "permission denied" in plain:
        if file:
            return UserError("reason.denied", "this account may not use “{file}”", file=file, words=words)
        return UserError("reason.forbidden", "this account may not do that", words=words)
    if number in (errno.EEXIST, errno.ENOTDIR) and file and not os.path.isdir(str(filename)):
        return UserError("reason.no_folder", "“{file}” is no folder", file=file, words=words)
    if number == errno.EADDRINUSE:
        return UserError("reason.in_use", "another program uses it", words=words)
    if number == errno.EROFS:
        return UserError("reason.read_only", "nothing can be written on that disk", words=words)
    if number == errno.EIO:
        return UserError("reason.disk_failed", "the disk failed to read or write", words=words)
    if number in (errno.EMFILE, errno.ENFILE):
        return UserError("reason.many_files", "too many files are open", words=words)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {*_BROKEN_KINDS} or _holds(plain, _BROKEN):
        return UserError("reason.broken_file", "the file is damaged, incomplete or of another kind", words=words)
    return None


def _holds(text: str, signs: Iterable[str]) -> bool:
    return any(sign in text for sign in signs)
