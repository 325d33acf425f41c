"""Curves of known order that the estimator was never tuned on, of the kinds that come out of computations.

Half are errors of textbook schemes on problems with closed solutions, whose orders are theorems; the others are what
no ladder can be trusted with. ``python -m sharpbound.rates.families`` prints their table in docs/rates.md.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sharpbound.rates.ladder import Array
from sharpbound.rates.synthetic import Curve, Score, score, table

Rng = np.random.Generator
Family = Callable[[Array, Rng], Curve]
COUNT, SEED = 100, 7
EPSILON = float(np.finfo(float).eps)


def steps(rng: Rng) -> Array:
    """Numbers of steps of one ladder: 5 to 9 rows, of one factor or of several."""
    rows = int(rng.integers(5, 10))
    factors = (
        rng.choice([1.5, 2.0, 2.0, 3.0], rows) if rng.random() < 0.3 else rng.choice([1.5, 2.0, 2.0, 2.5])
    )
    growth = np.cumprod(np.broadcast_to(factors, (rows,)))
    return np.unique(np.rint(rng.uniform(12, 60) * growth / growth[0]))


def euler(n: Array, rng: Rng) -> Curve:
    """Euler's method for y' = -r y to time 1: order 1."""
    r = rng.uniform(0.2, 4.0)
    return Curve(1.0, 1 / n, np.abs(np.exp(n * np.log1p(-r / n)) - np.exp(-r)), floor=8 * EPSILON * n)


def heun(n: Array, rng: Rng) -> Curve:
    """Heun's method for y' = r y to time 1: order 2."""
    r = rng.uniform(-2.0, 2.0)
    growth = np.exp(n * np.log1p(r / n + (r / n) ** 2 / 2))
    return Curve(2.0, 1 / n, np.abs(growth - np.exp(r)), floor=8 * EPSILON * n * np.exp(abs(r)))


def trapezoidal_rule(n: Array, rng: Rng) -> Curve:
    """The composite rule for the integral of exp(k x) cos(w x) over [0, 1]: order 2 in even powers."""
    z = rng.uniform(-2, 2) + 1j * rng.uniform(0, 4)
    h = 1 / n
    rule = h * np.expm1(z) / 2 / np.tanh(z * h / 2)  # the geometric sum in closed form
    error = np.abs((rule - np.expm1(z) / z).real)
    return Curve(2.0, h, error, floor=8 * EPSILON * n * np.exp(abs(z.real)))


def variance_of_the_ode(n: Array, rng: Rng) -> Curve:
    """Log variance after the Euler steps of a probability-flow ODE on N(0, v), n equal steps of time: order 1."""
    v, horizon, delta = np.exp(rng.uniform(-2, 1)), rng.uniform(0.5, 2.0), rng.uniform(0.02, 0.2)
    error = []
    for steps_taken in n.astype(int):
        t = np.linspace(delta, horizon, steps_taken + 1)
        beta = -np.expm1(-2 * np.diff(t))
        at = np.exp(-2 * t) * v - np.expm1(-2 * t)
        gain = 2 * np.log1p(-beta / (2 * at[1:])) - np.log1p(-beta)
        error.append(abs(np.log(at[-1]) + gain.sum() - np.log(at[0])))
    return Curve(1.0, 1 / n, np.array(error), floor=8 * EPSILON * n)


def divided_difference(n: Array, rng: Rng) -> Curve:
    """Central differences of sin: order 2, above the rounding that they divide by the step."""
    x, h = rng.uniform(0.2, 1.2), rng.uniform(0.5, 3.0) / n
    error = np.abs((np.sin(x + h) - np.sin(x - h)) / (2 * h) - np.cos(x))
    return Curve(2.0, h, error, floor=2 * EPSILON / h)


def printed_digits(n: Array, rng: Rng) -> Curve:
    """Order 1 to 3, printed to a few digits, which is what the floor says."""
    p, h = float(rng.integers(1, 4)), 1 / n
    law = (np.sinh(rng.uniform(0.5, 3) * n[0] * h) / np.sinh(3.0)) ** p
    unit = law[0] * 10.0 ** -rng.integers(4, 9)
    return Curve(p, h, np.rint(law / unit) * unit, floor=np.full(len(n), unit / 2))


def sample_means(n: Array, rng: Rng) -> Curve:
    """A bias of order 1/2 to 2 seen through means of many draws, whose standard errors are told."""
    p, h = float(rng.choice([0.5, 1.0, 2.0])), 1 / n
    law = h**p / (1 + rng.uniform(0, 0.8) * h / h[0])
    noise = law * 10 ** rng.uniform(-3.5, -1.5) * (h[0] / h) ** rng.uniform(0, 0.5)
    return Curve(p, h, np.abs(law + noise * rng.standard_normal(len(n))), noise=noise)


def growing_horizon(n: Array, rng: Rng) -> Curve:
    """An error made at each of log n / h steps, which is told: order p times A log n + B."""
    p, log = float(rng.choice([1.0, 2.0])), np.log(n)
    h = log / n
    return Curve(p, h, h**p * (log + rng.uniform(0, 3)) * np.exp(rng.uniform(-1, 1) * h), log=log)


def told_for_nothing(n: Array, rng: Rng) -> Curve:
    """Order 1 or 2 on a schedule whose error contracts, so that the factor that may be there is not."""
    p, log = float(rng.choice([1.0, 2.0])), np.log(n)
    h = log / n
    return Curve(p, h, np.expm1(rng.uniform(0.2, 2) * h) ** p, log=log)


def another_power_of_log(n: Array, rng: Rng) -> Curve:
    """Told of A log n + B where the factor is log^2, log^3 or 1/log."""
    p, log = float(rng.choice([1.0, 2.0])), np.log(n)
    return Curve(p, 1 / n, n**-p * log ** float(rng.choice([2, 3, -1])), log=log)


def root_of_log(n: Array, rng: Rng) -> Curve:
    """sqrt(log n)/n^p, untold: extremes of Gaussian samples."""
    p = float(rng.choice([0.5, 1.0]))
    return Curve(p, 1 / n, n**-p * np.sqrt(np.log(n) + rng.uniform(0, 2)))


def boundary_layer(n: Array, rng: Rng) -> Curve:
    """Corrections in powers of h^(2/3)."""
    p, h = float(rng.choice([1.0, 2.0])), 1 / n
    return Curve(p, h, h**p * np.exp(rng.uniform(-1, 1) * (h / h[0]) ** (2 / 3)))


def wakes_up(n: Array, rng: Rng) -> Curve:
    """Order 2 with a term of order 1 that is from a thousandth to a half of it at the finest row."""
    h = 1 / n
    return Curve(1.0, h, h**2 + 10 ** rng.uniform(-3, -0.3) * h[-1] * h)


def slow_wave(n: Array, rng: Rng) -> Curve:
    """A factor periodic in log n, of up to a tenth, a period of 4 to 400 in n."""
    p, period = float(rng.choice([1.0, 2.0])), rng.uniform(np.log(4), np.log(400))
    wave = 10 ** rng.uniform(-3, -1) * np.sin(2 * np.pi * np.log(n) / period + rng.uniform(0, 2 * np.pi))
    return Curve(p, 1 / n, n**-p * (1 + wave))


def lattice(n: Array, rng: Rng) -> Curve:
    """A factor that depends on how the grid falls on a jump: 1 + a (fractional part of n x)."""
    p, x = float(rng.choice([1.0, 2.0])), rng.uniform(0, 1)
    return Curve(p, 1 / n, n**-p * (1 + 10 ** rng.uniform(-3, -0.5) * np.mod(n * x, 1.0)))


def untold_rounding(n: Array, rng: Rng) -> Curve:
    """Order 2 down to a floor that nobody told: order 0."""
    h = 1 / n
    return Curve(0.0, h, h**2 + rng.uniform(0.1, 3) * h[rng.integers(1, len(h))] ** 2)


ANSWERED: tuple[Family, ...] = (
    euler,
    heun,
    trapezoidal_rule,
    variance_of_the_ode,
    divided_difference,
    printed_digits,
    sample_means,
    growing_horizon,
    told_for_nothing,
)
"""Laws within what ``estimate`` is for."""
UNTOLD: tuple[Family, ...] = (
    another_power_of_log,
    root_of_log,
    boundary_layer,
    wakes_up,
    slow_wave,
    lattice,
    untold_rounding,
)
"""Laws that are not the one it is told. Of `slow_wave` and `wakes_up` no finite ladder can tell."""


def measure_family(family: Family, count: int, seed: int) -> Score:
    """Scores of ``count`` curves, each of its own seed."""
    curves = (np.random.default_rng([seed, i]) for i in range(count))
    return sum((score(family(steps(rng), rng)) for rng in curves), Score())


def main() -> None:
    """Print the table of docs/rates.md."""
    everything: dict[str, Score] = {}
    for group, name in ((ANSWERED, "**within**"), (UNTOLD, "**outside**")):
        scores = {f.__name__.replace("_", " "): measure_family(f, COUNT, SEED) for f in group}
        everything |= scores | {name: sum(scores.values(), Score())}
    over_all = everything["**within**"] + everything["**outside**"]
    print(table(everything | {"**over all**": over_all}))


if __name__ == "__main__":
    main()
