"""Curves of the error itself, for a case's figures: the field beside the true score, and the worst field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound import processes, samplers, scores, targets
from sharpbound.chapters.base import Cell, Measurement
from sharpbound.chapters.score_error import counter_examples, rotation
from sharpbound.chapters.score_error.response import Response
from sharpbound.marginals.panels import tensor
from sharpbound.records.document import Row

if TYPE_CHECKING:
    from sharpbound.suite.case import Case

BULK = (0.002, 0.998)
"""Quantiles between which a field is drawn."""
VISIBLE = 1.0
"""The largest eps_score at which a field is drawn."""


def curves_of(case: Case) -> list[dict[str, Any]]:
    """What to compute for the figures of ``case``: nothing for fields that are no fixed shape."""
    error = case.score_error or {}
    if error.get("field") == "worst":
        sampler = {"sampler": case.sampler, "T": case.sweep["T"][0]}
        return [{"draw": "worst", "target": case.target, "forward": case.forward, **sampler}]
    if error.get("field") in (*counter_examples.FIELDS, rotation.FIELD, "iid-noise"):
        return []
    point = {name: values[len(values) // 2] for name, values in case.sweep.items()}
    if "eps" in point:  # large enough to be seen
        point["eps"] = max((eps for eps in case.sweep["eps"] if eps <= VISIBLE), default=point["eps"])
    spec = {k: v for k, v in error.items() if k not in ("versus", "budget")}
    spec |= {key: point[key] for key in ("eps", "omega", "delta") if key in point}
    target = case.target | ({"dim": point["d"]} if "d" in point else {})
    T = case.sweep["T"][0]
    return [{"draw": "field", "target": target, "forward": case.forward, "error": spec, "T": T}]


class Curves(Measurement):
    """A row per curve."""

    def measure(self, cell: Cell) -> list[Row]:
        return _worst(cell.params) if cell.params["draw"] == "worst" else _field(cell.params)


def _field(params: dict[str, Any]) -> list[Row]:
    """The error and the true score at three times, for the first coordinate, in units of the marginal."""
    ladder = processes.build(params["forward"], params["T"])
    part = scores.build(params["error"], targets.build(params["target"]), ladder).parts[0]
    assert part.error is not None
    active = [t for t in range(1, ladder.T + 1) if part.error.active(t)] or [1, ladder.T]
    rows = []
    for t in dict.fromkeys((active[0], active[len(active) // 2], active[-1])):
        frame = part.error.frames[t]
        low, high = (_standard(frame, frame.quantile(p)) for p in BULK)
        z = np.linspace(low, high, 161)
        x = tensor(frame.centre + frame.spread * z)
        score, error = part.target.derivative(x, frame.a, frame.sigma, 1), part.error.derivative(t, x, 0)
        curves = {"score": (frame.spread * score).tolist(), "error": (frame.spread * error).tolist()}
        rows.append({"t": t, "x": z.tolist(), **curves})
    return rows


def _standard(frame: Any, x: float) -> float:
    return (x - frame.centre) / frame.spread


def _worst(params: dict[str, Any]) -> list[Row]:
    """The worst field at three times; in the last row, how it shares its budget among the levels."""
    ladder = processes.build(params["forward"], params["T"])
    target: Any = targets.build(params["target"])
    response = Response(
        target, ladder, samplers.build(params["sampler"]), params["sampler"].get("init", "normal")
    )
    worst = response.worst()
    rows: list[Row] = []
    asked = [i for i, step in enumerate(response.steps) if step.gain]
    for i in (asked[-1], asked[len(asked) // 2], asked[0]):
        step = response.steps[i]
        keep = step.true > 1e-4 * step.true.max()
        rows.append({"t": step.t, "x": step.points.x[keep].tolist(), "error": worst[i][keep].tolist()})
    times = [response.steps[i].t / ladder.T for i in asked]
    return [*rows, {"x": times, "share": (response.shares(worst)[asked] * ladder.T).tolist()}]
