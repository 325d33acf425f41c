"""The numbers behind an estimated rate, as a case document carries them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpbound.rates.estimate import RateEstimate


def rate_details(
    found: RateEstimate,
    x: NDArray[Any],
    axis: str,
    predicted: float,
    reason: str,
    *,
    h: NDArray[Any] | None = None,
) -> dict[str, Any]:
    """Window, local slopes and excluded rows of ``found``, on the axis ``x``.

    h : (n,) the decreasing step sizes that the rate was estimated in, where they are not ``x`` itself: a local
        slope, which stands between two of them, is then shown at the same place between values of ``x``.
    """
    return {
        "axis": axis,
        "predicted": predicted,
        "window": None if found.window is None else sorted(float(x[i]) for i in found.window),
        "local_slopes": placed_slopes(found, x, h),
        "excluded": [{"x": float(x[i]), "reason": why} for i, why in found.excluded],
        "reason": reason,
    }


def placed_slopes(
    found: RateEstimate, x: NDArray[Any], h: NDArray[Any] | None = None
) -> list[dict[str, float]]:
    """The local slopes of ``found`` on the axis ``x``; ``h`` as of `rate_details`."""

    def place(at: float) -> float:
        return at if h is None else float(np.exp(np.interp(-np.log(at), -np.log(h), np.log(x))))

    return [{"x": place(s.x), "slope": s.slope, "low": s.low, "high": s.high} for s in found.local_slopes]
