"""Samplers that call a model in one of the ways of the world, as functions (score, x, a, sigma) that can be audited.

    from sharpbound.audit import adapt
    my_sampler = adapt.denoiser(sample_dpmpp_2m)        # of k-diffusion: f(model, x, sigmas)

Each takes a function f(model, x, levels, ...) that returns the last state, and whose further arguments have
defaults. With n = sigma/a, all of them see X0 + n W, or the straight path of flow matching:

    convention   levels          model(x, level)
    denoiser     n, falling      D = E[X0 | x] = x + n^2 s(x)                    k-diffusion, EDM
    eps          n, falling      (x - D)/n = -n s(x)
    velocity     t, falling      v = (x - D)/t on x = (1 - t) X0 + t W           rectified flow, flow matching

x is a torch tensor of shape (n, 1), float64; a level may be a number, a tensor of one entry or a vector of equal
entries. A function that draws noise takes it as ``noise_sampler(level, next_level)``, which gives standard normal
draws.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sharpbound.samplers.own import single

Sampler = Callable[..., Any]


def denoiser(f: Sampler) -> Sampler:
    """Of f(model, x, sigmas) whose model(x, sigma) is E[X0 | x] at x = X0 + sigma W (Karras et al., 2206.00364)."""
    return _adapted(f, lambda score, y, n: y + n**2 * score(y, 1.0, n))


def eps(f: Sampler) -> Sampler:
    """Of f(model, x, sigmas) whose model(x, sigma) is the noise E[W | x] at x = X0 + sigma W."""
    return _adapted(f, lambda score, y, n: -n * score(y, 1.0, n))


def velocity(f: Sampler) -> Sampler:
    """Of f(model, x, times) whose model(x, t) is E[W - X0 | x] at x = (1 - t) X0 + t W (Liu et al., 2209.03003)."""

    def model(score: Callable[..., Tensor], x: Tensor, t: float) -> Tensor:
        s = score(x, 1 - t, t)
        return (-s * t) - (x + t**2 * s) / (1 - t)

    return _adapted(f, model, straight=True)


CONVENTIONS: dict[str, Callable[[Sampler], Sampler]] = {
    "denoiser": denoiser,
    "eps": eps,
    "velocity": velocity,
}
"""By their names on the command line, besides "score", which needs no adapter."""


def _adapted(f: Sampler, model_of: Callable[..., Tensor], straight: bool = False) -> Sampler:
    noisy = "noise_sampler" in inspect.signature(f).parameters

    def run(score: Any, x: Tensor, a: Tensor, sigma: Tensor, noise: Any = None) -> Any:
        n = sigma / a
        levels, scale = (n / (1 + n), 1 + n) if straight else (n, torch.ones_like(n))

        def model(y: Tensor, level: Any, *_: Any, **__: Any) -> Tensor:
            return model_of(score, y, single(level))

        more = {"noise_sampler": noise} if noise is not None else {}
        return f(model, x / a[0] / scale[0], levels, **more) * scale[-1] * a[-1]

    def deterministic(score: Any, x: Tensor, a: Tensor, sigma: Tensor) -> Any:
        return run(score, x, a, sigma)

    def stochastic(score: Any, x: Tensor, a: Tensor, sigma: Tensor, noise: Any) -> Any:
        return run(score, x, a, sigma, noise)

    adapted: Any = stochastic if noisy else deterministic
    if hasattr(f, "order"):
        adapted.order = f.order
    return adapted
