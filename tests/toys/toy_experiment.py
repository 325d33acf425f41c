"""A suite whose one claim is tested by toys: a case's [sampler] table tells its cells what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import toy_cells
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.errors import InputError
from sharpbound.records.document import Conclusion, Row

THEORY = """
[paper]
title = "Toy bounds"
authors = ["Ada Toy", "Bob Toy"]
year = 2024
bibtex = "@article{toy2024, title = {Toy bounds}, author = {Toy, Ada and Toy, Bob}, year = {2024}}"
[[claim]]
id = "toy.ode"
statement = "TV is at most C/T"
kind = "upper-bound"
metric = "tv"
formula = "d/T"
trust = "D"
status = "verified"
assumptions = [{text = "finite first moment", check = "first-moment"}]
"""
CASE = """
[case]
id = "{id}"
title = "Toy {id}"
kind = "sampling-rate"
claim = "toy.ode"
[target]
family = "toy"
[forward]
schedule = "toy"
[sampler]
do = "{do}"
folder = "{folder}"
seconds = {seconds}
[measure]
metric = "tv"
[sweep]
T = {T}
"""


def write_suite(folder: Path) -> None:
    """A suite of one claim and no cases."""
    for name in ("theory", "cases", "calls"):
        (folder / name).mkdir()
    (folder / "theory" / "toy2024.toml").write_text(THEORY)


def write_case(
    suite: Path, id: str, do: str = "plain", T: Sequence[int] = (64, 128, 256), seconds: float = 0.0
) -> Path:
    """A case whose cells ``do`` something at each T, and leave a file in ``suite/calls`` each time."""
    path = suite / "cases" / f"{id}.toml"
    path.write_text(CASE.format(id=id, do=do, folder=suite / "calls", T=list(T), seconds=seconds))
    return path


class Toy(Experiment):
    """Its error is 1/T."""

    kind = "sampling-rate"

    def validate(self, case: Any, claim: Any) -> None:
        if case.target != {"family": "toy"}:
            raise InputError("unknown family; use 'toy'", key="target.family")

    def cells(self, case: Any) -> list[Cell]:
        return [Cell(self.kind, {**case.sampler, "T": T}) for T in case.sweep["T"]]

    def measure(self, cell: Cell) -> list[Row]:
        toy_cells.measure(cell)
        T = cell.params["T"]
        return [{"T": T, "tv": 1 / T, "floor": 1e-15, "other": float("nan")}]

    def conclude(self, case: Any, claim: Any, rows: Sequence[Row]) -> Conclusion:
        if case.sampler["do"] == "no-conclusion":
            raise ArithmeticError("no slope")
        slopes = [{"x": row["T"] / 2**0.5, "slope": 1.0, "low": 1.0, "high": 1.0} for row in rows[1:]]
        excluded = [{"x": rows[0]["T"], "reason": "not asymptotic"}]
        details = {"axis": "T", "predicted": 1.0, "local_slopes": slopes, "excluded": excluded}
        draw = (lambda: {"figures": [1 / 0]}) if case.sampler["do"] == "no-figure" else None
        return Conclusion("sharp", 1.0, (0.99, 1.01), details | {"reason": "error/bound is flat"}, draw)
