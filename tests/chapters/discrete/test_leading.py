"""The leading term in T, computed from the defects of single steps, against the errors of whole runs."""

from __future__ import annotations

import pytest

import sharpbound as sb
from sharpbound.chapters.discrete import leading, process, samplers, targets
from sharpbound.chapters.discrete.chain import Chain
from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.errors import InputError

UNIFORM = {"process": "uniform-ctmc", "horizon": 2.0, "delta": 0.1}
ABSORBING = UNIFORM | {"process": "absorbing-ctmc"}


def chain(target, forward, sampler, T):
    reverse = Reverse(target.table(), process.build(forward, target.states))
    return Chain(reverse, samplers.build(sampler), T)


@pytest.mark.parametrize(
    ("forward", "sampler"),
    [
        (UNIFORM, {"name": "euler-ctmc"}),
        (UNIFORM, {"name": "tau-leaping"}),
        (UNIFORM, {"name": "tweedie-tau-leaping"}),
        (ABSORBING, {"name": "exponential-ctmc"}),
    ],
)
def test_runs_go_to_the_leading_term(forward, sampler):
    """measured/leading = 1 + a/T + O(1/T^2), for the output and for the chains."""
    target = targets.markov_chain(2, 2, 0.8)
    found = leading.defects(chain(target, forward, sampler, 2))
    runs = {T: chain(target, forward, sampler, T) for T in (128, 256)}
    for metric in ("tv", "kl", "path-kl"):
        constant, half = found.constant(metric)
        assert half < 1e-4 * constant
        ratio = []
        for T, run in runs.items():
            p, q = run.truth(), run.output_law()
            value = run.path_kl() if metric == "path-kl" else leading_distance(metric, p, q)
            ratio.append(value * T ** leading.POWERS[metric] / constant)
        assert 2 * ratio[1] - ratio[0] == pytest.approx(1, abs=6e-3), metric


def leading_distance(metric, p, q):
    from sharpbound.chapters.discrete.divergences import OF_LAWS

    return OF_LAWS[metric](p, q)


def test_frozen_rates_have_one_constant_in_path_space():
    """Two coordinates that jump in one step, of which each sampler makes two that know nothing of each other."""
    target = targets.markov_chain(2, 3, 0.8)
    names = ("euler-ctmc", "exponential-ctmc", "tau-leaping", "tweedie-tau-leaping")
    found = [leading.defects(chain(target, UNIFORM, {"name": name}, 2)).path for name in names]
    assert found == pytest.approx([found[0]] * 4, rel=1e-5)


def test_there_is_none_of_a_higher_order_or_with_corrector_steps():
    weak = targets.markov_chain(2, 2, 0.6)
    term = leading.defects(chain(weak, UNIFORM, {"name": "theta-trapezoidal"}, 2))
    assert term.constant("tv")[0] < 1e-7
    with pytest.raises(InputError, match="corrector steps undo"):
        leading.defects(chain(weak, UNIFORM, {"name": "euler-ctmc", "corrector": "gibbs"}, 2))


def test_a_document_has_it():
    case = {
        "case": {"id": "mine", "title": "mine", "kind": "discrete", "claim": "discrete.euler-tv"},
        "target": {"family": "markov-chain", "length": 2, "states": 2, "stay": 0.8},
        "forward": UNIFORM,
        "sampler": {"name": "euler-ctmc"},
        "measure": {"metric": ["tv", "kl"]},
        "sweep": {"T": [16, 32, 64]},
    }
    told = sb.measure(case, keep=False).leading
    assert (told["power"], told["log_power"], told["decides"]) == (1.0, 0.0, False)
    assert told["ratio"][-1] == pytest.approx(1, abs=0.03)
    one = sb.measure(
        case | {"target": case["target"] | {"length": 1}, "measure": {"metric": "path-kl"}}, keep=False
    )
    assert one.leading == {"note": "path-kl has no term in 1/T^1: its order is higher"}
