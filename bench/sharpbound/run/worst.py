"""What ``sharpbound worst`` does: search, write the case file, measure it, tell."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharpbound.bounds import MAX_DIM
from sharpbound.chapters.sampling_rate.in_dimension import power_of_d
from sharpbound.chapters.sampling_rate.worst import FAMILIES, Worst, base_case, case_file, search
from sharpbound.errors import InputError, did_you_mean
from sharpbound.laws.leading import METRICS
from sharpbound.places import default_cache
from sharpbound.records.files import strict_json, try_folder, write_atomically
from sharpbound.records.leading import law_in_words
from sharpbound.records.powers import PowerOfD, read_powers, write_powers
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
    record: Path | None = None,
) -> None:
    """Print the search and its result, or one JSON document; InputError for an unknown claim or family.

    record : the folder whose records of powers of d the claim's is put among; then no case is written or measured.
    """
    if id not in theory:
        raise InputError(f"there is no claim {id!r}{did_you_mean(id, theory)}")
    if family not in FAMILIES:
        raise InputError(f"choose {', '.join(FAMILIES)}, not {family!r}", key="--family")
    copies, claim = _dims(dims), theory[id]
    case = base_case(cases, claim)
    if copies and case.metrics[0] not in METRICS:
        raise InputError(
            f"a power of d takes a metric of the output's law, not {case.metrics[0]}", key="--dim"
        )
    if record is not None and not copies:
        raise InputError("takes the dimensions of --dim", key="--record")
    try_folder(record or folder, "--record" if record else "--output")

    def told(count: int, value: float) -> None:
        print(f"{count} targets tried, largest so far {value:.6g}", file=sys.stderr)

    found = search(case, claim, evaluations, told)
    in_d = power_of_d(case, claim, found.target, copies) if copies else None
    described = _described(case, found, in_d)
    if record is not None and in_d is not None:
        write_powers(record, read_powers(record) | {id: in_d})
        if json:
            print(strict_json(described))
        else:
            _show(case, found, in_d)
        return
    file = folder / f"worst-{id.replace('.', '-')}.toml"
    write_atomically(file, case_file(case, found))
    document = measure_cases([load_case(file)], theory, Cache(default_cache())).documents[0]
    if json:
        print(strict_json(described | {"file": str(file), "document": document.as_json()}))
        return
    _show(case, found, in_d)
    print(f"written to {file}")
    screen().print()
    show_document(document)


def _show(case: Case, found: Worst, in_d: PowerOfD | None) -> None:
    print(
        f"sampler {case.sampler['name']}, schedule {case.forward['schedule']}, {case.metrics[0]} at T = {found.T}"
    )
    print(f"worst of {found.evaluations} mixtures: {found.target}")
    constant = found.constant
    half = 0.5 * (constant.interval[1] - constant.interval[0])
    law = law_in_words(constant.constant, constant.log_power, constant.power, half)
    print(f"error ~ {law} as T -> oo" + (", at the edge of the searched box" if found.at_edge else ""))
    if in_d is None:
        return
    for name, values in in_d.families.items():
        print(f"  {name}: " + ", ".join(f"{v:.4g}" for v in values))
    print(f"  worst at each of d = {', '.join(map(str, in_d.dims))}: {in_d.worst[-1]} at the last")
    print(f"bound d^{in_d.stated:g}, worst found d^{in_d.found:.3g}: {in_d.reading}")


def _described(case: Case, found: Worst, in_d: PowerOfD | None) -> dict[str, Any]:
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
        "dimensions": [] if in_d is None else in_d.dims,
        "families": {} if in_d is None else in_d.families,
        "d_power": None if in_d is None else in_d.found,
        "d_power_stated": None if in_d is None else in_d.stated,
        "reading": None if in_d is None else in_d.reading,
    }


def _dims(text: str | None) -> list[int]:
    try:
        dims = [int(one) for one in (text or "").split(",") if one.strip()]
    except ValueError:
        dims = [0]
    if any(d < 1 for d in dims):
        raise InputError(f"must be whole numbers such as 1,4,16, got {text!r}", key="--dim")
    if dims and len(set(dims)) < 2:
        raise InputError(
            f"a power of d takes two dimensions or more, such as 1,4,16, got {text!r}", key="--dim"
        )
    if dims and max(dims) > MAX_DIM:
        raise InputError(f"takes at most {MAX_DIM} dimensions, got {max(dims):.6g}", key="--dim")
    return sorted(set(dims))
