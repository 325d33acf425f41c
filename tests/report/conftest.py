"""Synthetic results of a run: every shape of case that the report must show, from formulas known here."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sharpbound.report import render

BIBTEX = "@inproceedings{{{key},\n  title = {{{title}}},\n  author = {{{author}}},\n  year = {{{year}}}\n}}"


def claim_info(**changes: Any) -> dict[str, Any]:
    """A claim as ``Claim.describe`` dumps it."""
    paper = {
        "title": "Towards faster non-asymptotic convergence for diffusion-based generative models",
        "authors": ["Gen Li", "Yuting Wei", "Yuxin Chen", "Yuejie Chi"],
        "year": 2024,
        "arxiv": "2306.09251",
        "also": [],
        "version": "3",
        "note": None,
        "key": "li2024towards",
    } | changes.pop("paper", {})
    bibtex = BIBTEX.format(
        key=paper["key"], title=paper["title"], author=" and ".join(paper["authors"]), year=paper["year"]
    )
    info = {
        "id": "li2024.ode",
        "paper": paper | {"bibtex": bibtex},
        "statement": "The total variation between $X_1$ and the output of the probability-flow ODE falls like"
        " $1/T$ up to logarithms, for any target with bounded support.",
        "source": "Theorem 1",
        "kind": "upper-bound",
        "metric": "tv",
        "formula": "d**2*log(T)**4/T + d**6*log(T)**6/T**2 + sqrt(d*log(T)**3)*eps_score",
        "latex": r"\frac{d^{2} \log^{4} T}{T} + \frac{d^{6} \log^{6} T}{T^{2}}"
        r" + \sqrt{d \log^{3} T} \varepsilon_{\mathrm{score}}",
        "exponents": {"T": 1.0, "d": -6.0},
        "log_powers": {"T": 4.0, "d": 0.0},
        "metrics": {"tv": "identity"},
        "assumptions": [
            {"text": "$X_0$ lies in a ball of radius $T^{c_R}$", "check": "bounded-support"},
            {"text": "the score errors are as stated", "check": "unchecked"},
        ],
        "trust": "V",
        "status": "verified",
        "control": False,
        "note": None,
        "bibtex": bibtex,
    }
    return info | changes


def rate_case(
    name: str,
    error: Any,
    *,
    xs: tuple[float, ...] = (32, 64, 128, 256, 512, 1024, 2048, 4096),
    floor: float = 1e-13,
    excluded: dict[float, str] | None = None,
    window: tuple[float, float] | None = (128, 4096),
    verdict: str = "sharp",
    exponent: float | None = 1.0,
    predicted: float | None = 1.0,
    axis: str = "T",
    swept: str = "T",
    metric: str = "tv",
    bound: Any,
    details: dict[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A document whose rows follow ``error``, with its local slopes and a bound scaled to touch."""
    rows = [{swept: x, metric: error(x), f"{metric}_floor": floor, "floor": floor} for x in xs]
    along = [x / math.log(x) if "log" in axis else x for x in xs]
    exponential = changes.get("claim_info", {}).get("kind") == "exponential"
    along = along if exponential else [math.log(v) for v in along]
    slopes = []
    for (u, v), (a, b), (x, y) in zip(pairwise(along), pairwise(rows), pairwise(xs), strict=True):
        e, f = a[metric], b[metric]
        slope = math.log(f / e) / (v - u) * (1 if swept.startswith("eps") else -1)
        doubt = min((floor / e + floor / f) / (v - u), 3.0)
        slopes.append({"x": math.sqrt(x * y), "slope": slope, "low": slope - doubt, "high": slope + doubt})
    values = [bound(x) for x in xs]
    ratio = max(row[metric] / b for row, b in zip(rows, values, strict=True))
    found = {
        "axis": axis,
        "predicted": predicted,
        "raw_exponent": None if exponent is None else exponent - 0.1,
        "log_gap": 0.4,
        "window": window and list(window),
        "local_slopes": slopes,
        "excluded": [{"x": x, "reason": reason} for x, reason in (excluded or {}).items()],
        "bound": [ratio * b for b in values],
        "constant": ratio,
        "reason": f"error / bound stays within 2 % over the last {len(xs) // 2} rows.",
    }
    document = {
        "case": name,
        "claim": "li2024.ode",
        "verdict": verdict,
        "exponent": exponent,
        "interval": None if exponent is None else [exponent - 0.006, exponent + 0.006],
        "rows": rows,
        "title": name.replace("-", " ").capitalize(),
        "kind": "sampling-rate",
        "metric": metric,
        "metrics": [metric],
        "swept": swept,
        "details": found | (details or {}),
        "spec": {
            "case": {"id": name},
            "target": {
                "family": "gaussian-mixture",
                "weights": [0.4, 0.6],
                "means": [-1.0, 1.2],
                "stds": [0.35, 0.5],
            },
            "forward": {"schedule": "li2024", "c0": 2.0, "c1": 5.0},
            "sampler": {"name": "pf-ode", "init": "normal"},
            "measure": {"metric": metric},
            "sweep": {swept: list(xs)},
        },
        "claim_info": claim_info(),
        "file": f"cases/{name}.toml",
        "command": f"sharpbound run cases/{name}.toml",
        "seconds": 1.25,
    }
    return document | changes


