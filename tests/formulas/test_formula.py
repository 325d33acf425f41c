"""Formulas: the number, the LaTeX and the exponents, each against a second route."""

import math
import random

import mpmath
import numpy as np
import pytest

from sharpbound.errors import InputError
from sharpbound.formulas.expression import VARIABLES
from sharpbound.formulas.formula import Formula

LI = "d**2*log(T)**4/T + d**6*log(T)**6/T**2 + sqrt(d*log(T)**3)*eps_score + d*log(T)*eps_jacobi"
FORMULAS = [
    LI,
    "d*exp(-2*horizon)",
    "min(d, L**2)*d/T**2",
    "max(1 - 1/sqrt(d), 1/sqrt(d) - 1)",
    "-(-T)**2 + 3.5e-2*T",
    "d**(7/4)*sqrt(eps_score) + d*(d*h)**p",
    "2**-T - 2/(T - 1)/3",
    "(k + log(d))*log(T)**3/T",
    "exp(-exp(-log(T)/2))",
]


def random_values(seed: int) -> dict[str, float]:
    generator = random.Random(seed)
    return {name: generator.uniform(1.1, 9.0) for name in VARIABLES}


@pytest.mark.parametrize("text", FORMULAS)
def test_value_is_what_python_makes_of_the_text(text):
    scope = {"log": math.log, "sqrt": math.sqrt, "exp": math.exp, "min": min, "max": max}
    for seed in range(20):
        values = random_values(seed)
        # powers go through math.pow here and through ** there: a rounding or two apart
        assert Formula(text).evaluate(values) == pytest.approx(eval(text, scope, values), rel=1e-14)


@pytest.mark.parametrize("text", FORMULAS)
def test_value_is_what_thirty_digits_make_of_the_text(text):
    scope = {name: getattr(mpmath, name) for name in ("log", "sqrt", "exp")} | {"min": min, "max": max}
    values = random_values(7)
    with mpmath.workdps(30):
        expected = eval(text, scope, {name: mpmath.mpf(value) for name, value in values.items()})
    assert Formula(text).evaluate(values) == pytest.approx(float(expected), rel=1e-13)


def random_power_sum(generator: random.Random) -> tuple[str, list[tuple[float, float]]]:
    """A sum of terms c T^-a log(T)^b with its (a, b)."""
    terms = [
        (generator.choice([0.5, 1, 1.5, 2, 3]), generator.choice([0, 1, 2, 4.5]))
        for _ in range(generator.randint(1, 4))
    ]
    return " + ".join(f"{generator.uniform(0.1, 9):.3f}*d**2*log(T)**{b}/T**{a}" for a, b in terms), terms


def test_exponents_are_those_of_the_slowest_term():
    generator = random.Random(1)
    for _ in range(200):
        text, terms = random_power_sum(generator)
        slowest = min(terms, key=lambda term: (term[0], -term[1]))
        assert Formula(text).decay("T") == slowest
        assert Formula(text).exponents["d"] == -2


@pytest.mark.parametrize(
    "text", [LI, "sqrt(d/T + log(T)**2/T**3)", "(1/T + 1)*log(T*d)/sqrt(T**3)", "max(1/T, 1/T**2)*min(d, L)"]
)
def test_decay_is_the_slope_far_out(text):
    formula = Formula(text)
    values = dict.fromkeys(VARIABLES, 2.0) | {"eps_score": 0.0, "eps_jacobi": 0.0}
    exponent, logs = formula.decay("T")
    # the ratio of the formula to its leading behaviour settles: what is left at 1e40 is O(1/log T)
    ratios = [formula.evaluate(values | {"T": T}) * T**exponent / math.log(T) ** logs for T in (1e40, 1e80)]
    assert ratios[0] == pytest.approx(ratios[1], rel=0.05)


@pytest.mark.parametrize(
    ("text", "variable", "values", "expected"),
    [
        (LI, "T", {}, (1, 4)),
        (LI, "T", {"eps_score": 0.1}, (0, 1.5)),
        (LI, "d", {}, (-6, 0)),
        ("d**(K + 2)/N**K", "N", {"K": 3}, (3, 0)),
        ("2**(-T)", "T", {}, (math.inf, 0)),
        ("d*exp(-2*horizon)", "horizon", {}, (math.inf, 0)),
        ("exp(T)/T", "T", {}, (-math.inf, 0)),
        ("d*log(1/delta)/T", "delta", {}, (0, 1)),
        ("h**2*log(h)**2 + h**3", "h", {}, (2, 2)),
        ("log(log(T))/T", "T", {}, (1, 0)),
        ("eps_score*T", "T", {}, (math.inf, 0)),
        ("1/(T - 1)", "T", {}, (1, 0)),
        ("0", "T", {}, (math.inf, 0)),
    ],
)
def test_decay(text, variable, values, expected):
    assert Formula(text).decay(variable, **values) == expected


