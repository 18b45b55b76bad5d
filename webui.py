"""Start Voicewright: parse the arguments, build the server, serve."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent


def arguments() -> dict[str, str | int]:
    """What was given on the command line, by the name of the setting."""
    parser = argparse.ArgumentParser(
        prog="webui.py",
        description="Fine-tune, compare and export a voice, in your browser.",
        epilog="Every setting also has an environment variable and a line in .env: see docs/settings.md.",
    )
    parser.add_argument("--host", help="address to listen on (127.0.0.1); any other than loopback needs a password")
    parser.add_argument("--port", type=int, help="port to listen on (7860)")
    parser.add_argument("--root-path", help="path prefix behind a reverse proxy, such as /voice")
    parser.add_argument("--workspace", help="folder that holds projects and models (~/voicewright)")
    return {name: value for name, value in vars(parser.parse_args()).items() if value is not None}


def main() -> int:
    """Serve until stopped. Returns the exit code; 2 if the settings do not allow a start."""
    options = arguments()
    from pydantic import ValidationError

    from core.errors import UserError
    from core.settings import Settings
    from ui.server import serve

    try:
        settings = Settings(_env_file=(REPOSITORY / ".env", ".env"), **options)  # type: ignore[call-arg, arg-type]
        serve(settings)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except ValidationError as error:
        for problem in error.errors():
            print(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
