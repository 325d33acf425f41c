"""Schedulers of diffusers and of the user's, made and measured: W2 against the exact score."""

from __future__ import annotations

import importlib.metadata
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from sharpbound import foreign
from sharpbound.chapters import unavailable
from sharpbound.chapters.audit.drive import FAULTS, Loop, copied, doubled, quiet, working
from sharpbound.chapters.audit.networks import CONVENTIONS
from sharpbound.distances.base import Measured
from sharpbound.errors import InputError
from sharpbound.laws.probe import Impulses, Quantiles, Tape, measure_deterministic, measure_stochastic
from sharpbound.libraries import loading
from sharpbound.processes.ladder import Level

SCHEDULES: dict[str, dict[str, Any]] = {
    "as-configured": {},
    "linear": {"num_train_timesteps": 1000, "beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02},
}
"""Training schedules by name: constructor arguments; "uniform-log-snr" is made by `uniform_log_snr`."""

Run = Callable[..., Tensor]
"""(starts (n,), noise, or nothing) -> outputs (n,)."""
ALL = ("uniform-log-snr", *SCHEDULES)
FINALS = ("as-configured", "sigma-min")
WHOLE = (0.0, 1.0)
UNIT = 2.0**-24
"""Unit roundoff of float32, in which diffusers keeps its tables."""


def version() -> str:
    """Of the diffusers that is installed: what it measures belongs to it."""
    return importlib.metadata.version("diffusers")


def uniform_log_snr(levels: int = 5120, low: float = 0.02, high: float = 20.0) -> dict[str, Any]:
    """Training betas with log(sigma/a) uniform from ``low`` to ``high``.

    N steps are then equal in log-SNR, where orders are claimed, for every N that divides ``levels``;
    5120 = 5 * 2^10 has long ladders.
    """
    abar = 1 / (1 + np.geomspace(low, high, levels) ** 2)
    betas = 1 - np.concatenate([abar[:1], abar[1:] / abar[:-1]])
    return {"num_train_timesteps": levels, "trained_betas": betas.tolist()}


def check_scheduler(name: str) -> None:
    """Raise InputError without diffusers, and for a scheduler of it that the adapter does not drive."""
    if foreign.is_foreign(name):
        return
    if missing := unavailable("audit"):
        raise InputError(missing, key="audit.scheduler")
    if name not in CONVENTIONS:
        raise InputError(
            f"the audit does not drive {name!r}; choose one of {', '.join(CONVENTIONS)}, or name MODULE:CLASS",
            key="audit.scheduler",
        )


def class_of(name: str, stamp: str | None = None) -> Any:
    """The class, or the object, that ``name`` is: of diffusers, or the user's "module:object"."""
    check_scheduler(name)
    if foreign.is_foreign(name):
        try:
            return foreign.load(name, stamp)
        except InputError as mistake:
            raise mistake.at(key="audit.scheduler") from None
    try:
        with loading():  # it loads each scheduler when it is first asked for
            return getattr(importlib.import_module("diffusers"), name)
    except (AttributeError, ImportError) as error:
        raise InputError(
            f"diffusers {version()} does not give {name}: {error}", key="audit.scheduler"
        ) from None


def default_schedule(scheduler: Any) -> str:
    """Uniform in log-SNR, where the class takes a table of betas for it."""
    try:
        takes = inspect.signature(scheduler).parameters
    except (TypeError, ValueError):
        return "as-configured"
    wanted = isinstance(scheduler, type) and {"trained_betas", "num_train_timesteps"} <= set(takes)
    return "uniform-log-snr" if wanted else "as-configured"


def build_scheduler(name: str, schedule: str, options: Mapping[str, Any], stamp: str | None = None) -> Any:
    """The scheduler ``name`` made with ``options``; InputError where it cannot be driven, or refuses them.

    A name of the user's may be an object, which takes no options.
    """
    found = class_of(name, stamp)
    key = name, stamp, schedule, repr(sorted(options.items()))
    if key not in _BUILT:
        made = uniform_log_snr() if schedule == "uniform-log-snr" else SCHEDULES[schedule]
        if not isinstance(found, type):
            if made or options:
                raise InputError(
                    f"{name} is an object, made already: it takes no options", key="audit.options"
                )
            _BUILT[key] = found
        else:
            if foreign.is_foreign(name):
                foreign.own(found)
            with quiet():
                try:
                    _BUILT[key] = found(**{**made, **options})
                except FAULTS as error:
                    raise InputError(f"{name} refuses its options: {error}", key="audit.options") from None
        for method in ("set_timesteps", "step"):
            if not callable(getattr(_BUILT[key], method, None)):
                raise InputError(f"{name} is no scheduler: it has no {method}", key="audit.scheduler")
    return copied(_BUILT[key])


_BUILT: dict[tuple[str, str | None, str, str], Any] = {}
"""Schedulers as constructed, before any step: some take seconds to fill their tables."""


def measure(
    quantiles: Quantiles,
    loop: Loop,
    T: int,
    *,
    final: str = "as-configured",
    stochastic: bool = False,
    part: Sequence[float] = WHOLE,
) -> Measured:
    """W2 of the scheduler of ``loop`` with T inference steps, from the exact law of its first level.

    final : "sigma-min" leaves out the last step, the one to sigma = 0, where the scheduler takes it.
    part : from which share of the calls to which; of levels that are equally spaced, a range that T does not move.

    The floor is what float32 does: the change of W2 when the same tables are computed with in float64, and
    one rounding per step for what the scheduler casts to float32 itself. Raises NotMeasured where it fails.
    """
    scheduler = loop.fresh(T)
    measured = measure_stochastic if stochastic else measure_deterministic
    with working(T):
        calls = len(scheduler.timesteps)
        single, double = (
            measured(quantiles, *prepared(quantiles, loop, each, final, part), UNIT, calls)
            for each in (scheduler, doubled(scheduler))
        )
    return Measured(single.value, single.floor + abs(single.value - double.value))


def prepared(
    quantiles: Quantiles, loop: Loop, scheduler: Any, final: str, part: Sequence[float] = WHOLE
) -> tuple[Run, Level, Level]:
    """The run of what is measured of ``scheduler``, after ``set_timesteps``, and its first and its last level."""
    convention = loop.convention(scheduler)
    first, last = (round(share * len(scheduler.timesteps)) for share in part)
    if final == "sigma-min" and convention.end(last)[1] == 0:
        last -= 1

    def run(x: Tensor, noise: Tape | Impulses | None = None) -> Tensor:
        return loop.run(scheduler, quantiles.target, x, noise, slice(first, last))

    return run, convention.end(first), convention.end(last)
