"""What `import sharpbound as sb` offers, against hand-made recursions and scipy."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import integrate, stats

import sharpbound as sb
from sharpbound.samplers.base import Sampler, Stage

MIXTURE = {"weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}


def flow_of_a_gaussian(mean, std, ladder):
    """Mean and std of the PF-ODE's output on N(mean, std^2), started from the true law: sqrt(alpha) y = y + b s/2."""
    m, v = ladder.a[-1] * mean, (ladder.a[-1] * std) ** 2 + ladder.sigma[-1] ** 2
    for t in range(ladder.T, ladder.stop, -1):
        a, sigma = ladder.level(t)
        alpha = (ladder.a[t] / ladder.a[t - 1]) ** 2
        gain = 1 - (1 - alpha) / 2 / ((a * std) ** 2 + sigma**2)
        m = (a * mean + gain * (m - a * mean)) / math.sqrt(alpha)
        v = gain**2 * v / alpha
    return m, math.sqrt(v)


def test_output_law_of_a_gaussian_by_hand():
    target, ladder = sb.Gaussian(mean=0.7, std=0.4), sb.schedule("ou-uniform", T=32)
    law = sb.output_law(target, ladder, "pf-ode")
    mean, std = flow_of_a_gaussian(0.7, 0.4, ladder)
    a, sigma = ladder.level(0)
    p, q = stats.norm(0.7 * a, math.hypot(0.4 * a, sigma)), stats.norm(mean, std)
    tv = 0.5 * integrate.quad(lambda x: abs(p.pdf(x) - q.pdf(x)), -2, 4, limit=400, epsabs=1e-12)[0]
    assert law.distance("tv").value == pytest.approx(tv, abs=1e-9)
    assert law.distance("tv").kind == "closed-form"
    assert law.distance("w2").value == pytest.approx(math.hypot(mean - p.mean(), std - p.std()), rel=1e-9)
    x = np.array([-0.3, 0.5, 1.9])
    np.testing.assert_allclose(law.density(x), q.pdf(x), rtol=1e-9)
    np.testing.assert_allclose(law.cdf(x), q.cdf(x), rtol=1e-9)
    np.testing.assert_allclose(law.quantile([0.1, 0.9]), q.ppf([0.1, 0.9]), rtol=1e-9)
    np.testing.assert_allclose(law.true_density(x), p.pdf(x), rtol=1e-12)


def test_a_target_says_what_it_is():
    assert repr(sb.Sphere(radius=1.0, dim=4)) == "<sphere in R^4>"


def test_lists_arrays_and_tensors_make_the_same_law():
    ladder = sb.schedule("ou-uniform", T=8)
    made = [
        sb.GaussianMixture(**{key: kind(value) for key, value in MIXTURE.items()})
        for kind in (list, tuple, np.array, torch.tensor, lambda v: torch.tensor(v, dtype=torch.float64))
    ]
    values = {sb.output_law(target, ladder, "pf-ode").distance("kl").value for target in made}
    assert len(values) == 1


@pytest.mark.parametrize(
    "target",
    [
        sb.Atoms([-1.0, 1.0], weights=[0.3, 0.7]),
        sb.Cantor(level=2, low=-1.0, high=1.0),
        sb.Gaussian([0.0, 1.0], cov=[[1.0, 0.3], [0.3, 0.5]]),
        sb.Laplace(0.5),
        sb.StudentT(nu=5, scale=0.5),
        sb.TruncatedGaussianMixture(**MIXTURE, radius=2.0),
        sb.Uniform(-1.0, 1.0),
        sb.Product(sb.Uniform(-1.0, 1.0), dim=3),
        sb.Product(factors=[sb.Uniform(-1.0, 1.0), sb.Laplace(1.0)]),
        sb.Sphere(radius=1.0, dim=4),
        sb.LowRankMixture([0.5, 0.5], [[-1.0], [1.0]], std=0.3, dim=6),
    ],
    ids=lambda target: target.family,
)
def test_every_family_has_a_law(target):
    law = sb.output_law(target, sb.schedule("ou-uniform", T=8), "pf-ode")
    value, floor, _ = law.distance("tv")
    assert 0 < floor < 0.1 * value < 0.1
    assert target.family in repr(law)


