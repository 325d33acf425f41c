"""Whether a field has a finite L2(q_t) norm at all: a growing field under a heavy tail has none."""

from __future__ import annotations

import numpy as np

from sharpbound.errors import InputError
from sharpbound.marginals.panels import support, tensor
from sharpbound.scores.frame import Frame
from sharpbound.scores.perturbed import Shape

_POINTS = np.geomspace(1.0, 10.0, 65)


def check_integrable(shape: Shape, frame: Frame) -> None:
    """Raise InputError where e^2 p falls no faster than 1/|x|: E e^2 is then infinite.

    Both powers are read well inside the last point that quadrature reaches (1e14 quartile distances
    for a heavy tail, where p is its own asymptote): that of p from x p'/p, that of |e| from its largest
    values on two neighbouring decades, which an oscillation does not disturb.
    """
    ends = support(frame.target, frame.a, frame.sigma)
    for side, end in ((-1.0, ends[0]), (1.0, ends[1])):
        reach = side * (end - frame.centre)
        near, far = (tensor(frame.centre + side * reach * part * _POINTS) for part in (1e-3, 1e-2))
        with np.errstate(all="ignore"):
            sizes = [float(shape.derivative(frame, x, 0).abs().max()) for x in (near, far)]
            if not np.isfinite(sizes).all():
                raise InputError(
                    f"the field is infinite or undefined near x = {float(near[0]):.3g}",
                    key="score_error.field",
                )
            growth = np.log10(sizes[1] / sizes[0]) if min(sizes) > 0 else 0.0
        x = tensor(np.array([frame.centre + side * 0.5 * reach]))
        fall = float((x - frame.centre) * frame.target.derivative(x, frame.a, frame.sigma, 1))
        if 2 * growth + fall > -1.01:
            raise InputError(
                f"the field grows like |x|^{growth:.2g} in a tail where the density of {frame.target.family} falls "
                f"like |x|^{fall:.3g}: it is not in L2(q_t); use a bounded field (fourier, tail, constant)",
                key="score_error.field",
            )
