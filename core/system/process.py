"""What every process does first: private files (umask), no unsafe model loading, libraries imported without waste."""

from __future__ import annotations

import functools
import gc
import importlib
import os
from importlib import metadata
from types import ModuleType

from core.errors import UserError

# PyTorch then unpickles what it is told to load, and a pickle from outside runs what it likes.
_UNSAFE_LOADING = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_PACKAGES_DISTRIBUTIONS = metadata.packages_distributions  # the original, also where two threads import at once
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


def import_heavy(name: str) -> ModuleType:
    """Import a module with a large library behind it, a quarter sooner.

    The garbage collector would look again and again through half a million objects that stay: neither now nor later.
    And an engine may ask more than once for all installed packages, whose lists of files are then read anew.
    """
    is_enabled = gc.isenabled()
    gc.disable()
    metadata.packages_distributions = functools.cache(_PACKAGES_DISTRIBUTIONS)
    try:
        return importlib.import_module(name)
    finally:
        metadata.packages_distributions = _PACKAGES_DISTRIBUTIONS
        gc.freeze()
        if is_enabled:
            gc.enable()
