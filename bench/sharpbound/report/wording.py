"""Numbers, symbols and names as a reader wants to see them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sharpbound import distances
from sharpbound.formulas.expression import VARIABLES

VERDICTS = ("sharp", "confirmed", "loose", "violated", "refuted", "inconclusive")

METRICS = {name: metric.words for name, metric in distances.METRICS.items()} | {
    "tv-added": "total variation added by the score error",
    "kl-added": "KL added by the score error",
    "path-kl-added": "path-space KL added by the score error",
    "discretisation": "discretisation part $E_D$",
    "initialisation": "initialisation part $E_I$",
    "noise-kl": "KL divergence from the noise law",
    "optimal-time": "optimal diffusion time $T^*$",
    "samples": "samples needed",
    "l2-samples": "samples for accuracy in $L^2$",
    "robust-samples": r"samples for accuracy in $D^\delta$",
    "l2-failure": "probability of failure in $L^2$",
    "score-risk": "risk of the score",
    "loss": "training loss",
    "parameter-error": "error of the parameters",
    "steps": "steps needed",
}

SYMBOLS = {name: metric.symbol for name, metric in distances.METRICS.items()} | {
    "tv-added": r"\Delta\mathrm{TV}",
    "kl-added": r"\Delta\mathrm{KL}",
    "path-kl-added": r"\Delta\mathrm{KL}_{\mathrm{path}}",
    "kl-averaged": r"\mathrm{KL}_{\mathrm{average}}",
    "noise-kl": r"\mathrm{KL}_{\mathrm{noise}}",
    "optimal-time": "T^{*}",
    "collapse-time": r"t_{\mathrm{collapse}}",
    "speciation-time": r"t_{\mathrm{speciation}}",
    "step-cost": r"\mathrm{cost}",
    "log-perplexity": r"\log\,\mathrm{perplexity}",
    "score-risk": r"\mathrm{risk}",
    "parameter-error": r"\mathrm{error}",
    "robust-error": r"D^{\delta}",
    "l2-failure": r"P_{\mathrm{failure}}",
    "l2-samples": r"m_{L^{2}}",
    "robust-samples": r"m_{D^{\delta}}",
}
"""LaTeX of what claims speak of, to stand left of their formulas."""

_SHORT = {
    "tv": "TV",
    "kl": "KL",
    "kl-reverse": "reverse KL",
    "chi2": "χ²",
    "hellinger": "Hellinger",
    "w1": "W₁",
    "w2": "W₂",
    "path-kl": "path KL",
    "tv-added": "added TV",
    "kl-added": "added KL",
    "path-kl-added": "added path KL",
}

_NAMES = {
    "T": "steps",
    "N": "steps",
    "steps": "steps",
    "nfe": "score evaluations",
    "d": "dimension",
    "m": "training samples",
    "n": "samples",
    "eps_score": "score error",
    "eps_jacobi": "Jacobian error",
    "horizon": "diffusion time",
}

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def plain(text: str) -> str:
    """Foreign text for a figure: one line, printable, and no dollar that would start a formula."""
    kept = "".join(c if c.isprintable() and c.encode("utf-8", "ignore") else " " for c in text)
    return " ".join(kept.split()).replace("$", r"\$")


def symbol(variable: str) -> str:
    """LaTeX of a variable's name; empty for one that no formula knows."""
    return VARIABLES[variable].latex if variable in VARIABLES else ""


def variable_label(variable: str, axis: str = "") -> str:
    """Axis label of a swept variable; says so when the axis is spaced by variable / log variable."""
    mark = f"${symbol(variable)}$" if symbol(variable) else ""
    words = _NAMES.get(variable, "" if mark else plain(variable))
    label = " ".join(part for part in (words, mark) if part)
    return (
        f"{label}  (axis spaced as ${variable}/\\log {variable}$)"
        if axis == f"{variable}/log {variable}"
        else label
    )


def short(metric: str) -> str:
    """A metric's name in a table; of what is no distance between laws, as the case has it."""
    return _SHORT.get(metric, metric)


def metric_label(metric: str) -> str:
    """Axis label of a metric."""
    return METRICS.get(metric, plain(metric) or "value")


def vanishing(variable: str) -> bool:
    """Whether rates in the variable are stated in the limit of its going to zero."""
    return variable in VARIABLES and VARIABLES[variable].limit == "0"


