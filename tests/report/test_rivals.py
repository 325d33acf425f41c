"""Which of several bounds is tighter where, on powers chosen by hand."""

from __future__ import annotations

from typing import Any

import pytest

from sharpbound.report.documents import Document
from sharpbound.report.rivals import contests


def document(claim: str, T: float, logs: float, d: float | None, **changes: Any) -> Document:
    """A case of a claim with the bound d^d log^logs T/T^T on the tv of ``ddpm``."""
    exponents = {"T": T} | ({} if d is None else {"d": -d})
    info = {
        "id": claim,
        "kind": "upper-bound",
        "metric": "tv",
        "metrics": {"tv": "identity"},
        "exponents": exponents,
    }
    info |= {"log_powers": {"T": logs}, "trust": "V"} | changes.pop("info", {})
    record = {
        "case": f"case-{claim}", "claim": claim, "kind": "sampling-rate", "verdict": "loose", "exponent": 1.02,
        "metric": "tv", "metrics": ["tv"], "swept": "T", "hypotheses": "met", "rows": [], "claim_info": info,
        "spec": {"sampler": {"name": "ddpm"}, "sweep": {"T": [8, 16]}}, "details": {},
    }  # fmt: skip
    return Document.of(record | changes)


def told(*documents: Document) -> dict[str, str]:
    (contest,) = contests(documents)
    return {rival.claim.id: where for rival, where in contest.lines()}


FAST = document("fast", 2, 0, 6)
MIDDLE = document("middle", 1, 3, 1)
SLOW = document("slow", 0.5, 0, 0.25)


def test_powers_of_d_against_powers_of_t():
    assert told(SLOW, FAST, MIDDLE) == {
        "fast": "tightest for T above d^5",
        "middle": "tightest for T between d^1.5 and d^5",
        "slow": "tightest for T below d^1.5",
    }


@pytest.mark.parametrize(
    ("tau", "best"), [(1.0, "slow"), (2.0, "middle"), (4.9, "middle"), (5.1, "fast"), (9.0, "fast")]
)
def test_the_crossings_are_those_of_the_bounds_themselves(tau, best):
    """At T = d^tau and a huge d the smallest bound is the one that the table names."""
    powers = {"fast": (2, 6), "middle": (1, 1), "slow": (0.5, 0.25)}
    assert min(powers, key=lambda name: powers[name][1] - powers[name][0] * tau) == best


def test_a_bound_between_two_others_is_nowhere_tightest_where_it_lies_above_both():
    between = document("between", 1, 0, 4)  # at the crossing of fast and slow both are below it
    assert told(FAST, between, SLOW)["between"] == "nowhere tightest"
    assert told(FAST, SLOW)["fast"] == "tightest for T above d^3.83"


def test_dominated_equal_and_incomparable_bounds():
    lines = told(
        MIDDLE,
        document("worse", 1, 0, 2),
        document("same", 1, 3, 1),
        document("logs", 1, 4, 1),
        document("unknown", 1, 0, None),
    )
    assert lines == {
        "middle": "tightest",
        "same": "as middle",
        "logs": "as middle, which has fewer logarithms",
        "worse": "nowhere tightest",
        "unknown": "not compared: d is in its constant",
    }


def test_freedom_of_the_dimension_is_said_and_not_guessed():
    free = document("free", 1, 4, None, info={"dimension_free": True})
    assert told(MIDDLE, free) == {"free": "tightest", "middle": "nowhere tightest"}


def test_bounds_reach_other_metrics_by_their_transfers():
    kl = document(
        "kl",
        1,
        2,
        1,
        info={"metric": "kl", "metrics": {"kl": "identity", "tv": "from-kl"}},
        metrics=["kl"],
        metric="kl",
    )
    (contest,) = [c for c in contests([MIDDLE, kl]) if c.metric == "tv"]
    assert [(r.claim.id, r.power, r.logs, r.dimension, r.bound) for r in contest.rivals] == [
        ("middle", 1, 3, 1, "d log^3 T/T"),
        ("kl", 0.5, 1, 0.5, "d^0.5 log T/T^0.5"),
    ]
    assert contest.measured == (1.02, 1.02)


def test_a_term_that_falls_faster_in_t_does_not_lend_its_power_of_d():
    two = document(
        "two", 1, 4, 6, info={"formula": "d**2*log(T)**4/T + d**6*log(T)**6/T**2 + sqrt(d)*eps_score"}
    )
    (contest,) = contests([two, document("slow", 0.5, 0, 0.25)])
    assert [rival.bound for rival in contest.rivals] == ["d^2 log^4 T/T + …", "d^0.25/T^0.5"]
    assert {rival.claim.id: where for rival, where in contest.lines()} == {
        "two": "tightest for T above d^3.5 by its leading term",
        "slow": "tightest for T below d^3.5",
    }


@pytest.mark.parametrize(
    "other",
    [
        document("lower", 1, 0, 1, info={"kind": "lower-bound"}),
        document("control", 1, 0, 1, info={"control": True}),
        document("elsewhere", 1, 0, 1, spec={"sampler": {"name": "heun"}}),
        document("another-order", 1, 0, 1, spec={"sampler": {"name": "ddpm", "order": 2}}),
        document("silent", 1, 0, 1, info={"metrics": {"w2": "identity"}}),
        document("constant", 0, 0, 1),
    ],
)
def test_what_does_not_compete(other):
    assert contests([MIDDLE, other]) == []


def test_stated_constants_show_their_sharpness_in_their_own_metric():
    explicit = document("explicit", 1, 0, 1, details={"explicit": {"ratio": [0.2, None, 0.05]}})
    (contest,) = contests([MIDDLE, explicit])
    assert {r.claim.id: r.sharpness("tv") for r in contest.rivals} == {
        "explicit": "0.05 to 0.2",
        "middle": "",
    }
    assert all(r.sharpness("kl") == "" for r in contest.rivals)
    assert {r.hypotheses for r in contest.rivals} == {"met by 1 of 1 case"}


def test_stated_constants_are_compared_problem_by_problem():
    def stated(claim: str, std: float, bound: list[float]) -> Document:
        spec = {"sampler": {"name": "ddpm"}, "target": {"std": std}, "sweep": {"T": [8, 16]}}
        details = {"explicit": {"ratio": [0.5, 0.5]}, "bound": bound}
        return document(claim, 1, 0, 1, case=f"{claim}-{std}", spec=spec, details=details)

    lines = told(
        stated("a", 1.0, [2.0, 1.0]),
        stated("a", 2.0, [2.0, 1.0]),
        stated("a", 3.0, [2.0, 1.0]),
        stated("b", 1.0, [4.0, 2.0]),
        stated("b", 2.0, [1.0, 0.5]),
        MIDDLE,
    )
    assert lines["a"] == "tightest; with its constant below b on 1 of 2 problems"
    assert lines["b"] == "as a; with its constant below a on 1 of 2 problems"
    assert lines["middle"] == "as a, which has fewer logarithms"


def test_a_sampler_is_named_with_its_parameters_but_not_its_start():
    spec = {"sampler": {"name": "rk", "order": 2, "init": "exact"}}
    other = {"sampler": {"name": "rk", "order": 2}}
    (contest,) = contests([document("a", 1, 0, 1, spec=spec), document("b", 2, 0, 2, spec=other)])
    assert contest.sampler == "rk, order 2"
