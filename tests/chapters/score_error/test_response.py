"""The worst field: forward and adjoint are transposes, it beats all others, and the bound beats it."""

import math

import numpy as np
import pytest

from sharpbound import processes, samplers, scores
from sharpbound.chapters.score_error import laws as law
from sharpbound.chapters.score_error.response import RELATIVE_FLOOR, Response, random_fields
from sharpbound.errors import InputError
from sharpbound.laws import distance

DDPM = samplers.build({"name": "ddpm"})


@pytest.fixture(params=["ddpm", "accelerated-ddpm"])
def response(request, mixture, ladder):
    return Response(mixture, ladder, samplers.build({"name": request.param}), "exact")


def test_forward_and_adjoint_are_transposes(response):
    field = response.random(3.0, 1)
    for f in (np.sin(response.held[-1].x), np.sign(response.held[-1].x)):
        left = float((response.forward(field) * f).sum()) * response.held[-1].spacing
        up = response.adjoint(f)
        right = (
            sum(
                float((step.true * e * g).sum()) * step.points.spacing
                for step, e, g in zip(response.steps, field, up, strict=True)
            )
            / response.ladder.T
        )
        assert left == pytest.approx(right, rel=1e-12)


def test_response_is_the_derivative_of_the_law(response):
    field = response.random(2.0, 0)
    moved = response.forward(field)
    difference = (response.propagate(field, 1e-4) - response.propagate(field, -1e-4)) / 2e-4
    assert np.abs(difference - moved).max() < 1e-7 * np.abs(moved).max()  # eps^2, and rounding/eps


def test_the_chain_is_the_engine_s(response, mixture, ladder):
    injection = scores.build({"field": "fourier", "omega": 2.0, "seed": 0, "eps": 0.1}, mixture, ladder)
    exact = distance(law.added_law(injection, response.sampler, "exact"), "tv").value
    assert response.tv(response.random(2.0, 0), 0.1) == pytest.approx(exact, rel=RELATIVE_FLOOR)


def test_the_worst_field_is_the_worst(response):
    worst = response.worst()
    assert response.norm(worst) == pytest.approx(1.0, rel=1e-12)
    most = response.size(response.forward(worst))
    others = [response.size(response.forward(field)) for field in random_fields(response)]
    assert max(others) < most
    # a maximum: nearby fields of the same budget do less
    rng = np.random.default_rng(0)
    for _ in range(3):
        near = response.unit([e + 0.05 * rng.standard_normal(e.shape) for e in worst])
        assert response.size(response.forward(near)) <= most * (1 + 1e-9)
    # and Girsanov's bound, exact for a small error, is above it
    assert most < math.sqrt(response.path_kl(worst) / 2)


def test_worst_field_on_a_gaussian_is_near_the_constant(normal):
    """For N(m, s^2) TV is most easily moved by the mean: the best constant-in-x field is close to the worst."""
    ladder = processes.build({"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}, 40)
    response = Response(normal, ladder, DDPM, "exact")
    worst = response.worst()
    means = [float(np.average(e, weights=step.true)) for step, e in zip(response.steps, worst, strict=True)]
    constants = response.unit([np.full_like(e, mean) for e, mean in zip(worst, means, strict=True)])
    ratio = response.size(response.forward(constants)) / response.size(response.forward(worst))
    assert 0.5 < ratio <= 1


def test_refused(mixture, ladder):
    for name in ("pf-ode", "predictor-corrector"):
        with pytest.raises(InputError) as caught:
            Response(mixture, ladder, samplers.build({"name": name}))
        assert caught.value.key == "sampler.name"
    fine = processes.build({"schedule": "li2024"}, 300)
    with pytest.raises(InputError) as caught:
        Response(mixture, fine, DDPM)
    assert caught.value.key == "sweep.T"
