import json
import math
from pathlib import Path

import pytest

from sharpbound.errors import InputError
from sharpbound.suite import load_claims
from sharpbound.suite.claim import TRANSFERS

FILE = Path(__file__).parent / "data" / "theory" / "toy2020.toml"
GOOD = FILE.read_text()


@pytest.fixture(scope="module")
def claims():
    return {claim.id: claim for claim in load_claims(FILE)}


def test_a_claim_reads_as_written(claims):
    claim = claims["toy2020.chain"]
    assert claim.paper.key == "toy2020"
    assert (claim.paper.arxiv, claim.paper.version, claim.paper.year) == ("2001.00001", "v2", 2020)
    assert (claim.kind, claim.metric, claim.trust, claim.status) == ("upper-bound", "tv", "V", "verified")
    assert claim.metrics == {"tv": "identity", "kl": "pinsker", "path-kl": "pinsker"}
    assert [a.check for a in claim.assumptions] == ["bounded-support", "unchecked"]
    assert claim.formula.exponents["T"] == 0.5
    assert not claim.control


def test_pinsker_undoes_itself(claims):
    """TV <= sqrt(KL/2) <= B is KL <= 2 B^2; and back."""
    values = {"d": 3, "T": 50, "eps_score": 0.01}
    chain = claims["toy2020.chain"]
    assert math.sqrt(chain.predict(values, "kl") / 2) == pytest.approx(chain.predict(values), rel=1e-15)
    assert chain.decay("T", "kl") == (1.0, 2.0)
    kl = claims["toy2020.kl"]
    assert 2 * kl.predict(values, "tv") ** 2 == pytest.approx(kl.predict(values), rel=1e-15)
    assert kl.decay("T", "tv") == (1.0, 0.0)


def test_a_metric_that_the_claim_does_not_speak_of(claims):
    with pytest.raises(
        InputError, match=r"measure.metric: claim toy2020.kl does not speak of 'w2'; choose from kl, tv"
    ):
        claims["toy2020.kl"].predict({"d": 1, "T": 2}, "w2")


def changed(tmp_path, *replacements):
    text = GOOD
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "toy.toml"
    path.write_text(text)
    return {claim.id: claim for claim in load_claims(path)}


def test_a_claim_is_of_its_paper_s_version_unless_it_says_another(claims, tmp_path):
    assert claims["toy2020.kl"].version == "v2"
    own = changed(tmp_path, ('formula = "d/T**2"', 'formula = "d/T**2"\nversion = "v1"'))
    assert own["toy2020.kl"].version == "v1"
    assert own["toy2020.chain"].version == "v2"
    assert own["toy2020.kl"].describe()["version"] == "v1"


def test_what_the_versions_say(tmp_path):
    claims = changed(
        tmp_path,
        (
            "[[claim]]",
            '[[paper.versions]]\nversion = "v1"\ndate = "1 Jan 2020"\nsays = "d^2/T"\nread = true\n\n[[claim]]',
        ),
    )
    [version] = claims["toy2020.kl"].paper.versions
    assert (version.version, version.date, version.says, version.read) == ("v1", "1 Jan 2020", "d^2/T", True)


def test_a_number_of_steps_up_to_its_constant(tmp_path):
    condition = '{ text = "T is large", check = "number-of-steps", requires = "d**4*log(T)**6" }'
    claims = changed(tmp_path, ("assumptions = [", f"assumptions = [{condition}, "))
    assumption = claims["toy2020.chain"].assumptions[0]
    assert assumption.margin({"d": 2, "T": 1000}) == pytest.approx(
        1000 / (16 * math.log(1000) ** 6), rel=1e-14
    )
    assert claims["toy2020.chain"].describe()["assumptions"][0]["requires"] == "d**4*log(T)**6"
    with pytest.raises(ValueError, match="no number of steps"):
        claims["toy2020.chain"].assumptions[1].margin({"d": 2, "T": 1000})


def test_bounds_are_of_claims_with_their_constants(claims, tmp_path):
    with pytest.raises(InputError, match="hides its constant"):
        claims["toy2020.chain"].bound({"d": 1, "T": 2, "eps_score": 0.0})
    own = changed(tmp_path, ('trust = "V"', 'trust = "V"\nconstant = "explicit"'))
    chain = own["toy2020.chain"]
    values = {"d": 3, "T": 50, "eps_score": 0.01}
    assert chain.bound(values) == chain.predict(values)
    assert chain.bound(values, "kl") == 2 * chain.predict(values) ** 2


