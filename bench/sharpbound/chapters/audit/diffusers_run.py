"""Drives a scheduler of diffusers, unmodified, against the exact score, and measures its W2."""

from __future__ import annotations

import contextlib
import copy
import importlib.metadata
import importlib.util
import logging
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharpbound.chapters.audit.diffusers_model import Angle, Convention, Discrete, Exploding, Flow, Karras
from sharpbound.distances.base import Measured
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws.probe import Impulses, Quantiles, Tape, measure_deterministic, measure_stochastic
from sharpbound.libraries import loading
from sharpbound.targets.base import Target1D

EXTRA = "diffusers is not installed: pip install 'sharpbound[audit]'"

CONVENTIONS: dict[str, type[Convention]] = {
    "DDIMParallelScheduler": Discrete,
    "DDIMScheduler": Discrete,
    "DDPMParallelScheduler": Discrete,
    "DDPMScheduler": Discrete,
    "CogVideoXDDIMScheduler": Discrete,
    "DEISMultistepScheduler": Discrete,
    "DPMSolverMultistepScheduler": Discrete,
    "DPMSolverSinglestepScheduler": Discrete,
    "EDMDPMSolverMultistepScheduler": Karras,
    "EDMEulerScheduler": Karras,
    "EulerAncestralDiscreteScheduler": Exploding,
    "EulerDiscreteScheduler": Exploding,
    "FlowMatchEulerDiscreteScheduler": Flow,
    "FlowMatchHeunDiscreteScheduler": Flow,
    "HeunDiscreteScheduler": Exploding,
    "IPNDMScheduler": Angle,
    "KDPM2AncestralDiscreteScheduler": Exploding,
    "KDPM2DiscreteScheduler": Exploding,
    "LMSDiscreteScheduler": Exploding,
    "PNDMScheduler": Discrete,
    "SASolverScheduler": Discrete,
    "UniPCMultistepScheduler": Discrete,
}
"""The schedulers that the adapter drives, and how each writes its state."""

