"""``python -m core.sync`` (see `core.sync.syncer`)."""

from __future__ import annotations

import sys

from core.sync.syncer import main

if __name__ == "__main__":
    sys.exit(main())
