"""Writes the tables of docs/audit.md from docs/audit.json, and measures what stands there.

    python docs/make_audit.py measure [ID ...]    # every audit case of diffusers, or those; minutes each, some of them
    python docs/make_audit.py                     # the page from the file

A case gives its document. Besides it the schedulers of cases/audit/orders are measured on three further tables of
training levels, as functions are: sigma/a from 20 to 0.32 and from 2 to 0.02 with even steps, and the first with
steps 1 : 2 : 1 : 3.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sharpbound.chapters.audit import schedulers, study
from sharpbound.chapters.audit.judging import WORDS
from sharpbound.chapters.audit.verdict import order_details
from sharpbound.chapters.audit.views import HIGH, LOW, PATTERN
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws.probe import Quantiles
from sharpbound.places import default_cache
from sharpbound.run.cache import Cache
from sharpbound.run.cases import measure_cases
from sharpbound.suite import load_cases, load_theory
from sharpbound.targets import build

HERE = Path(__file__).parent
DATA, PAGE = HERE / "audit.json", HERE / "audit.md"
CASES = HERE.parent / "cases" / "audit"
FOLDERS = {
    "orders": "orders",
    "axes": "axes: spacing, prediction type, lower_order_final, final sigma",
    "flow": "flow",
    "guidance": "guidance",
}
T = (10, 20, 40, 80, 160)
VIEWS = ("high", "low", "uneven")
LEVELS = 5120


# -- measuring -------------------------------------------------------------------------------------


def measured(ids: Sequence[str]) -> dict[str, Any]:
    """What the page needs of each case, by id; those that are not among ``ids`` as they are in the file."""
    known = json.loads(DATA.read_text()) if DATA.exists() else {"cases": {}}
    cases = [case for case in load_cases(CASES) if not ids or case.id in ids]
    found = dict(known["cases"])
    for case in cases:
        outcome = measure_cases([case], load_theory(), Cache(default_cache()), workers=1)
        (document,) = outcome.documents
        found[case.id] = record(document.as_json(), case)
        print(case.id, found[case.id]["verdict"], found[case.id]["views"], flush=True)
        write({"diffusers": schedulers.version(), "cases": found})
    present = {case.id for case in load_cases(CASES)}
    return {"diffusers": schedulers.version(), "cases": {id: found[id] for id in found if id in present}}


def record(document: Mapping[str, Any], case: Any) -> dict[str, Any]:
    rows = [row for row in document["rows"] if row["w2"] is not None]
    slopes = [slope["slope"] for slope in document["details"].get("local_slopes") or []][-2:]
    nominal = int(case.claim[-1])
    return {
        "folder": case.file.parent.name,
        "title": case.title,
        "scheduler": case.options["scheduler"],
        "nominal": nominal,
        "verdict": WORDS.get(document["verdict"], document["verdict"]),
        "exponent": short(document["exponent"]),
        "interval": document["interval"] and [short(end) for end in document["interval"]],
        "slopes": [short(slope) for slope in slopes],
        "w2": short(rows[-1]["w2"]) if rows else None,
        "floor": short(rows[-1]["w2_floor"]) if rows else None,
        "views": views(case, nominal) if case.file.parent.name == "orders" else {},
        "contract": [check for check in document["contract"] if check["verdict"] == "broken"],
    }


def short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def views(case: Any, nominal: int) -> dict[str, Any]:
    """Verdict and exponent on each of `VIEWS`, where the scheduler can be given the levels."""
    found = {}
    for view in VIEWS:
        rows = [row for steps in T if (row := view_row(case, view, steps))]
        if len(rows) > 2:
            verdict, fit, _ = order_details(rows, nominal)
            exponent = fit.exponent
            if exponent is None and fit.local_slopes:
                exponent = fit.local_slopes[-1].slope
            found[view] = {"verdict": WORDS[verdict], "exponent": short(exponent)}
    return found


def view_row(case: Any, view: str, steps: int) -> dict[str, Any] | None:
    table = study._table(case)
    kept = table["options"] | (levels_of(table["scheduler"], view, steps) or {})
    if len(kept) == len(table["options"]):
        return None
    loop = study._loop(table | {"options": kept, "schedule": "as-configured"})
    try:
        found = schedulers.measure(
            Quantiles(build(case.target), 601), loop, steps, final="sigma-min", stochastic=table["stochastic"]
        )
    except (NotMeasured, InputError):
        return None
    return {"T": steps, "w2": found.value, "w2_floor": found.floor}


def levels_of(scheduler: str, view: str, steps: int) -> dict[str, Any] | None:
    """Options of a constructor; None for a scheduler whose levels are its own."""
    low, high = LOW if view == "low" else HIGH
    if scheduler.startswith("EDM"):
        return None if view == "uneven" else {"sigma_min": low, "sigma_max": high}
    if scheduler.startswith(("Flow", "IPNDM")):
        return None
    if view != "uneven":
        return schedulers.uniform_log_snr(LEVELS, low, high)
    takes = schedulers.class_of(scheduler)().config
    return uneven(steps, low, high) | (
        {"timestep_spacing": "trailing"} if "timestep_spacing" in takes else {}
    )


def uneven(steps: int, low: float, high: float) -> dict[str, Any]:
    """Training betas of which ``steps`` equally spaced ones, from the noisiest, are 1 : 2 : 1 : 3 apart in log-SNR."""
    block = LEVELS // steps
    lengths = np.repeat(np.resize(PATTERN, steps), block)[: LEVELS - 1][::-1].astype(float)
    lam = np.concatenate([[0.0], np.cumsum(lengths)])
    abar = 1 / (1 + (low * (high / low) ** (lam / lam[-1])) ** 2)
    betas = 1 - np.concatenate([abar[:1], abar[1:] / abar[:-1]])
    return {"num_train_timesteps": LEVELS, "trained_betas": betas.tolist()}


def write(data: Mapping[str, Any]) -> None:
    lines = [f"  {json.dumps(id)}: {json.dumps(case)}" for id, case in sorted(data["cases"].items())]
    head = f'{{\n"diffusers": {json.dumps(data["diffusers"])},\n"cases": {{\n'
    DATA.write_text(head + ",\n".join(lines) + "\n}\n}\n", encoding="utf-8")


# -- the page --------------------------------------------------------------------------------------


def page(text: str, data: Mapping[str, Any]) -> str:
    """``text`` with the parts between its marks made anew."""
    for name, part in parts(data).items():
        start, end = f"<!-- made by docs/make_audit.py: {name} -->\n", f"<!-- end of {name} -->\n"
        pattern = re.escape(start) + ".*?" + re.escape(end)
        if not re.search(pattern, text, re.S):
            raise InputError(f"{PAGE.name} has no mark {start.strip()}")
        text = re.sub(pattern, lambda _, made=start + part + end: made, text, flags=re.S)
    return text


def parts(data: Mapping[str, Any]) -> dict[str, str]:
    cases = data["cases"]
    classes = len({case["scheduler"] for case in cases.values()})
    summary = f"Measured with diffusers {data['diffusers']}: {classes} schedulers, {len(cases)} cases.\n"
    of = {folder: [c for c in cases.values() if c["folder"] == folder] for folder in FOLDERS}
    return {"summary": summary} | {folder: table(of[folder], folder == "orders") for folder in FOLDERS}


def table(cases: Sequence[Mapping[str, Any]], ranges: bool) -> str:
    columns = [
        "case",
        "class",
        "nominal",
        "measured",
        "verdict",
        *(RANGES if ranges else []),
        "W2",
        "floor",
        "schedule",
    ]
    lines = [
        "| " + " | ".join(columns) + " |",
        "|" + "|".join(ALIGNED.get(name, "---") for name in columns) + "|",
    ]
    for case in sorted(cases, key=lambda case: case["title"].lower()):
        shown = [case["title"], case["scheduler"].removesuffix("Scheduler"), case["nominal"], order(case)]
        shown += [
            strong(case["verdict"]),
            *((view(case["views"].get(name)) for name in VIEWS) if ranges else ()),
        ]
        shown += [number(case["w2"], 1), number(case["floor"], 0), broken(case["contract"])]
        lines.append("| " + " | ".join(map(str, shown)) + " |")
    return "\n".join(lines) + "\n"


LARGEST = "W2 at the largest T"
RANGES = ["20 to 0.32", "2 to 0.02", "uneven"]
ALIGNED = dict.fromkeys(["nominal", "measured", LARGEST, "floor", *RANGES], "--:")


def order(case: Mapping[str, Any]) -> str:
    if case["interval"]:
        low, high = case["interval"]
        return f"{case['exponent']:.2f} ± {(high - low) / 2:.2f}"
    return "slopes " + ", ".join(f"{slope:.2f}" for slope in case["slopes"]) if case["slopes"] else "none"


def view(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    exponent = found["exponent"]
    told = "none" if exponent is None or not math.isfinite(exponent) else f"{exponent:.2f}"
    return {"not reached": f"**{told}**", "undecided": f"{told}?"}.get(found["verdict"], told)


def strong(verdict: str) -> str:
    return f"**{verdict}**" if verdict in ("not reached", "failed") else verdict


def number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}e}"


def broken(checks: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"`{check['name']}`" for check in checks) or "kept"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measure", nargs="?", choices=["measure"])
    parser.add_argument("ids", nargs="*")
    asked = parser.parse_args()
    if asked.measure:
        write(measured(asked.ids))
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), json.loads(DATA.read_text())), encoding="utf-8")


if __name__ == "__main__":
    main()
