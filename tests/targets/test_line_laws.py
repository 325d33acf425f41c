"""What every law on the line promises, checked against quadrature, differentiation and sampling."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.autograd import forward_ad

from sharpbound.errors import InputError
from sharpbound.targets import Target1D, build
from sharpbound.targets.gaussian_mixture_line import mixture_derivatives
from sharpbound.targets.scale_mixture import scale_mixture_derivatives
from sharpbound.targets.two_normals import two_normals_derivatives

LAWS: dict[str, dict[str, Any]] = {
    "gaussian": {"family": "gaussian", "mean": -0.3, "std": 0.7},
    "gaussian-mixture": {
        "family": "gaussian-mixture",
        "weights": [0.4, 0.6],
        "means": [-1.0, 1.2],
        "stds": [0.35, 0.5],
    },
    "atoms": {"family": "atoms", "points": [-1.0, 0.25, 2.0], "weights": [0.5, 0.3, 0.2]},
    "cantor": {"family": "cantor", "level": 4, "low": -1.0, "high": 1.0},
    "uniform": {"family": "uniform", "low": -1.0, "high": 0.5},
    "truncated-gaussian-mixture": {
        "family": "truncated-gaussian-mixture",
        "weights": [0.4, 0.6],
        "means": [-1.0, 1.2],
        "stds": [0.35, 0.5],
        "low": -1.4,
        "high": 2.0,
    },
    "truncated-normal": {
        "family": "truncated-gaussian-mixture",
        "weights": [1.0],
        "means": [0.2],
        "stds": [1.0],
        "radius": 1.0,
    },
    "laplace": {"family": "laplace", "loc": 0.3, "scale": 0.8},
    "student-t-0.5": {"family": "student-t", "nu": 0.5},
    "cauchy": {"family": "student-t", "nu": 1, "loc": 0.5, "scale": 0.3},
    "student-t-5": {"family": "student-t", "nu": 5, "loc": -0.5, "scale": 1.3},
}
NOISES = [(0.9, 0.3), (0.05, 1.0), (1.0, 20.0), (1.0, 0.01)]


@pytest.fixture(params=LAWS)
def law(request: pytest.FixtureRequest) -> Target1D:
    target = build(LAWS[request.param])
    assert isinstance(target, Target1D)
    return target


def bulk(law: Target1D, a: float, sigma: float, n: int = 41) -> Tensor:
    """Points at even probabilities, both tails included."""
    inner = torch.linspace(0.01, 0.99, n, dtype=torch.float64)
    tail = torch.tensor([1e-9, 1e-5], dtype=torch.float64)
    return law.quantile(torch.cat([tail, inner, 1 - tail]), a, sigma)


@pytest.mark.parametrize(("a", "sigma"), NOISES)
def test_each_derivative_is_the_derivative_of_the_last(law: Target1D, a: float, sigma: float) -> None:
    x = bulk(law, a, sigma).unsqueeze(-1)
    methods = [law.log_density, law.score, law.score_jacobian, law.grad_divergence]
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, torch.full_like(x, 2.0))
        for order, method in enumerate(methods):
            value, slope = forward_ad.unpack_dual(method(dual, a, sigma))
            expected = law.derivative(x.squeeze(-1), a, sigma, order)
            following = law.derivative(x.squeeze(-1), a, sigma, order + 1)
            # The same formula; blocks of vector instructions may round sums differently.
            torch.testing.assert_close(value.reshape(-1), expected, rtol=1e-12, atol=1e-13 / sigma**order)
            torch.testing.assert_close(
                slope.reshape(-1), 2 * following, rtol=1e-12, atol=1e-13 / sigma ** (order + 1)
            )


def test_one_pass_gives_what_single_orders_give(law: Target1D) -> None:
    """Bit for bit: no derivative depends on which others are asked for, nor on their order."""
    x = bulk(law, 0.8, 0.6)
    together = law.derivatives(x, 0.8, 0.6, (2, 0, 4, 1, 3))
    for order, values in zip((2, 0, 4, 1, 3), together, strict=True):
        assert torch.equal(values, law._derivatives(x, 0.8, 0.6, (order,))[0])
    with pytest.raises(ValueError, match="orders 0"):
        law.derivatives(x, 0.8, 0.6, (1, 5))


def test_what_is_kept_of_the_latest_points_is_of_them_alone(law: Target1D) -> None:
    """Bit for bit, whatever was asked before: of other points, another level, points or answers changed in place."""

    def fresh(x: Tensor, a: float, order: int) -> Tensor:
        return law._derivatives(x.reshape(-1), a, 0.6, (order,))[0].reshape(x.shape)

    x = bulk(law, 0.8, 0.6)
    for order in (1, 2, 0, 2):
        answer = law.derivative(x, 0.8, 0.6, order)
        assert torch.equal(answer, fresh(x, 0.8, order))
        answer += 1.0
    assert torch.equal(law.derivative(x.unsqueeze(-1), 0.8, 0.6, 2), fresh(x.unsqueeze(-1), 0.8, 2))
    assert torch.equal(law.derivative(x, 0.7, 0.6, 1), fresh(x, 0.7, 1))
    x[0] += 0.25
    assert torch.equal(law.derivative(x, 0.7, 0.6, 1), fresh(x, 0.7, 1))


def test_an_end_is_the_quantile_as_far_as_is_said(law: Target1D) -> None:
    for upper, tail in ((False, law.log_cdf), (True, law.log_sf)):
        end = torch.tensor([law.tail_end(-40.0, 0.8, 0.6, upper=upper)], dtype=torch.float64)
        assert float(tail(end, 0.8, 0.6)) == pytest.approx(-40.0, abs=1e-4)


@pytest.mark.parametrize("order", range(5))
@pytest.mark.parametrize(("a", "sigma"), [(1.0, 1e-4), (0.9, 0.3), (0.05, 1.0), (1e-5, 1.0)])
def test_a_scale_mixture_is_a_mixture(order: int, a: float, sigma: float) -> None:
    """Against the derivatives written for any means, far out in the tail of a component of weight 1e-12 too."""
    weights = torch.tensor([0.2, 0.5, 0.3, 1e-12], dtype=torch.float64)
    variances = torch.tensor([1e-3, 0.5, 2.0, 1e6], dtype=torch.float64)
    z = torch.logspace(-6, 5, 60, dtype=torch.float64)
    (general,) = mixture_derivatives(
        z, (order,), weights.log(), torch.zeros(4, dtype=torch.float64), variances, a, sigma
    )
    arrays = (values.numpy() for values in (weights.log(), variances))
    special = torch.from_numpy(scale_mixture_derivatives(z.numpy(), (order,), *arrays, a, sigma)[0])
    # both round relative to their terms, whose sum changes sign along z
    assert torch.allclose(special, general, rtol=1e-9, atol=1e-12 * float(general.abs().max()))


@pytest.mark.parametrize("variances", [(0.1225, 0.25), (0.25, 1e-6), (0.0, 0.0), (1e-6, 4.0)])
@pytest.mark.parametrize(("a", "sigma"), [(1.0, 1e-3), (0.9, 0.3), (0.05, 1.0)])
def test_two_normals_are_a_mixture(variances: tuple[float, float], a: float, sigma: float) -> None:
    """Against the derivatives written for any number of components, in either order of the two."""
    weights, means = (0.3, 0.7), (-1.0, 1.2)
    log_weights = [math.log(weight) for weight in weights]
    arrays = [torch.tensor(each, dtype=torch.float64) for each in (log_weights, means, variances)]
    x = torch.linspace(-3.0, 3.0, 200, dtype=torch.float64)
    general = mixture_derivatives(x, range(5), *arrays, a, sigma)
    for order in (1, -1):
        parts = (each[::order] for each in (log_weights, means, variances))
        special = two_normals_derivatives(x.numpy(), range(5), *parts, a, sigma)
        for one, other in zip(special, general, strict=True):
            # where a wide component leads by little, the general form rounds relative to larger terms
            assert torch.allclose(
                torch.from_numpy(one), other, rtol=1e-9, atol=1e-13 * float(other.abs().max())
            )


@pytest.mark.parametrize(("a", "sigma"), NOISES)
def test_density_integrates_to_the_cdf(law: Target1D, a: float, sigma: float) -> None:
    # Tails by decades: at nu = 1/2 each spans two decades of x, as much as quad takes in one panel.
    tail = torch.logspace(-7, -1, 7, dtype=torch.float64)
    probabilities = torch.cat([tail, torch.tensor([0.3, 0.6], dtype=torch.float64), 1 - tail.flip(0)])
    edges = law.quantile(probabilities, a, sigma).tolist()
    marks = law.landmarks(a, sigma)
    assert bool((marks[1:] > marks[:-1]).all())

    for low, high, p, q in zip(edges[:-1], edges[1:], probabilities[:-1], probabilities[1:], strict=True):
        panels = itertools.pairwise([low, *(m for m in marks.tolist() if low < m < high), high])
        mass = sum(
            double_exponential(lambda x: law.derivative(x, a, sigma, 0).exp(), *ends) for ends in panels
        )
        # with half its nodes the rule moves by 1e-14; the quantile's rounding moves mass by 1e-15 |x| p(x)
        assert mass == pytest.approx(float(q - p), abs=1e-13)


def double_exponential(f: Callable[[Tensor], Tensor], low: float, high: float) -> float:
    """int f over an interval by Takahasi and Mori's rule, whose nodes crowd at the ends, where landmarks are."""
    t = torch.linspace(-3.4, 3.4, 681, dtype=torch.float64)
    inner = 0.5 * math.pi * torch.sinh(t)
    weight = 0.5 * math.pi * torch.cosh(t) / torch.cosh(inner) ** 2 * (t[1] - t[0])
    half = 0.5 * (high - low)
    return float(half * (weight * f(low + half * (1 + torch.tanh(inner)))).sum())


