"""Schedulers that do not converge, each by a mistake of its own, which is named; the mended ones have their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from sharpbound.chapters import unavailable
from sharpbound.chapters.audit.command import Asked, audit_user


@pytest.fixture(autouse=True)
def _of_others(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent / "of_others")


def audited(name, options, target="gaussian", **asked):
    return audit_user(name, Asked(1, options=options, target=target, steps="8,16,32,64", **asked))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Preserving", ""),
        ("Exploding", ""),
        ("Exploding", "loud=1.0"),
        ("Rectified", ""),
    ],
)
def test_right_ones_reach_their_order(name, options):
    found = audited(f"stalling:{name}", options)
    assert (found["verdict"], ";" in found["diagnosis"]) == ("reached", False), found["diagnosis"]


@pytest.mark.parametrize(("options", "ends"), [("", "kept"), ("ends=false", "undecided")])
def test_sigmas_without_a_table(options, ends):
    """Where they are to begin and end is said by the configuration, or by nobody."""
    found = audit_user("stalling:Bare", Asked(2, options=options, steps="16,32,64,128"))
    assert (found["verdict"], found["exponent"]) == ("reached", pytest.approx(2, abs=0.05))
    contract = {check["name"]: check["verdict"] for check in found["contract"]}
    assert contract.pop("declared") == "undecided"
    assert (contract.pop("first"), contract.pop("last"), set(contract.values())) == (ends, ends, {"kept"})


@pytest.mark.parametrize(
    ("name", "options", "cause"),
    [
        ("Preserving", 'fault="clean"', "where the network gives the clean data: it takes its prediction for that"),
        ("Preserving", 'fault="score"', "where the network gives the score -W/sigma"),
        ("Preserving", 'fault="v"', "where the network gives v = a W - sigma X0"),
        ("Rectified", "sign=-1.0", "minus its answer: it has the wrong sign"),
        ("Exploding", 'fault="reversed"', "asked at the level of the state: its timesteps tell other levels"),
        ("Exploding", "loud=1.5", "it converges with 0.66"),
        ("Exploding", 'loud=1.0,fault="variance"', "its noise is sqrt(T) times too small"),
        ("Exploding", "loud=0.5", "it converges with 1.99"),
    ],
)  # fmt: skip
def test_what_does_not_converge_is_told_why(name, options, cause):
    found = audited(f"stalling:{name}", options)
    assert (found["verdict"], cause in found["diagnosis"]) == ("not reached", True), found["diagnosis"]


def test_a_cause_that_is_found_decides_where_no_order_is_seen():
    """An input without its scale is far beyond what the network knows: the error is of no order at all."""
    found = audited("stalling:Exploding", 'fault="unscaled"')
    assert (found["verdict"], found["exponent"]) == ("not reached", None)
    assert (
        "another input of the network: the factor 1/sqrt(1 + sigma^2) of it is missing" in found["diagnosis"]
    )


def test_clipping_is_named_with_the_key_that_does_it():
    found = audited("stalling:Preserving", "clip_sample=true", target="mixture")
    assert "it clips or thresholds: its output stays within -1 and 1" in found["diagnosis"]
    assert "its configuration has clip_sample: --options clip_sample=false" in found["diagnosis"]
    assert found["details"]["reason"] in found["diagnosis"]  # what the screen shows


def test_exact_to_rounding():
    found = audited("stalling:Rectified", "exact=true", allow="calls,landing")  # it asks for nothing
    assert (found["verdict"], found["exponent"]) == ("exact", None)
    assert all(row["w2"] < 1e-6 for row in found["rows"])


@pytest.mark.skipif(unavailable("audit") is not None, reason="needs the extra: audit")
@pytest.mark.parametrize(("name", "verdict"), [("DDIMScheduler", "not reached"), ("DDPMScheduler", "failed")])
def test_the_defaults_of_diffusers_clip(name, verdict):
    """Of a stochastic one nothing is measured: what clips is not affine on a Gaussian."""
    found = audit_user(f"diffusers:{name}", Asked(1, steps="8,16,32"))
    assert found["verdict"] == verdict
    assert "clips or thresholds" in found["diagnosis"]
    assert "--options clip_sample=false audits it without" in found["diagnosis"]
