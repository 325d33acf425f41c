"""``sharpbound audit`` on users' samplers: orders, the contract, and whose modules are found."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sharpbound import cli, foreign

SAMPLERS = """
import numpy as np

def ddim(score, x, a, sigma):
    for i in range(len(a) - 1):
        eps = -sigma[i] * score(x, a[i], sigma[i])
        x = a[i + 1] * (x - sigma[i] * eps) / a[i] + sigma[i + 1] * eps
    return x

class Heun:
    order = 2
    def __call__(self, score, x, a, sigma):
        for i in range(len(a) - 1):
            step = sigma[i + 1] / a[i + 1] - sigma[i] / a[i]
            d0 = -sigma[i] * score(x, a[i], sigma[i])
            euler = a[i + 1] * (x / a[i] + step * d0)
            d1 = -sigma[i + 1] * score(euler, a[i + 1], sigma[i + 1])
            x = a[i + 1] * (x / a[i] + step * (d0 + d1) / 2)
        return x

def ancestral(score, x, a, sigma, noise):
    for i in range(len(a) - 1):
        eps = -sigma[i] * score(x, a[i], sigma[i])
        r0, r1 = sigma[i] / a[i], sigma[i + 1] / a[i + 1]
        up = (r1**2 * (r0**2 - r1**2) / r0**2) ** 0.5
        x = a[i + 1] * ((x - sigma[i] * eps) / a[i] + (r1**2 - up**2) ** 0.5 * eps + up * noise())
    return x

def clipping(score, x, a, sigma, noise):
    return np.clip(ancestral(score, x, a, sigma, noise), -0.1, 0.1)

def own_randomness(score, x, a, sigma):
    return x + np.random.standard_normal(x.shape)

def mixing(score, x, a, sigma):
    return ddim(score, x, a, sigma) - x.mean()

def flat(score, x, a, sigma):
    return x[:, 0]

def whole(score, x, a, sigma):
    return x.astype(int)

def infinite(score, x, a, sigma):
    return x / 0

def raising(score, x, a, sigma):
    raise KeyError("beta")

def two(score, x):
    return x

def nothing(score, x, a, sigma):
    pass

def leaving(score, x, a, sigma):
    raise SystemExit(3)

async def later(score, x, a, sigma):
    return x

def backwards(score, x, a, sigma):
    return ddim(score, x, a, sigma)[::-1]

def enormous(score, x, a, sigma):
    return ddim(score, x, a, sigma) * 1e200

def talking(score, x, a, sigma):
    print("a step")
    return ddim(score, x, a, sigma)

def single(score, x, a, sigma):
    return Heun()(score, x, a, sigma).astype(np.float32)

class Failing:
    def __init__(self):
        raise RuntimeError("no device")
    def __call__(self, score, x, a, sigma):
        return x

class Needy:
    def __init__(self, steps): ...

number = 3
"""
CLASSES = """
from sharpbound.samplers import Sampler, Stage

class Flow(Sampler):
    name = title = "flow"
    source = "mine"
    kinds = frozenset({"vp"})
    deterministic, nfe, order = True, 1, 1.0

    def stages(self, step):
        return [Stage(lambda y: (y + 0.5 * step.beta * step.score(step.t, y)) / step.alpha**0.5)]

class Noisy(Flow):
    deterministic = False

    def stages(self, step):
        def mean(y):
            return (y + step.beta * step.score(step.t, y)) / step.alpha**0.5
        return [Stage(mean, (step.beta * step.sigma_next**2 / step.sigma**2) ** 0.5)]
