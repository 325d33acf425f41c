"""The error budget: path KL adds up to rounding, total variation to no less than the whole."""

import pytest
from scipy.integrate import quad

from sharpbound import processes, samplers, scores, targets
from sharpbound.chapters.score_error import laws as law
from sharpbound.chapters.score_error.budget import early_stopping, path_budget, tv_budget

VE = {"schedule": "ve-exponential", "sigma_min": 0.1, "sigma_max": 10.0}
OU = {"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}
CASES = [(VE, "euler-maruyama"), (OU, "ddpm")]


@pytest.mark.parametrize(("schedule", "name"), CASES, ids=["ve", "vp"])
@pytest.mark.parametrize("init", ["normal", "exact"])
def test_path_kl_is_the_sum(mixture, normal, schedule, name, init):
    """The parts by their own routes against the path KL of the whole chain, with equality to 1e-9."""
    ladder, sampler = processes.build(schedule, 16), samplers.build({"name": name})
    for target in (mixture, normal):
        for spec in ({"field": "fourier", "omega": 3.0}, {"field": "linear", "profile": "sigma"}):
            injection = scores.build({**spec, "eps": 0.2}, target, ladder)
            parts = path_budget(injection, sampler, init)
            whole = law.path_divergence(injection, sampler, init)
            assert parts.total == pytest.approx(whole.value, rel=1e-9)
            assert (parts.initialisation > 0) == (init == "normal")


@pytest.mark.parametrize(("schedule", "name"), [*CASES, (OU, "pf-ode")], ids=["ve", "vp", "ode"])
def test_total_variation_is_at_most_the_sum(mixture, schedule, name):
    ladder, sampler = processes.build(schedule, 24), samplers.build({"name": name})
    injection = scores.build({"field": "hermite", "mode": 2, "eps": 0.1}, mixture, ladder)
    budget = tv_budget(law.outputs(injection, sampler), injection, sampler)
    parts = budget.parts
    whole = budget.total
    assert whole <= parts["initialisation"] + parts["discretisation"] + parts["score"]
    assert parts[budget.dominating] == max(parts.values())


def test_early_stopping_against_adaptive_quadrature(mixture):
    import torch

    ladder = processes.build(VE, 4)
    injection = scores.build({"field": "constant", "eps": 0.1}, mixture, ladder)

    def density(x, sigma):
        return float(mixture.derivative(torch.tensor([x], dtype=torch.float64), 1.0, sigma, 0).exp())

    brute = 0.5 * sum(
        quad(lambda x: abs(density(x, 0.0) - density(x, 0.1)), a, a + 0.5, epsabs=1e-11)[0]
        for a in (-5 + 0.5 * i for i in range(20))
    )
    assert early_stopping(injection) == pytest.approx(brute, rel=1e-7)  # quad is not told of the kinks
    atoms = targets.build({"family": "atoms", "points": [-1.0, 1.0], "weights": [0.5, 0.5]})
    injection = scores.build({"field": "constant", "eps": 0.1}, atoms, ladder)
    assert early_stopping(injection) is None
