"""The levels that a scheduler's configuration declares, computed from its published formula and nothing else.

    timestep_spacing   timesteps of a table of N levels (Lin et al., 2305.08891, Table 2), on T or on T + 1 points of
                       which the last is left out:
        linspace       from N - 1 to 0, equally spaced
        leading        i N/T + steps_offset, N/T often rounded down
        trailing       N - i N/T - 1
    use_karras_sigmas        (s_max^(1/rho) + i/(T - 1) (s_min^(1/rho) - s_max^(1/rho)))^rho   (2206.00364, (5))
    use_exponential_sigmas,  log s equally spaced
    use_lu_lambdas
    use_beta_sigmas          s_min + (s_max - s_min) q, q quantiles of Beta(.6, .6) at 1 - i/(T - 1)   (2407.12173)
    shift, flow_shift        m u/(1 + (m - 1) u) once, u equally spaced from 1 to 1/N or from 1 - 1/N to 0
    sigma_schedule           of EDM: karras or exponential between sigma_max and sigma_min

A configuration often leaves open which ends are meant, so a declaration has several variants: one of them must hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Declared:
    """What is declared, in words, and the levels as timesteps, sigma/a or (of a flow) sigma: each variant (T,)."""

    words: str
    unit: str
    """"timestep", "sigma/a" or "sigma"."""
    variants: Sequence[Array]
    faults: Mapping[str, Array]
    """Levels that a known mistake gives, by what it is."""


def declared(config: Mapping[str, Any], log_sigma: Array | None, T: int) -> Declared | None:
    """Of T steps, or None where the configuration does not say.

    log_sigma : log(sigma/a) of the training levels, (N,), increasing; None without such a table.
    """
    if "sigma_data" in config:
        return _edm(config, T)
    curve = next((curve for key, curve in CURVES.items() if config.get(key)), None)
    if config.get("use_dynamic_shifting") or (curve and (config.get("use_flow_sigmas") or log_sigma is None)):
        return None  # the shift, or the ends, are arguments of set_timesteps
    if config.get("use_flow_sigmas") or (log_sigma is None and "shift" in config):
        return _flow(config, T)
    if log_sigma is None:
        return None
    if curve:
        words, of = curve
        ends = _ends(config, log_sigma, T)
        return Declared(words, "sigma/a", [of(high, low, T) for high, low in ends], {})
    spacing = config.get("timestep_spacing")
    if spacing not in SPACINGS:
        return None
    N, offset = len(log_sigma), float(config.get("steps_offset") or 0)
    variants = SPACINGS[spacing](N, T, offset)
    return Declared(f"{spacing} timesteps", "timestep", variants, {})


def _linspace(N: int, T: int, offset: float) -> list[Array]:
    return [_points(N - 1, 0, T), _more(N - 1, 0, T)]


def _leading(N: int, T: int, offset: float) -> list[Array]:
    steps = np.arange(T, dtype=np.float64)[::-1]
    ratios = [(steps, N / T), (steps, N // T), (steps + 1, N / (T + 1)), (steps + 1, N // (T + 1))]
    return [np.asarray(numbers * ratio + offset) for numbers, ratio in ratios]


def _trailing(N: int, T: int, offset: float) -> list[Array]:
    return [np.asarray(N - np.arange(T) * (N / T) - 1, dtype=np.float64)]


SPACINGS: dict[Any, Callable[[int, int, float], list[Array]]] = {
    "linspace": _linspace,
    "leading": _leading,
    "trailing": _trailing,
}


def _karras(high: float, low: float, T: int, rho: float = 7.0) -> Array:
    return np.asarray(np.linspace(high ** (1 / rho), low ** (1 / rho), T) ** rho)


def _exponential(high: float, low: float, T: int) -> Array:
    return np.geomspace(high, low, T)


def _beta(high: float, low: float, T: int) -> Array:
    return np.asarray(low + (high - low) * stats.beta.ppf(1 - np.linspace(0, 1, T), 0.6, 0.6))


CURVES: dict[str, tuple[str, Callable[[float, float, int], Array]]] = {
    "use_karras_sigmas": ("Karras sigmas, rho = 7", _karras),
    "use_exponential_sigmas": ("exponential sigmas", _exponential),
    "use_beta_sigmas": ("beta sigmas", _beta),
    "use_lu_lambdas": ("sigmas uniform in log-SNR", _exponential),
}


def _ends(config: Mapping[str, Any], log_sigma: Array, T: int) -> list[tuple[float, float]]:
    """Largest and smallest sigma/a: those that are configured, of the table, or of the spaced timesteps."""
    own = config.get("sigma_max"), config.get("sigma_min")
    table = float(np.exp(log_sigma[-1])), float(np.exp(log_sigma[0]))
    found = [(own[0] or table[0], own[1] or table[1])]
    for timesteps in SPACINGS.get(config.get("timestep_spacing"), _linspace)(
        len(log_sigma), T, float(config.get("steps_offset") or 0)
    ):
        for kept in (timesteps, np.round(timesteps)):
            at = np.interp(kept[[0, -1]], np.arange(len(log_sigma)), log_sigma)
            found.append((own[0] or float(np.exp(at[0])), own[1] or float(np.exp(at[1]))))
    return found


def _flow(config: Mapping[str, Any], T: int) -> Declared | None:
    if config.get("shift_terminal") or config.get("invert_sigmas"):
        return None
    N = float(config.get("num_train_timesteps", 1000))
    m = float(config["flow_shift" if config.get("use_flow_sigmas") else "shift"])
    ends = (1, 1 / N), (1 - 1 / N, 0), (1, 0)
    points = [_points(1, 1 / N, T), *(_more(high, low, T) for high, low in ends)]
    faults = {
        "the shift applied twice": shifted(shifted(points[0], m), m),
        "no shift": points[0],
        "the shift applied twice to the smallest level": shifted(_points(1, shifted(1 / N, m), T), m),
    }
    once = [shifted(u, m) for u in points]
    return Declared(f"sigmas with the shift {m:g}", "sigma", once, faults)


def _points(high: float, low: float, T: int) -> Array:
    return np.asarray(np.linspace(high, low, T), dtype=np.float64)


def _more(high: float, low: float, T: int) -> Array:
    """T + 1 points of which the last is left out."""
    return np.asarray(_points(high, low, T + 1)[:-1])


def shifted(u: Any, m: float) -> Any:
    """m u/(1 + (m - 1) u): Esser et al., 2403.03206, (23)."""
    return m * u / (1 + (m - 1) * u)


def _edm(config: Mapping[str, Any], T: int) -> Declared:
    high, low = float(config["sigma_max"]), float(config["sigma_min"])
    if config.get("sigma_schedule", "karras") == "exponential":
        return Declared("exponential sigmas", "sigma/a", [_exponential(high, low, T)], {})
    rho = float(config.get("rho", 7.0))
    return Declared(f"Karras sigmas, rho = {rho:g}", "sigma/a", [_karras(high, low, T, rho)], {})