@pytest.mark.parametrize(("a", "sigma"), NOISES)
def test_quantile_inverts_the_cdf(law: Target1D, a: float, sigma: float) -> None:
    grid = torch.linspace(0.1, 0.999, 300, dtype=torch.float64)
    p = torch.cat([torch.logspace(-14, -1, 30, dtype=torch.float64), grid])
    p = torch.cat([p, torch.tensor([0.5, 0.6], dtype=torch.float64)]).sort().values
    x = law.quantile(p, a, sigma)
    assert bool((x[1:] >= x[:-1]).all())
    # p moves by |x| p(x) eps when x is rounded to a double.
    rounding = 1e-15 * x.abs() * law.derivative(x, a, sigma, 0).exp()
    assert bool(((law.cdf(x, a, sigma) - p).abs() <= 1e-14 + 2 * rounding).all())


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize(("a", "sigma"), NOISES)
def test_quantile_reaches_far_tails(law: Target1D, a: float, sigma: float, upper: bool) -> None:
    # 1e-300 and, for tails that a double can still reach, e^-10000.
    heavy = law.family == "student-t"
    log_p = torch.tensor([-1.0, -50.0, -300.0] + ([] if heavy else [-700.0, -1e4]), dtype=torch.float64)
    x = law.quantile_from_log(log_p, a, sigma, upper=upper)
    back = (law.log_sf if upper else law.log_cdf)(x, a, sigma)
    torch.testing.assert_close(back, log_p, rtol=1e-12, atol=1e-12)


