"""Rates, verdicts, and the cases and claims of the suite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sharpbound import processes, rates
from sharpbound.api.problem import AnySampler, _sampler
from sharpbound.chapters.rate_verdict import conclude_rate
from sharpbound.errors import InputError, InputErrors, NotMeasured
from sharpbound.laws import leading
from sharpbound.places import default_folder
from sharpbound.rates import RateEstimate
from sharpbound.records.document import CaseDocument, Conclusion
from sharpbound.run.cache import Cache
from sharpbound.run.cases import BadCases, measure_cases
from sharpbound.suite import Case, Claim, Theory, find_claim, load_case, load_cases, load_theory
from sharpbound.suite.loading import case_of
from sharpbound.targets import Target


def rate(T: ArrayLike, errors: ArrayLike, floors: ArrayLike | None = None) -> RateEstimate:
    """The exponent p of error ~ C T^-p with an interval that answers for corrections; see docs/rates.md.

    floors : how far each error may be off, a number or one for each. Raises InputError where lengths do not match.
    """
    try:
        return rates.estimate(1.0 / np.asarray(T, dtype=float), errors, floors)
    except ValueError as mistake:
        raise InputError(str(mistake), key="rate") from None


def judge(
    claim: str | Claim,
    T: ArrayLike,
    errors: ArrayLike,
    floors: ArrayLike = 0.0,
    metric: str | None = None,
    **values: float,
) -> Conclusion:
    """The verdict on a claim of errors along T: ``verdict``, ``exponent``, ``interval``, ``details["reason"]``.

    metric : what the errors are, by default the claim's own metric.
    values : further variables of the claim's formula, such as d.
    Raises InputError for an unknown claim, and where lengths do not match.
    """
    found = find_claim(load_theory(), claim) if isinstance(claim, str) else claim
    metric = metric or found.metric
    steps, error = np.asarray(T, dtype=float), np.asarray(errors, dtype=float)
    if steps.ndim != 1 or steps.shape != error.shape:
        raise InputError(
            f"T and errors must be lists of one length, not {steps.shape} and {error.shape}", key="judge"
        )
    floor = np.broadcast_to(np.asarray(floors, dtype=float), error.shape)
    rows: list[dict[str, Any]] = [
        {"T": t, metric: e, f"{metric}_floor": f}
        for t, e, f in zip(steps.tolist(), error.tolist(), floor.tolist(), strict=True)
    ]
    return conclude_rate(found, rows, swept="T", metric=metric, values={"d": 1.0} | values)


def constant(
    target: Target, schedule: Mapping[str, Any], sampler: AnySampler, metric: str = "tv"
) -> leading.Constant:
    """error ~ constant (log T)^log_power / T^power as T -> oo, from the exact start, for a target on the line.

    schedule : a ``[forward]`` table, such as {"schedule": "li2024", "c0": 2, "c1": 5}.
    Raises NotMeasured with the reason where there is no leading term.
    """
    return leading.limit(target, lambda T: processes.build(dict(schedule), T), _sampler(sampler)).constant(
        metric
    )


def measure(case: str | Path | Mapping[str, Any], *, keep: bool = True) -> CaseDocument:
    """The document of a case: a file, or its tables as a dict. The same as ``sharpbound run FILE --json`` prints.

    keep : whether results of cells are kept in the cache, and taken from it.
    Raises InputError for every mistake in the case, NotMeasured where it fails while computing.
    """
    found = case_of(dict(case)) if isinstance(case, Mapping) else load_case(case)
    try:
        outcome = measure_cases([found], load_theory(), Cache(default_folder() if keep else None), workers=1)
    except BadCases as bad:
        raise InputErrors(bad.mistakes) if len(bad.mistakes) > 1 else bad.mistakes[0] from None
    if outcome.mistakes:
        raise InputErrors(outcome.mistakes)
    for failure in outcome.failures.values():
        raise NotMeasured(failure.reason)
    return outcome.documents[0]


def claims() -> Theory:
    """The claims of the suite and of ./theory, by id."""
    return load_theory()


def cases() -> list[Case]:
    """The cases of the suite and of ./cases."""
    return load_cases()
