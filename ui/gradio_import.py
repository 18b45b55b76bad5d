"""Importing Gradio, a third sooner than it is by itself, and without a write into its own folder."""

from __future__ import annotations

import inspect
import sys
from typing import NoReturn

from core.system.process import import_heavy


def import_gradio() -> None:
    """Import Gradio without the stub files that it compares and writes for each of its eighty classes of components.

    They serve editors alone. It makes none of a class that has no file.
    """
    if "gradio" in sys.modules:
        return
    find = inspect.getfile
    inspect.getfile = _no_file  # type: ignore[assignment]
    try:
        import_heavy("gradio")
    finally:
        inspect.getfile = find


def _no_file(_: object) -> NoReturn:
    raise OSError
