"""What can be measured of learning: one function per study, from the values of a cell to its row's metrics.

A row carries each metric with its ``_floor`` (exact numbers) or its ``_noise``, ``_low`` and ``_high``
(averages over seeds), and what explains it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from scipy.optimize import minimize_scalar

from sharpbound import laws, processes, samplers, targets
from sharpbound.chapters.learning import accuracy, empirical, kernel
from sharpbound.chapters.learning.cascade import cascade_law
from sharpbound.chapters.learning.empirical_samples import empirical_samples
from sharpbound.chapters.learning.failure import ExactFailure, hardest_share, samples_needed
from sharpbound.chapters.learning.finite_class import HypothesisClass, OutlierClass, ShiftClass, SphereClass
from sharpbound.chapters.learning.hard_pair import HardPair
from sharpbound.chapters.learning.intervals import mean_estimate
from sharpbound.chapters.learning.learned_samples import learned_samples
from sharpbound.chapters.learning.memorisation import exact_memorisation_tv
from sharpbound.chapters.learning.networks import Training, score_errors, train
from sharpbound.chapters.learning.sampling import wrong_samples
from sharpbound.errors import InputError
from sharpbound.processes.ladder import Ladder
from sharpbound.targets.base import Target1D

Row = dict[str, Any]
Values = Mapping[str, Any]

ROUNDING = 1e-12
"""Relative accuracy of closed forms."""
QUADRATURE = 1e-8
"""Relative accuracy of the exact kernel risks."""


def _class_row(hypotheses: HypothesisClass, v: Values) -> Row:
    return {
        "samples": hypotheses.samples_needed(v["delta_train"]),
        "samples_floor": 0.5,  # a whole number stands for the real solution
        "floor_kind": "closed-form",
        "l2-distance": hypotheses.l2,
        "robust-distance": hypotheses.robust(v["delta_score"] * (1 - 1e-9)),  # the limit from below
    }


def _shape(v: Values) -> dict[str, float]:
    return {"eps": v["eps"], "mass": v["delta_score"], "R": v["R"], "sigma": v["sigma"]}


def shift_class(v: Values) -> Row:
    """ERM over |H| - 1 orthogonal shifts by eps/sigma on a set of mass delta_score."""
    if v["d"] < v["H"] - 1:
        raise InputError(f"|H| - 1 orthogonal shifts need d >= {v['H'] - 1}, got {v['d']}", key="d")
    return _class_row(ShiftClass(dim=v["H"] - 1, **_shape(v)), v)


def sphere_class(v: Values) -> Row:
    """ERM over the shifts in all directions of R^d; H is the size of a 1/2-net of them."""
    if v["d"] > 400:
        raise InputError("|H| = 5^d has no float64 value beyond d = 400", key="d")
    return _class_row(SphereClass(dim=v["d"], **_shape(v)), v) | {"H": 5.0 ** v["d"]}


def outlier_class(v: Values) -> Row:
    """ERM over |H| - 1 misplaced clusters, each an L2 error of eps/sigma."""
    clusters = OutlierClass.hardest(clusters=v["H"] - 1, eps=v["eps"], R=v["R"], sigma=v["sigma"])
    return _class_row(clusters, v)


def hardest_pair(v: Values) -> Row:
    """Samples that ERM needs on the hardest pair for accuracy eps/sigma, in L2 and in D^delta_score."""
    row: Row = {"floor_kind": "closed-form"}
    for name in ("l2", "robust"):
        eta = hardest_share(v["R"], v["sigma"], name, v["eps"] / v["sigma"], v["delta_score"])
        pair = HardPair(eta, v["R"], v["sigma"])
        row |= {f"{name}-samples": samples_needed(ExactFailure(pair), v["delta_train"]), f"{name}-eta": eta}
        row[f"{name}-samples_floor"] = 0.5
    return row


def routes(v: Values) -> Row:
    """Samples for accuracy gamma by the L2 route and by the robust route."""
    gamma, levels = v["gamma"], accuracy.levels(v["gamma"], v["eps"], v["delta_score"])
    l2 = accuracy.l2_route(gamma, v["eps"], v["delta_train"])
    robust = accuracy.robust_route(gamma, v["eps"], v["delta_score"], v["delta_train"])
    return {
        "l2-samples": l2,
        "l2-samples_floor": ROUNDING * l2,
        "robust-samples": robust,
        "robust-samples_floor": robust / levels,  # the number of levels is rounded up
        "levels": levels,
        "floor_kind": "closed-form",
    }


def wasserstein_limit(v: Values) -> Row:
    """Samples without which no procedure has W2 accuracy gamma R."""
    m = accuracy.wasserstein_limit(v["gamma"], v["delta_train"])
    return {"samples": m, "samples_floor": 1e-6 * m, "floor_kind": "closed-form"}


def kernel_bulk(v: Values) -> Row:
    """Risk of the kernel score over an interval of length R in the bulk, exactly."""
    target, n, t = _line(v), v["n"], v["t"]
    risk = kernel.exact_risk(target, n, t, _bulk(v))
    return {
        "score-risk": risk,
        "score-risk_floor": QUADRATURE * risk,
        "floor_kind": "quadrature",
        "linear-risk": kernel.linear_risk(target, n, t, _bulk(v)),
        "leading": kernel.leading_risk(n, t, v["R"]),
    }


def kernel_line(v: Values) -> Row:
    """Risk of the kernel score on the whole line, exactly; most of it comes from where there are no data."""
    risk = kernel.exact_risk(_line(v), v["n"], v["t"])
    return {"score-risk": risk, "score-risk_floor": QUADRATURE * risk, "floor_kind": "quadrature"}


def kernel_best(v: Values) -> Row:
    """Risk of the kernel score as an estimate of the data's own score in the bulk, at its best bandwidth."""
    target, n = _line(v), v["n"]

    def risk(log_t: float) -> float:
        return kernel.exact_risk(target, n, math.exp(log_t), _bulk(v), reference=0.0)

    # the best t is of order n^{-2/7} (smooth laws) to n^{-2/5} (Lipschitz scores)
    variance = float(target.moments().cov)
    if not 0 < variance < math.inf:
        raise InputError(f"has the variance {variance:g}; use data with a positive one", key="target")
    high = math.log(variance)
    low = high - math.log(n) / 2
    best = minimize_scalar(risk, bounds=(low, high), method="bounded", options={"xatol": 1e-4})
    risk_at_best = float(best.fun)
    return {
        "score-risk": risk_at_best,
        "score-risk_floor": QUADRATURE * risk_at_best,
        "floor_kind": "quadrature",
        "t": math.exp(float(best.x)),
    }


