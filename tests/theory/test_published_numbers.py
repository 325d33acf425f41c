"""Every published number against ours, and ours against routes that share no code with the package."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from sharpbound.errors import InputError
from sharpbound.run.cache import Cache
from sharpbound.run.cases import measure_cases
from sharpbound.run.numbers import reproduce
from sharpbound.run.quantities import QUANTITIES, compute
from sharpbound.suite.numbers import load_numbers
from whole_suite import CASES, THEORY

NUMBERS = load_numbers()
DIFFER = {
    "biroli2024.clones": 3,  # .77520, drawn at .7753
    "edm.iddpm-level-6": 2,  # 106.94, printed as 106
    "lin2024.cosine-snr": 5,  # printed as single precision has it
    "lin2024.cosine-signal": 5,
}
"""Numbers of ours that are known to differ, and in how many digits they agree all the same."""


@pytest.fixture(scope="module")
def found():
    needed = {number.case for number in NUMBERS if number.case}
    cases = [case for case in CASES if case.id in needed]
    documents = measure_cases(cases, THEORY, Cache(None), workers=1).documents
    return {one.id: one for one in reproduce(NUMBERS, THEORY, documents, Cache(None))}


def test_ours_agree_with_what_is_printed_but_where_the_difference_is_known(found):
    computed = {id: one for id, one in found.items() if one.ours is not None}
    differ = {id: one.agreeing for id, one in computed.items() if one.outcome == "differs"}
    assert differ == DIFFER
    assert {one.outcome for one in computed.values() if one.id not in DIFFER} == {"reproduced"}


def test_what_is_not_computed_says_why(found):
    missing = [one for one in found.values() if one.ours is None]
    assert {one.outcome for one in missing} == {"not computable here"}
    assert all(one.reason for one in missing)


def test_collapse_times_by_counting_neighbours(found):
    """Half of e^(d (entropy)) = n: log n = (d/2) log(1 + sigma^2 e^-2t/(1 - e^-2t))."""
    for d in (256, 1024, 4096):
        t = found[f"biroli2024.collapse-{d}"].ours
        assert 0.5 * d * math.log1p(math.exp(-2 * t) / -math.expm1(-2 * t)) == pytest.approx(math.log(20000))


def test_clones_by_the_integral_of_squared_odds(found):
    """As the authors' code has it: 1/2 int (G+^2 + G-^2)/(G+ + G-), unit variances, centres +-1."""

    def integrand(x):
        plus, minus = norm.pdf(x - 1), norm.pdf(x + 1)
        return 0.5 * (plus**2 + minus**2) / (plus + minus)

    value = quad(integrand, -12, 12, epsabs=1e-13)[0]
    assert found["biroli2024.clones"].ours == pytest.approx(value, abs=1e-12)
    assert round(value, 4) == 0.7752


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("exponential", 0.002 * (80 / 0.002) ** (np.arange(19) / 18)),
        ("karras", np.linspace(0.002 ** (1 / 7), 80 ** (1 / 7), 19) ** 7),
        ("tangent", 0.5 * np.tan(np.linspace(math.atan(0.004), math.atan(160), 19))),
    ],
)
def test_euler_on_a_gaussian_is_a_product_of_cosines(found, name, levels):
    product = np.prod(np.cos(np.diff(np.arctan(levels / 0.5))))
    assert found[f"sabour2024.{name}"].ours == pytest.approx(product, rel=1e-12)


def test_the_ends_of_schedules_in_both_precisions(found):
    """The cosine schedule's printed digits are those of betas in single precision, where 1 - .999 loses five digits."""
    t = np.arange(1001) / 1000
    f = np.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    beta = np.minimum(1 - f[1:] / f[:-1], 0.999)
    double = np.prod(1 - beta)
    single = np.prod((np.float32(1) - beta.astype(np.float32)).astype(np.float64))
    assert found["lin2024.cosine-snr"].ours == pytest.approx(double / (1 - double), rel=1e-11)
    assert f"{single / (1 - single):.6e}" == found["lin2024.cosine-snr"].printed
    assert f"{np.sqrt(single):.6e}" == found["lin2024.cosine-signal"].printed
    linear = np.prod(1 - np.linspace(1e-4, 0.02, 1000))
    assert found["lin2024.linear-snr"].ours == pytest.approx(linear / (1 - linear), rel=1e-11)


def test_the_levels_of_stable_diffusion_by_the_product_of_alphas(found):
    """sigma^2 = (1 - abar)/abar, abar multiplied out one factor at a time."""
    abar, levels = 1.0, []
    for root in np.linspace(math.sqrt(0.00085), math.sqrt(0.012), 1000):
        abar *= 1 - root**2
        levels.append(math.sqrt((1 - abar) / abar))
    ours = {id: one for id, one in found.items() if id.startswith("sabour2024.sd1-level-")}
    assert len(ours) == 11
    for id, one in ours.items():
        assert one.ours == pytest.approx(levels[int(id.rpartition("-")[2])], rel=1e-11)
        assert one.agreeing == one.digits >= 9


def test_the_levels_of_iddpm_by_the_recursion_of_edm(found):
    """u_M = 0 and u_{j-1}^2 + 1 = (u_j^2 + 1)/max(abar_{j-1}/abar_j, C1), abar_j = sin^2(pi j/(2 M (1 + C2)))."""
    M, C1, C2 = 1000, 0.001, 0.008
    abar = np.sin(0.5 * math.pi * np.arange(M + 1) / (M * (1 + C2))) ** 2
    u = np.zeros(M + 1)
    for j in range(M, 0, -1):
        u[j - 1] = math.sqrt((u[j] ** 2 + 1) / max(abar[j - 1] / abar[j], C1) - 1)
    levels = {id: one.ours for id, one in found.items() if id.startswith("edm.iddpm-level-")}
    assert len(levels) == 11
    for id, ours in levels.items():
        assert ours == pytest.approx(u[int(id.rpartition("-")[2])], rel=1e-9)


def test_the_hard_pair_by_another_quadrature(found):
    def integrand(x, eta, R):
        def density(side):
            return (1 - eta) * norm.pdf(x) + eta * norm.pdf(x - side * R)

        def slope(side):
            return -(1 - eta) * x * norm.pdf(x) - eta * (x - side * R) * norm.pdf(x - side * R)

        return density(-1) * (slope(-1) / density(-1) - slope(1) / density(1)) ** 2

    for name, eta, R in (("5-tenth", 0.1, 5.0), ("5", 0.01, 5.0), ("10", 0.01, 10.0)):
        value = quad(integrand, -R - 12, R + 12, args=(eta, R), points=[-R, -R / 2, 0, R / 2, R], limit=400)[
            0
        ]
        assert found[f"gupta2024.hard-pair-{name}"].ours == pytest.approx(value / (eta * R**2), rel=1e-7)


def test_every_quantity_is_used_and_refuses_what_it_does_not_take():
    assert {number.quantity for number in NUMBERS if number.quantity} == set(QUANTITIES)
    with pytest.raises(InputError, match="unknown quantity 'nothing'"):
        compute("nothing", {})
    with pytest.raises(InputError, match=r"options.T: must be a whole number"):
        compute("end-of-cosine", {"of": "snr", "T": 1.5})


def test_a_recipe_that_is_wrong_names_its_number():
    wrong = next(n for n in NUMBERS if n.claim).model_copy(update={"claim": "biroli2024.colapse"})
    with pytest.raises(InputError, match=r"number biroli2024.collapse-256: .*did you mean"):
        reproduce([wrong], THEORY, [], Cache(None))