def test_product_is_that_of_a_case_file():
    own = sb.output_law(sb.Product(sb.Laplace(0.5), dim=4), sb.schedule("ou-uniform", T=8), "ddpm")
    case = {
        "case": {"id": "mine", "title": "mine", "kind": "sampling-rate", "claim": "weak-error.order1-tv"},
        "target": {"family": "product", "factor": {"family": "laplace", "scale": 0.5}, "dim": 4},
        "forward": {"schedule": "ou-uniform"},
        "sampler": {"name": "ddpm", "init": "exact"},
        "measure": {"metric": "kl"},
        "sweep": {"T": [8]},
    }
    document = sb.measure(case, keep=False)
    assert document.rows[0].measured["kl"].value == pytest.approx(own.distance("kl").value, rel=1e-12)
    assert document.case == "mine"


def test_a_schedule_of_ones_own():
    def half(T, horizon):
        return sb.schedule("ou-uniform", T=T, horizon=horizon / 2)

    np.testing.assert_array_equal(sb.schedule(half, T=8, horizon=2.0).a, sb.schedule("ou-uniform", T=8).a)
    with pytest.raises(sb.InputError, match="must return"):
        sb.schedule(lambda T: T, T=8)


class Halving(Sampler):
    """A deterministic sampler of one's own: y -> y/2."""

    name = "halving"

    def stages(self, step):
        return [Stage(lambda y: 0.5 * y)]


def heun(score, x, a, sigma):
    """A plain function: Heun's step in sigma on a variance-exploding ladder."""
    for i in range(len(a) - 1):
        h = sigma[i + 1] - sigma[i]
        d = -sigma[i] * score(x, a[i], sigma[i])
        guess = x + h * d
        x = x + h / 2 * (d - sigma[i + 1] * score(guess, a[i + 1], sigma[i + 1]))
    return x


def test_samplers_of_ones_own():
    ladder = sb.schedule("ou-uniform", T=4, horizon=0.5, delta=0.1)
    law = sb.output_law(sb.Gaussian(0.0, 1.0), ladder, Halving)
    assert law.distance("w2").value == pytest.approx(1 - 0.5**4, rel=1e-12)
    steps = sb.schedule("edm", T=32, sigma_min=0.1, sigma_max=20.0)
    target = sb.GaussianMixture(**MIXTURE)
    plain, own = (sb.output_law(target, steps, one).distance("w2") for one in (heun, "heun"))
    assert plain.value == pytest.approx(own.value, rel=1e-5)
    with pytest.raises(sb.NotMeasured, match="tv"):
        sb.output_law(target, steps, heun).distance("tv")


def test_score_error_of_a_constant_shifts_a_gaussian():
    """The PF-ODE with s + e on N(0, 1) keeps the variance map and adds the shifts of a linear recursion."""
    ladder = sb.schedule("ou-uniform", T=16)
    law = sb.output_law(
        sb.Gaussian(0.0, 1.0),
        ladder,
        "pf-ode",
        score_error={"field": "constant", "eps": 0.1, "profile": "equal"},
    )
    m = 0.0
    for t in range(ladder.T, 0, -1):
        beta = ladder.beta[t]
        m = (m + beta / 2 * (0.1 - m)) / math.sqrt(1 - beta)
    assert law.quantile([0.5])[0] == pytest.approx(m, rel=1e-9)


def test_path_kl_of_ddpm_is_positive_and_falls():
    target = sb.Gaussian(0.7, 0.4)
    coarse, fine = (sb.path_kl(target, sb.schedule("ou-uniform", T=T), "ddpm").value for T in (64, 128))
    assert 1.8 < coarse / fine < 2.2
    with pytest.raises(sb.InputError, match="deterministic"):
        sb.path_kl(target, sb.schedule("ou-uniform", T=4), "pf-ode")


def test_rates_and_verdicts():
    T = [16, 32, 64, 128, 256]
    errors = [3 / t * (1 + 2 / t) for t in T]
    found = sb.rate(T, errors, 1e-12)
    assert found.interval[0] <= 1 <= found.interval[1]
    assert sb.rate(T[::-1], errors[::-1], 1e-12) == found
    assert sb.judge("weak-error.order1-tv", T, errors, 1e-12).verdict == "confirmed"
    assert sb.judge("weak-error.order2-tv", T, errors, 1e-12).verdict == "refuted"
    assert sb.claims()["weak-error.order1-tv"].metric == "tv"
    assert "pf-ode-mixture-tv-li2024" in {case.id for case in sb.cases()}


def test_constant_of_the_flow_on_the_schedule_of_li():
    found = sb.constant(sb.Gaussian(0.7, 0.4), {"schedule": "li2024", "c0": 2.0, "c1": 5.0}, "pf-ode")
    assert found.constant == pytest.approx(stats.norm.pdf(1) / 4 * 15, rel=1e-7)
    assert (found.power, found.log_power) == (1, 2)


