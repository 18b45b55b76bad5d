"""Making a base on the spot: its folder appears complete, once, whoever else makes it at the same time."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from core.errors import UserError


def place_made(folder: Path, marker: str, write: Callable[[Path], object]) -> Path:
    """Let ``write`` fill a folder, with the file ``marker`` in it, that appears complete; one already there is kept.

    Raises:
        UserError: ``base.folder_taken``: the folder holds something else.
    """
    if (folder / marker).exists():
        return folder
    if folder.exists() and any(folder.iterdir()):
        raise UserError(
            "base.folder_taken",
            "{folder} already holds other files.",
            "Move them away, or choose an empty folder.",
            folder=str(folder),
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".tmp-starter-", dir=folder.parent))
    try:
        write(temporary)
        if folder.exists():
            folder.rmdir()
        os.replace(temporary, folder)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        # Another job may have made the very same starter meanwhile.
        if not (folder / marker).exists():
            raise
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return folder
