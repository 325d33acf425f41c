"""Figures of finite state spaces: the divergences of one sampler side by side, and where an error comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sharpbound.records.document import Row
from sharpbound.records.figures import Figure, axis, lines, series, table

if TYPE_CHECKING:
    from sharpbound.suite.case import Case

DIVERGENCES = {
    "path-kl": "KL of the chains, what proofs bound",
    "kl-averaged": "KL given the order, averaged over orders, what proofs bound",
    "kl": "KL of the output, KL(p||q)",
    "kl-reverse": "reverse KL of the output, KL(q||p)",
}
BUDGET = {
    "kl_start": "start",
    "kl_steps": "steps",
    "kl_score": "score",
    "kl": "all together",
}


def gap(case: Case, rows: Sequence[Row]) -> list[Figure]:
    """What is bounded beside what comes out, where a case measures both."""
    shown = [metric for metric in DIVERGENCES if metric in case.metrics]
    if len(shown) < 2 or not {"path-kl", "kl-averaged"} & set(shown):
        return []
    x = [row[case.swept] for row in rows]
    curves = [series(DIVERGENCES[metric], x, [row[metric] for row in rows]) for metric in shown]
    where = {"T": "number of steps T"}.get(case.swept, case.swept)
    return [
        lines(
            "gap",
            f"{case.title}: what is bounded and what comes out",
            axis(where, "log"),
            axis("divergence (nats)", "log"),
            curves,
            "All of them are of one sampler on one target, exact to rounding. What a proof bounds is above what comes "
            "out: by the data processing inequality for chains, by convexity for orders.",
        )
    ]


def budget(case: Case, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Each source of error alone, beside all of them together."""
    if not rows or "kl_steps" not in rows[0]:
        return []
    shown = [key for key in BUDGET if key in rows[0]]
    return [
        table(
            "budget",
            "KL divergence of the output from the law at delta, each source of error alone; last the total variation "
            "of that law from the target.",
            [*case.sweep, *(BUDGET[key] for key in shown), "early stopping (TV)"],
            [
                [*(row[name] for name in case.sweep), *(row[key] for key in shown), row["tv_stop"]]
                for row in rows
            ],
        )
    ]
