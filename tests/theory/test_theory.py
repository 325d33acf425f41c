"""The claims in theory/: all of them load, cite, typeset, and say the rates of the papers."""

import math
from pathlib import Path

import pytest
from matplotlib.mathtext import MathTextParser

from sharpbound.formulas.expression import VARIABLES
from sharpbound.places import default_directory
from sharpbound.suite import bibtex
from whole_suite import CASES, THEORY

CLAIMS = list(THEORY.values())


@pytest.mark.parametrize("claim", CLAIMS, ids=list(THEORY))
def test_claim_is_complete(claim):
    assert claim.id.split(".")[0] == claim.paper.key
    entry = bibtex.parse(claim.paper.bibtex)
    assert entry.fields["year"] == str(claim.paper.year)
    assert entry.fields["title"].replace("{", "").replace("}", "").replace("$", "") == claim.paper.title
    assert len(entry.fields["author"].split(" and ")) == len(claim.paper.authors)
    for author in claim.paper.authors:
        assert author.split()[-1] in entry.fields["author"]
    if claim.paper.arxiv:
        assert entry.fields["eprint"] == claim.paper.arxiv
    assert claim.assumptions
    MathTextParser("agg").parse(f"${claim.formula.latex}$")


def test_unverified_wording_has_its_reason():
    unverified = {claim.id for claim in CLAIMS if claim.status == "unverified-wording"}
    assert unverified == {claim.id for claim in CLAIMS if claim.unverified}


def test_no_claim_of_a_source_paper_but_a_recalled_one_is_unread():
    """What is only recalled is unverified, and everything unverified is recalled or read at second hand."""
    assert {claim.trust for claim in CLAIMS if claim.unverified} == {"M", "A"}
    assert all(claim.unverified for claim in CLAIMS if claim.trust == "M")


@pytest.mark.parametrize("claim", CLAIMS, ids=list(THEORY))
def test_formula_is_a_positive_number(claim):
    """At a large T, moderate everything else, and with score errors: bounds are positive."""
    values = dict.fromkeys(VARIABLES, 2.0) | {"T": 4096, "N": 4096, "h": 1e-3, "kappa": 1e-3, "delta": 1e-3}
    values |= {"sigma_min": 0.01, "sigma_max": 50}
    values |= dict.fromkeys(("eps", "eta", "gamma", "delta_score", "delta_train"), 0.1)
    assert claim.predict(values | {"eps_score": 0.01, "eps_jacobi": 0.01}) > 0


def test_every_paper_is_cited_once():
    papers = {claim.paper.key: claim.paper for claim in CLAIMS}
    assert len(papers) == len(list(default_directory("theory").glob("*.toml")))
    ids = [paper.arxiv for paper in papers.values() if paper.arxiv]
    assert len(ids) == len(set(ids))


RATES = {  # (power of 1/T, power of log T) at exact scores, as the papers' abstracts or theorems state them
    "li2024.ode": (1, 4),
    "li2024.ddpm": (0.5, 3),
    "li2024.ode-accelerated": (2, 6),
    "li2024.ddpm-accelerated": (1, 4.5),
    "li2024provably.ode": (2, 0),
    "li2024provably.ddpm": (1, 0),
    "liyan2024.ddpm": (1, 3),
    "li2024sharp.ode": (1, 4),
    "chen2023.ddpm-steps": (0.5, 0),
    "chen2023.path-lower": (1, 0),
    "chenleelu2023.ddpm": (0.5, 0),
    "benton2024.steps": (1, 0),
    "conforti2025.steps": (1, 0),
    "jiao2025.ddpm": (2, 0),
    "licai2024.accelerated": (2, 0),
    "gupta2024midpoint.midpoint": (1, 0),
    "lijiao2025.midpoint": (1.5, 0),
    "liyan2024lowdim.ddpm": (0.5, 0),
    "huang2024lowdim.ddpm": (1, 0),
    "liang2025lowdim.tv": (1, 3),
    "tang2025lowdim.ode": (1, 3),
    "gaozhu2025.ode": (1, 0),
    "liu2026splitting.strang": (2, 0),
    "edm.heun": (2, 0),
}