@pytest.mark.parametrize(
    "text",
    [
        "1/T - 2/T",
        "log(1 + 1/T)",
        "d**(K + 2)/T**K",
        "exp(2*log(T))",
        "d**T",
        "log(exp(T))",
        "1/eps_score",
        "log(-T)",
    ],
)
def test_a_rate_that_cannot_be_read_off_is_not_guessed(text):
    formula = Formula(text)
    assert "T" not in formula.exponents
    assert formula.exponents.keys() == formula.log_powers.keys()
    if "T" in text:
        with pytest.raises(InputError, match="cannot be read off"):
            formula.decay("T")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("d**2*log(T)**4/T", r"\frac{d^{2} \log^{4} T}{T}"),
        ("log(T)*d*eps_score", r"d \varepsilon_{\mathrm{score}} \log T"),
        ("sqrt(d*log(1/delta))", r"\sqrt{d \log\left(\frac{1}{\delta}\right)}"),
        ("d**(7/4)", "d^{7/4}"),
        ("d**(7/(4*K))", r"d^{7/\left(4 K\right)}"),
        ("(d/T)**2", r"\left(\frac{d}{T}\right)^{2}"),
        ("(d + 1)*(T - 1)", r"\left(d + 1\right) \left(T - 1\right)"),
        ("d - (T - 1)", r"d - \left(T - 1\right)"),
        ("d - T*2", r"d - T \cdot 2"),
        ("-2*horizon", r"-2 t_{\mathrm{max}}"),
        ("d*-2", r"d \left(-2\right)"),
        ("d*exp(-2*horizon)", r"d e^{-2 t_{\mathrm{max}}}"),
        ("exp(d)**2", r"\left(e^{d}\right)^{2}"),
        ("1e-30*T", r"1 \cdot 10^{-30} T"),
        ("(1e-30)**2", r"\left(1 \cdot 10^{-30}\right)^{2}"),
        ("min(d, L**2)", r"\min\left(d, L^{2}\right)"),
    ],
)
def test_latex(text, expected):
    assert Formula(text).latex == expected


@pytest.mark.parametrize("text", FORMULAS)
def test_latex_renders(text):
    from matplotlib.mathtext import MathTextParser

    MathTextParser("agg").parse(f"${Formula(text).latex}$")


def test_a_missing_variable_is_named():
    with pytest.raises(InputError, match=r"needs a value of d \(dimension"):
        Formula("d/T").evaluate({"T": 3})


@pytest.mark.parametrize(
    ("text", "T"),
    [
        ("1/(T - 1)", 1),
        ("log(T)", 0),
        ("sqrt(-T)", 1),
        ("(-T)**0.5", 1),
        ("exp(T)", 1e4),
        ("T**T", 1e9),
        ("T*T", 1e200),
    ],
)
def test_no_finite_value(text, T):
    with pytest.raises(InputError, match="no finite real value"):
        Formula(text).evaluate({"T": T})


@pytest.mark.parametrize("value", [True, "3", None, math.nan, math.inf, 1j])
def test_values_are_finite_numbers(value):
    with pytest.raises(InputError, match="needs a number for T"):
        Formula("1/T").evaluate({"T": value})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "d/",
        "d^2/T",
        "2d",
        "x",
        "True",
        "1j",
        "'a'",
        "d if T else 1",
        "d // T",
        "d % T",
        "d and T",
        "d < T",
        "[d]",
        "d.real",
        "d[0]",
        "lambda: d",
        "(d := 1)",
        "log",
        "log(d, T)",
        "log()",
        "min(d)",
        "log(x=d)",
        "log(*d)",
        "__import__('os')",
        "(d).__class__",
        "cosh(d)",
        "+d",
        "~T",
        "d = 1",
        "d; T",
        "d\nT",
        "d\x00",
        "f'{d}'",
        "...",
        "9" * 5000,
        "9" * 400,
        "1e400",
        "(" * 300 + "d" + ")" * 300,
        "-" * 500 + "d",
        "+".join(["d"] * 40),
        "d**" * 100 + "d",
        "log(" * 100 + "d" + ")" * 100,
        "d+" * 5000 + "d",
    ],
)
def test_what_is_not_a_formula_is_refused(text):
    with pytest.raises(InputError) as error:
        Formula(text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600


def test_hostile_powers_cost_nothing():
    tower = Formula("9**9**9**9**9**T")
    with pytest.raises(InputError, match="no finite real value"):
        tower.evaluate({"T": 2})
    assert tower.exponents == {"T": -math.inf}


def test_numpy_numbers_are_numbers():
    assert Formula("d/T").evaluate({"d": np.int64(3), "T": np.float64(4)}) == 0.75


def test_formulas_compare_by_text():
    assert Formula("d/T") == Formula("d/T") != Formula("d /T")
    assert len({Formula("d/T"), Formula("d/T")}) == 1
