"""Page of the notebook: ``webui.py`` that ends with its kernel, however that ends. ``python -m ui.notebook.page``.

The kernel holds the other end of its standard input, which ends when the kernel does.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from webui import main


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.exit(main())