@pytest.mark.parametrize(("id", "rate"), RATES.items())
def test_rates(id, rate):
    assert THEORY[id].decay("T") == rate


@pytest.mark.parametrize(
    ("id", "steps"),
    [
        # the abstracts state numbers of steps that reach accuracy eps; the formulas are their inverses
        ("licai2024.accelerated", lambda d, L, eps: d**1.25 / math.sqrt(eps)),
        ("gupta2024midpoint.midpoint", lambda d, L, eps: L ** (5 / 3) * d ** (5 / 12) / eps),
        ("lijiao2025.midpoint", lambda d, L, eps: L * d ** (1 / 3) * eps ** (-2 / 3)),
        ("gaozhu2025.ode", lambda d, L, eps: math.sqrt(d) / eps),
        (
            "jiao2024.instance",
            lambda d, L, eps: min(d, d ** (2 / 3) * L ** (1 / 3), d ** (1 / 3) * L) * eps ** (-2 / 3),
        ),
    ],
)
def test_numbers_of_steps_are_inverted_rightly(id, steps):
    for d, L, eps in [(3, 2.0, 0.01), (50, 7.0, 1e-4)]:
        n = steps(d, L, eps)
        assert THEORY[id].predict({"d": d, "L": L, "T": n}) == pytest.approx(eps, rel=1e-12)


@pytest.mark.parametrize("K", [2, 3])
def test_lagrange_in_levels_is_lagrange_in_evaluations(K):
    """(17) of 2506.24042 in T against (18): d^(1 + 2/K)/eps^(1/K) evaluations but for logarithms."""
    claim = THEORY[f"zhou2025lagrange.order{K}"]
    for d in (3, 50):
        powers = {
            T: claim.predict({"d": d, "T": T}) / math.log(T) ** (2 * K + 2) for T in (d**2, 10**6 * d**2)
        }
        for T, eps in powers.items():
            assert d ** (1 + 2 / K) / eps ** (1 / K) == pytest.approx(T, rel=1e-12)


def test_theorems_of_li_et_al_are_those_of_the_paper():
    """2306.09251: error terms stand in Theorems 1 and 3 alone; 2 and 4 are about exact scores."""
    claims = {id.removeprefix("li2024."): claim for id, claim in THEORY.items() if id.startswith("li2024.")}
    assert claims.keys() == {
        *("ode", "ode-radius", "ode-score", "ddpm", "ddpm-score", "ode-accelerated", "ddpm-accelerated"),
    }
    for name, claim in claims.items():
        assert (claim.trust, claim.status, claim.version) == ("V", "verified", "Feb 2024 (Oct 2023 on)")
        assert {"density", "bounded-support"} <= {a.check for a in claim.assumptions}
        exact = "accelerated" in name
        assert exact == ("exact-scores" in {a.check for a in claim.assumptions})
        assert exact == ("eps_score" not in claim.formula.variables)
        condition = {"ddpm": "d**4*log(T)**6", "ddpm-score": "d**4*log(T)**6"}
        condition["ddpm-accelerated"] = "d**3*log(T)**4.5"
        requires = [a.requires.text for a in claim.assumptions if a.requires]
        assert requires == ([condition[name]] if name in condition else [])
    assert [version.version for version in claims["ode"].paper.versions] == [
        "v1",
        "Jul 2023",
        "Oct 2023",
        "Feb 2024",
    ]


def test_kl_forms_of_theorems_3_and_4():
    """TV <= sqrt(KL/2) <= B: at d = 2, T = 10^4, KL <= 2 (d^2 log^3 T/sqrt T)^2 and 2 (d^3 log^4.5 T/T)^2."""
    log = math.log(1e4)
    values = {"d": 2, "T": 10**4, "eps_score": 0.0}
    third, fourth = THEORY["li2024.ddpm"], THEORY["li2024.ddpm-accelerated"]
    for metric in ("kl", "path-kl"):
        assert third.predict(values, metric) == pytest.approx(2 * (4 * log**3 / 100) ** 2, rel=1e-14)
        assert fourth.predict(values, metric) == pytest.approx(2 * (8 * log**4.5 / 1e4) ** 2, rel=1e-14)