SCHEDULES: dict[str, dict[str, Any]] = {
    "as-configured": {},
    "linear": {"num_train_timesteps": 1000, "beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02},
}
"""Training schedules by name: constructor arguments; "uniform-log-snr" is made by `uniform_log_snr`."""

FINALS = ("as-configured", "sigma-min")
UNIT = 2.0**-24
"""Unit roundoff of float32, in which diffusers keeps its tables."""


def available() -> bool:
    """Whether diffusers can be imported."""
    return importlib.util.find_spec("diffusers") is not None


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
    """Raise InputError without diffusers, and for a scheduler that the adapter does not drive."""
    if not available():
        raise InputError(EXTRA, key="audit.scheduler")
    if name not in CONVENTIONS:
        raise InputError(
            f"the audit does not drive {name!r}; choose one of {', '.join(CONVENTIONS)}",
            key="audit.scheduler",
        )


def build_scheduler(name: str, schedule: str, options: Mapping[str, Any]) -> Any:
    """A scheduler of diffusers; InputError where it cannot be driven, or refuses its options."""
    check_scheduler(name)
    key = name, schedule, repr(sorted(options.items()))
    if key not in _BUILT:
        with quiet():
            made = uniform_log_snr() if schedule == "uniform-log-snr" else SCHEDULES[schedule]
            try:
                with loading():  # it loads each scheduler when it is first asked for
                    scheduler = getattr(importlib.import_module("diffusers"), name)
                _BUILT[key] = scheduler(**{**made, **options})
            except (TypeError, ValueError, LookupError, ArithmeticError, NameError, RuntimeError) as error:
                raise InputError(f"{name} refuses its options: {error}", key="audit.options") from None
            except (AttributeError, ImportError) as error:
                raise InputError(
                    f"diffusers {version()} does not give {name}: {error}", key="audit.scheduler"
                ) from None
    return _copied(_BUILT[key])


_BUILT: dict[tuple[str, str, str], Any] = {}
"""Schedulers as constructed, before any step: some take seconds to fill their tables."""


def measure(
    quantiles: Quantiles,
    name: str,
    T: int,
    *,
    schedule: str = "uniform-log-snr",
    final: str = "as-configured",
    options: Mapping[str, Any] | None = None,
    step: Mapping[str, Any] | None = None,
    stochastic: bool = False,
) -> Measured:
    """W2 of the scheduler ``name`` with T inference steps, from the exact law of its first level.

    final : "sigma-min" leaves out the last step, the one to sigma = 0, where the scheduler takes it.
    options, step : keyword arguments of the constructor and of ``step``.

    The floor is what float32 does: the change of W2 when the same tables are computed with in float64, and
    one rounding per step for what the scheduler casts to float32 itself. Raises NotMeasured where it fails.
    """
    scheduler = build_scheduler(name, schedule, options or {})
    with quiet():
        try:
            scheduler.set_timesteps(T)
            single, double = (
                _measured(quantiles, each, final, dict(step or {}), stochastic)
                for each in (scheduler, _doubled(scheduler))
            )
        except (AssertionError, TypeError, LookupError, ValueError, RuntimeError, ArithmeticError) as error:
            raise NotMeasured(f"{type(error).__name__} at T = {T}: {' '.join(str(error).split())}") from None
    return Measured(single.value, single.floor + abs(single.value - double.value))


def _measured(
    quantiles: Quantiles, scheduler: Any, final: str, step: dict[str, Any], stochastic: bool
) -> Measured:
    convention = CONVENTIONS[type(scheduler).__name__](scheduler)
    calls = len(scheduler.timesteps)
    leave_out = final == "sigma-min" and convention.end(calls)[1] == 0
    taken = calls - 1 if leave_out else calls

    def run(x: Tensor, noise: Tape | Impulses | None = None) -> Tensor:
        fresh = _copied(scheduler)  # each run starts from its state after set_timesteps
        with _noise(fresh, noise):
            return _loop(fresh, convention, quantiles.target, x, taken, step)

    measure = measure_stochastic if stochastic else measure_deterministic
    return measure(quantiles, run, convention.start(), convention.end(taken), UNIT, calls)


def _copied(scheduler: Any) -> Any:
    """A copy with a state of its own; the configuration, thousands of betas that nothing writes, is shared."""
    config = scheduler.config
    return copy.deepcopy(scheduler, {id(config): config})


def _doubled(scheduler: Any) -> Any:
    """A copy with the same values in its tables, kept in float64, as is then all that follows from them."""
    twin = _copied(scheduler)
    for name, value in vars(twin).items():
        if isinstance(value, Tensor) and value.dtype == torch.float32:
            setattr(twin, name, value.double())
    return twin


def _loop(
    scheduler: Any, convention: Convention, target: Target1D, x: Tensor, taken: int, step: dict[str, Any]
) -> Tensor:
    """The sampling loop of a pipeline, (n,) -> (n,); diffusers wants images, (n, 1, 1, 1)."""
    state = x.reshape(-1, 1, 1, 1)
    for timestep in scheduler.timesteps[:taken]:
        scaled = state
        if hasattr(scheduler, "scale_model_input"):
            scaled = scheduler.scale_model_input(state, timestep)
        prediction = convention.predict(target, scaled.double(), timestep)
        state = scheduler.step(prediction, timestep, state, **step).prev_sample
    return state.reshape(-1)


@contextlib.contextmanager
def _noise(scheduler: Any, noise: Tape | Impulses | None) -> Iterator[None]:
    """Let the scheduler draw from ``noise``; a deterministic one must not draw at all.

    Schedulers draw through the name ``randn_tensor`` of their module, which stands for the source here.
    """
    module = sys.modules[type(scheduler).__module__]
    original = getattr(module, "randn_tensor", None)
    if original is None:
        yield
        return

    def source(shape: Any, *_: Any, **__: Any) -> Tensor:
        like = torch.zeros(tuple(shape), dtype=torch.float64)
        return like if noise is None else noise(like)

    module.randn_tensor = source  # type: ignore[attr-defined]
    try:
        yield
    finally:
        module.randn_tensor = original  # type: ignore[attr-defined]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without diffusers' warnings on its own defaults."""
    import warnings

    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
