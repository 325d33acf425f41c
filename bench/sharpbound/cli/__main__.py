import sys

from sharpbound.cli import main

sys.exit(main())
