"""Samplers that call denoisers, noise predictions and velocities, as other projects write them."""

from __future__ import annotations

import json

import pytest
import torch

from sharpbound.audit import adapt
from sharpbound.chapters.audit.command import Asked, audit_user
from sharpbound.cli import main
from sharpbound.errors import InputError
from sharpbound.targets import build

FUNCTIONS = '''
import torch

def euler(model, x, sigmas, extra_args=None, callback=None, disable=None):
    """Euler's method with a denoiser, sigma as a vector."""
    ones = x.new_ones([x.shape[0]])
    for i in range(len(sigmas) - 1):
        d = (x - model(x, sigmas[i] * ones, **(extra_args or {}))) / sigmas[i]
        x = x + d * (sigmas[i + 1] - sigmas[i])
    return x

def heun(model, x, sigmas, extra_args=None):
    ones = x.new_ones([x.shape[0]])
    for i in range(len(sigmas) - 1):
        h = sigmas[i + 1] - sigmas[i]
        d = (x - model(x, sigmas[i] * ones)) / sigmas[i]
        y = x + d * h
        e = (y - model(y, sigmas[i + 1] * ones)) / sigmas[i + 1]
        x = x + 0.5 * (d + e) * h
    return x

def multistep(model, x, sigmas):
    """Second-order multistep in log sigma, first step of first order."""
    old = None
    t = -sigmas.log()
    for i in range(len(sigmas) - 1):
        new = model(x, sigmas[i])
        h = t[i + 1] - t[i]
        use = new if old is None else new + (new - old) * h / (2 * (t[i] - t[i - 1]))
        x = sigmas[i + 1] / sigmas[i] * x - torch.expm1(-h) * use
        old = new
    return x

def ancestral(model, x, sigmas, noise_sampler=None):
    for i in range(len(sigmas) - 1):
        s, to = sigmas[i], sigmas[i + 1]
        up = (to**2 * (s**2 - to**2) / s**2).sqrt()
        down = (to**2 - up**2).sqrt()
        x = x + (x - model(x, s)) / s * (down - s)
        x = x + noise_sampler(s, to) * up
    return x

def by_noise(model, x, sigmas):
    for i in range(len(sigmas) - 1):
        x = x + model(x, float(sigmas[i])) * (sigmas[i + 1] - sigmas[i])
    return x

def flow(model, x, times):
    for i in range(len(times) - 1):
        x = x + model(x, times[i]) * (times[i + 1] - times[i])
    return x

def two_levels(model, x, sigmas):
    return model(x, torch.linspace(1.0, 2.0, len(x)))

def broken(model, x, sigmas):
    return x * float("nan")
'''


@pytest.fixture
def _functions(tmp_path, monkeypatch):
    (tmp_path / "of_others.py").write_text(FUNCTIONS)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_functions")
@pytest.mark.parametrize(
    ("name", "convention", "order"),
    [
        ("euler", "denoiser", 1),
        ("heun", "denoiser", 2),
        ("multistep", "denoiser", 2),
        ("ancestral", "denoiser", 1),
        ("by_noise", "eps", 1),
        ("flow", "velocity", 1),
    ],
)
def test_orders(name, convention, order):
    found = audit_user(f"of_others:{name}", Asked(order, convention=convention))
    assert found["verdict"] == "reached"
    assert found["exponent"] == pytest.approx(order, abs=0.1)
    seen = [(*(round(end, 9) for end in view["range"]), view["ladder"]) for view in found["views"]]
    assert seen == [(0.32, 20, "even"), (0.02, 2, "even"), (0.32, 20, "uneven")]


@pytest.mark.usefixtures("_functions")
def test_a_denoiser_taken_for_a_noise_prediction_is_not_reached():
    """A wrong convention does not converge to the law."""
    assert audit_user("of_others:euler", Asked(1, convention="eps"))["verdict"] == "not reached"


def test_models_are_those_of_their_definitions():
    """Against posterior means of a Gaussian: E[X0 | x] = mean + v (x - mean)/(v + n^2)."""
    target, n = build({"family": "gaussian", "mean": 0.5, "std": 0.7}), 0.8
    x = torch.tensor([[0.3], [-1.0], [2.0]], dtype=torch.float64)
    seen = {}

    def kept(name):
        def f(model, y, levels):
            seen[name] = (y, levels, model(y, levels[0]))
            return y

        return f

    a, sigma = torch.tensor([1.0, 1.0]).double(), torch.tensor([n, n / 2]).double()
    for name, convention in adapt.CONVENTIONS.items():
        convention(kept(name))(target.score, x, a, sigma)
    clean = 0.5 + 0.49 * (x - 0.5) / (0.49 + n**2)
    torch.testing.assert_close(seen["denoiser"][2], clean)
    torch.testing.assert_close(seen["eps"][2], (x - clean) / n)
    y, times, v = seen["velocity"]
    torch.testing.assert_close(y, x / (1 + n))
    torch.testing.assert_close(times[0], torch.tensor(n / (1 + n)).double())
    torch.testing.assert_close(v, (x - clean) / n - clean)


@pytest.mark.usefixtures("_functions")
@pytest.mark.parametrize(
    ("name", "convention", "message"),
    [
        ("euler", "denoised", "--convention: choose score, denoiser"),
        ("two_levels", "denoiser", "vector of equal entries"),
        ("broken", "denoiser", "not finite"),
    ],
)
def test_mistakes(name, convention, message):
    with pytest.raises(InputError, match=message):
        audit_user(f"of_others:{name}", Asked(1, convention=convention))


@pytest.mark.usefixtures("_functions")
def test_status_and_document(monkeypatch, capsys):
    for order, verdict, status in (("2", "reached", 0), ("1", "exceeded", 0), ("3", "not reached", 1)):
        arguments = ["audit", "of_others:heun", "--convention", "denoiser", "--order", order, "--json"]
        monkeypatch.setattr("sys.argv", ["sharpbound", *arguments])
        assert main() == status
        told = json.loads(capsys.readouterr().out)
        assert told["verdict"] == verdict
        assert told["diagnosis"].endswith(verdict)
