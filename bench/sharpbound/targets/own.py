"""A target of the user's: found by name, made from its table, and tried before it is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from sharpbound import foreign
from sharpbound.errors import InputError
from sharpbound.options import made
from sharpbound.targets.base import Target, Target1D

LEVELS = ((0.9, 0.4359), (0.4, 0.9165))
"""The (a, sigma) at which a target is tried."""
_STEP = 1e-3
_DERIVATIVES = 1e-4
"""Central differences with that step are off by some step^2 of the next derivatives; a wrong formula by more."""
_MASS = 1e-6

_tried: set[tuple[str, str, str]] = set()


def own_target(named: str, stamp: str | None, given: Mapping[str, Any]) -> Target:
    """The target that "module:object" makes of the keys ``given``: a class of Targets, or a function to one.

    Raises InputError at ``target.family`` for what cannot be imported, is no target, lacks a method, or gives
    wrong shapes, numbers that are not finite, or derivatives and tails that are not those of its density.
    """
    try:
        call = foreign.load(named, stamp)
        if not callable(call):
            raise InputError(
                f"{named} is a {type(call).__name__}; name a class of Targets, or a function to one"
            )
        _check_complete(call, named)
        target = made(call, given, name="target", who=named)
        if not isinstance(target, Target):
            raise InputError(f"{named} makes a {type(target).__name__}, not a sharpbound.targets.Target")
        key = (named, stamp or "", repr(sorted(given.items())))
        if stamp is None or key not in _tried:
            _try(target, named)
            _tried.add(key)
    except InputError as mistake:
        raise mistake.at(key="target.family") from None
    except (Exception, SystemExit) as error:
        raise InputError(f"{named} raised {foreign.told(error)}", key="target.family") from error
    return target


def _check_complete(call: Any, named: str) -> None:
    missing = sorted(getattr(call, "__abstractmethods__", ()))
    if missing:
        raise InputError(f"{named} has no {' and no '.join(missing)}; a target needs it")


def _try(target: Target, named: str) -> None:
    """InputError unless the methods agree with each other at a few points of two levels."""
    dim = getattr(target, "dim", None)
    if not isinstance(dim, int) or dim < 1:
        raise InputError(f"{named}: dim must be a whole number >= 1, got {dim!r}")
    x0 = _shaped(
        target.sample(4, torch.Generator().manual_seed(0)), (4, dim), f"{named}: sample(4, generator)"
    )
    noise = torch.linspace(-1.5, 1.5, 4, dtype=torch.float64)[:, None]
    for a, sigma in LEVELS:
        x = a * x0 + sigma * noise
        _try_score(target, x, a, sigma, named)
        if isinstance(target, Target1D):
            _try_line(target, x[:, 0], a, sigma, named)


def _try_score(target: Target, x: Tensor, a: float, sigma: float, named: str) -> None:
    n, d = x.shape
    value = _shaped(target.log_density(x, a, sigma), (n,), f"{named}: log_density")
    score = _shaped(target.score(x, a, sigma), (n, d), f"{named}: score")
    jacobian = _shaped(target.score_jacobian(x, a, sigma), (n, d, d), f"{named}: score_jacobian")
    gradient = _shaped(target.grad_divergence(x, a, sigma), (n, d), f"{named}: grad_divergence")
    assert value.shape == (n,)
    for i in range(d if d <= 4 else 1):
        step = torch.zeros(d, dtype=torch.float64)
        step[i] = _STEP * sigma
        up, down = x + step, x - step
        _agree(
            score[:, i],
            _slope(target.log_density, up, down, a, sigma, step[i]),
            f"{named}: score",
            "log_density",
        )
        _agree(
            jacobian[:, i],
            _slope(target.score, up, down, a, sigma, step[i]),
            f"{named}: score_jacobian",
            "score",
        )

        def divergence(x: Tensor, a: float, sigma: float) -> Tensor:
            return target.score_jacobian(x, a, sigma).diagonal(dim1=-2, dim2=-1).sum(-1)

        slope = _slope(divergence, up, down, a, sigma, step[i])
        _agree(gradient[:, i], slope, f"{named}: grad_divergence", "the trace of score_jacobian")


def _try_line(target: Target1D, x: Tensor, a: float, sigma: float, named: str) -> None:
    """The tails are those of the density, add up to one, and its fourth derivative is that of the third."""
    low, high = target.log_cdf(x, a, sigma), target.log_sf(x, a, sigma)
    _shaped(low, x.shape, f"{named}: log_cdf")
    _shaped(high, x.shape, f"{named}: log_sf")
    total = low.exp() + high.exp()
    if not torch.allclose(total, torch.ones_like(total), rtol=0.0, atol=_MASS):
        raise InputError(f"{named}: exp(log_cdf) + exp(log_sf) is {float(total[0]):.9g}, not 1")
    step = _STEP * sigma
    slope = (target.cdf(x + step, a, sigma) - target.cdf(x - step, a, sigma)) / (2 * step)
    _agree(target.derivative(x, a, sigma, 0).exp(), slope, f"{named}: exp(log_density)", "log_cdf")
    third = [target.derivative(x + s, a, sigma, 3) for s in (step, -step)]
    fourth = target.derivative(x, a, sigma, 4)
    _agree(fourth, (third[0] - third[1]) / (2 * step), f"{named}: order 4 of _derivatives", "order 3")
    marks = target.landmarks(a, sigma)
    if (
        not isinstance(marks, Tensor)
        or marks.ndim != 1
        or len(marks) < 2
        or not bool((marks.diff() > 0).all())
    ):
        raise InputError(f"{named}: landmarks must be two or more increasing points, a float64 tensor (K,)")


def _slope(f: Any, up: Tensor, down: Tensor, a: float, sigma: float, step: Tensor) -> Tensor:
    return (f(up, a, sigma) - f(down, a, sigma)) / (2 * step)


def _shaped(value: Any, shape: tuple[int, ...], what: str) -> Tensor:
    """``value``, if it is a finite float64 tensor of ``shape``; InputError says what is not."""
    if not isinstance(value, Tensor):
        raise InputError(f"{what} must be a torch tensor, got a {type(value).__name__}")
    if tuple(value.shape) != tuple(shape):
        raise InputError(f"{what} must have shape {tuple(shape)}, got {tuple(value.shape)}")
    if value.dtype != torch.float64:
        raise InputError(f"{what} must be float64, got {str(value.dtype).removeprefix('torch.')}")
    if not bool(torch.isfinite(value).all()):
        raise InputError(f"{what} is not finite")
    return value


def _agree(found: Tensor, slope: Tensor, what: str, of: str) -> None:
    """InputError unless ``found`` is the derivative, by differences, of another method."""
    scale = 1.0 + float(slope.abs().max())
    gap = float((found - slope).abs().max())
    if not gap <= _DERIVATIVES * scale:
        raise InputError(
            f"{what} is not the derivative of {of}: off by {gap:.3g} where that is {scale - 1:.3g}"
        )
