"""The claims derived here, checked on laws in closed form that share no code with the package."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.stats import norm

from whole_suite import THEORY

HORIZON = 1.0


def gaussian_distances(p: float, q: float) -> dict[str, float]:
    """Distances of N(0, q^2) from N(0, p^2), for q close to p (textbook closed forms)."""
    r = q / p
    x = math.sqrt(2 * math.log(r) / (1 - r**-2))  # where the densities cross, in units of p
    return {
        "tv": abs(2 * (norm.sf(x) - norm.sf(x / r))),
        "hellinger": math.sqrt((1 - r) ** 2 / (1 + r**2) / (1 + math.sqrt(2 * r / (1 + r**2)))),
        "w1": math.sqrt(2 / math.pi) * abs(p - q),
        "w2": abs(p - q),
        "kl": math.log(r) + 0.5 * (1 / r**2 - 1),
        "chi2": 1 / math.sqrt(r**2 * (2 - r**2)) - 1,
    }


def output_std(order: int, T: int, std: float) -> float:
    """Taylor method of ``order`` on the probability-flow ODE dy = (y + s) du, from the exact N(0, v_T).

    v(u) = e^{-2u} std^2 + 1 - e^{-2u} is the variance, s = -y/v, v' = 2(1 - v); along the reverse
    flow y' = (1 - 1/v) y =: g y and y'' = (g^2 - v'/v^2) y.
    """
    h = HORIZON / T
    y = 1.0
    for k in range(T, 0, -1):
        v = math.exp(-2 * k * h) * (std**2 - 1) + 1
        g = 1 - 1 / v
        y *= 1 + h * g + (0.5 * h**2 * (g**2 - 2 * (1 - v) / v**2) if order == 2 else 0.0)
    return y * math.sqrt(math.exp(-2 * HORIZON) * (std**2 - 1) + 1)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("metric", ["tv", "hellinger", "w1", "w2", "kl", "chi2"])
def test_marginals_decay_as_derived(order, metric):
    std = 0.4
    low, high = (gaussian_distances(std, output_std(order, T, std))[metric] for T in (256, 512))
    exponent, logs = THEORY[f"weak-error.order{order}-{metric}"].decay("T")
    # the slope differs from its limit by O(h) = 1/256; cancellation in KL at 1e-12 costs 1e-4
    assert math.log2(low / high) == pytest.approx(exponent, abs=0.03)
    assert logs == 0


def mixture(x: np.ndarray, a: float, sigma: float) -> tuple[np.ndarray, ...]:
    """log p and three derivatives, p the law of a X0 + sigma W, X0 = .4 N(-1, .36) + .6 N(.8, .25)."""
    w, mean, var = np.array([0.4, 0.6]), a * np.array([-1.0, 0.8]), a**2 * np.array([0.36, 0.25]) + sigma**2
    z = (x[..., None] - mean) / var
    log_terms = np.log(w) - 0.5 * np.log(2 * np.pi * var) - 0.5 * z**2 * var
    log_p = np.logaddexp.reduce(log_terms, axis=-1)
    r = np.exp(log_terms - log_p[..., None])
    d1 = (r * -z).sum(-1)  # moments of the posterior over components, then cumulants
    d2 = (r * (z**2 - 1 / var)).sum(-1)
    d3 = (r * (-(z**3) + 3 * z / var)).sum(-1)
    return log_p, d1, d2 - d1**2, d3 - 3 * d1 * d2 + 2 * d1**3


def path_kl(T: int, corrected: bool) -> tuple[float, float]:
    """sum_t E KL(true reverse kernel || Gaussian step) by brute-force quadrature, and its leading term.

    The trapezoidal rule on smooth decaying integrands: exact to 1e-8 at these spacings.
    """
    h, delta = HORIZON / T, 0.05
    alpha = math.exp(-2 * h)
    beta = 1 - alpha
    total = leading = 0.0
    u, du = np.linspace(-8, 8, 97, retstep=True)
    y, dy = np.linspace(-6, 6, 121, retstep=True)
    for k in range(1, T + 1):
        a, b = math.exp(-(delta + k * h)), math.exp(-(delta + (k - 1) * h))
        log_p, d1, d2, d3 = mixture(y, a, math.sqrt(1 - a * a))
        mean, var = (y + beta * d1) / math.sqrt(alpha), beta / alpha * (1 + beta * d2)
        x = mean[:, None] + np.sqrt(var)[:, None] * u
        log_true = (
            mixture(x, b, math.sqrt(1 - b * b))[0]
            + norm.logpdf(y[:, None], math.sqrt(alpha) * x, math.sqrt(beta))
            - log_p[:, None]
        )
        sampler_var = var if corrected else np.full_like(var, beta / alpha)
        log_q = norm.logpdf(x, mean[:, None], np.sqrt(sampler_var)[:, None])
        gap = log_q - log_true
        kl = (np.exp(log_true) * (np.expm1(gap) - gap)).sum(-1) * du * np.sqrt(var)  # both integrate to 1
        total += (np.exp(log_p) * kl).sum() * dy
        leading += (np.exp(log_p) * (beta**3 / 12 * d3**2 if corrected else beta**2 / 4 * d2**2)).sum() * dy
    return total, leading


@pytest.mark.parametrize(("claim", "corrected"), [("ddpm-path-kl", False), ("covariance-path-kl", True)])
def test_paths_decay_as_derived(claim, corrected):
    (low, _), (high, leading) = path_kl(32, corrected), path_kl(64, corrected)
    exponent, _ = THEORY[f"weak-error.{claim}"].decay("T")
    # next order in h, which is beta max|(log p)''| = 0.1 here
    assert math.log2(low / high) == pytest.approx(exponent, abs=0.15)
    assert high == pytest.approx(leading, rel=0.15)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("horizon", [0.3, 1.0, 2.0])
def test_initialisation_error_of_gaussians(sigma, horizon):
    """Variances from the moment equations of the reverse ODE and SDE, integrated numerically."""

    def marginal(t: float) -> float:
        return math.exp(-2 * t) * sigma**2 + 1 - math.exp(-2 * t)

    equations = {
        "ode": lambda tau, v: 2 * v * (1 - 1 / marginal(horizon - tau)),
        "sde": lambda tau, v: 2 * v * (1 - 2 / marginal(horizon - tau)) + 2,
    }
    for name, equation in equations.items():
        solution = solve_ivp(equation, (0, horizon), [1.0], rtol=1e-11, atol=1e-13)
        expected = math.sqrt(3) * abs(math.sqrt(solution.y[0, -1]) - sigma)
        predicted = THEORY[f"pierret2025.{name}-initialisation"].predict(
            {"d": 3, "sigma": sigma, "horizon": horizon}
        )
        assert predicted == pytest.approx(expected, rel=1e-7, abs=1e-9)