def rate_latex(variable: str, exponent: float, falling: bool, log_power: float) -> str:
    r"""A rate in its limit: ``T^{-1}\,\log^{4}T``; for a variable that tends to 0 ``\delta\,\log(1/\delta)``.

    ``exponent`` is positive; ``falling`` says whether the rate falls in the variable's limit.
    """
    name = symbol(variable)
    if not name or exponent == log_power == 0:
        return ""
    small = vanishing(variable)
    power = exponent if falling == small else -exponent
    base = "" if power == 0 else name if power == 1 else f"{{{name}}}^{{{power:g}}}"
    logs = "\\log" if log_power == 1 else f"\\log^{{{log_power:g}}}"
    return base + (f"\\,{logs}" + (f"(1/{name})" if small else f"\\,{name}") if log_power else "")


def inequality(kind: str, metric: str, latex: str, explicit: bool = False) -> str:
    """A claim's formula as a statement about its metric, with the constant that the paper leaves open, or as an
    ``explicit`` one states it.
    """
    latex = latex.replace(r"\frac", r"\dfrac")
    left = SYMBOLS.get(metric, rf"\mathrm{{{metric}}}" if metric.isalpha() else "")
    flat = latex
    while flat != (flat := re.sub(r"\{[^{}]*\}|\\left\((?:(?!\\left).)*?\\right\)", "", flat)):
        pass
    factor = rf"\left[\,{latex}\,\right]" if re.search(r"[+-]", flat) else latex
    relations = {
        "upper-bound": (rf"\leq C\,{factor}", rf"\leq {latex}"),
        "exponential": (rf"\leq C\,{factor}", rf"\leq {latex}"),
        "lower-bound": (rf"\geq c\,{factor}", rf"\geq {latex}"),
        "equality": (rf"\propto {latex}", rf"= {latex}"),
    }
    relation = relations[kind][explicit] if kind in relations else ""
    return f"{left} {relation}" if left and relation and latex else latex


def number(value: Any, digits: int = 4) -> str:
    """A number for a table: integers whole, small and large ones as ``1.53×10⁻²``, None as a dash."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, int) and abs(value) < 10**7:
        return str(value)
    if not isinstance(value, (int, float)):
        return str(value)
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def tick_labels(values: Iterable[float]) -> list[str]:
    """Labels of one axis, all plain or all in powers of ten: ``10⁻³``, ``2×10⁻³``."""
    values = [float(v) for v in values]
    if all(v == 0 or 1e-3 < abs(v) < 1e6 for v in values):
        return [f"{v:.6g}" for v in values]
    return [_power(v) for v in values]


def _power(value: float) -> str:
    mantissa, exponent = f"{value:.3e}".split("e")
    factor, tens = f"{float(mantissa):g}", int(exponent)
    whole = abs(value) < 1000 and value == round(value) and "." in factor  # 32, not 3.2×10¹
    if value == 0 or tens == 0 or whole:
        return f"{value:g}"
    return ("" if factor == "1" else f"{factor}×") + f"10{str(tens).translate(_SUPERSCRIPT)}"


def estimate(exponent: float | None, interval: tuple[float, float] | None = None) -> str:
    """An exponent with its interval, ``1.002 [0.998, 1.006]``, with three digits where it is a small rate per
    iteration; a dash if there is none.
    """
    if exponent is None:
        return "–"
    exponent = 0.0 if abs(exponent) < 1e-9 else exponent  # rounding
    known = interval is None or interval[1] - interval[0] < abs(exponent)
    style = ".3g" if 0 < abs(exponent) < 0.05 and known else ".3f"
    exponent = 0.0 if float(f"{exponent:{style}}") == 0 else exponent  # no minus before zero
    return f"{exponent:{style}}" + (f" [{interval[0]:{style}}, {interval[1]:{style}}]" if interval else "")


def span(low: float | None, high: float | None) -> str:
    """Exponents from ``low`` to ``high``: ``0.998``, ``0.998 to 1.003``, or a dash."""
    ends = estimate(low), estimate(high)
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def setting(value: Any) -> str:
    """A value of a case file in one line."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return "[" + ", ".join(setting(v) for v in value) + "]"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} = {setting(v)}" for k, v in value.items())
    return str(value)


def named(spec: Mapping[str, Any], name: str) -> str:
    """A table of a case file in one line, its name first: ``gaussian (mean 1, std 2)``."""
    if not spec.get(name):
        return "–"
    rest = ", ".join(f"{key} {setting(value)}" for key, value in spec.items() if key != name)
    return f"{spec[name]} ({rest})" if rest else str(spec[name])
