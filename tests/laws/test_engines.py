"""Which engine takes what, and what every law can be asked."""

import math

import numpy as np
import pytest
import torch
from scipy.special import log_ndtr

from sharpbound import laws, processes, samplers, targets
from sharpbound.distances import LAW_METRICS
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws.engines import ENGINES, line_law
from sharpbound.scores.base import ExactScore
from sharpbound.targets.base import Moments, Target1D

LADDER = processes.build({"schedule": "edm", "sigma_min": 0.1, "sigma_max": 10.0}, 8)
MODES = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}


def output(spec: dict, sampler: str):
    return laws.output_law(targets.build(spec), LADDER, samplers.build({"name": sampler}), init="exact")


@pytest.mark.parametrize(
    ("spec", "sampler", "engine", "kind"),
    [
        ({"family": "gaussian", "mean": 0.3, "std": 0.8}, "euler-maruyama", "gaussian", "closed-form"),
        (MODES, "ddim", "transport", "quadrature"),
        (MODES, "euler-maruyama", "density", "quadrature"),
        ({"family": "product", "factor": MODES, "dim": 3}, "ddim", "product of transport", "quadrature"),
        ({"family": "sphere", "radius": 1.0, "dim": 3}, "ddim", "radial", "quadrature"),
        ({"family": "sphere", "radius": 1.0, "dim": 3}, "euler-maruyama", "radial-density", "quadrature"),
    ],
)
def test_a_law_says_its_engine_and_what_its_floors_are(
    spec: dict, sampler: str, engine: str, kind: str
) -> None:
    law = output(spec, sampler)
    assert (law.engine, law.distance("kl").kind) == (engine, kind)


def test_a_product_has_the_worst_kind_of_floor_of_its_factors() -> None:
    normal = {"family": "gaussian", "mean": 0.3, "std": 0.8}
    gaussians = output({"family": "product", "factor": normal, "dim": 2}, "ddim")
    mixed = output({"family": "product", "factors": [normal, MODES]}, "ddim")
    assert (gaussians.distance("kl").kind, gaussians.distance("tv").kind) == ("closed-form", "quadrature")
    assert (mixed.engine, mixed.distance("kl").kind) == ("product of gaussian and transport", "quadrature")


def test_every_engine_tells_why_it_does_not_take_a_problem() -> None:
    class Start:
        def log_density(self, x):
            return -0.5 * x**2

        def quantile(self, log_cdf, log_sf):
            return log_cdf - log_sf

    plane = targets.build(MODES | {"means": [[-1.0, 0.0], [1.2, 0.0]]})
    with pytest.raises(NotMeasured) as reason:
        laws.output_law(plane, LADDER, samplers.build({"name": "ddim"}), init=Start())
    assert all(f"{engine.name}: " in str(reason.value) for engine in ENGINES)


def test_an_unknown_start_is_refused_by_its_key() -> None:
    with pytest.raises(InputError, match="normal or exact") as error:
        laws.output_law(targets.build(MODES), LADDER, samplers.build({"name": "ddim"}), init="exakt")
    assert error.value.key == "sampler.init"


@pytest.mark.parametrize("sampler", ["ddim", "euler-maruyama"])
def test_density_and_quantiles_of_a_law_on_the_line(sampler: str) -> None:
    """By quadrature against the closed form of the same Gaussian law."""
    spec = {"family": "gaussian", "mean": 0.3, "std": 0.8}
    target, made = targets.build(spec), samplers.build({"name": sampler})
    closed = laws.output_law(target, LADDER, made, init="exact")
    line = line_law(target, LADDER, made, ExactScore(target, LADDER), "exact")
    u = np.array([1e-3, 0.2, 0.5, 0.9, 0.999])
    x = closed.quantile(u)
    assert closed.cdf(x) == pytest.approx(u, rel=1e-12)
    # two engines; both hold q to about 1e-11
    assert line.quantile(u) == pytest.approx(x, abs=1e-8)
    assert line.cdf(x) == pytest.approx(u, abs=1e-10)
    assert line.density(x) == pytest.approx(closed.density(x), abs=1e-9)


def test_a_radius_has_no_density_on_the_line() -> None:
    with pytest.raises(NotMeasured, match="on the line"):
        output({"family": "sphere", "radius": 1.0, "dim": 3}, "ddim").density(np.zeros(1))


class Toy(Target1D):
    """N(0, 1) written by a user who knows nothing of engines: derivatives of log p, both tails, landmarks."""

    family = "toy"

    def _derivatives(self, x, a, sigma, orders):
        v = a**2 + sigma**2
        values = (
            -0.5 * x**2 / v - 0.5 * math.log(2 * math.pi * v),
            -x / v,
            torch.full_like(x, -1 / v),
            torch.zeros_like(x),
            torch.zeros_like(x),
        )
        return [values[order] for order in orders]

    def log_cdf(self, x, a, sigma):
        return torch.from_numpy(log_ndtr(x.numpy() / math.hypot(a, sigma)))

    def log_sf(self, x, a, sigma):
        return self.log_cdf(-x, a, sigma)

    def landmarks(self, a, sigma):
        return math.hypot(a, sigma) * torch.linspace(-3.0, 3.0, 7, dtype=torch.float64)

    def sample(self, n, generator):
        return torch.randn(n, 1, generator=generator, dtype=torch.float64)

    def moments(self):
        return Moments(torch.zeros(1, dtype=torch.float64), torch.eye(1, dtype=torch.float64))


@pytest.mark.parametrize(("sampler", "engine"), [("ddim", "transport"), ("euler-maruyama", "density")])
def test_a_family_of_ones_own_needs_no_engine(sampler: str, engine: str) -> None:
    made, known = (
        samplers.build({"name": sampler}),
        targets.build({"family": "gaussian", "mean": 0.0, "std": 1.0}),
    )
    law, closed = (laws.output_law(target, LADDER, made) for target in (Toy(), known))
    assert law.engine == engine
    for metric in LAW_METRICS:
        found, exact = law.distance(metric), closed.distance(metric)
        assert abs(found.value - exact.value) <= found.floor + exact.floor, metric


def test_the_list_on_the_screen_is_the_order_of_asking() -> None:
    from sharpbound.run.catalogue import CATALOGUE

    _, lines = CATALOGUE["engines"]()
    assert [line[1] for line in lines][: len(ENGINES)] == [engine.name for engine in ENGINES]