def test_description_is_json(claims):
    for claim in claims.values():
        info = json.loads(json.dumps(claim.describe(), allow_nan=False))
        assert info["latex"] == claim.formula.latex
        assert info["formula"] == claim.formula.text
        assert info["paper"]["key"] == "toy2020"
        assert set(info["metrics"].values()) <= set(TRANSFERS)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('formula = "d/T**2"', 'formula = "d/t2"', "claim[1].formula: unknown variable 't2' in the formula"),
        ('formula = "d/T**2"', "formula = 3", "claim[1].formula: a formula is one string, got int"),
        ('formula = "d/T**2"', "", "claim[1].formula: is missing; add it"),
        ("formula =", "fromula =", "claim[0].fromula: unknown key; did you mean 'formula'?"),
        ("check =", "chekc =", "claim[0].assumptions[0].chekc: unknown key; did you mean 'check'?"),
        (
            '"bounded-support"',
            '"bounded"',
            "claim[0].assumptions[0].check: unknown value 'bounded'; did you mean",
        ),
        ('"unverified-wording"', '"verified"', 'claim[1].status: a claim of trust "M" has status'),
        (
            'trust = "V"',
            'trust = "V"\nconstant = "explicit"\nhidden_logs = true',
            "claim[0].constant: explicit constants go with an upper-bound",
        ),
        (
            'status = "verified"',
            'status = "verified"\nunverified = "not read"',
            'claim[0].unverified: goes with status = "unverified-wording"',
        ),
        (
            'status = "verified"',
            'status = "verified"\ndimension_free = true',
            "claim[0].dimension_free: goes with a formula that has no d",
        ),
        (
            'status = "verified"',
            'status = "superseded"',
            "claim[0].version: of a superseded claim names the earlier version",
        ),
        (
            'check = "bounded-support"',
            'check = "number-of-steps"',
            'claim[0].assumptions[0].requires: goes with check = "number-of-steps"',
        ),
        ('trust = "V"', 'trust = "X"', "claim[0].trust: unknown value 'X'; choose from V, R, A, M, D, N"),
        ('tv = "from-kl"', 'w2 = "from-kl"', "claim[1].metrics.w2: from-kl speaks of tv or hellinger"),
        ('tv = "from-kl"', 'kl = "pinsker"', "claim[1].metrics.kl: kl is the metric of the formula"),
        (
            'tv = "from-kl"',
            'tv = "pinsker"',
            "claim[1].metrics.tv: pinsker speaks of kl, kl-reverse or path-kl",
        ),
        ('tv = "from-kl"', 'tv = "magic"', "claim[1].metrics.tv: unknown value 'magic'"),
        (
            'kind = "lower-bound"',
            'kind = "lower"',
            "claim[2].kind: unknown value 'lower'; did you mean 'lower-bound'?",
        ),
        ("control = true", 'control = "yes"', "claim[2].control: input should be a valid boolean, got 'yes'"),
        ("year = 2020", "year = true", "paper.year: input should be a valid integer, got True"),
        ("year = 2020", "year = 20", "paper.year: input should be greater than or equal to 1900, got 20"),
        ('"2001.00001"', '"abs/2001.00001"', "paper.arxiv: 'abs/2001.00001' is not an arXiv id"),
        ('"2001.00002"', '"x"', "paper.also: 'x' is not an arXiv id"),
        ("title = {A {T}oy}", "title = {A {T}oy", "paper.bibtex: the BibTeX entry"),
        ("authors = [", "authors = [1, ", "paper.authors[0]: input should be a valid string, got 1"),
        ("[paper]", "[papers]", "'papers': unknown table; did you mean 'paper'?"),
        ("[[claim]]", "[[claims]]", "'claims': unknown table; did you mean 'claim'?"),
        ("[[claim]]", "[claim.x]", "claim"),
        ('id = "toy2020.kl"', 'id = "toy 2020"', "claim[1].id: must be the id of a claim"),
        (
            'id = "toy2020.kl"',
            'id = "toy2020.kl"\npaper = 1',
            "claim[1].paper: unknown key; the paper has its own table",
        ),
    ],
)
def test_a_mistake_is_one_line_with_file_key_and_fix(tmp_path, old, new, message):
    assert old in GOOD
    path = tmp_path / "toy.toml"
    path.write_text(GOOD.replace(old, new) if old == "[[claim]]" else GOOD.replace(old, new, 1))
    with pytest.raises(InputError) as error:
        load_claims(path)
    if new == "[claim.x]":  # TOML itself objects
        return
    lines = str(error.value).split("\n")
    assert lines[0].startswith(f"{path}: {message}")
    assert all(line.startswith(f"{path}: ") for line in lines)
