"""The command line: `fallline`. One file a command; errors in two lines and exit code 2; 130 after Ctrl-C."""

from __future__ import annotations

import os
import sys

from fallline.errors import FalllineError


def main() -> None:
    """Run the command that was asked for. JAX is imported by the commands that need it."""
    from fallline.cli.app import app

    try:
        app(standalone_mode=True)
    except FalllineError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("Stopped by Ctrl-C.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
