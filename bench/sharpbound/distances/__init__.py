"""Distances between p, the true marginal where the sampler stops, and q, the law of its output.

This is the one list of them: what the command line, the page, case files and the rate estimator know of a metric.
Its mathematics stands beside the kind of law that it is read off: `gaussian` (closed form), `one_dimensional` (two
densities on one quadrature), `products`, `low_rank`, `sampled` (log-ratios at points) and `empirical` (points alone).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A distance by its name in case files."""

    name: str
    words: str
    """For axes and headings, with its symbols in LaTeX."""
    symbol: str
    """LaTeX."""
    about: str
    second_order: bool = False
    """Whether it is of second order in q - p: its root then expands like the other distances."""
    of_chains: bool = False
    """Whether it is between the chains, not between the laws of what they end in."""


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("tv", "total variation TV", r"\mathrm{TV}", "total variation, 1/2 int |q - p|"),
        Metric(
            "kl",
            r"KL$(p\Vert q)$",
            r"\mathrm{KL}(p\Vert q)",
            "KL(p || q), the direction of the theorems",
            second_order=True,
        ),
        Metric("kl-reverse", r"KL$(q\Vert p)$", r"\mathrm{KL}(q\Vert p)", "KL(q || p)", second_order=True),
        Metric(
            "chi2",
            r"$\chi^2$ divergence",
            r"\chi^2",
            "chi^2(q || p) = int (q - p)^2 / p",
            second_order=True,
        ),
        Metric("hellinger", "Hellinger distance", r"\mathrm{H}", "H with H^2 = 1/2 int (sqrt q - sqrt p)^2"),
        Metric("w1", "Wasserstein $W_1$", "W_1", "Wasserstein-1"),
        Metric("w2", "Wasserstein $W_2$", "W_2", "Wasserstein-2"),
        Metric(
            "path-kl",
            "path-space KL",
            r"\mathrm{KL}_{\mathrm{path}}",
            "KL of the true reverse chain against the sampler's chain",
            of_chains=True,
        ),
    )
}

LAW_METRICS = tuple(name for name, metric in METRICS.items() if not metric.of_chains)
"""Distances between the output law and the true marginal."""


def second_order(metric: str) -> bool:
    """Whether a metric, of this list or of a chapter's own, is a divergence of second order in q - p."""
    return metric in METRICS and METRICS[metric].second_order
