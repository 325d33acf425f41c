"""Every listing of docs/extending.md, run from an installed wheel in a folder that has nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTING = re.compile(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```\n", re.S)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as a wheel holds it, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    # by the build backend that is installed: one of its own would be fetched each time
    offline = ("--no-build-isolation", "--no-deps", "--no-index")
    command = [sys.executable, "-m", "pip", "wheel", *offline, "-q", "-w", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip(f"no wheel can be built here: {built.stderr.strip().splitlines()[-1]}")
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that the page describes."""
    for name, text in LISTING.findall((ROOT / "docs" / "extending.md").read_text(encoding="utf-8")):
        file = tmp_path / "mine" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path / "mine"


def python(wheel: Path, where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(wheel), "SHARPBOUND_CACHE": str(where / ".cache")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=where, env=environment, capture_output=True, text=True, check=False
    )


def documents(wheel: Path, where: Path, *arguments: str) -> dict[str, dict[str, object]]:
    done = python(wheel, where, "-m", "sharpbound", "run", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return {document["case"]: document for document in map(json.loads, done.stdout.splitlines())}


def test_the_cases_of_the_page(wheel: Path, folder: Path, tmp_path: Path) -> None:
    """Each case gives the order that it has, in its own folder, where ./theory is found; and the same rows elsewhere,
    whatever the number of processes.
    """
    for name, T, few in (
        ("plane", "[32, 64, 128, 256]", "[2, 4]"),
        ("order", "[16, 32, 64, 128]", "[8, 16, 32, 64]"),
    ):
        text = (folder / f"{name}.toml").read_text()
        assert T in text
        (folder / f"{name}.toml").write_text(text.replace(T, few))  # they take their time
    found = documents(
        wheel,
        folder,
        *("--workers", "1"),
        *("order.toml", "function.toml", "error.toml", "fixed-w1.toml", "plane.toml", "kernel.toml"),
    )
    here = found["my-error"]["rows"]
    coarse, fine = (row["tv"] for row in found.pop("my-plane")["rows"])  # type: ignore[attr-defined]
    assert 1.5 < coarse / fine < 2.1
    orders = {"my-order": 1, "my-function": 2, "my-error": 1, "my-fixed-w1": 1, "my-kernel": 1}
    assert {id: document["verdict"] for id, document in found.items()} == dict.fromkeys(orders, "confirmed")
    for id, order in orders.items():
        low, high = found[id]["interval"]  # type: ignore[misc]
        assert low <= order <= high, id
    moved, elsewhere = tmp_path / "moved", tmp_path / "elsewhere"
    folder.rename(moved)
    elsewhere.mkdir()
    options = ("--theory", "../moved/theory", "--no-cache", "--workers", "2")
    assert documents(wheel, elsewhere, "../moved/error.toml", *options)["my-error"]["rows"] == here


def test_the_other_commands_of_the_page(wheel: Path, folder: Path) -> None:
    audited = python(wheel, folder, "-m", "sharpbound", "audit", "my_samplers:heun", "--order", "2")
    assert (audited.returncode, audited.stderr) == (0, "")
    assert "nominal 2: reached" in audited.stdout
    listed = python(wheel, folder, "-m", "sharpbound", "list", "claims")
    assert listed.returncode == 0 and "mine.order1" in listed.stdout
    plugin = ["-p", "sharpbound.testing.plugin"] if not _has_plugin() else []
    tested = python(wheel, folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, "--rootdir", ".")
    assert tested.returncode == 0, tested.stdout
    assert "2 passed" in tested.stdout


def _has_plugin() -> bool:
    from importlib.metadata import entry_points

    return any(entry.value == "sharpbound.testing.plugin" for entry in entry_points(group="pytest11"))


def test_folders_of_the_package_are_run_by_name(wheel: Path, folder: Path) -> None:
    """The commands that reports print work where there is no clone."""
    where = folder.parent
    case = "cases/fixed-horizon/pf-ode/gaussian-w2.toml"
    assert len(documents(wheel, where, case)) == 1
    nothing = python(wheel, where, "-m", "sharpbound", "run", "cases/no-such-folder")
    assert (nothing.returncode, nothing.stderr.count("\n")) == (2, 1)


def test_published_numbers_of_the_page_and_of_the_wheel(wheel: Path, folder: Path) -> None:
    done = python(wheel, folder, "-m", "sharpbound", "numbers", "mine", "--json")
    assert done.returncode == 0, done.stderr
    (told,) = map(json.loads, done.stdout.splitlines())
    assert (told["ours"], told["outcome"], told["paper"]["key"]) == (0.125, "reproduced", "doe2026")
    assert list((wheel / "sharpbound" / "_data" / "theory" / "numbers").glob("*.toml"))
