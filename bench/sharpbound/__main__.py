"""``python -m sharpbound``: the command line."""

import sys

from sharpbound.cli import main

sys.exit(main())
