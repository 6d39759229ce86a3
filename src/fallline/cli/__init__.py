"""The command line: `fallline`. One file a command; errors in two lines and exit code 2; 130 after Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import warnings

from fallline.errors import FalllineError

STOPPED = 130  # the exit code, also of what Typer makes of Ctrl-C


def main() -> None:
    """Run the command that was asked for. JAX is imported by the commands that need it."""
    from fallline.cli.app import app

    # what JAX keeps of its compilations only saves time: where it can't be kept, all else goes on
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cluster's end of time is like Ctrl-C: nothing is lost
    try:
        code = app(prog_name="fallline", standalone_mode=False)
        sys.stdout.flush()  # here, where it may still fail in two lines
        if code == STOPPED:
            _fail("Stopped.", STOPPED)
        sys.exit(code)
    except FalllineError as error:
        _fail(f"Error: {error}")
    except KeyboardInterrupt:
        _fail("Stopped.", STOPPED)
    except BrokenPipeError:  # the reader of our output has seen enough
        _drop_output()
    except OSError as error:
        where = f"'{error.filename}'" if error.filename else "standard output"
        _drop_output()
        _fail(f"Error: {where} can't be used: {(error.strerror or str(error)).lower()}.\nMake room, or name another.")
    except Exception as error:
        said = getattr(error, "format_message", None)  # Typer's errors of usage have one, whatever their class
        if said is None:
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print(said())
            sys.exit(0)
        where = getattr(getattr(error, "ctx", None), "command_path", "fallline")
        _fail(f"Error: {' '.join(said().split())}\nSee `{where} --help`.")


def _drop_output() -> None:
    """Let what is still to be printed go nowhere, so that Python does not try again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(said: str, code: int = 2) -> None:
    print(said, file=sys.stderr)
    sys.exit(code)
