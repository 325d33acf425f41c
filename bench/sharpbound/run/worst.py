"""What ``sharpbound worst`` does: search, write the case file, measure it, tell."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound.chapters.sampling_rate.worst import FAMILIES, Worst, base_case, case_file, dimensions, search
from sharpbound.errors import InputError, did_you_mean
from sharpbound.places import default_cache
from sharpbound.records.files import strict_json, try_folder, write_atomically
from sharpbound.records.leading import law_in_words
from sharpbound.run.cache import Cache
from sharpbound.run.cases import measure_cases
from sharpbound.run.screen import screen, show_document
from sharpbound.suite import load_case

if TYPE_CHECKING:
    from sharpbound.suite import Case, Theory


def find_worst(
    id: str,
    family: str,
    dims: str | None,
    evaluations: int,
    folder: Path,
    json: bool,
    theory: Theory,
    cases: Sequence[Case],
) -> None:
    """Print the search and its result, or one JSON document; InputError for an unknown claim or family."""
    if id not in theory:
        raise InputError(f"there is no claim {id!r}{did_you_mean(id, theory)}")
    if family not in FAMILIES:
        raise InputError(f"choose {', '.join(FAMILIES)}, not {family!r}", key="--family")
    copies, claim = _dims(dims), theory[id]
    case = base_case(cases, claim)
    try_folder(folder, "--output")

    def told(count: int, value: float) -> None:
        print(f"{count} targets tried, largest so far {value:.6g}", file=sys.stderr)

    found = search(case, claim, evaluations, told)
    file = folder / f"worst-{id.replace('.', '-')}.toml"
    write_atomically(file, case_file(case, found))
    document = measure_cases([load_case(file)], theory, Cache(default_cache())).documents[0]
    in_d = dimensions(case, found, copies)
    power = _power(in_d)
    if json:
        print(
            strict_json(
                _described(case, found, in_d, power) | {"file": str(file), "document": document.as_json()}
            )
        )
        return
    print(
        f"sampler {case.sampler['name']}, schedule {case.forward['schedule']}, {case.metrics[0]} at T = {found.T}"
    )
    print(f"worst of {found.evaluations} mixtures: {found.target}")
    law = law_in_words(found.constant.constant, found.constant.log_power, found.constant.power)
    print(f"error ~ {law} as T -> oo" + (", at the edge of the searched box" if found.at_edge else ""))
    for d, value in in_d:
        print(f"  {d} copies: {value:.6g}")
    if power is not None:
        stated = 0.0 - claim.formula.exponents.get("d", 0.0)
        print(f"bound d^{stated:g}, products of the worst found d^{power:.3g}")
    print(f"written to {file}")
    screen().print()
    show_document(document)


def _described(
    case: Case, found: Worst, in_d: Sequence[tuple[int, float]], power: float | None
) -> dict[str, Any]:
    constant = found.constant
    return {
        "claim": case.claim,
        "sampler": case.sampler,
        "forward": case.forward,
        "metric": case.metrics[0],
        "target": found.target,
        "T": found.T,
        "value": found.value,
        "power": constant.power,
        "log_power": constant.log_power,
        "constant": constant.constant,
        "constant_interval": list(constant.interval),
        "evaluations": found.evaluations,
        "search": [list(one) for one in found.improvements],
        "at_edge": found.at_edge,
        "dimensions": [list(one) for one in in_d],
        "d_power": power,
    }


def _dims(text: str | None) -> list[int]:
    try:
        dims = [int(one) for one in (text or "").split(",") if one.strip()]
    except ValueError:
        dims = [0]
    if any(d < 1 for d in dims):
        raise InputError(f"must be whole numbers such as 1,4,16, got {text!r}", key="--dim")
    return dims


def _power(in_d: Sequence[tuple[int, float]]) -> float | None:
    """The power of d between the two largest."""
    if len(in_d) < 2:
        return None
    (d_1, e_1), (d_2, e_2) = sorted(in_d)[-2:]
    return float(np.log(e_2 / e_1) / np.log(d_2 / d_1))
