"""Dual numbers against differences in fifty digits and torch's own forward mode; what they refuse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
import torch.autograd.forward_ad as forward_ad

from sharpbound.errors import NotMeasured
from sharpbound.numerics.dual import Dual, derivative

POINTS = torch.tensor([[0.3, 1.7], [2.2, 0.9]], dtype=torch.float64)
ALONG = torch.tensor([[1.0, -0.5], [0.25, 2.0]], dtype=torch.float64)
OTHER = torch.tensor([[0.7, 1.3], [-0.4, 0.2]], dtype=torch.float64)
VECTOR = torch.tensor([2.0, -3.0], dtype=torch.float64)

SCALAR: dict[str, Callable[[Any], Any]] = {
    "add": lambda y: y + 2,
    "radd": lambda y: 2 + y,
    "sub": lambda y: y - 0.3,
    "rsub": lambda y: 0.3 - y,
    "neg": lambda y: -y,
    "pos": lambda y: +y,
    "mul": lambda y: 3 * y * 0.7,
    "square": lambda y: y * y,
    "div": lambda y: y / 1.7,
    "rdiv": lambda y: 1.7 / y,
    "quotient": lambda y: (y + 1) / (2 - y * y * 3),
    "pow": lambda y: y**3,
    "pow-real": lambda y: y**-1.5,
    "pow-zero": lambda y: y**0,
    "rpow": lambda y: 2.5**y,
    "pow-self": lambda y: y**y,
    "abs": lambda y: abs(y - 1),
}
"""Written alike for tensors and for mpmath."""


@pytest.mark.parametrize("name", SCALAR)
def test_arithmetic_against_differences_in_fifty_digits(name: str) -> None:
    f = SCALAR[name]
    value, tangent = derivative(f, POINTS, ALONG)
    with mpmath.workdps(50):
        h = mpmath.mpf(10) ** -20  # the central difference is right to 1e-40 of the third derivative
        for x, v, y, dy in zip(*(t.flatten().tolist() for t in (POINTS, ALONG, value, tangent)), strict=True):
            slope = (f(mpmath.mpf(x) + h) - f(mpmath.mpf(x) - h)) / (2 * h)
            assert y == pytest.approx(float(f(mpmath.mpf(x))), rel=1e-15, abs=1e-16)
            assert dy == pytest.approx(float(v * slope), rel=4e-15, abs=1e-16)


TENSOR: dict[str, Callable[[Any], Any]] = {
    "add-tensor": lambda y: y + OTHER,
    "tensor-add": lambda y: OTHER + y,
    "add-broadcast": lambda y: y[0] + OTHER,
    "tensor-sub": lambda y: OTHER - y,
    "sub-tensor": lambda y: y - OTHER,
    "tensor-mul": lambda y: OTHER * y,
    "mul-broadcast": lambda y: y[:, :1] * OTHER,
    "tensor-div": lambda y: OTHER / y,
    "div-tensor": lambda y: y / OTHER,
    "div-broadcast": lambda y: OTHER / y[0],
    "matmul": lambda y: y @ OTHER,
    "rmatmul": lambda y: OTHER @ y,
    "matmul-self": lambda y: y @ y,
    "matvec": lambda y: y @ VECTOR,
    "torch-matmul": lambda y: torch.matmul(OTHER, y),
    "tensor-pow": lambda y: OTHER.abs() ** y,
    "pow-tensor": lambda y: y**OTHER,
    "numpy-scalar": lambda y: np.float64(1.5) * y - np.float64(0.2),
    "numpy-over": lambda y: np.float64(1.5) / y,
    "T": lambda y: y.T * OTHER,
    "mT": lambda y: y.mT * OTHER,
    "real": lambda y: y.real * 2,
    "getitem": lambda y: y[:, 1] * y[..., 0],
    "index-tensor": lambda y: y[torch.tensor([1, 0])],
    "sum": lambda y: (y * y).sum(-1, keepdim=True),
    "mean": lambda y: y.mean(0),
    "exp": lambda y: y.exp(),
    "torch-exp": lambda y: torch.exp(-y),
    "tanh": lambda y: torch.tanh(y),
    "where-mask": lambda y: torch.where(y > 1, y * y, -y),
    "clamp": lambda y: y.clamp(min=1.0),
    "reshape": lambda y: y.reshape(-1) * torch.arange(4.0, dtype=torch.float64),
    "shape": lambda y: y * y.shape[0] + y.size(1) + y.dim() + len(y) + y.numel(),
    "cat": lambda y: torch.cat([y, 2 * y], dim=1),
    "stack": lambda y: torch.stack([y, OTHER * y]),
    "split": lambda y: y.split(1)[1],
    "max": lambda y: y.max(1).values,
    "norm": lambda y: torch.linalg.norm(y, dim=1),
    "expand": lambda y: y[:1].expand(3, 2),
    "double": lambda y: y.double() * 3,
    "einsum": lambda y: torch.einsum("ij,jk->ik", y, OTHER),
    "zeros-like": lambda y: torch.zeros_like(y) + y,
    "no-derivative": lambda y: OTHER + 0 * OTHER,
}


@pytest.mark.parametrize("name", TENSOR)
def test_operations_on_tensors_against_torch(name: str) -> None:
    f = TENSOR[name]
    value, tangent = derivative(f, POINTS, ALONG)
    with forward_ad.dual_level():
        out = forward_ad.unpack_dual(f(forward_ad.make_dual(POINTS.clone(), ALONG.clone())))
        exact = torch.zeros_like(out.primal) if out.tangent is None else out.tangent
    torch.testing.assert_close(value, out.primal, rtol=1e-15, atol=1e-15)
    torch.testing.assert_close(tangent, exact, rtol=4e-15, atol=1e-15)


def test_comparisons_are_masks_of_the_values() -> None:
    y = Dual(POINTS, ALONG)
    for mask, plain in (
        (y > 1, POINTS > 1), (y >= OTHER, POINTS >= OTHER), (y < 1, POINTS < 1), (y <= y, POINTS <= POINTS),
        (y == 0.3, POINTS == 0.3), (y != 0.3, POINTS != 0.3), (y < OTHER, OTHER > POINTS),
    ):  # fmt: skip
        assert isinstance(mask, torch.Tensor)
        assert torch.equal(mask, plain)
    assert not Dual(torch.tensor(0.0), torch.tensor(1.0))
    assert torch.argmax(y).item() == 2


def test_attributes_of_the_value() -> None:
    y = Dual(POINTS, ALONG)
    assert (y.shape, y.ndim, y.dtype) == (POINTS.shape, 2, torch.float64)
    assert y.device == POINTS.device
    assert not y.requires_grad


REFUSED: dict[str, Callable[[Any], Any]] = {
    "data": lambda y: y.data,
    "grad": lambda y: y.grad,
    "imag": lambda y: y.imag,
    "is_leaf": lambda y: y.is_leaf,
    "no_such_thing": lambda y: y.no_such_thing,
    "detach": lambda y: y.detach(),
    "numpy": lambda y: y.numpy(),
    "item": lambda y: y.sum().item(),
    "tolist": lambda y: y.tolist(),
    "add_": lambda y: y.add_(1),
    "__setitem__": lambda y: OTHER.clone().__setitem__(0, y[0]),
    "copy_": lambda y: OTHER.clone().copy_(y),
    "add_ ": lambda y: OTHER.clone().__iadd__(y),
    "out": lambda y: torch.exp(y, out=torch.empty(2, 2, dtype=torch.float64)),
    "detach ": lambda y: torch.detach(y),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_lose_the_derivative_is_refused_by_name(name: str) -> None:
    with pytest.raises(NotMeasured, match=f"'{name.strip()}'"):
        derivative(REFUSED[name], POINTS, ALONG)


def test_numpy_does_not_swallow_a_dual() -> None:
    with pytest.raises(TypeError):
        np.sin(Dual(POINTS, ALONG))
    with pytest.raises((TypeError, ValueError, NotMeasured)):
        np.asarray(Dual(POINTS, ALONG), dtype=float)


def test_a_probing_getattr_gets_its_default() -> None:
    assert getattr(Dual(POINTS, ALONG), "unknown", math.pi) == math.pi