def test_pictures_and_html():
    law = sb.output_law(sb.Gaussian(0.7, 0.4), sb.schedule("ou-uniform", T=8), "ddpm")
    axes = law.plot()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "truth",
        f"{law.sampler.title}, 8 steps",
    ]
    html = law._repr_html_()
    assert "<table>" in html
    assert f"{law.distance('tv').value:.6g}" in html


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sb.GaussianMixture([0.5, 0.6], [0, 1], stds=[1, 1]), "weights"),
        (lambda: sb.Gaussian(0.0, std=-1.0), "std"),
        (lambda: sb.schedule("ou-unifrom", T=8), "ou-uniform"),
        (lambda: sb.schedule("ou-uniform", T=8, horizn=1.0), "horizon"),
        (lambda: sb.sampler("pf-oed"), "pf-ode"),
        (lambda: sb.output_law("gaussian", sb.schedule("edm", T=4), "ddim"), "target"),
        (lambda: sb.output_law(sb.Gaussian(0, 1), 64, "ddim"), "ladder"),
        (lambda: sb.output_law(sb.Gaussian(0, 1), sb.schedule("edm", T=4), "pf-ode"), "vp"),
        (lambda: sb.output_law(sb.Gaussian(0, 1), sb.schedule("edm", T=4), "ddim").distance("tvv"), "tv"),
        (lambda: sb.Product(sb.Sphere(1.0, 3), dim=2), "on the line"),
        (lambda: sb.judge("li2024.odd", [1], [1]), "li2024.ode"),
        (lambda: sb.judge("li2024.ode", [1, 2], [1.0, 1.0], eps_scor=1.0), "eps_scor: .* no such variable"),
        (lambda: sb.rate([1, 2], [1.0]), "one length, not 2, 1 and 1"),
        (lambda: sb.rate([8, 8], [1.0, 1.0]), "all different"),
        (lambda: sb.judge("li2024.ode", [1, 2], [1.0, 1.0], [1e-9]), "one length, not 2, 2 and 1"),
        (lambda: sb.judge("li2024.ode", ["a"], [1.0]), "must be numbers"),
        (lambda: sb.judge("li2024.ode", [1, 2], [1.0, 1.0], metric="w2"), "does not speak of 'w2'"),
        (lambda: sb.constant(sb.Gaussian(0, 1), sb.schedule("ou-uniform", T=4), "pf-ode"), "must be a table"),
        (lambda: sb.Product(sb.Laplace(1.0), dim=2.5), "whole number"),
        (
            lambda: sb.output_law(
                sb.Gaussian(0, 1), sb.schedule("ou-uniform", T=4), "ddpm", score_error="linear"
            ),
            "table",
        ),
        (lambda: sb.measure({"case": {"id": "x"}}), "title"),
    ],
)
def test_mistakes_are_told_in_a_line(call, message):
    with pytest.raises(sb.InputError, match=message):
        call()


def test_importing_loads_nothing():
    heavy = "{'torch', 'numpy', 'scipy', 'pandas'}"
    code = f"import sys, sharpbound as sb; dir(sb); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="Gausian"):
        _ = sb.Gausian
    assert set(sb.__all__) <= set(dir(sb))


def test_types_of_a_downstream_script(tmp_path: Path):
    """mypy --strict passes a right script and finds each wrong argument of a wrong one."""
    right = (
        "import sharpbound as sb\n"
        "law = sb.output_law(sb.Gaussian(mean=0.0, std=1.0), sb.schedule('ou-uniform', T=8), 'pf-ode')\n"
        "value: float = law.distance('tv').value\n"
        "document = sb.measure('case.toml')\n"
        "name: str = document.verdict\n"
    )
    wrong = (
        "import sharpbound as sb\n"
        "sb.schedule(64, T=8)\n"
        "sb.output_law(sb.Gaussian(mean=0.0, std=1.0), sb.schedule('ou-uniform', T=8), 'pf-ode', init='exat')\n"
        "sb.GaussianMixture(weights=[1.0], mean=[0.0])\n"
        "value: str = sb.rate([1, 2], [1.0, 2.0]).exponent\n"
    )
    settings = (
        "[mypy]\nfollow_imports = silent\n"
        "[mypy-torch.*,numpy.*,scipy.*,pandas.*,pydantic.*,matplotlib.*]\nfollow_imports = skip\n"  # long reading
    )
    for name, text in (("right.py", right), ("wrong.py", wrong), ("mypy.ini", settings)):
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", "cache", "right.py", "wrong.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    found = {line.partition(": error")[0] for line in done.stdout.splitlines() if ": error" in line}
    assert found == {f"wrong.py:{line}" for line in (2, 3, 4, 5)}