def test_the_radius_form_of_theorem_1():
    """Its first term at R = e is that of Theorem 1; the logarithms of R enter as log^2, log^3 and sqrt(log)."""
    ball, theorem = THEORY["li2024.ode-radius"], THEORY["li2024.ode"]
    values = {"d": 3, "T": 500, "eps_score": 0.02, "eps_jacobi": 0.01}
    assert ball.predict(values | {"R": math.e}) == pytest.approx(theorem.predict(values), rel=1e-14)
    log = math.log(500)
    expected = (
        9 * log**4 * 4 / 500 + 729 * log**6 * 8 / 500**2 + math.sqrt(3 * log**3 * 2) * 0.02 + 3 * log * 0.01
    )
    assert ball.predict(values | {"R": math.e**2}) == pytest.approx(expected, rel=1e-14)


def test_superseded_claims_stand_beside_their_successors():
    superseded = [claim for claim in CLAIMS if claim.status == "superseded"]
    assert [claim.id for claim in superseded] == ["chenleelu2023.kl-first", "huang2025absorbing.euler"]
    for claim in superseded:
        assert claim.version in {version.version for version in claim.paper.versions}
        assert claim.version != claim.paper.version


UNSTATED = {"wang2024.steps", "wang2024.complexity", "franzese2023.best-time", "unipc.p1", "unipc.p2"}


def test_what_no_source_states_is_not_called_verified():
    for id in UNSTATED:
        assert (THEORY[id].trust, THEORY[id].status) == ("M", "unverified-wording")


def test_lagrange_orders_are_instances_of_the_general_claim():
    for K in (2, 3):
        values = {"d": 5, "T": 400, "K": K}
        general = THEORY["zhou2025lagrange.order"].predict(values)
        assert THEORY[f"zhou2025lagrange.order{K}"].predict(values) == pytest.approx(general, rel=1e-13)


def test_a_claim_has_a_case_or_says_why_it_has_none():
    tested = {case.claim for case in CASES}
    for claim in CLAIMS:
        assert (claim.id in tested) != bool(claim.untested), claim.id


def test_benton_steps_is_benton_at_its_schedule():
    """kappa = (horizon + log(1/delta))/T makes the discretisation terms of the bound c d/T, c fixed."""
    horizon, delta = 3.0, 1e-3
    full, steps = THEORY["benton2024.kl"], THEORY["benton2024.steps"]
    ratios = []
    for T in (10**4, 10**6):
        kappa = (horizon + math.log(1 / delta)) / T
        values = {"T": T, "kappa": kappa, "horizon": horizon, "d": 7, "eps_score": 0.0}
        initialisation = 7 * math.exp(-2 * horizon)
        ratios.append((full.predict(values) - initialisation) / steps.predict(values))
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-8)  # a difference of numbers of the size of 1e-2


def test_recalled_claims_say_so():
    for claim in CLAIMS:
        assert claim.status == ("unverified-wording" if claim.trust == "M" else claim.status)


def test_controls_contradict_what_is_derived():
    """Each control claims another rate than the equality of the same sampler order and metric."""
    truth = {
        "negative-control.ode-too-fast": "weak-error.order1-tv",
        "negative-control.ddpm-too-fast": "weak-error.order1-tv",
        "negative-control.acc-ode-too-fast": "weak-error.order2-tv",
        "negative-control.path-kl-too-fast": "weak-error.ddpm-path-kl",
        "negative-control.ode-wrong-order": "weak-error.order1-tv",
        "negative-control.ddpm-wrong-path-order": "weak-error.ddpm-path-kl",
    }
    controls = [claim for claim in CLAIMS if claim.id.startswith("negative-control.")]
    assert {claim.id for claim in controls} == truth.keys()
    for claim in controls:
        assert claim.control
        actual = THEORY[truth[claim.id]]
        assert claim.metric == actual.metric
        if claim.kind == "upper-bound":
            assert claim.decay("T")[0] > actual.decay("T")[0]
        else:
            assert claim.decay("T") != actual.decay("T")


def test_theory_folder_is_the_repository_s():
    assert default_directory("theory") == Path(__file__).parents[2] / "theory"
