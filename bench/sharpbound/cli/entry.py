"""``main``: the command line from its arguments to its exit status."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import typer

from sharpbound.cli.app import BAD_INPUT, FAILED, MEASURED, app, tell
from sharpbound.errors import InputError
from sharpbound.run.cases import BadCases
from sharpbound.run.execute import Stopped
from sharpbound.run.signals import heeded
from sharpbound.run.signals import status as interrupted

UsageError: type[Any] = typer.BadParameter.__mro__[1]
"""click's UsageError; typer does not export it, and newer ones carry a click of their own."""


def main() -> int:
    """Run the command line; returns the exit status. A user's mistake is one line, never a traceback."""
    with heeded() as came, open(os.devnull, "w") as nowhere:
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere  # None where they were closed
        try:
            status = app(prog_name="sharpbound", standalone_mode=False) or MEASURED
            if (
                status == 128 + signal.SIGINT
            ):  # newer typer's word for an interrupt, of which it tells nothing
                print("stopped", file=sys.stderr)
                return 128 + came[-1] if came else status
            sys.stdout.flush()
        except UsageError as mistake:
            tell(" ".join(mistake.format_message().split()))
            return BAD_INPUT
        except InputError as mistake:
            tell(mistake)
            return BAD_INPUT
        except BadCases as bad:
            for each in bad.mistakes:
                tell(each)
            return BAD_INPUT
        except Stopped as stopped:
            print(stopped, file=sys.stderr)
            return stopped.status
        except (KeyboardInterrupt, typer.Abort) as stop:
            print("stopped", file=sys.stderr)
            return interrupted(stop)
        except BrokenPipeError:  # the reader has gone, as in `sharpbound list | head`
            _write_nowhere()
            return FAILED
        except OSError as error:  # a disk that is full, a folder that has vanished
            _write_nowhere()
            place = f"{error.filename}: " if error.filename else ""
            tell(f"{place}{error.strerror or error}")
            return FAILED
    return status


def _write_nowhere() -> None:
    """Standard output takes nothing any more: what Python still holds for it must not be tried again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