def memorisation(v: Values) -> Row:
    """Expected TV between what the empirical score generates and the smoothed truth, exactly."""
    sigma = v["sigma"]
    if not 0 < sigma < 1:
        raise InputError("sigma^2 = 1 - exp(-2 delta) lies in (0, 1)", key="sigma")
    level, n = (math.sqrt(1 - sigma**2), sigma), v["n"]
    tv = exact_memorisation_tv(_line(v), n, *level)
    return {
        "tv": tv.value,
        "tv_floor": tv.floor,
        "floor_kind": tv.kind,
        "engine": "marginals",
        "t": sigma**2,
        "normal-limit": empirical.normal_memorisation_tv(_line(v), n, *level),
    }


def networks(v: Values) -> Row:
    """L2 and D^delta_score error of trained networks, averaged over seeds."""
    target = targets.build(v["target"])
    level = (v["a"], v["sigma"])
    shape = Training(width=v["width"], depth=v["depth"], steps=v["steps"], rate=v["rate"])
    trained = train(target, *level, v["m"], shape, v["repetitions"], v["seed"])
    errors = score_errors(trained, target, *level, [v["delta_score"]])
    parameters = sum(p[0].numel() for p in trained.parameters.values())
    row: Row = {"P": parameters, "D": v["depth"], "loss": float(errors.loss.mean())}
    row["floor_kind"] = "statistical"
    for name, values in (("l2-error", errors.l2), ("robust-error", errors.robust[:, 0])):
        row |= mean_estimate(values).columns(name)
    return row


def cascade(v: Values) -> Row:
    """TV of sampled from true law where the score is off by eps/sigma at every level, one scale per decade."""
    law = cascade_law(v["gamma"], v["eps"], v["steps"])
    tv = laws.distance(law, "tv")
    # the error is the same at all points: D^delta = eps/sigma for every delta, however small
    by = {"floor_kind": tv.kind, "engine": law.engine}
    return {"tv": tv.value, "tv_floor": tv.floor, "delta_score": 0.0, **by}


def network_samples(v: Values) -> Row:
    """TV of what a sampler makes of trained networks, and their score errors, averaged over seeds."""
    target, ladder, sampler = _line(v), processes.build(v["forward"], v["T"]), samplers.build(v["sampler"])
    shape = Training(width=v["width"], depth=v["depth"], steps=v["steps"], rate=v["rate"])
    init = v["sampler"].get("init", "normal")
    runs = learned_samples(
        target, ladder, sampler, init, v["m"], v["delta_score"], shape, v["repetitions"], v["seed"]
    )
    exact = laws.distance(laws.output_law(target, ladder, sampler, None, init), "tv")
    row: Row = {"tv-exact-score": exact.value, "gamma": _stop(ladder)}
    row |= {"floor_kind": "statistical", "engine": "grid"}  # the mean over seeds, each by that engine
    for name in ("tv", "eps", "eps_score"):
        row |= mean_estimate(np.array([getattr(run, name) for run in runs])).columns(name)
    return row


def empirical_sampler(v: Values) -> Row:
    """TV of what a sampler makes of the empirical score, from the memorised law and from the truth."""
    ladder, init = processes.build(v["forward"], v["T"]), v["sampler"].get("init", "normal")
    found = empirical_samples(_line(v), ladder, samplers.build(v["sampler"]), init, v["n"], v["seed"])
    return {
        "tv": found.to_memorised.value,
        "tv_floor": found.to_memorised.floor,
        "floor_kind": found.to_memorised.kind,
        "engine": found.engine,
        "tv-truth": found.to_truth,
        "memorised-tv": found.memorised_to_truth,
    }


