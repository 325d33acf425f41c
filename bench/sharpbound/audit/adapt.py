"""Samplers that call a model in one of the ways of the world, as functions (score, x, a, sigma) that can be audited.

    from sharpbound.audit import adapt
    my_sampler = adapt.denoiser(sample_dpmpp_2m)        # of k-diffusion: f(model, x, sigmas)

With n = sigma/a, D = E[X0 | x] and eps = E[W | x] = (x - D)/n at x = X0 + n W, the model returns

    convention   model                                  levels          of
    denoiser     D                                      n, falling      k-diffusion, EDM
    eps          eps                                    n, falling
    v            (eps - n D)/sqrt(1 + n^2)              n, falling      Salimans & Ho, 2202.00512
    velocity     eps - D                                t, falling      rectified flow, 2209.03003
    flow         D - eps                                t, rising       flow matching, 2210.02747
    edm          F with D = c_skip x + c_out F          n, falling      Karras et al., 2206.00364, (7)

and the states are X0 + n W, or (1 - t) X0 + t W with t = n/(1 + n) for ``velocity``, or t X0 + (1 - t) W with
t = 1/(1 + n) for ``flow``. The network of ``edm`` is called
as F(c_in x, log(n)/4), with sigma_data = 0.5.

What a function wants is read off the names of its parameters. The first two are the model and the state
(either may come first where the model has one of the names in `MODELS`; ``latents`` may be the state divided by the
first level); the third is the levels. Instead of them it may take the ends and a number
of steps (``sigma_min``, ``sigma_max``, ``n``: names in `ENDS`, `STARTS` and `COUNTS`), or ``a, sigma``, the levels of
X = a X0 + sigma W with a^2 + sigma^2 = 1 (its model is then called as model(x, a, sigma)), or a ``noise_schedule``
object (see `sharpbound.audit.clock`). Noise is drawn by ``noise_sampler`` (or ``noise``), with or without an interval
(level, next level), by ``randn_like``, or by torch.randn_like inside. All other parameters have defaults.

States are (n, 1), torch or numpy, float64; a level may be a number, or a vector of equal entries. A model that is
given its first state as x/sqrt(1 + n^2) gets all of them so, and one of ``edm`` may be called as F(x, n).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch

from sharpbound.audit.clock import Clock
from sharpbound.audit.paths import Exploding, Preserving, Rising, Straight
from sharpbound.errors import InputError
from sharpbound.samplers.own import single

Sampler = Callable[..., Any]

STARTS = ("sigma_max", "t_start", "t_max")
ENDS = ("sigma_min", "t_end", "t_min")
COUNTS = ("n", "N", "num_steps", "n_steps", "steps", "nfe", "num_inference_steps")
SCHEDULES = ("noise_schedule", "schedule", "ns")
NOISES = ("noise_sampler", "noise")
LEVELS = ("sigma", "t", "timestep", "time", "sigmas", "timesteps")
"""Names under which a model may be given its level."""
STATES = ("x", "sample", "x_t", "xt", "y")
"""The same of its state."""
MODELS = ("model", "net", "network", "denoiser", "unet", "velocity_model", "model_fn", "score_model")
"""Names of a model that may come after the state."""
SIGMA_DATA = 0.5


def denoiser(f: Sampler) -> Sampler:
    """Of f(model, x, sigmas) whose model(x, sigma) is E[X0 | x] at x = X0 + sigma W (Karras et al., 2206.00364)."""
    return _adapted(f, lambda D, x, n: D)


def eps(f: Sampler) -> Sampler:
    """Of f(model, x, sigmas) whose model(x, sigma) is the noise E[W | x] at x = X0 + sigma W."""
    return _adapted(f, lambda D, x, n: (x - D) / n)


def v(f: Sampler) -> Sampler:
    """Of f(model, x, sigmas) whose model is a E[W | x] - sigma E[X0 | x] with a = 1/sqrt(1 + n^2), sigma = n a."""
    return _adapted(f, lambda D, x, n: ((x - D) / n - n * D) / math.sqrt(1 + n**2))


def velocity(f: Sampler) -> Sampler:
    """Of f(model, x, times) whose model(x, t) is E[W - X0 | x] at x = (1 - t) X0 + t W (Liu et al., 2209.03003)."""
    return _adapted(f, lambda D, x, n: (x - D) / n - D, Straight)


def flow(f: Sampler) -> Sampler:
    """Of f(model, x, times), times rising, whose model(x, t) is E[X0 - W | x] at x = t X0 + (1 - t) W.

    Lipman et al., 2210.02747, with W at t = 0 and no noise left at t = 1.
    """
    return _adapted(f, lambda D, x, n: D - (x - D) / n, Rising)


def edm(f: Sampler) -> Sampler:
    """Of f(model, x, sigmas) whose model(c_in x, log(sigma)/4) is the network inside the denoiser.

    D = c_skip x + c_out F(c_in x, c_noise): c_skip = s^2/(n^2 + s^2), c_out = n s/sqrt(n^2 + s^2),
    c_in = 1/sqrt(n^2 + s^2), s = 0.5 (Karras et al., 2206.00364, Table 1).
    """

    def network(D: Any, x: Any, n: float) -> Any:
        total = n**2 + SIGMA_DATA**2
        return (D - SIGMA_DATA**2 / total * x) * math.sqrt(total) / (n * SIGMA_DATA)

    return _adapted(f, network, spread=SIGMA_DATA)


CONVENTIONS: dict[str, Callable[[Sampler], Sampler]] = {
    "denoiser": denoiser,
    "eps": eps,
    "velocity": velocity,
    "flow": flow,
    "v": v,
    "edm": edm,
}
"""By their names on the command line, besides "score", which needs no adapter."""


class Model:
    """What a sampler calls: the ``output`` of (D, x, n), at states and levels as the sampler writes them.

    spread : of ``edm``, whose input is x/sqrt(n^2 + spread^2) at the level log(n)/4. Has what samplers ask of EDM's
        networks: ``round_sigma``, ``sigma_min``, ``sigma_max``, ``sigma_data``; and of a torch module ``eval``, ``to``,
        ``parameters``, ``device``, ``dtype``.
    """

    sigma_min, sigma_max, sigma_data = 0.0, math.inf, SIGMA_DATA

    def __init__(
        self,
        score: Any,
        output: Any,
        path: Any,
        start: Any,
        first: float,
        spread: float | None,
        ends: tuple[float, float],
        latents: Latents | None = None,
    ) -> None:
        self.score, self.output, self.path, self.ends = score, output, path, ends
        self.latents = latents
        self.start, self.first, self.spread = start, first, spread
        self.scaled = self.logarithmic = spread is not None
        self.called = False

    def round_sigma(self, sigma: Any) -> Any:
        return sigma

    def parameters(self) -> Iterator[Any]:
        yield torch.zeros(1, dtype=torch.float64)

    def eval(self, *_: Any, **__: Any) -> Model:
        return self

    to = train = requires_grad_ = eval
    device, dtype = torch.device("cpu"), torch.float64

    def __call__(self, *given: Any, **named: Any) -> Any:
        states, levels = given[:1], given[1:]
        states = states or tuple(named[name] for name in STATES if name in named)
        levels = levels or tuple(named[name] for name in LEVELS if name in named)
        told = [single(level) for level in levels[:2] if level is not None]
        if not told or not states:
            raise InputError("a model is called as model(x, level)")
        y = states[0]
        if not self.called:
            self._first(y, told)
        n = math.exp(4 * told[0]) if self.logarithmic else self._level(told)
        x = y * self._norm(n) if self.scaled else y / self.path.scale(n)
        return self.output(x + n**2 * self.score(x, 1.0, n), x, n)

    def _level(self, told: list[float]) -> float:
        """sigma/a; InputError where it is infinite or below 0."""
        try:
            n = float(self.path.level(told))
        except (ZeroDivisionError, OverflowError):
            n = math.inf
        if 0 <= n < math.inf:
            return n
        first, last = self.ends
        raise InputError(
            f"it asks its model at level {told[0]:.4g}, where there is no noise of a finite size; its levels are "
            f"{first:.4g} to {last:.4g}: take them, or their ends and number, as parameters"
        )

    def _norm(self, n: float) -> float:
        return math.sqrt(n**2 + (1.0 if self.spread is None else self.spread**2))

    def _first(self, y: Any, told: list[float]) -> None:
        """How the sampler hands over states and levels, from the ones that it starts with."""
        self.called = True
        if self.latents is not None:
            self.latents.seen(y, self.start, self.ends[0])
        near = 1e-5 * float(abs(self.start).max())
        if y.shape == self.start.shape:
            if abs(y - self.start).max() <= near:
                self.scaled = False
            elif abs(y - self.start / self._norm(self.first)).max() <= near:
                self.scaled = True
        if self.logarithmic and abs(told[0] - self.first) <= 1e-5 * self.first:
            self.logarithmic = False


def _adapted(f: Sampler, output: Any, path: Any = Exploding, spread: float | None = None) -> Sampler:
    parameters = inspect.signature(f).parameters
    names = list(parameters)
    if len(names) < 2:
        raise InputError(
            f"a sampler of a convention is a function f(model, x, levels), not f({', '.join(names)})"
        )
    required = [
        p.name for p in parameters.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    asked = required[2:]
    backwards = names[1] in MODELS and names[0] not in MODELS
    own_grid = not _level_names(asked) and asked != ["a", "sigma"]
    if own_grid and not any(name in COUNTS for name in names[2:]):
        raise InputError(
            f"a sampler takes levels, or a number of steps ({', '.join(COUNTS)}); f({', '.join(names)}) takes neither, "
            "so it has no order"
        )
    latents = Latents() if names[0 if backwards else 1] == "latents" else None

    def run(score: Any, x: Any, a: Any, sigma: Any, noise: Any = None) -> Any:
        n = sigma / a
        way: Any = path()
        if asked == ["a", "sigma"]:
            way = Preserving()
        elif any(name in SCHEDULES for name in asked):
            way = Clock(single(n[0]), single(n[-1]))
        first, last = single(n[0]), single(n[-1])
        y = x / a[0] * way.scale(first)
        told = way.tell(n)
        ends = single(told[0]), single(told[-1])
        given = _arguments(names, asked, way, n, a, sigma, noise)

        def called(start: Any) -> Any:
            model = Model(score, output, way, y, first, spread, ends, latents)
            return _state(f(start, model, **given) if backwards else f(model, start, **given))

        found = called(y) if latents is None else latents.tried(called, y, ends[0])
        return found / way.scale(last) * a[-1]

    def deterministic(score: Any, x: Any, a: Any, sigma: Any) -> Any:
        return run(score, x, a, sigma)

    def stochastic(score: Any, x: Any, a: Any, sigma: Any, noise: Any) -> Any:
        return run(score, x, a, sigma, noise)

    noisy = any(name in (*NOISES, "randn_like") for name in names[2:])
    adapted: Any = stochastic if noisy else deterministic
    adapted.own_grid = own_grid
    if hasattr(f, "order"):
        adapted.order = f.order
    return adapted


class Latents:
    """Whether what a sampler calls ``latents`` is divided by the first level, as in EDM, or the state as it is.

    The first state that it hands to its model tells; it is read once.
    """

    def __init__(self) -> None:
        self.divided: bool | None = None

    def tried(self, called: Callable[[Any], Any], y: Any, first: float) -> Any:
        if self.divided is not None:
            return called(y / first if self.divided else y)
        found = called(y / first)
        if not self.divided:
            found = called(y)
        return found

    def seen(self, state: Any, start: Any, first: float) -> None:
        """A model is asked for the first time, at ``state``; ``start`` is the state as it is."""
        size, whole = float(abs(state).max()), float(abs(start).max())
        if self.divided is None and whole:
            self.divided = abs(size - whole) <= abs(size - whole / first)


def _state(found: Any) -> Any:
    """The state of what a sampler returns: the first of a tuple, the last of a list, or of what a generator yields."""
    if inspect.isgenerator(found):
        found = list(found)
    if isinstance(found, (list, tuple)) and found:
        found = found[-1] if isinstance(found, list) else found[0]
    if not hasattr(found, "shape"):
        raise InputError(f"it returns a {type(found).__name__}: it must return the state at the last level")
    return found


def _level_names(asked: list[str]) -> list[str]:
    """Of the parameters that must be given, those that are levels to visit: none where a grid is its own."""
    known = (*STARTS, *ENDS, *COUNTS, *SCHEDULES, *NOISES)
    return [name for name in asked if name not in known]


def _arguments(
    names: list[str], asked: list[str], way: Any, n: Any, a: Any, sigma: Any, noise: Any
) -> dict[str, Any]:
    """What f takes beside the model and the state, by name."""
    told = way.tell(n)
    positive = told[n > 0]
    values: dict[str, Any] = dict.fromkeys(STARTS, single(told[0])) | dict.fromkeys(
        ENDS, single(positive[-1])
    )
    values |= dict.fromkeys(COUNTS, len(n) - 1) | dict.fromkeys(SCHEDULES, way)
    levels = _level_names(asked)
    if asked == ["a", "sigma"]:
        norm = (a**2 + sigma**2) ** 0.5
        given = {"a": a / norm, "sigma": sigma / norm}
    elif levels:
        given = {levels[0]: told} | {name: values[name] for name in asked if name in values}
    else:  # a grid of its own, between the ends
        given = {name: values[name] for name in names[2:] if name in values}
    if noise is not None:
        given |= {name: noise for name in NOISES if name in names[2:]}
        if "randn_like" in names:
            given["randn_like"] = lambda *_, **__: noise()
    return given
