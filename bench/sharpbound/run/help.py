"""What the command line offers a reader at a prompt: examples below ``--help``, and names that a shell completes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sharpbound.places import default_directory

_ID = re.compile(r'^id\s*=\s*"([^"]+)"', re.M)

EXAMPLES: dict[str, tuple[str, ...]] = {
    "sharpbound": (
        "sharpbound list claims",
        "sharpbound verify li2024.ode",
        "sharpbound run my-case.toml --json",
        "sharpbound --install-completion",
    ),
    "list": ("sharpbound list samplers",),
    "show": ("sharpbound show li2024.ode", "sharpbound show pf-ode-gaussian-tv-fixed-horizon"),
    "run": (
        "sharpbound run my-case.toml --json",
        "sharpbound run cases/audit --output results",
        "sharpbound run --all --dry-run",
        "sharpbound run --all --executor dask --scheduler tcp://host:8786",
    ),
    "verify": ("sharpbound verify li2024.ode --output results",),
    "constant": ("sharpbound constant li2024.ode", "sharpbound constant my-case.toml --json"),
    "worst": ("sharpbound worst li2024.ode --dim 1,4,16",),
    "gate": ("sharpbound gate", "sharpbound gate pf-ode-gaussian-tv-fixed-horizon --strict"),
    "compare": ("sharpbound compare reports/published results",),
    "export": ("sharpbound export li2024.ode --output paper",),
    "audit": ("sharpbound audit my_module:my_sampler --order 2",),
    "audit-categorical": ("sharpbound audit-categorical gumbel --tail 262144 --gap 20.5",),
    "cache": ("sharpbound cache info", "sharpbound cache prune --size 500M"),
    "numbers": ("sharpbound numbers", "sharpbound numbers pierret2025 --json"),
    "report": ("sharpbound report --input results",),
}
"""By command; ``sharpbound`` is that of no command."""


def examples(command: str) -> str:
    """The lines below the help of a command, one paragraph each, as the command line's library wants them."""
    return "\n\n".join(["Examples:", *EXAMPLES[command]])


def complete_claim(incomplete: str) -> list[str]:
    """Ids of claims that begin so: the package's, and those of ./theory."""
    return sorted(id for id in _ids("theory") if id.startswith(incomplete))


def complete_case(incomplete: str) -> list[str]:
    """Ids of cases that begin so, and the files and folders of a shell's own completion."""
    files = [
        f"{path}/" if path.is_dir() else str(path)
        for path in Path().glob(f"{incomplete}*" if incomplete and not incomplete.startswith("/") else "*")
        if path.is_dir() or path.suffix == ".toml"
    ]
    return sorted(id for id in _ids("cases") if id.startswith(incomplete)) + sorted(
        file for file in files if file.startswith(incomplete)
    )


def complete_any(incomplete: str) -> list[str]:
    """Ids of claims and of cases that begin so."""
    found = {*_ids("theory"), *_ids("cases")}
    return sorted(id for id in found if id.startswith(incomplete))


def _ids(kind: str) -> Iterator[str]:
    """Found without reading the files as TOML, for a shell waits."""
    for folder in {default_directory(kind).resolve(), Path(kind).resolve()}:
        for path in folder.rglob("*.toml"):
            if path.parent.name == "numbers":  # of papers, which no command takes
                continue
            try:
                yield from _ID.findall(path.read_text(encoding="utf-8", errors="replace"))
            except OSError:
                continue
