"""Training from a terminal: ``python -m core.train`` (see `core.training.cli`)."""

from __future__ import annotations

import sys

from core.training.cli import main

if __name__ == "__main__":
    sys.exit(main())
