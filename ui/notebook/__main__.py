"""``python -m ui.notebook`` (see `ui.notebook.session`)."""

from __future__ import annotations

import sys

from ui.notebook.session import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
