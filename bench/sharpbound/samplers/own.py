"""A sampler of the user's: a Sampler class, or a plain function of which nothing is known but what it returns.

    def sampler(score, x, a, sigma):            # deterministic
    def sampler(score, x, a, sigma, noise):     # stochastic

    x      (n, 1) starts, draws of the law at the first level; numpy or torch, float64 (float32 has its floor)
    a, sigma   (N + 1,) the levels of X = a X0 + sigma W to visit, the noisiest first: N steps
    score(x, a, sigma)   the exact score at any level, (n, 1) -> (n, 1); a level may be a vector of n equal entries
    noise()    (n, 1) standard normal draws, anew at each call
    noise(t, u)   (n, 1) the increment of one Brownian path from t to u over sqrt(|u - t|), standard normal too
    returns    (n, 1) the state at the last level, in the same kind of array

A plain function has no density: of its output law W2 is known alone (`sharpbound.laws.black_box`), from
the exact start. A function, an object that can be called, or a class that makes one without arguments will do.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharpbound import foreign
from sharpbound.errors import InputError, InputErrors, NotMeasured
from sharpbound.options import check, made, options_of
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler, Step
from sharpbound.samplers.contract import checked
from sharpbound.targets.base import Target1D

ARRAYS = ("numpy", "torch")
Score = Callable[[Tensor, float, float], Tensor]
"""(x, a, sigma) -> score, x and score (n, 1) float64."""
Interval = tuple[float, float]
Noise = Callable[[Tensor, Interval | None], Tensor]
"""Draws like a tensor, batch first: independent ones, or the normalised increment of one path over an interval."""

_tried: set[tuple[str, str, str]] = set()


@dataclass(frozen=True)
class PlainSampler(Sampler):
    """``call`` wrapped so that the engine talks torch to it, whatever it talks."""

    kinds = frozenset({"vp", "sub-vp", "ve"})
    nfe = 0
    title = "plain function"
    source = "the user's"

    call: Callable[..., Any]
    name: str  # type: ignore[misc]
    arrays: str
    stochastic: bool
    """Whether the output depends on what it draws."""
    hears: bool = False
    """Whether it takes ``noise`` as an argument."""
    shape: tuple[int, ...] = (1,)
    """Of one state: (1,), or (1, 1, 1) for a sampler of images."""
    caught: bool = False
    """Whether torch.randn and its like are answered with ``noise`` while it runs."""

    @property
    def deterministic(self) -> bool:
        return not self.stochastic

    @property
    def order(self) -> float:
        return getattr(self.call, "order", float("nan"))

    def stages(self, step: Step) -> Sequence[Any]:
        raise NotMeasured(f"{self.name} is a plain function: its W2 from the exact start is known alone")

    def moved(self, target: Target1D, ladder: Ladder, x: Tensor, noise: Noise | None = None) -> Tensor:
        """(n,) -> (n,), with the levels of ``ladder``; InputError where the contract is broken."""
        a, sigma = noisiest_first(ladder)
        return self.answer(target.score, x, a, sigma, noise)

    def answer(self, score: Score, x: Tensor, a: Tensor, sigma: Tensor, noise: Noise | None = None) -> Tensor:
        """(n,) -> (n,) with any function in the place of the score, at the levels ``a``, ``sigma`` (N + 1,).

        Without ``noise`` it hears zeros.
        """
        n, start = len(x), x.reshape(-1, *self.shape)
        source = noise or (lambda like, interval: torch.zeros_like(like))

        def given(x: Any, a: Any, sigma: Any) -> Any:
            at = torch.as_tensor(np.array(x) if isinstance(x, np.ndarray) else x, dtype=torch.float64)
            return self._give(score(at.reshape(-1, 1), single(a), single(sigma)).reshape(at.shape))

        def drawn(*interval: Any) -> Any:
            stretch = (single(interval[0]), single(interval[1])) if len(interval) == 2 else None
            return self._give(source(torch.zeros_like(start), stretch))

        arguments = [given, self._give(start.clone()), self._give(a.clone()), self._give(sigma.clone())]
        if self.hears:
            arguments.append(drawn)
        with torch.no_grad(), draws_of_torch(source, n) if self.caught else contextlib.nullcontext():
            output = self._called(arguments)
        return self._checked(output, n).reshape(-1)

    def mistake(self, message: str) -> InputError:
        return InputError(f"{self.name}: {message}")

    def _called(self, arguments: list[Any]) -> Any:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # standard output is for the result
                return self.call(*arguments)
        except (InputError, NotMeasured):
            raise
        except (Exception, SystemExit) as error:
            raise self.mistake(f"it raised {foreign.told(error)}") from error

    def _give(self, value: Tensor) -> Any:
        return value.numpy() if self.arrays == "numpy" else value

    def _checked(self, output: Any, n: int) -> Tensor:
        wanted: Any = np.ndarray if self.arrays == "numpy" else torch.Tensor
        if not isinstance(output, wanted):
            other = f'; for torch tensors say arrays = "{"torch" if self.arrays == "numpy" else "numpy"}"'
            raise self.mistake(
                f"it must return a {wanted.__name__}, not {type(output).__name__}"
                + (other if isinstance(output, (np.ndarray, Tensor)) else "")
            )
        if tuple(output.shape) != (n, *self.shape):
            raise self.mistake(f"it must return shape {(n, *self.shape)}, not {tuple(output.shape)}")
        if not isinstance(output, torch.Tensor):
            output = torch.from_numpy(np.array(output))  # a copy: tensors have no negative strides
        if not output.is_floating_point():
            raise self.mistake(f"it must return floating-point numbers, not {output.dtype}")
        return output


def noisiest_first(ladder: Ladder) -> tuple[Tensor, Tensor]:
    """a and sigma of the levels that a sampler visits, (N + 1,), as the contract has them."""
    levels = slice(ladder.stop, None)
    a, sigma = (torch.from_numpy(v[levels][::-1].copy()) for v in (ladder.a, ladder.sigma))
    return a, sigma


def single(level: Any) -> float:
    """The one value of a level; InputError for a vector of different ones."""
    if isinstance(level, float) or getattr(level, "ndim", None) == 0:
        return float(level)
    values = np.asarray(level, dtype=float).reshape(-1)
    if not len(values) or (values != values[0]).any():
        raise InputError(
            "a model is asked at one level at a time: its level must be a vector of equal entries"
        )
    return float(values[0])


@contextlib.contextmanager
def draws_of_torch(source: Noise, n: int) -> Iterator[None]:
    """Let ``torch.randn`` and ``torch.randn_like`` draw ``n`` states from ``source``; other shapes are left alone."""
    plain, like = torch.randn, torch.randn_like

    def randn_like(x: Tensor, **options: Any) -> Tensor:
        if x.ndim == 0 or len(x) != n:
            return like(x, **options)
        return source(torch.zeros(x.shape, dtype=torch.float64), None).to(options.get("dtype") or x.dtype)

    def randn(*size: Any, **options: Any) -> Tensor:
        shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
        if not shape or shape[0] != n:
            return plain(*size, **options)
        dtype = options.get("dtype") or torch.get_default_dtype()
        return source(torch.zeros(shape, dtype=torch.float64), None).to(dtype)

    torch.randn, torch.randn_like = randn, randn_like  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.randn, torch.randn_like = plain, like


def plain_sampler(found: Any, name: str, arrays: str = "numpy") -> PlainSampler:
    """The callable that ``found`` is, or that the class ``found`` makes.

    Raises InputError where it cannot be called as the contract says.
    """
    if arrays not in ARRAYS:
        raise InputError(f"arrays must be {' or '.join(ARRAYS)}, not {arrays!r}")
    found = callable_of(found, name)
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        raise InputError(f"{name}: its arguments cannot be read; wrap it in a function") from None
    if inspect.iscoroutinefunction(found):
        raise InputError(f"{name}: is asynchronous; it must return the states")
    stochastic = "noise" in signature.parameters
    try:
        signature.bind(*range(5 if stochastic else 4))
    except TypeError:
        raise InputError(
            f"{name}: must take (score, x, a, sigma), and noise if it is stochastic, not {signature}"
        ) from None
    return PlainSampler(found, name, arrays, stochastic, hears=stochastic)


def callable_of(found: Any, name: str) -> Callable[..., Any]:
    """``found``, or what the class ``found`` makes without arguments; InputError where it cannot be called."""
    foreign.own(found)
    if isinstance(found, type):
        try:
            found = found()
        except TypeError as error:
            raise InputError(
                f"{name}: the class needs arguments ({error}); name an object made from it"
            ) from None
        except (Exception, SystemExit) as error:
            raise InputError(f"{name}: the class raised {foreign.told(error)}") from error
    if not callable(found):
        raise InputError(f"{name}: is a {type(found).__name__}, which cannot be called")
    return found


def own_sampler(named: str, stamp: str | None, given: Mapping[str, Any]) -> Sampler:
    """The sampler that "module:object" is, with the keys ``given``: of the class, or of the function.

    A class of Samplers takes its parameters, an object none. A plain function takes further arguments by
    name, with defaults, and ``arrays`` ("numpy" or "torch"). Raises InputError at ``sampler.name`` for what is
    no sampler, or does not work on a small problem.
    """
    try:
        return as_sampler(foreign.load(named, stamp), named, given, stamp)
    except InputError as mistake:
        told = [(f"{each.where}: " if each.where else "", each) for each in mistake.mistakes]
        raise InputErrors(
            [InputError(who + each.message, key=each.key or "sampler.name") for who, each in told]
        ) from None
    except (Exception, SystemExit) as error:
        raise InputError(f"{named} raised {foreign.told(error)}", key="sampler.name") from error


def as_sampler(
    found: Any, named: str, given: Mapping[str, Any] | None = None, stamp: str | None = None
) -> Sampler:
    """A Sampler from the class, object or plain function ``found``, called ``named`` in what is told of it."""
    given = given or {}
    a_class = isinstance(found, type) and issubclass(found, Sampler)
    if not a_class and not isinstance(found, Sampler):
        return _plain(found, named, given)
    if isinstance(found, type):
        missing = sorted(getattr(found, "__abstractmethods__", ()))
        if missing:
            raise InputError(f"{named} has no {' and no '.join(missing)}; a sampler needs it")
        sampler = made(found, given, name="sampler", who=named, also=("name", "init"))
    else:
        check(given, {}, name="sampler", who=named, also=("name", "init"))
        sampler = found
    if not hasattr(sampler, "name"):
        type(sampler).name = named.rpartition(":")[2]
    foreign.own(type(sampler))
    key = (named, stamp or "", repr(sorted(given.items())))
    if stamp is None or key not in _tried:
        checked(sampler)
        _tried.add(key)
    return sampler


def _plain(found: Any, named: str, given: Mapping[str, Any]) -> PlainSampler:
    arrays = given.get("arrays", "numpy")
    keys = {key: value for key, value in given.items() if key != "arrays"}
    if keys:
        if isinstance(found, type):  # a class makes what is called
            made_of = made(found, keys, name="sampler", who=named, also=("name", "init", "arrays"))
            return plain_sampler(made_of, named, arrays)
        skip = ("score", "x", "a", "sigma", "noise")
        options = options_of(found, skip) if callable(found) else {}
        values = check(keys, options, name="sampler", who=named, also=("name", "init", "arrays"))
        sampler = plain_sampler(found, named, arrays)
        return replace(sampler, call=_with(found, values))
    return plain_sampler(found, named, arrays)


def _with(function: Callable[..., Any], values: dict[str, Any]) -> Callable[..., Any]:
    return lambda *arguments: function(*arguments, **values)
