"""The command line with the toy experiment and the suite in the folder $SUITE."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sharpbound import chapters
from sharpbound.cli import main
from sharpbound.suite import loading
from toy_experiment import Toy

# at import, for worker processes import this file too
chapters.EXPERIMENTS[Toy.kind] = Toy()
loading.default_directory = lambda name: Path(os.environ["SUITE"]) / name

if __name__ == "__main__":
    sys.exit(main())
