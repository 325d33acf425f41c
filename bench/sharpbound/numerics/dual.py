"""Forward-mode derivatives of sampler maps: x + e v with e^2 = 0.

`torch.autograd.forward_ad` differentiates anything, but multiplying a dual tensor by a plain number
takes it a quarter of a millisecond, which is most of a step. Here the arithmetic that samplers are
written in is done directly, closed-form scores go through `differentiable`, and whatever else a user's
map calls falls back on torch. What would lose the derivative in silence (`detach`, `numpy`, `item`, anything
in place, attributes that are not known here) is refused by name.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.autograd.forward_ad as forward_ad
from torch import Tensor

from sharpbound.errors import NotMeasured


class Underivable(NotMeasured, AttributeError):
    """A map asks of its state what has no derivative, or would lose it."""


_OF_THE_VALUE = frozenset(
    ("shape", "dtype", "ndim", "device", "layout", "requires_grad", "is_cuda", "is_cpu", "is_sparse")
)
"""Attributes that a tangent does not change."""
_LINEAR = frozenset(("T", "mT", "H", "mH", "real"))
"""Attributes that are linear maps of the tensor."""
_DISCRETE = frozenset(
    (
        "size",
        "dim",
        "ndimension",
        "numel",
        "nelement",
        "stride",
        "is_contiguous",
        "is_floating_point",
        "__len__",
    )
)
"""Methods whose result is no tensor and does not depend on the values."""
_LOSING = frozenset(("detach", "data", "numpy", "item", "tolist", "__array__", "__setitem__"))
"""What leaves the tangent behind."""


class Dual:
    """A tensor with its tangent, of the same shape; behaves as a tensor in arithmetic and torch functions.

    Comparisons are those of the values: a mask is constant almost everywhere. Raises `Underivable`, which names
    it, for whatever would lose the tangent.
    """

    __slots__ = ("tangent", "value")
    __array_ufunc__ = None  # numpy's operators then leave it to the reflected ones below
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Tensor, tangent: Tensor) -> None:
        self.value, self.tangent = value, tangent

    def __add__(self, other: Any) -> Dual:
        if isinstance(other, Dual):
            return Dual(self.value + other.value, self.tangent + other.tangent)
        value = self.value + other
        if isinstance(other, float):
            return Dual(value, self.tangent)
        return Dual(value, self.tangent.expand(value.shape))

    __radd__ = __add__

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.tangent)

    def __sub__(self, other: Any) -> Dual:
        if isinstance(other, Dual):
            return Dual(self.value - other.value, self.tangent - other.tangent)
        return self + (-other)

    def __rsub__(self, other: Any) -> Dual:
        return (-self) + other

    def __mul__(self, other: Any) -> Dual:
        if isinstance(other, float):
            return Dual(self.value * other, self.tangent * other)
        return _product(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Dual:
        if isinstance(other, float):
            return Dual(self.value * other, self.tangent * other)
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

    def __pow__(self, power: Any) -> Any:
        if not isinstance(power, (int, float)) or power == 0:
            return _by_torch(torch.pow, (self, power), {})
        return Dual(self.value**power, power * self.value ** (power - 1) * self.tangent)

    def __rpow__(self, base: Any) -> Any:
        return _by_torch(torch.pow, (base, self), {})

    def __pos__(self) -> Dual:
        return self

    def __abs__(self) -> Any:
        return _by_torch(torch.abs, (self,), {})

    def __lt__(self, other: Any) -> Any:
        return self.value < _value(other)

    def __le__(self, other: Any) -> Any:
        return self.value <= _value(other)

    def __gt__(self, other: Any) -> Any:
        return self.value > _value(other)

    def __ge__(self, other: Any) -> Any:
        return self.value >= _value(other)

    def __eq__(self, other: Any) -> Any:
        return self.value == _value(other)

    def __ne__(self, other: Any) -> Any:
        return self.value != _value(other)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: Any) -> Dual:
        return Dual(self.value[index], self.tangent[index])

    def __getattr__(self, name: str) -> Any:
        """Attributes and methods of tensors that keep the derivative, the methods differentiated by torch."""
        if name in _OF_THE_VALUE:
            return getattr(self.value, name)
        if name in _LINEAR:
            return Dual(getattr(self.value, name), getattr(self.tangent, name))
        method = getattr(torch.Tensor, name, None)
        if not callable(method) or _loses(name):
            raise Underivable(_refusal(name))
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


def _value(x: Any) -> Any:
    return x.value if isinstance(x, Dual) else x


def _loses(name: str) -> bool:
    """Whether a method of tensors leaves the tangent behind, or changes a tensor in place."""
    in_place = name.endswith("_") and not name.endswith("__")
    augmented = name.startswith("__i") and hasattr(torch.Tensor, f"__{name[3:]}")
    return in_place or augmented or name in _LOSING


def _refusal(name: str) -> str:
    return (
        f"the map uses {name!r} of its state, which would lose the derivative: use the arithmetic and the "
        "functions of torch, out of place"
    )


def _by_torch(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Any function of tensors, differentiated by torch's own forward mode."""
    name = getattr(func, "__name__", str(func))
    if name in _DISCRETE:
        return func(*(_value(arg) for arg in args), **kwargs)
    if name == "__get__":  # an attribute, asked of a tensor's class
        return getattr(args[0], func.__self__.__name__)  # type: ignore[attr-defined]
    if _loses(name) or "out" in kwargs:
        raise Underivable(_refusal("out" if "out" in kwargs else name))
    with forward_ad.dual_level():

        def enter(x: Any) -> Any:
            if isinstance(x, Dual):
                return forward_ad.make_dual(x.value, x.tangent.contiguous())
            return type(x)(enter(item) for item in x) if isinstance(x, (list, tuple)) else x

        def leave(x: Any) -> Any:
            if isinstance(x, Tensor):
                value, tangent = forward_ad.unpack_dual(x)
                if not value.is_floating_point():
                    return value  # a mask or an index
                return Dual(value, torch.zeros_like(value) if tangent is None else tangent)
            if isinstance(x, (list, tuple)):
                return type(x)(leave(item) for item in x)
            if isinstance(x, bool):
                return x
            raise Underivable(_refusal(name))

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


def _torch_differentiates() -> bool:
    """Whether a level of forward mode or a transform of torch.func is open; True where this torch does not say."""
    level = getattr(forward_ad, "_current_level", 0)
    transforms = getattr(torch._C, "_are_functorch_transforms_active", None)
    return level >= 0 or transforms is None or bool(transforms())


def differentiable(
    x: Any, value: Callable[[Tensor], Tensor], jet: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
) -> Any:
    """``value(x)`` for a tensor, a `Dual` or torch's forward mode.

    ``jet(x, dx)`` gives the value and its directional derivative together, what they share computed once.
    """
    if isinstance(x, Dual):
        return Dual(*jet(x.value, x.tangent))
    if not (x.requires_grad or _torch_differentiates()):
        return value(x)  # at a third of the price
    return _Differentiable.apply(x, value, jet)


def derivative(f: Callable[[Any], Any], x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """f(x) and its directional derivative along v (same shape as x)."""
    out = f(Dual(x, v))
    return (out.value, out.tangent) if isinstance(out, Dual) else (out, torch.zeros_like(out))
