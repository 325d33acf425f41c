"""Cases on finite spaces from their tables to their verdicts."""

from __future__ import annotations

import numpy as np
import pytest

import sharpbound as sb

CASE = {
    "case": {"id": "mine", "title": "mine", "kind": "discrete", "claim": "discrete.euler-tv"},
    "target": {"family": "markov-chain", "length": 2, "states": 3, "stay": 0.8},
    "forward": {"process": "uniform-ctmc", "horizon": 2.0, "delta": 0.1},
    "sampler": {"name": "euler-ctmc", "init": "exact"},
    "measure": {"metric": ["tv", "kl", "path-kl"]},
    "sweep": {"T": [16, 32, 64, 128, 256]},
}
MASKED = CASE | {
    "forward": {"process": "masked"},
    "sampler": {"name": "masked-blocks"},
    "target": {"family": "markov-chain", "length": 4, "states": 2, "stay": 0.8},
    "measure": {"metric": ["kl", "kl-averaged"]},
    "sweep": {"T": [2, 4]},
}


def changed(case, table, **keys):
    return case | {table: case[table] | keys}


@pytest.mark.parametrize(
    ("metric", "claim", "exponent"),
    [("tv", "euler-tv", 1), ("kl", "euler-kl", 2), ("path-kl", "euler-path-kl", 1)],
)
def test_orders_of_factorised_euler(metric, claim, exponent):
    """The bound's 1/T is attained in path space and loose by a power for the output."""
    case = changed(changed(CASE, "measure", metric=metric), "case", claim=f"discrete.{claim}")
    case = changed(case, "sweep", T=[64, 128, 256, 512, 1024])
    document = sb.measure(case, keep=False)
    assert document.verdict == "confirmed"
    assert document.exponent == pytest.approx(exponent, abs=0.01)
    assert document.rows[0].engine == "chain"


def test_a_sampling_rate_with_a_process_is_measured_here():
    one, other = (
        sb.measure(changed(CASE, "case", kind=kind), keep=False) for kind in ("discrete", "sampling-rate")
    )
    assert [row.columns for row in one.rows] == [row.columns for row in other.rows]
    assert other.kind == "discrete"


def test_masked_rows_have_both_divergences():
    document = sb.measure(MASKED, keep=False)
    first, last = document.rows
    assert 0 < first.measured["kl"].value < first.measured["kl-averaged"].value
    assert last.measured["kl-averaged"].value == pytest.approx(0, abs=1e-13)
    assert first.engine == "subsets"


@pytest.mark.parametrize("order", [["tv", "kl"], ["kl", "tv"]])
def test_a_row_has_the_kind_of_floor_of_the_metric_that_is_judged(order):
    """Total variation of so many coordinates is an integral; the divergence adds up."""
    kinds = {"tv": "quadrature", "kl": "closed-form"}
    case = CASE | {"target": {"family": "product-categorical", "factors": [[0.5, 0.3, 0.2]], "dim": 40000}}
    case = changed(changed(case, "measure", metric=order), "case", claim=f"discrete.euler-{order[0]}")
    row = sb.measure(changed(case, "sweep", T=[8, 16]), keep=False).rows[-1]
    assert row.columns["floor_kind"] == kinds[order[0]]
    assert {metric: row.measured[metric].kind for metric in order} == kinds


def test_a_random_number_of_steps_has_no_T():
    case = changed(MASKED, "sampler", name="masked-entropy-sum", threshold=1.0)
    case = changed(case, "measure", metric=["steps", "kl"])
    rows = sb.measure(case | {"sweep": {"threshold": [0.1, 3.0]}}, keep=False).rows
    assert [row.measured["steps"].value for row in rows] == [4.0, 1.0]
    assert rows[0].measured["kl"].value == pytest.approx(0, abs=1e-13)
    with pytest.raises(sb.InputError, match=r"sweep.T: the number of steps is random"):
        sb.measure(case, keep=False)


