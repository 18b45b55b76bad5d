"""Process hardening, first thing in every process: private files (umask), no unsafe model loading."""

from __future__ import annotations

import os

from core.errors import UserError

# PyTorch then unpickles what it is told to load, and a pickle from outside runs what it likes.
_UNSAFE_LOADING = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_OFF = ("", "0", "n", "no", "false", "off")


def make_new_files_private() -> None:
    """Let only this account read what this process and its children write: voices, texts, models, logs."""
    os.umask(0o077)


def refuse_unsafe_loading() -> None:
    """End here where the environment asks PyTorch to load models unsafely.

    Raises:
        UserError: ``server.unsafe_loading``.
    """
    if os.environ.get(_UNSAFE_LOADING, "").strip().lower() not in _OFF:
        raise UserError(
            "server.unsafe_loading",
            "{variable} is set, and with it a model from elsewhere could run programs.",
            "Unset it, then start again.",
            variable=_UNSAFE_LOADING,
        )
