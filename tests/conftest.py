"""Targets and ladders that several tests share."""

import gc
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from sharpbound import processes, targets

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
NORMAL = {"family": "gaussian", "mean": 0.7, "std": 0.4}


SWEEPS = tomllib.loads((Path(__file__).parent / "sweeps.toml").read_text(encoding="utf-8"))


@pytest.hookimpl(tryfirst=True)  # before what is marked is chosen
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the members of sweeps, and tell of a name among them that no test has."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            file, name, member = item.nodeid.partition("::")[0], item.originalname, item.callspec.id
            found[file, name].add(member)
            if member in SWEEPS.get(file, {}).get(name, ()):
                item.add_marker("sweep")
    if any("::" in argument for argument in config.args):
        return  # not all of a file
    for file in {item.nodeid.partition("::")[0] for item in items} & SWEEPS.keys():
        for name, members in SWEEPS[file].items():
            if unknown := set(members) - found[file, name]:
                raise pytest.UsageError(f"tests/sweeps.toml: {file}: {name} has no {sorted(unknown)[0]}")
            if set(members) == found[file, name]:
                raise pytest.UsageError(f"tests/sweeps.toml: {file}: {name} keeps no member that always runs")


def pytest_collection_finish() -> None:
    """Half a million objects of modules and tests, which stay, are not to be walked through again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def mixture():
    return targets.build(MIXTURE)


@pytest.fixture
def normal():
    return targets.build(NORMAL)


@pytest.fixture
def ladder():
    return processes.build({"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}, 12)
