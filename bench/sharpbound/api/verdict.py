"""Rates, verdicts, and the cases and claims of the suite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sharpbound import processes, rates
from sharpbound.api.problem import AnySampler, _sampler
from sharpbound.chapters.rate_verdict import conclude_rate
from sharpbound.errors import InputError, InputErrors, NotMeasured
from sharpbound.laws import leading
from sharpbound.places import default_cache
from sharpbound.processes.ladder import Ladder
from sharpbound.rates import RateEstimate
from sharpbound.records.document import CaseDocument, Conclusion
from sharpbound.run.cache import Cache
from sharpbound.run.cases import BadCases, measure_cases
from sharpbound.suite import Case, Claim, Theory, find_claim, load_case, load_cases, load_theory
from sharpbound.suite.loading import case_of
from sharpbound.targets import Target

Array = NDArray[np.float64]


def rate(T: ArrayLike, errors: ArrayLike, floors: ArrayLike | None = None) -> RateEstimate:
    """The exponent p of error ~ C T^-p with an interval that answers for corrections; see docs/rates.md.

    floors : how far each error may be off, a number or one for each. Raises InputError where lengths do not match.
    """
    steps, error, floor = _columns(T, errors, 0.0 if floors is None else floors)
    order = np.argsort(steps)
    try:
        return rates.estimate(1.0 / steps[order], error[order], None if floors is None else floor[order])
    except ValueError:
        raise InputError("must be positive and all different", key="T") from None


def _columns(T: ArrayLike, errors: ArrayLike, floors: ArrayLike) -> tuple[Array, Array, Array]:
    """T, errors and floors as arrays of one length; InputError where they are none."""
    try:
        steps, error, floor = (np.asarray(one, dtype=float) for one in (T, errors, floors))
    except (TypeError, ValueError):
        raise InputError("must be numbers, or lists of them", key="T, errors, floors") from None
    if steps.ndim != 1 or steps.shape != error.shape or floor.shape not in ((), steps.shape):
        raise InputError(
            f"must be lists of one length, not {len(np.atleast_1d(steps))}, {len(np.atleast_1d(error))} and "
            f"{len(np.atleast_1d(floor))}",
            key="T, errors, floors",
        )
    return steps, error, np.broadcast_to(floor, steps.shape)


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
    Raises InputError for an unknown claim, a variable that its formula does not have, and where lengths do not match.
    """
    found = claim if isinstance(claim, Claim) else find_claim(load_theory(), str(claim))
    for name in values.keys() - {*found.formula.variables, "d"}:
        raise InputError(f"the formula of {found.id} has no such variable", key=name)
    metric = metric or found.metric
    found.transfer(metric)
    steps, error, floor = _columns(T, errors, floors)
    rows: list[dict[str, Any]] = [
        {"T": t, metric: e, f"{metric}_floor": f}
        for t, e, f in zip(steps.tolist(), error.tolist(), floor.tolist(), strict=True)
    ]
    return conclude_rate(found, rows, swept="T", metric=metric, values={"d": 1.0} | values)


def constant(
    target: Target, schedule: Mapping[str, Any], sampler: AnySampler, metric: str = "tv"
) -> leading.Constant:
    """error ~ constant (log T)^log_power / T^power as T -> oo, from the exact start.

    Of targets on the line, and of independent coordinates; "path-kl", that of the chain, in any dimension.

    schedule : a ``[forward]`` table, such as {"schedule": "li2024", "c0": 2, "c1": 5}.
    Raises NotMeasured with the reason where there is no leading term.
    """
    if not isinstance(schedule, Mapping):
        raise InputError(
            f'must be a table such as {{"schedule": "li2024"}}, got {schedule!r:.60}', key="schedule"
        )

    def make(T: int) -> Ladder:
        return processes.build(dict(schedule), T)

    return leading.limit(target, make, _sampler(sampler), metric=metric).constant(metric)


def measure(case: str | Path | Mapping[str, Any], *, keep: bool = True) -> CaseDocument:
    """The document of a case: a file, or its tables as a dict. The same as ``sharpbound run FILE --json`` prints.

    keep : whether results of cells are kept in the cache, and taken from it.
    Raises InputError for every mistake in the case, NotMeasured where it fails while computing.
    """
    found = case_of(dict(case)) if isinstance(case, Mapping) else load_case(case)
    try:
        outcome = measure_cases([found], load_theory(), Cache(default_cache() if keep else None), workers=1)
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
