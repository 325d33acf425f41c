"""Forward-mode derivatives of sampler maps: x + e v with e^2 = 0.

`torch.autograd.forward_ad` differentiates anything, but multiplying a dual tensor by a plain number
takes it a quarter of a millisecond, which is most of a step. Here the arithmetic that samplers are
written in is done directly, closed-form scores go through `differentiable`, and whatever else a user's
map calls falls back on torch.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.autograd.forward_ad as forward_ad
from torch import Tensor


class Dual:
    """A tensor with its tangent, of the same shape; behaves as a tensor in arithmetic and torch functions."""

    __slots__ = ("tangent", "value")

    def __init__(self, value: Tensor, tangent: Tensor) -> None:
        self.value, self.tangent = value, tangent

    def __add__(self, other: Any) -> Dual:
        if isinstance(other, Dual):
            return Dual(self.value + other.value, self.tangent + other.tangent)
        value = self.value + other
        return Dual(value, self.tangent.expand(value.shape))

    __radd__ = __add__

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.tangent)

    def __sub__(self, other: Any) -> Dual:
        return self + (-other)

    def __rsub__(self, other: Any) -> Dual:
        return (-self) + other

    def __mul__(self, other: Any) -> Dual:
        return _product(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Dual:
        return _product(operator.mul, other, self)

    def __matmul__(self, other: Any) -> Dual:
        return _product(operator.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Dual:
        return _product(operator.matmul, other, self)

    def __truediv__(self, other: Any) -> Dual:
        if isinstance(other, Dual):
            value = self.value / other.value
            return Dual(value, (self.tangent - value * other.tangent) / other.value)
        return Dual(self.value / other, self.tangent / other)

    def __rtruediv__(self, other: Any) -> Dual:
        value = other / self.value
        return Dual(value, -value * self.tangent / self.value)

    def __pow__(self, power: float) -> Dual:
        return Dual(self.value**power, power * self.value ** (power - 1) * self.tangent)

    def __getitem__(self, index: Any) -> Dual:
        return Dual(self.value[index], self.tangent[index])

    def __getattr__(self, name: str) -> Any:
        """Attributes of the value; methods of tensors, differentiated by torch."""
        method = getattr(torch.Tensor, name)
        if not callable(method):
            return getattr(self.value, name)
        return lambda *args, **kwargs: _by_torch(method, (self, *args), kwargs)

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        operation = _ARITHMETIC.get(func)
        return operation(*args) if operation and not kwargs else _by_torch(func, args, kwargs or {})


_ARITHMETIC: dict[Any, Callable[..., Any]] = {
    # tensor (op) dual: torch asks here before Python asks Dual's reflected operator
    torch.Tensor.__add__: lambda x, y: y + x,
    torch.Tensor.add: lambda x, y: y + x,
    torch.Tensor.__sub__: lambda x, y: (-y) + x,
    torch.Tensor.sub: lambda x, y: (-y) + x,
    torch.Tensor.__mul__: lambda x, y: y * x,
    torch.Tensor.mul: lambda x, y: y * x,
    torch.Tensor.__matmul__: lambda x, y: _product(operator.matmul, x, y),
    torch.Tensor.matmul: lambda x, y: _product(operator.matmul, x, y),
    torch.Tensor.__truediv__: lambda x, y: y.__rtruediv__(x),
    torch.Tensor.div: lambda x, y: y.__rtruediv__(x),
}


def _product(times: Callable[[Any, Any], Any], x: Any, y: Any) -> Dual:
    """d(x y) = dx y + x dy for any bilinear product."""
    if not isinstance(x, Dual):
        return Dual(times(x, y.value), times(x, y.tangent))
    if not isinstance(y, Dual):
        return Dual(times(x.value, y), times(x.tangent, y))
    return Dual(times(x.value, y.value), times(x.tangent, y.value) + times(x.value, y.tangent))


def _by_torch(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Any function of tensors, differentiated by torch's own forward mode."""
    with forward_ad.dual_level():

        def enter(x: Any) -> Any:
            if isinstance(x, Dual):
                return forward_ad.make_dual(x.value, x.tangent.contiguous())
            return type(x)(enter(item) for item in x) if isinstance(x, (list, tuple)) else x

        def leave(x: Any) -> Any:
            if isinstance(x, Tensor):
                value, tangent = forward_ad.unpack_dual(x)
                return Dual(value, torch.zeros_like(value) if tangent is None else tangent)
            return type(x)(leave(item) for item in x) if isinstance(x, (list, tuple)) else x

        return leave(func(*enter(args), **{key: enter(item) for key, item in kwargs.items()}))


class _Differentiable(torch.autograd.Function):
    """``value(x)`` whose derivative in torch's forward mode is the second part of ``jet(x, dx)``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Any, jet: Any) -> Tensor:
        ctx.save_for_forward(x)
        ctx.jet = jet
        return value(x)

    @staticmethod
    def jvp(ctx: Any, dx: Tensor, *_: Any) -> Tensor:
        (x,) = ctx.saved_tensors
        return ctx.jet(x, dx)[1]


def differentiable(
    x: Any, value: Callable[[Tensor], Tensor], jet: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
) -> Any:
    """``value(x)`` for a tensor, a `Dual` or torch's forward mode.

    ``jet(x, dx)`` gives the value and its directional derivative together, what they share computed once.
    """
    if isinstance(x, Dual):
        return Dual(*jet(x.value, x.tangent))
    return _Differentiable.apply(x, value, jet)


def derivative(f: Callable[[Any], Any], x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """f(x) and its directional derivative along v (same shape as x)."""
    out = f(Dual(x, v))
    return (out.value, out.tangent) if isinstance(out, Dual) else (out, torch.zeros_like(out))
