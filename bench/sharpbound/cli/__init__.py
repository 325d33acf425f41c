"""The command line. Heavy modules are imported by the commands that need them: the others answer at once."""

from sharpbound.cli import auditing, keeping, looking, measuring, writing  # noqa: F401 - their commands join the app
from sharpbound.cli.app import BAD_INPUT, FAILED, MEASURED, app
from sharpbound.cli.entry import main

__all__ = ["BAD_INPUT", "FAILED", "MEASURED", "app", "main"]
