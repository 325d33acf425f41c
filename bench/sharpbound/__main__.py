"""``python -m sharpbound``, and the command ``sharpbound``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; returns the exit status. Ctrl-C is one line also while the program is loaded."""
    try:
        from sharpbound.cli import main as run
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return run()


if __name__ == "__main__":
    sys.exit(main())