def test_sizes_of_the_target_are_swept():
    case = changed(MASKED, "sweep", L=[4, 8]) | {"sweep": {"L": [4, 8], "T": [2]}}
    rows = sb.measure(case, keep=False).rows
    assert [row.point["L"] for row in rows] == [4, 8]
    assert rows[0].measured["kl"].value < rows[1].measured["kl"].value == pytest.approx(0.28008, abs=6e-6)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (changed(CASE, "target", family="markov-chian"), "target.family: unknown discrete family"),
        (changed(CASE, "target", stay=1.5), "target.stay: must lie between 0 and 1"),
        (changed(CASE, "target", length=30), "states; at most 1048576 fit"),
        (
            CASE | {"target": {"family": "categorical", "probabilities": [1.0]}},
            "must have two states or more, not 1",
        ),
        (
            changed(changed(MASKED, "target", length=20), "measure", metric=["kl", "kl-averaged"]),
            "target.length: 20 tokens; sums over subsets take at most 16",
        ),
        (
            changed(CASE, "target", length=12),
            r"3\^12 = 531441 states; .* with euler-ctmc takes at most 262144",
        ),
        (
            CASE | {"target": {"family": "categorical", "probabilities": [0.5, 0.6]}},
            "must sum to 1, they sum to 1.1",
        ),
        (
            CASE | {"target": {"family": "categorical", "probabilities": [[0.5], [0.2, 0.3]]}},
            "even at each level",
        ),
        (changed(CASE, "forward", process="ctmx"), "forward.process: unknown process"),
        (changed(CASE, "forward", delta=3.0), "forward.delta: needs 0 <= delta < horizon"),
        (changed(CASE, "sampler", name="euler"), "sampler.name"),
        (changed(CASE, "sampler", init="normal"), "sampler.init: must be one of exact, uniform"),
        (changed(CASE, "measure", metric="w2"), "is no metric of a uniform-ctmc process"),
        (changed(MASKED, "sweep", T=[3]), "sweep.T: 3 steps do not divide 4 tokens"),
        (
            changed(CASE, "measure", metric="hamming-w1") | {"target": CASE["target"] | {"states": 24}},
            "not 24\\^2",
        ),
        (CASE | {"forward": {"process": "d3pm"}}, "sampler.name: takes rates"),
        (
            CASE | {"forward": {"process": "d3pm"}, "sampler": {"name": "tau-leaping"}},
            "sampler.name: takes rates",
        ),
        (
            changed(CASE, "forward", grid="geometric", delta=0.0),
            "forward.delta: a geometric grid never comes to 0",
        ),
        (changed(CASE, "forward", noise="linear"), "forward.noise: linear noise needs low and high"),
        (changed(CASE, "forward", low=0.1), "forward.low: constant noise has no such key"),
        (changed(CASE, "forward", process="ctmc", rates=[[0, 1], [1, 0]]), "forward.rates: is 2 x 2"),
        (
            changed(CASE, "forward", process="ctmc", rates=[[0, 0, 0], [0, 0, 1], [0, 1, 0]]),
            "forward.rates: has more than one limit",
        ),
        (changed(CASE, "sampler", name="theta-rk2", theta=1.0), "sampler.theta: must lie strictly between"),
        (changed(CASE, "sampler", corrector="gibs"), "sampler.corrector: must be one of"),
        (changed(CASE, "sweep", eps=[0.1]), "sweep.eps: is the size of a score error"),
        (
            changed(MASKED, "sampler", blocks=[2, 1]),
            "sampler.blocks: reveals 3 of 4 tokens: 1 would stay masked",
        ),
        (
            changed(MASKED, "sampler", name="first-hitting"),
            "sweep.T: one token at a time takes 4 steps, not 2",
        ),
        (
            changed(MASKED, "sampler", name="masked-entropy", schedule="random"),
            "goes with masked-blocks alone",
        ),
        (
            changed(MASKED, "target", length=17)
            | {"sweep": {"T": [17]}, "sampler": {"name": "masked-entropy"}},
            "at most 16",
        ),
        (changed(MASKED, "sweep", horizon=[1.0, 2.0]), "sweep.horizon: a masked process has no such time"),
        (changed(changed(CASE, "forward", horizon=60.0), "sweep", T=[2]), "sweep.T: a coordinate would jump"),
    ],
)
def test_mistakes_are_told_in_a_line(case, message):
    with pytest.raises(sb.InputError, match=message):
        sb.measure(case, keep=False)


def test_zeros_of_the_marginal_are_refused_where_rates_divide():
    sparse = {"family": "uniform-set", "points": [[0, 0], [1, 1]], "states": 2}
    case = changed(CASE | {"target": sparse}, "forward", delta=0.0)
    document = sb.measure(changed(case, "sweep", T=[64, 128]), keep=False)  # delta + h is noisy enough
    assert np.isfinite(document.rows[0].measured["tv"].value)
    assert document.rows[0].columns["kl"] is not None
