"""What libraries and the system say is told in words of ours where it happens often, and their own words are kept."""

from __future__ import annotations

import errno
import io
import json
import os
import socket
import zipfile
from collections.abc import Callable
from xml.etree import ElementTree

import httpx
import pytest
import safetensors
import soundfile
from PIL import Image

from core.errors import UserError
from core.reasons import failure_of, original_words, reason_of
from ui.i18n import Translator


class OutOfMemoryError(RuntimeError):
    """As torch's own is called."""


def _refused() -> None:
    with socket.socket() as bound:  # which nobody listens at
        bound.bind(("127.0.0.1", 0))
        httpx.get(f"http://127.0.0.1:{bound.getsockname()[1]}", trust_env=False)


def _unanswered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        httpx.get(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.05, trust_env=False)


def _nameless() -> None:
    raise httpx.ConnectError("[Errno -3] Temporary failure in name resolution")


def _raise(error: Exception) -> None:
    raise error


def _os_error(number: int, file: str | None = None) -> None:
    raise OSError(number, os.strerror(number), file)


@pytest.mark.parametrize(
    ("fail", "code"),
    [
        (lambda: _raise(MemoryError()), "memory"),
        (lambda: _os_error(errno.ENOMEM), "memory"),
        (lambda: _raise(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried …")), "memory"),
        (lambda: _raise(OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")), "card_memory"),
        (lambda: _raise(RuntimeError("CUDA failed with error out of memory")), "card_memory"),
        (lambda: _raise(RuntimeError("CUDA error: no kernel image is available for execution")), "card_unknown"),
        (lambda: _raise(RuntimeError("CUDA driver version is insufficient for CUDA runtime")), "card_driver"),
        (lambda: _raise(RuntimeError("Library libcublas.so.12 is not found or cannot be loaded")), "card_library"),
        (lambda: _raise(RuntimeError("CUDA error: an illegal memory access was encountered")), "card"),
        (lambda: _os_error(errno.ENOSPC), "disk_full"),
        (lambda: os.stat("/nowhere/words.json"), "not_found"),
        (lambda: _raise(RuntimeError("Unable to open: No such file or directory")), "nothing_there"),
        (lambda: _os_error(errno.EACCES, "/root/voice.wav"), "denied"),
        (lambda: _os_error(errno.EPERM), "forbidden"),
        (lambda: os.mkdir("/etc/hostname/below"), "no_folder"),
        (lambda: os.mkdir("/etc"), "words"),
        (lambda: _os_error(errno.EROFS), "read_only"),
        (lambda: _os_error(errno.EIO), "disk_failed"),
        (lambda: _os_error(errno.EMFILE), "many_files"),
        (_refused, "refused"),
        (_unanswered, "timeout"),
        (_nameless, "no_name"),
        (lambda: _os_error(errno.ENETUNREACH), "no_network"),
        (lambda: _raise(ConnectionResetError("Connection reset by peer")), "broken_off"),
        (lambda: zipfile.ZipFile(io.BytesIO(b"no zip")), "broken_file"),
        (lambda: json.loads("{"), "broken_file"),
        (lambda: b"\xff".decode(), "broken_file"),
        (lambda: soundfile.read(io.BytesIO(b"no sound" * 100)), "broken_file"),
        (lambda: Image.open(io.BytesIO(b"no picture")), "broken_file"),
        (lambda: ElementTree.fromstring("<package"), "broken_file"),
        (lambda: safetensors.deserialize(b"no tensors"), "broken_file"),
        (lambda: _raise(RuntimeError("mat1 and mat2 shapes cannot be multiplied")), "words"),
    ],
)
def test_frequent_reasons_are_told_in_words_and_others_as_the_program_has_them(
    fail: Callable[[], object], code: str
) -> None:
    with pytest.raises(Exception) as caught:
        fail()
    reason = reason_of(caught.value)
    assert reason.code == f"reason.{code}" and type(caught.value).__name__ in str(reason.values["words"])
    failure = failure_of(caught.value)
    assert (failure is None) == (code == "words")


def test_a_reason_within_an_error_is_in_the_pages_language_and_its_own_words_are_kept() -> None:
    reason = reason_of(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "/home/ana/models/small/model.bin"))
    error = UserError("asr.broken_model", "{path} ({what}).", "", path="/home/ana/models/small", what=reason)
    said = Translator("pt-BR").error(error.code, error.text, error.hint, error.values)
    assert "(não existe “model.bin”)" in said and "ana" not in said
    (words,) = original_words(error.values)
    assert words.startswith("FileNotFoundError: [Errno 2] No such file or directory") and "model.bin" in words
    rare = reason_of(OSError(errno.ESTALE, os.strerror(errno.ESTALE), "/home/ana/models/small/model.bin"))
    assert "model.bin" in rare.text and "/home" not in rare.text + str(rare.values)