@dataclass(frozen=True)
class Study:
    """What a study measures, along which variables, and the defaults of its [learning] table."""

    row: Callable[[Values], Row]
    metrics: tuple[str, ...]
    sweeps: tuple[str, ...]
    defaults: dict[str, Any]
    target: bool = False
    sampler: bool = False
    """Whether it pushes a score through a sampler: the case then has [forward] and [sampler]."""
    expansion: float = 1.0
    """Power of the axis in whose multiples the metric's corrections go."""
    trained: bool = False
    """Whether descent trains networks: theorems speak of the minimiser over a class that contains the score."""

    def rises(self, swept: str) -> bool:
        """Whether the metrics rise towards the end of the sweep that claims speak of.

        Numbers of samples do; an error does where the noise goes to zero.
        """
        error_rises = swept == "gamma" or (self.target and swept in ("t", "sigma"))
        return self.metrics[0].endswith("samples") or error_rises


_CLASS = {"eps": 0.05, "delta_score": 0.01, "delta_train": 0.01, "R": 10.0, "sigma": 0.1}
_BULK = {"d": 1, "centre": 0.0, "R": 2.0}
_TRAINING = {"width": 16, "depth": 2, "steps": 400, "rate": 1e-2, "delta_score": 0.1, "seed": 0}

STUDIES: dict[str, Study] = {
    "shift-class": Study(shift_class, ("samples",), (*_CLASS, "H", "d"), {**_CLASS, "H": 1000, "d": 1000}),
    "sphere-class": Study(sphere_class, ("samples",), (*_CLASS, "d"), {**_CLASS, "d": 4}, expansion=0.25),
    "outlier-class": Study(outlier_class, ("samples",), (*_CLASS, "H"), {**_CLASS, "H": 1000, "d": 1000}),
    "hardest-pair": Study(
        hardest_pair,
        ("l2-samples", "robust-samples"),
        ("eps", "R", "sigma", "delta_score", "delta_train"),
        {"eps": 0.5, "delta_score": 0.02, "delta_train": 0.01, "R": 10.0, "sigma": 1.0} | {"d": 1, "H": 2},
    ),
    "wrong-samples": Study(
        wrong_samples,
        ("tv",),
        ("R", "eta"),
        {"eta": 0.01, "R": 10.0, "sigma": 1.0, "T": 128},
        sampler=True,
    ),
    "routes": Study(
        routes,
        ("l2-samples", "robust-samples"),
        ("gamma",),
        {"gamma": 0.01, "eps": 0.3, "delta_score": 0.1, "delta_train": 0.01},
    ),
    "wasserstein-limit": Study(
        wasserstein_limit, ("samples",), ("gamma",), {"gamma": 0.01, "delta_train": 0.01}
    ),
    "kernel": Study(kernel_bulk, ("score-risk",), ("n", "t"), {**_BULK, "n": 1000, "t": 0.05}, target=True),
    "kernel-line": Study(
        kernel_line, ("score-risk",), ("n", "t"), {"d": 1, "n": 1000, "t": 0.05}, target=True
    ),
    "kernel-best": Study(kernel_best, ("score-risk",), ("n",), {**_BULK, "n": 1000}, target=True),
    "memorisation": Study(
        memorisation, ("tv",), ("n", "sigma"), {"d": 1, "n": 256, "sigma": 0.2}, target=True
    ),
    "empirical-sampler": Study(
        empirical_sampler,
        ("tv",),
        ("T",),
        {"d": 1, "n": 8, "T": 128, "seed": 0},
        target=True,
        sampler=True,
    ),
    "cascade": Study(cascade, ("tv",), ("eps", "gamma"), {"eps": 1e-3, "gamma": 1e-4, "steps": 8}),
    "network-sampler": Study(
        network_samples,
        ("tv",),
        ("m",),
        _TRAINING | {"m": 256, "T": 16, "d": 1, "repetitions": 4},
        target=True,
        trained=True,
        sampler=True,
    ),
    "networks": Study(
        networks,
        ("l2-error", "robust-error"),
        ("m", "depth", "width"),
        _TRAINING | {"m": 256, "a": 0.9, "sigma": 0.4, "delta_train": 0.01, "d": 1, "repetitions": 24},
        target=True,
        trained=True,
    ),
}


def _bulk(v: Values) -> tuple[float, float]:
    """The interval of length R around the centre."""
    return v["centre"] - v["R"] / 2, v["centre"] + v["R"] / 2


def _stop(ladder: Ladder) -> float:
    """sigma/a where the sampler stops."""
    return float(ladder.sigma[ladder.stop] / ladder.a[ladder.stop])


def _line(v: Values) -> Target1D:
    return cast(Target1D, targets.build(v["target"]))
