"""What a target is: the law of X0, seen through a*X0 + sigma*W with closed-form density and score.

Every forward process used here (VP, sub-VP, VE, OU, EDM) has the marginal
``X = a X0 + sigma W, W ~ N(0, I_d)``, so one set of methods with arguments ``(a, sigma)`` serves
them all. Everything is float64; points have shape ``(..., d)``.

Differentiation has one rule. ``log_density``, ``score``, ``score_jacobian`` and ``grad_divergence``
may each be differentiated **once** in forward mode (`sharpbound.numerics.dual`, `torch.autograd.forward_ad`), and their
derivative is the closed form of the next one, never automatic differentiation through
``logsumexp`` or ``erfcx``, which loses digits in far tails and is several times slower.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.numerics.dual import differentiable
from sharpbound.targets.facts import Facts


@dataclass(frozen=True)
class Moments:
    """Mean ``(d,)`` and covariance ``(d, d)`` of X0; entries are ``inf``/``nan`` where they do not exist."""

    mean: Tensor
    cov: Tensor

    @property
    def second_moment(self) -> float:
        """E ||X0||^2."""
        return float(torch.trace(self.cov) + self.mean @ self.mean)


class Target(ABC):
    """The law of X0 in R^d, smoothed: all methods speak of the law p of ``a X0 + sigma W``.

    Subclasses implement the four ``_``-methods in plain tensor operations (no differentiability
    asked) and the rest of the abstract ones.
    """

    family: ClassVar[str]
    """The name of the class, where it says no other."""
    dim: int
    has_density: bool = True
    """False where X0 itself has no density (atoms, spheres): then sigma must be > 0."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if getattr(cls, "family", None) in (None, *(base.__name__ for base in cls.__mro__)):
            cls.family = cls.__name__

    def __repr__(self) -> str:
        return f"<{self.family} in R^{self.dim}>"

    # -- closed forms that a family supplies; the derivatives can be left to torch ---------------
    @abstractmethod
    def _log_density(self, x: Tensor, a: float, sigma: float) -> Tensor:
        """log p(x), (..., d) -> (...)."""

    def _score(self, x: Tensor, a: float, sigma: float) -> Tensor:
        """grad log p, (..., d) -> (..., d)."""
        return _each(torch.func.grad(lambda y: self._log_density(y, a, sigma)), x)

    def _score_jacobian(self, x: Tensor, a: float, sigma: float) -> Tensor:
        """grad s, (..., d) -> (..., d, d)."""

        def log_density(y: Tensor) -> Tensor:
            return self._log_density(y, a, sigma)

        return _each(torch.func.hessian(log_density), x)

    def _grad_divergence(self, x: Tensor, a: float, sigma: float) -> Tensor:
        """grad tr(grad s), (..., d) -> (..., d)."""

        def laplacian(y: Tensor) -> Tensor:
            return torch.trace(torch.func.hessian(lambda z: self._log_density(z, a, sigma))(y))

        return _each(torch.func.grad(laplacian), x)

    # -- the same with their directional derivatives, which a family may share work with ----------
    def _score_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        """The score and its directional derivative, both (..., d)."""
        push = self._score_jacobian(x, a, sigma) @ dx.unsqueeze(-1)
        return self._score(x, a, sigma), push.squeeze(-1)

    def _score_jacobian_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        """The score Jacobian and its directional derivative, both (..., d, d); needed by few samplers."""
        raise NotImplementedError(f"{self.family}: third derivatives are not available")

    def _grad_divergence_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        """grad tr(grad s) and its directional derivative, both (..., d); needed by few samplers."""
        raise NotImplementedError(f"{self.family}: fourth derivatives are not available")

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``(n, d)`` independent draws of X0."""

    @abstractmethod
    def moments(self) -> Moments:
        """Mean and covariance of X0."""

    def facts(self) -> Facts:
        """What is known of the law of X0; by default nothing."""
        return Facts()

    # -- what the rest of the house calls ----------------------------------------------------
    def log_density(self, x: Tensor, a: float, sigma: float) -> Tensor:
        """log p(x), shape ``(...)``."""
        self.check(a, sigma)
        return differentiable(
            x,
            lambda x: self._log_density(x, a, sigma),
            lambda x, dx: (self._log_density(x, a, sigma), (self._score(x, a, sigma) * dx).sum(-1)),
        )

    def score(self, x: Tensor, a: float, sigma: float) -> Tensor:
        """s(x) = grad log p(x), shape ``(..., d)``."""
        self.check(a, sigma)
        return differentiable(
            x,
            lambda x: self._score(x, a, sigma),
            lambda x, dx: self._score_jet(x, dx, a, sigma),
        )

    def score_jacobian(self, x: Tensor, a: float, sigma: float) -> Tensor:
        """grad s(x), shape ``(..., d, d)``."""
        self.check(a, sigma)
        return differentiable(
            x,
            lambda x: self._score_jacobian(x, a, sigma),
            lambda x, dx: self._score_jacobian_jet(x, dx, a, sigma),
        )

    def grad_divergence(self, x: Tensor, a: float, sigma: float) -> Tensor:
        """grad tr(grad s)(x) = grad Laplacian log p(x), shape ``(..., d)``."""
        self.check(a, sigma)
        return differentiable(
            x,
            lambda x: self._grad_divergence(x, a, sigma),
            lambda x, dx: self._grad_divergence_jet(x, dx, a, sigma),
        )

    def check(self, a: float, sigma: float) -> None:
        """Raise InputError where the law of a X0 + sigma W has no density."""
        if a < 0:
            raise InputError(f"{self.family}: a = {a:g} is negative; forward processes have a >= 0")
        if sigma < 0 or (sigma == 0 and (a == 0 or not self.has_density)):
            raise InputError(
                f"{self.family}: a*X0 + sigma*W has no density at a = {a:g}, sigma = {sigma:g}; "
                "stop the sampler at a time where sigma > 0"
            )


class _Latest:
    """What was last asked of a law on the line: the derivatives at points x of the law at (a, sigma)."""

    __slots__ = ("a", "asked", "known", "sigma", "x")

    def __init__(self, x: Tensor, a: float, sigma: float) -> None:
        self.x, self.a, self.sigma = x.clone(), a, sigma
        self.known: dict[int, Tensor] = {}
        self.asked: set[int] = set()

    def of(self, x: Tensor, a: float, sigma: float) -> bool:
        """Whether that is what is asked now."""
        kept = self.x
        same = self.a == a and self.sigma == sigma and kept.shape == x.shape and kept.dtype == x.dtype
        return same and torch.equal(x, kept)


class Target1D(Target):
    """A law on the line. A family supplies derivatives of log p, both tails, and landmarks.

    Samplers and engines ask for one derivative after another at the same points. The latest are kept, and those that
    were asked for at the points before are computed together, as they share a posterior.
    """

    dim = 1

    @abstractmethod
    def _derivatives(self, x: Tensor, a: float, sigma: float, orders: Sequence[int]) -> list[Tensor]: ...

    def derivatives(self, x: Tensor, a: float, sigma: float, orders: Sequence[int]) -> list[Tensor]:
        """(d/dx)^k log p(x) for each k of ``orders`` (0..4), what they share (a posterior) computed once.

        ``x`` has shape ``(...)`` here, without the d axis. Finite and correct in far tails (|x| = 1e6 at
        sigma = 1e-4): no differences of large numbers.
        """
        self.check(a, sigma)
        if not set(orders) <= set(range(5)):
            raise ValueError(f"derivatives of log p are available for orders 0..4, not {orders}")
        return self._derivatives_kept(x, a, sigma, orders)

    def _derivatives_kept(self, x: Tensor, a: float, sigma: float, orders: Sequence[int]) -> list[Tensor]:
        latest: _Latest | None = vars(self).get("_derivatives_latest")
        shape = x.shape
        if len(shape) != 1:  # points are the same in whatever shape they are asked for
            x = x.reshape(-1)
        if latest is not None and latest.of(x, a, sigma):
            missing = [order for order in orders if order not in latest.known]
        else:
            missing = sorted(latest.asked.union(orders) if latest else orders)
            latest = _Latest(x, a, sigma)
            vars(self)["_derivatives_latest"] = latest  # also of a frozen dataclass
        if missing:
            latest.known.update(zip(missing, self._derivatives(latest.x, a, sigma, missing), strict=True))
        latest.asked.update(orders)
        answers = [latest.known[order].clone() for order in orders]
        return answers if len(shape) == 1 else [answer.reshape(shape) for answer in answers]

    def derivative(self, x: Tensor, a: float, sigma: float, order: int) -> Tensor:
        """(d/dx)^order log p(x): one of `derivatives`."""
        return self.derivatives(x, a, sigma, (order,))[0]

    @abstractmethod
    def log_cdf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        """log P(a X0 + sigma W <= x), accurate in relative terms in the left tail; x of shape (...)."""

    @abstractmethod
    def log_sf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        """log P(a X0 + sigma W > x), accurate in relative terms in the right tail; x of shape (...)."""

    @abstractmethod
    def landmarks(self, a: float, sigma: float) -> Tensor:
        """Sorted points of the line between which p has no hidden feature.

        Component centres and centre +- a few local scales, edges of a support, a tail's onset:
        a quadrature that starts with panels between them and bisects until it is resolved cannot
        step over a narrow mode. At most a few hundred points.
        """

    def cdf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        """P(a X0 + sigma W <= x); x of shape (...)."""
        return self.log_cdf(x, a, sigma).exp()

    def quantile(self, p: Tensor, a: float, sigma: float) -> Tensor:
        """The x with cdf(x) = p, for p in (0, 1) of shape (...)."""
        p = torch.as_tensor(p, dtype=torch.float64)
        return torch.where(
            p < 0.5,
            self.quantile_from_log(torch.log(p), a, sigma, upper=False),
            self.quantile_from_log(torch.log1p(-p), a, sigma, upper=True),
        )

    def quantile_from_log(self, log_p: Tensor, a: float, sigma: float, *, upper: bool) -> Tensor:
        """The x with log_cdf(x) = log_p (or log_sf(x) = log_p if ``upper``), to machine precision.

        Safeguarded Newton on log p, which is close to linear or quadratic in the tails; works down
        to log_p = -1e4 and beyond.
        """
        from sharpbound.targets.quantile import invert_log_tail

        return invert_log_tail(self, log_p, a, sigma, upper=upper)

    def tail_end(self, log_p: float, a: float, sigma: float, *, upper: bool) -> float:
        """The point beyond which exp(log_p) of the mass lies, log_p to 1e-6: where a quadrature may end.

        Ends of neighbouring levels then move as smoothly as the levels, which heavy tails need.
        """
        from sharpbound.targets.quantile import tail_end

        return tail_end(self, log_p, a, sigma, upper=upper, accuracy=1e-6)

    # -- the d = 1 case of the general contract ------------------------------------------------
    def _log_density(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._derivatives_kept(x.squeeze(-1), a, sigma, (0,))[0]

    def _score(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._derivatives_kept(x.squeeze(-1), a, sigma, (1,))[0].unsqueeze(-1)

    def _score_jacobian(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._derivatives_kept(x.squeeze(-1), a, sigma, (2,))[0][..., None, None]

    def _grad_divergence(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._derivatives_kept(x.squeeze(-1), a, sigma, (3,))[0].unsqueeze(-1)

    def _score_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        first, second = self._derivatives_kept(x.squeeze(-1), a, sigma, (1, 2))
        return first.unsqueeze(-1), second.unsqueeze(-1) * dx

    def _score_jacobian_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        second, third = self._derivatives_kept(x.squeeze(-1), a, sigma, (2, 3))
        return second[..., None, None], third[..., None, None] * dx.unsqueeze(-1)

    def _grad_divergence_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        third, fourth = self._derivatives_kept(x.squeeze(-1), a, sigma, (3, 4))
        return third.unsqueeze(-1), fourth.unsqueeze(-1) * dx


def _each(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``f`` of each point of x (..., d), by itself."""
    flat = x.reshape(-1, x.shape[-1])
    out: Tensor = torch.func.vmap(f)(flat)
    return out.reshape(x.shape[:-1] + out.shape[1:])
