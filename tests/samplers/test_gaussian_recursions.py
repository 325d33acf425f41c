"""``sharpbound run FILE --json`` against samplers written out by hand for a Gaussian on the line.

Ladders and distances are written here a second time, the samplers in `linear_oracle`, and share no code with the
package: a sampler, an engine or a distance that is wrong shows as a number that differs.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import sys
from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

import linear_oracle as oracle
from sharpbound import cli
from sharpbound.errors import NotMeasured
from sharpbound.laws import leading

Array = np.ndarray

MEAN, STD = 0.6, 0.45
STEPS = (7, 20)


def vp_linear(T: int) -> tuple[Array, Array]:
    """beta(t) = 0.1 + 19.9 t on [1e-3, 1]; levels from the last to the first."""
    t = np.linspace(1e-3, 1.0, T + 1)[::-1]
    integral = 0.1 * t + 9.95 * t**2
    return np.exp(-integral / 2), np.sqrt(-np.expm1(-integral))


def edm(T: int) -> tuple[Array, Array]:
    i = np.arange(T + 1)
    lo, hi = 0.02 ** (1 / 7), 20.0 ** (1 / 7)
    return np.ones(T + 1), (hi + i / T * (lo - hi)) ** 7


def cosine(T: int) -> tuple[Array, Array]:
    """abar_t = f(t/T)/f(0) with beta <= 0.999, down to level 1."""
    f = [math.cos((t / T + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(T + 1)]
    abar = np.cumprod([1 - min(1 - f[t] / f[t - 1], 0.999) for t in range(1, T + 1)])[::-1]
    return np.sqrt(abar), np.sqrt(1 - abar)


LADDERS = {
    "vp-linear": ('schedule = "vp-linear"', vp_linear),
    "edm": ('schedule = "edm"\nsigma_min = 0.02\nsigma_max = 20.0', edm),
    "cosine": ('schedule = "cosine"', cosine),
}


SAMPLERS: list[tuple[str, Callable[[oracle.Walk], Array], bool]] = [
    ('name = "dpm-solver-2"', oracle.dpm_solver_2, True),
    ('name = "dpm-solver-3"', oracle.dpm_solver_3, True),
    ('name = "dpm-solver++-2m"', oracle.dpm_solver_pp_2m, True),
    ('name = "dpm-solver++-3m"', oracle.dpm_solver_pp_3m, True),
    ('name = "unipc"\np = 2\nvariant = "B2"', oracle.unipc(2, "B2"), True),
    ('name = "unipc"\np = 3\nvariant = "B1"', oracle.unipc(3, "B1"), True),
    ('name = "unipc"\np = 3\nvariant = "B2"', oracle.unipc(3, "B2"), True),
    ('name = "deis"\norder = 2', oracle.deis_2, True),
    ('name = "adams-bashforth"\norder = 2', oracle.adams_bashforth_2, True),
    ('name = "edm-heun"\nchurn = 0.0', oracle.edm_heun(0.0), True),
    ('name = "edm-heun"\nchurn = 3.0', oracle.edm_heun(3.0), True),
    ('name = "exponential-rk"\norder = 3', oracle.exponential_rk_3, False),
    ('name = "sde-dpm-solver++-1"', oracle.sde_dpm_solver_pp(1), True),
    ('name = "sde-dpm-solver++-2m"', oracle.sde_dpm_solver_pp(2), True),
    ('name = "ancestral-euler"', oracle.ancestral_euler, True),
    ('name = "predictor-corrector-underdamped"\nstrength = 2.0', oracle.kinetic_corrector(1), True),
    ('name = "predictor-corrector-kinetic"\nstrength = 2.0', oracle.kinetic_corrector(3), True),
]
"""Case-file table, recursion, and whether it runs on variance-exploding ladders."""


# -- distances between Gaussians on the line, p = N(m, s^2) the truth and q = N(m', s'^2) the output ---------


def kl(m: float, s: float, m_q: float, s_q: float) -> float:
    return math.log(s_q / s) + (s**2 + (m - m_q) ** 2) / (2 * s_q**2) - 0.5


def tv(m: float, s: float, m_q: float, s_q: float) -> float:
    """From the crossings of the two densities."""

    def log_ratio(z: float) -> float:
        return norm.logpdf(m + s * z, m_q, s_q) - norm.logpdf(m + s * z, m, s)

    peak = brentq(lambda z: z - (m + s * z - m_q) * s / s_q**2, -1e4, 1e4)  # the extremum of a parabola
    crossings = [
        m + s * brentq(log_ratio, *sorted((peak, end)), xtol=1e-14, rtol=1e-14) for end in (-1e4, 1e4)
    ]
    lo, hi = sorted(crossings)
    inside = [norm.cdf(hi, *law) - norm.cdf(lo, *law) for law in ((m, s), (m_q, s_q))]
    return abs(inside[0] - inside[1])


CASE = """
[case]
id = "{id}"
title = "A Gaussian"
kind = "sampling-rate"
claim = "weak-error.order1-tv"
[target]
family = "gaussian"
mean = {mean}
std = {std}
[forward]
{forward}
[sampler]
{sampler}
init = "normal"
[measure]
metric = ["w2", "kl", "tv"]
[sweep]
T = {steps}
"""
CASES = [
    (f"{ladder}-{number}", ladder, sampler, walk)
    for ladder in LADDERS
    for number, (sampler, walk, exploding) in enumerate(SAMPLERS)
    if exploding or ladder != "edm"
]


def _no_limit(*arguments: object, **options: object) -> None:
    raise NotMeasured("is not asked for")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, float]]]:
    """Rows by case, of one ``sharpbound run FILES --json``."""
    folder = tmp_path_factory.mktemp("cases")
    for id, ladder, sampler, _ in CASES:
        numbers = {"mean": MEAN, "std": STD, "steps": list(STEPS)}
        text = CASE.format(id=id, forward=LADDERS[ladder][0], sampler=sampler, **numbers)
        (folder / f"{id}.toml").write_text(text)
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setattr(leading, "limit", _no_limit)  # of no use to the rows, and most of the work
        patch.setattr(
            sys, "argv", ["sharpbound", "run", str(folder), "--json", "--no-cache", "--workers", "1"]
        )
        assert cli.main() == 0
    return {document["case"]: document["rows"] for document in map(json.loads, out.getvalue().splitlines())}


@pytest.mark.parametrize(
    ("id", "ladder", "walk"),
    [(id, ladder, walk) for id, ladder, _, walk in CASES],
    ids=[f"{ladder}: {' '.join(sampler.split())}" for _, ladder, sampler, _ in CASES],
)
def test_laws(
    id: str, ladder: str, walk: Callable[[oracle.Walk], Array], measured: dict[str, list[dict[str, float]]]
) -> None:
    for row in measured[id]:
        a, sigma = LADDERS[ladder][1](int(row["T"]))
        coefficients = walk(oracle.Walk(a, sigma, MEAN, STD, "ve" if ladder == "edm" else "vp"))
        prior = sigma[0] if ladder == "edm" else 1.0
        m_q = coefficients[0]
        s_q = math.hypot(prior * coefficients[1], *coefficients[2:])
        m, s = a[-1] * MEAN, math.hypot(a[-1] * STD, sigma[-1])
        # both sides round: some 1e-15 of mean and deviation a step, by which W2 and TV may be off
        assert row["w2"] == pytest.approx(math.hypot(m - m_q, s - s_q), rel=1e-9, abs=1e-13)
        assert row["kl"] == pytest.approx(kl(m, s, m_q, s_q), rel=1e-9, abs=1e-13)
        assert row["tv"] == pytest.approx(tv(m, s, m_q, s_q), rel=1e-8, abs=1e-12)