"""
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs ``sharpbound audit`` in a folder with samplers: exit status, standard output, standard error."""
    (tmp_path / "mine.py").write_text(SAMPLERS)
    (tmp_path / "classes.py").write_text(CLASSES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sharpbound", "audit", *arguments])
        status = cli.main()
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize(
    ("name", "options", "verdict", "order"),
    [
        ("ddim", ["--order", "1"], "reached", 1),
        ("ddim", ["--order", "2"], "not reached", 1),
        ("Heun", [], "reached", 2),
        ("Heun", ["--order", "1"], "exceeded", 2),
        ("Heun", ["--schedule", "edm"], "reached", 2),
        ("Heun", ["--schedule", "vp-linear"], "reached", 2),
        ("ancestral", ["--order", "1"], "reached", 1),
    ],
)
def test_orders(audit: Command, name: str, options: list[str], verdict: str, order: float) -> None:
    status, out, err = audit(f"mine:{name}", *options, "--json")
    found = json.loads(out)
    assert (status, err) == (int(verdict == "not reached"), "")
    assert found["verdict"] == verdict
    assert found["exponent"] == pytest.approx(order, abs=0.05)  # the stated interval is about that wide


@pytest.mark.parametrize("name", ["Flow", "Noisy"])
def test_the_class_of_the_gate_is_audited_too(audit: Command, name: str) -> None:
    status, out, err = audit(f"classes:{name}", "--json")
    found = json.loads(out)
    assert (status, err, found["verdict"]) == (0, "", "reached")
    assert found["exponent"] == pytest.approx(1, abs=0.05)


def test_from_a_process_of_its_own(tmp_path: Path) -> None:
    """As it is run: nothing has been imported before."""
    (tmp_path / "mine.py").write_text(SAMPLERS)
    command = [sys.executable, "-m", "sharpbound.cli", "audit", "mine:ancestral", "--order", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nominal 1: reached" in done.stdout


def test_what_a_sampler_prints_stays_out_of_the_document(audit: Command) -> None:
    status, out, err = audit("mine:talking", "--order", "1", "--json")
    assert (status, json.loads(out)["verdict"]) == (0, "reached")
    assert "a step" in err


def test_float32_has_its_floor(audit: Command) -> None:
    rows = json.loads(audit("mine:single", "--order", "2", "--json")[1])["rows"]
    exact = json.loads(audit("mine:Heun", "--json")[1])["rows"]
    for row, true in zip(rows, exact, strict=True):
        assert 1e-8 < row["floor"] < 1e-5
        assert abs(row["w2"] - true["w2"]) < row["floor"] + true["floor"]


def test_a_file_is_named_too_wherever_it_lies(
    audit: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "other.py").write_text(SAMPLERS)
    monkeypatch.setattr(foreign, "_present", [])
    assert audit("below/other.py:ddim", "--order", "1", "--ladder", "even", "--steps", "12,24,48")[0] == 0


def test_torch_samplers_get_tensors(audit: Command) -> None:
    assert audit("mine:ddim", "--order", "1", "--arrays", "torch")[0] == 0


def test_the_table_is_readable(audit: Command) -> None:
    status, out, _ = audit("mine:Heun")
    assert status == 0
    assert "T" in out and "slope" in out and "nominal 2: reached" in out


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_randomness", "two calls gave two results: draw randomness from a fifth argument, noise"),
        ("mixing", "a particle's path depends on the others"),
        ("flat", "it must return shape (120, 1), not (120,)"),
        ("whole", "it must return floating-point numbers"),
        ("infinite", "its output is not finite"),
        ("raising", "it raised mine.py:48: KeyError: 'beta'"),
        ("two", "must take (score, x, a, sigma), and noise if it is stochastic, not (score, x)"),
        ("nothing", "it must return a ndarray, not NoneType"),
        ("leaving", "it raised mine.py:57: SystemExit: 3"),
        ("later", "is asynchronous"),
        ("backwards", "a particle's path depends on the others"),
        ("Failing", "the class raised mine.py:77: RuntimeError: no device"),
        ("Needy", "the class needs arguments"),
        ("number", "is a int, which cannot be called"),
        ("absent", "mine has no absent"),
    ],
)
def test_a_broken_contract_is_one_clear_line(audit: Command, name: str, message: str) -> None:
    status, out, err = audit(f"mine:{name}", "--order", "1")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err and f"mine:{name}" in err


@pytest.mark.parametrize(
    ("name", "reason"),
    [("enormous", "W2 is not finite"), ("clipping", "the sampler is not affine on a Gaussian target")],
)
def test_what_fails_at_every_number_of_steps_has_failed(audit: Command, name: str, reason: str) -> None:
    status, out, err = audit(f"mine:{name}", "--order", "1", "--json")
    told = json.loads(out)
    assert (status, err, told["verdict"]) == (1, "", "failed")
    assert reason in told["diagnosis"]
    assert reason in audit(f"mine:{name}", "--order", "1")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mine"], "name it MODULE:OBJECT"),
        (["nowhere.py:ddim", "--order", "1"], "there is no file nowhere.py"),
        (["no_such_module:f"], "there is no module no_such_module"),
        (["mine:ddim"], "tell its order: --order 2"),
        (["mine:ddim", "--order", "-1"], "its order must be a positive number"),
        (["mine:ddim", "--order", "1", "--arrays", "jax"], "choose numpy or torch"),
        (["mine:ddim", "--order", "1", "--schedule", "nope"], "--schedule: unknown schedule 'nope'"),
        (["mine:ddim", "--order", "1", "--schedule", "li2024"], "depend on the number of steps"),
        (["mine:ddim", "--order", "1", "--schedule", "cosine"], "depend on the number of steps"),
    ],
)
def test_bad_input_is_one_clear_line(audit: Command, arguments: list[str], message: str) -> None:
    status, out, err = audit(*arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
