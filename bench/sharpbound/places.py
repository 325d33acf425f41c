"""Where things lie: the checkout or the installed package, its data, the cache."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
CHECKOUT = _PACKAGE.parents[1]
"""Root of the checkout that this package lies in (meaningless in an installed wheel)."""


def default_cache() -> Path | str:
    """``$SHARPBOUND_CACHE``, a folder or a URL; else `default_folder`."""
    named = os.environ.get("SHARPBOUND_CACHE")
    if named and "://" in named:
        return named
    return Path(named) if named else default_folder()


def default_folder() -> Path:
    """``.sharpbound-cache`` of the checkout; else the user's cache folder."""
    if (CHECKOUT / "pyproject.toml").is_file() and (CHECKOUT / "bench" / "sharpbound").is_dir():
        return CHECKOUT / ".sharpbound-cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sharpbound"


def relative(file: Path) -> str:
    """``file`` as a reader finds it: from the root of the checkout or from here; else its name alone."""
    for base in (CHECKOUT, Path.cwd()):
        if file.resolve().is_relative_to(base):
            return file.resolve().relative_to(base).as_posix()
    return file.name


def default_directory(name: str) -> Path:
    """``theory`` or ``cases``: of the checkout where the package runs from one, else as installed with it."""
    checkout = _PACKAGE.parents[1]
    if _PACKAGE.parent.name == "bench" and (checkout / name).is_dir():
        return checkout / name
    return _PACKAGE / "_data" / name