def heatmap() -> dict[str, Any]:
    """A declared heatmap with a curve on top."""
    sigma, steps = [0.002, 0.01, 0.05, 0.25, 1.0], [10, 20, 50, 100, 200, 500]
    values = [[(s / 0.01) ** 0.3 * 40 / n for n in steps] for s in sigma]
    return {
        "name": "ratio",
        "type": "heatmap",
        "title": "Exponential against polynomial spacing",
        "caption": "Path KL of the exponential ladder over that of $\\rho = 7$; above 1 the polynomial wins.",
        "x": {"label": "steps N", "scale": "log", "values": steps},
        "y": {"label": "standard deviation of the data", "scale": "log", "values": sigma},
        "z": {"label": "ratio of path KL", "scale": "log", "values": values},
        "series": [
            {
                "label": "crossover",
                "x": steps,
                "y": [0.008, 0.0085, 0.0095, 0.01, 0.0108, 0.0112],
                "style": "dashed",
            }
        ],
    }


def lines() -> dict[str, Any]:
    """Declared lines in every style, with marks."""
    x = [1, 2, 4, 8, 16, 32]
    return {
        "name": "loss",
        "type": "lines",
        "title": "Loss of gradient descent",
        "caption": "Dashed: the smallest eigenvalue of the tangent kernel.",
        "x": {"label": "iteration", "scale": "log"},
        "y": {"label": "loss", "scale": "log"},
        "series": [
            {
                "label": "measured",
                "x": x,
                "y": [1, 0.7, None, 0.2, 0.1, 0.05],
                "low": [0.8, 0.6, None, 0.15, 0.08, 0.03],
                "high": [1.2, 0.8, None, 0.25, 0.12, 0.07],
                "style": "points",
            },
            {"label": "predicted", "x": x, "y": [1 / v for v in x], "style": "dashed"},
            {
                "label": "band",
                "x": x,
                "y": [2 / v for v in x],
                "low": [1.5 / v for v in x],
                "high": [2.6 / v for v in x],
                "style": "line",
            },
            {"label": "best so far", "x": x, "y": [0.9, 0.6, 0.4, 0.3, 0.0, -1.0], "style": "step"},
        ],
        "annotations": [{"text": "plateau ends", "x": 8, "y": 0.2}],
        "hlines": [{"at": 0.04, "label": "Bayes loss"}],
        "vlines": [{"at": 5, "label": "learning rate halved"}],
    }


def bars() -> dict[str, Any]:
    """Declared bars with intervals."""
    return {
        "name": "failures",
        "type": "bars",
        "title": "How often empirical risk minimization errs",
        "x": {"label": "samples times weight of the rare mode"},
        "y": {"label": "probability of failure"},
        "series": [
            {
                "label": "measured",
                "x": ["0.5", "1", "2", "4"],
                "y": [0.307, 0.184, 0.068, 0.009],
                "low": [0.30, 0.18, 0.06, 0.008],
                "high": [0.31, 0.19, 0.07, 0.01],
            },
            {"label": "formula", "y": [0.303, 0.184, 0.0677, 0.0092]},
        ],
    }