def test_heavy_tails_are_inverted_at_1e200() -> None:
    cauchy = build({"family": "student-t", "nu": 1})
    assert isinstance(cauchy, Target1D)
    log_p = torch.tensor([-200 * math.log(10) - math.log(math.pi)], dtype=torch.float64)
    x = cauchy.quantile_from_log(log_p, 1.0, 0.5, upper=True)  # sf(x) = 1/(pi x) out there
    torch.testing.assert_close(x, torch.tensor([1e200], dtype=torch.float64), rtol=1e-12, atol=0)


def test_quantiles_of_separated_atoms() -> None:
    atoms = build({"family": "atoms", "points": [-1.0, 3.0], "weights": [0.25, 0.75]})
    assert isinstance(atoms, Target1D)
    p = torch.tensor([0.1, 0.2499, 0.2501, 0.9], dtype=torch.float64)
    x = atoms.quantile(p, 1.0, 1e-8)
    expected = torch.tensor([-1.0, -1.0, 3.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(x, expected, rtol=0, atol=1e-7)
    ends = atoms.quantile_from_log(torch.tensor([-math.inf, 0.0]).double(), 1.0, 0.1, upper=False)
    assert ends.tolist() == [-math.inf, math.inf]


@pytest.mark.parametrize(("a", "sigma"), [(0.9, 0.3), (1.0, 0.01)])
def test_samples_follow_the_cdf(law: Target1D, a: float, sigma: float) -> None:
    generator = torch.Generator().manual_seed(20240607)
    n = 20_000
    noise = torch.randn(n, generator=generator, dtype=torch.float64)
    x = a * law.sample(n, generator).squeeze(-1) + sigma * noise
    # Under the law the p-value is uniform; seeds fixed, one in 10^4 would fail by chance.
    assert stats.kstest(law.cdf(x, a, sigma).numpy(), "uniform").pvalue > 1e-4


def test_moments_match_samples(law: Target1D) -> None:
    moments = law.moments()
    variance = float(moments.cov)
    if not math.isfinite(variance):
        assert law.family == "student-t"
        return
    n = 40_000
    x = law.sample(n, torch.Generator().manual_seed(5)).squeeze(-1)
    assert abs(float(x.mean() - moments.mean)) < 4 * math.sqrt(variance / n)
    squares = (x - moments.mean) ** 2
    assert abs(float(squares.mean()) - variance) < 4 * float(squares.std()) / math.sqrt(n)


@pytest.mark.parametrize(
    ("name", "frozen"),
    [
        ("gaussian", stats.norm(-0.3, 0.7)),
        ("uniform", stats.uniform(-1, 1.5)),
        ("laplace", stats.laplace(0.3, 0.8)),
        ("truncated-normal", stats.truncnorm(-1.2, 0.8, loc=0.2)),
        ("student-t-0.5", stats.t(0.5)),
        ("student-t-5", stats.t(5, -0.5, 1.3)),
    ],
)
def test_without_noise_the_law_is_the_textbook_one(name: str, frozen: stats.rv_continuous) -> None:
    target = build(LAWS[name])
    assert isinstance(target, Target1D)
    x = torch.tensor([-0.9, -0.4, 0.1, 0.45], dtype=torch.float64)
    for got, expected in [
        (target.derivative(x, 1.0, 0.0, 0), frozen.logpdf(x)),
        (target.log_sf(x, 1.0, 0.0), frozen.logsf(x)),
        (target.log_cdf(x, 1.0, 0.0), frozen.logcdf(x)),
    ]:
        torch.testing.assert_close(got, torch.as_tensor(expected), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["gaussian", "laplace", "student-t-0.5", "student-t-5"])
@pytest.mark.parametrize("order", range(5))
def test_vanishing_noise_is_no_noise(name: str, order: int) -> None:
    target = build(LAWS[name])
    assert isinstance(target, Target1D)
    x = torch.tensor([-4.0, -1.4, 0.1, 0.75, 30.0], dtype=torch.float64)
    # The difference is of order sigma^2 = 1e-12 times the derivative two orders up.
    torch.testing.assert_close(
        target.derivative(x, 1.0, 1e-6, order), target.derivative(x, 1.0, 0.0, order), rtol=1e-8, atol=1e-9
    )


def test_far_tails_are_finite(law: Target1D) -> None:
    x = torch.tensor([-1e6, 1e6], dtype=torch.float64)
    for a, sigma in [(1.0, 1e-4), (1e-3, 1.0), (1.0, 1e3)]:
        for order in range(5):
            assert bool(law.derivative(x, a, sigma, order).isfinite().all())


def test_signal_gone_leaves_the_noise(law: Target1D) -> None:
    x = torch.linspace(-8, 8, 9, dtype=torch.float64)
    torch.testing.assert_close(law.derivative(x, 0.0, 2.0, 1), -x / 4, rtol=1e-14, atol=1e-15)
    torch.testing.assert_close(
        law.log_sf(x, 0.0, 2.0), torch.special.log_ndtr(-x / 2), rtol=1e-13, atol=1e-15
    )


def test_no_density_is_said() -> None:
    atoms = build(LAWS["atoms"])
    x = torch.zeros(1, 1, dtype=torch.float64)
    with pytest.raises(InputError, match="sigma > 0"):
        atoms.score(x, 1.0, 0.0)
    with pytest.raises(InputError, match="negative"):
        atoms.score(x, -1.0, 1.0)
    with pytest.raises(ValueError, match="orders 0"):
        build(LAWS["laplace"]).derivative(x, 1.0, 1.0, 5)  # type: ignore[attr-defined]
