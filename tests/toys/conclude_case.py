"""A case from its text to its verdict, by the experiment of its kind, every cell measured in this process."""

from __future__ import annotations

import json
from pathlib import Path

from sharpbound import chapters
from sharpbound.records.document import Conclusion, Row
from sharpbound.suite import load_case
from whole_suite import THEORY


def measured_case(experiment, case):
    """The case's rows, then what each cell of its drawings gave."""
    cells, drawings = experiment.cells(case), experiment.drawings(case)
    measured = [experiment.measuring(cell).measure(cell) for cell in [*cells, *drawings]]
    return experiment.rows(case, measured[: len(cells)]), *measured[len(cells) :]


def conclude_text(folder: Path, text: str) -> tuple[list[Row], Conclusion]:
    """Rows and conclusion of a case file with this text; both must be JSON without NaN."""
    path = folder / "case.toml"
    path.write_text(text)
    case = load_case(path)
    experiment, claim = chapters.get(case.kind), THEORY[case.claim]
    experiment.validate(case, claim)
    experiment.check(case)
    rows, *drawings = measured_case(experiment, case)
    conclusion = experiment.finish(case, claim, rows, drawings).drawn()
    json.dumps([rows, conclusion.details], allow_nan=False)
    return rows, conclusion


def conclude_study(
    folder: Path, kind: str, claim: str, options: str, metric: str, sweep: str, tables: str = ""
) -> tuple[list[Row], Conclusion]:
    """The same from the lines of the kind's own table and of [sweep], and other tables in full."""
    own = {"design-space": "design", "diffusion-time": "diffusion_time"}.get(kind, kind)
    return conclude_text(
        folder,
        f'[case]\nid = "a"\ntitle = "A case"\nkind = "{kind}"\nclaim = "{claim}"\n{tables}\n'
        f'[{own}]\n{options}\n[measure]\nmetric = "{metric}"\n[sweep]\n{sweep}\n',
    )
