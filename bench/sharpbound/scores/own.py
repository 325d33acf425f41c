"""A score-error field of the user's: a Shape found by name, and tried before it is trusted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sharpbound import foreign
from sharpbound.errors import InputError
from sharpbound.scores.frame import Frame
from sharpbound.scores.perturbed import Shape
from sharpbound.targets.gaussian import Gaussian1D

_STEP = 1e-4
_TOLERANCE = 1e-5
"""Central differences with that step are off by some step^2 of a third derivative; a wrong formula by more."""
KEY = "score_error.field"


def own_shape(named: str, stamp: str | None) -> Callable[..., Any]:
    """The class of Shapes, or the function to one, that "module:object" is; InputError at ``field``."""
    try:
        found = foreign.load(named, stamp)
    except InputError as mistake:
        raise mistake.at(key=KEY) from None
    if not callable(found):
        raise InputError(f"{named} is a {type(found).__name__}; name a class of Shapes", key=KEY)
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        raise InputError(f"{named} has no {' and no '.join(missing)}; a field needs it", key=KEY)
    return found


def tried(shape: Any, named: str) -> Shape:
    """``shape``, once its derivatives of order 0 to 3 are found to be each other's on a normal law."""
    if not isinstance(shape, Shape):
        raise InputError(
            f"{named} makes a {type(shape).__name__}, not a sharpbound.scores.perturbed.Shape", key=KEY
        )
    frame = Frame(Gaussian1D(0.3, 0.49), 0.8, 0.6, 0.5)
    x = torch.tensor([[-1.31], [0.127], [0.94]], dtype=torch.float64)
    cuts = torch.tensor([float(cut) for cut in shape.cuts(frame)] or [torch.inf])
    x = x[((x - cuts).abs() > 2 * _STEP).all(-1)]

    def of(order: int, x: Tensor) -> Tensor:
        try:
            value = shape.derivative(frame, x, order)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            raise InputError(f"{named} raised {foreign.told(error)}", key=KEY) from error
        if not isinstance(value, Tensor) or value.shape != x.shape or value.dtype != torch.float64:
            raise InputError(f"{named}: derivative must return a float64 tensor of the shape of x", key=KEY)
        if not bool(torch.isfinite(value).all()):
            raise InputError(f"{named}: its derivative of order {order} is not finite", key=KEY)
        return value

    for order in (1, 2, 3):
        slope = (of(order - 1, x + _STEP) - of(order - 1, x - _STEP)) / (2 * _STEP)
        gap = float((of(order, x) - slope).abs().max())
        if gap > _TOLERANCE * (1 + float(slope.abs().max())):
            raise InputError(f"{named}: order {order} is not the derivative of order {order - 1}", key=KEY)
    return shape