def make_documents() -> list[dict[str, Any]]:
    """The synthetic run."""
    ddpm = claim_info(
        id="li2024.ddpm",
        latex=r"\frac{d^{2} \log^{3} T}{\sqrt{T}}",
        exponents={"T": 0.5, "d": -2.0},
        log_powers={"T": 3.0, "d": 0.0},
        trust="M",
        status="unverified-wording",
        statement="The total variation of the DDPM sampler falls like $T^{-1/2}$ up to logarithms.",
        source=None,
    )
    franzese = claim_info(
        id="franzese2023.vp",
        kind="exponential",
        metric="kl",
        latex=r"e^{-\beta\,t_{\mathrm{max}}}",
        exponents={"horizon": "inf"},
        log_powers={"horizon": 0.0},
        trust="D",
        paper={
            "title": "How much is enough? A study on diffusion times",
            "authors": ["Giulio Franzese", "and others"],
            "year": 2023,
            "arxiv": "2206.05173",
            "version": "unknown",
            "key": "franzese2023",
        },
        statement="The forward process approaches its limit exponentially in the diffusion time.",
    )
    wang = claim_info(
        id="wang2024.design",
        kind="ordering",
        metric="path-kl",
        latex="",
        paper={
            "title": "Evaluating the design space of diffusion-based generative models",
            "authors": ["Yuqing Wang", "Ye He", "Molei Tao"],
            "arxiv": "2406.12839",
            "version": "2",
            "key": "wang2024",
        },
        trust="A",
        statement="Well-trained scores want the exponential ladder, less trained ones the polynomial.",
    )
    control = claim_info(
        id="control.too-fast",
        control=True,
        latex=r"\frac{1}{T^{3}}",
        exponents={"T": 3.0},
        log_powers={"T": 0.0},
        trust="D",
        statement="TV falls like $T^{-3}$: false on purpose.",
    )
    return [
        rate_case(
            "pf-ode-mixture",
            lambda T: 0.9 * math.log(T) / T * (1 + 9 * math.log(T) / T),
            axis="T/log T",
            bound=lambda T: math.log(T) / T,
            excluded={32: "not yet asymptotic", 64: "not yet asymptotic"},
            exponent=1.0021,
        ),
        rate_case(
            "ode-laplace-floor",
            lambda T: 3.1 * T**-1.0 + 2e-4 * (T > 1500),
            floor=2e-3,
            verdict="inconclusive",
            exponent=None,
            window=None,
            excluded={2048: "within 3 floors", 4096: "below the floor"},
            bound=lambda T: 1 / T,
            details={"reason": "Only 3 rows are above the floor and asymptotic."},
        ),
        rate_case(
            "ode-sign-change",
            lambda T: abs(1 / T - 200 / T**2),
            bound=lambda T: 1 / T,
            window=(512, 4096),
            excluded=dict.fromkeys((32, 64, 128, 256), "sign change"),
            exponent=1.01,
        ),
        rate_case(
            "ddpm-gaussian-tv",
            lambda T: 0.4 / T,
            verdict="loose",
            claim="li2024.ddpm",
            claim_info=ddpm,
            predicted=0.5,
            bound=lambda T: math.log(T) ** 3 / T**0.5,
            details={"reason": "error / bound falls: the bound gives away a factor of $\\sqrt{T}$."},
        ),
        rate_case(
            "ddpm-path-kl",
            lambda T: 0.6 / T,
            metric="path-kl",
            claim="li2024.ddpm",
            claim_info=ddpm,
            bound=lambda T: 1 / T,
        ),
        rate_case(
            "vp-diffusion-time",
            lambda t: 2.4 * math.exp(-t) * (1 + 0.2 * math.exp(-t)),
            xs=(0.5, 1, 2, 3, 4, 5, 6),
            swept="horizon",
            axis="horizon",
            metric="kl",
            kind="diffusion-time",
            claim="franzese2023.vp",
            claim_info=franzese,
            window=(2, 6),
            bound=lambda t: math.exp(-t),
            exponent=1.003,
        ),
        rate_case(
            "score-error-growth",
            lambda e: 0.8 * e,
            xs=(1e-4, 1e-3, 1e-2, 0.1, 1.0),
            swept="eps_score",
            axis="eps_score",
            kind="score-error",
            window=(1e-4, 0.1),
            bound=lambda e: e,
            excluded={1.0: "not small"},
        ),
        {
            "case": "design-space",
            "claim": "wang2024.design",
            "verdict": "refuted",
            "exponent": None,
            "interval": None,
            "title": "Which ladder wins, by smoothness of the data",
            "kind": "design-space",
            "metric": "path-kl",
            "metrics": ["path-kl"],
            "swept": "N",
            "rows": [{"N": 50, "sigma": 0.5, "path-kl": 0.8521, "floor": 1e-12}],
            "details": {
                "figures": [heatmap(), lines(), bars()],
                "tables": [
                    {
                        "name": "crossover",
                        "caption": "Where the order turns",
                        "columns": ["N", "sigma"],
                        "rows": [[18, 0.008], [50, 0.0102], [200, None]],
                    }
                ],
                "reason": "On smooth targets the order is reversed.",
                "assumptions": {"bounded-support": False},
            },
            "spec": {"target": {"family": "gaussian", "mean": 0.0, "std": 0.5}, "sweep": {"N": [50]}},
            "claim_info": wang,
            "file": "cases/design-space.toml",
            "command": "sharpbound run cases/design-space.toml",
            "seconds": 0.2,
        },
        rate_case(
            "control-too-fast",
            lambda T: 0.9 / T,
            claim="control.too-fast",
            claim_info=control,
            verdict="violated",
            predicted=3.0,
            bound=lambda T: T**-3.0,
            details={"reason": "error / bound grows like $T^2$."},
        ),
    ]


ENVIRONMENT = {
    "sharpbound": "0.1.0",
    "engine": 1,
    "revision": None,
    "python": "3.12.1",
    "packages": {"numpy": "2.4.0"},
}


def write_run(folder: Path, documents: list[dict[str, Any]]) -> Path:
    """The files of a run in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cases.json").write_text(json.dumps(documents), encoding="utf-8")
    (folder / "environment.json").write_text(json.dumps(ENVIRONMENT), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def documents() -> list[dict[str, Any]]:
    return make_documents()


@pytest.fixture(scope="session")
def run_folder(documents: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"), documents)


@pytest.fixture(scope="session")
def site(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the run."""
    folder = tmp_path_factory.mktemp("site")
    render(run_folder, folder)
    return folder
