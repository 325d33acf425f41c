"""The time grids of forward processes: X_t = a_t X0 + sigma_t W at the levels t = 0..T.

A *ladder* is what a sampler sees of the forward process: the pairs (a_t, sigma_t) it visits. Two
conventions live in the literature and both are kept:

* discrete variance-preserving schedules (Li et al. 2306.09251, cosine): level 0 is the data,
  levels 1..T carry noise, the sampler makes T-1 steps and stops at level 1;
* continuous time on a grid (OU, Benton, VP-linear, sub-VP, VE, EDM, tangent): level 0 is the
  stopping time itself (early stopping ``delta`` or ``sigma_min``), and the sampler makes T steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sharpbound.processes.process import Array, Level, Process


@dataclass(frozen=True)
class Ladder:
    """The levels (a_t, sigma_t), t = 0..T, that a sampler visits from T down to ``stop``."""

    name: str
    process: Process
    a: Array
    sigma: Array
    beta: Array
    """1 - (a_t/a_{t-1})^2 for t >= 1, without cancellation (beta[0] = 0)."""
    stop: int
    step_size: float
    """The schedule's own step h(T), in which errors expand in powers: c1 log T / T, or 1/T."""
    params: dict[str, float] = field(default_factory=dict)
    axis: str = "T"
    """What 1/h is called, up to a constant."""
    axis_logs: float = 0.0
    """The power of log T that h carries: 1 where h ~ log T/T."""
    slow_log: bool = False
    """Whether the horizon grows with T, like log T: errors that add up along it then carry a further factor
    A log T + B."""

    @property
    def kind(self) -> str:
        """The name of the process: "vp", "sub-vp" or "ve"."""
        return self.process.name

    @property
    def T(self) -> int:
        """Index of the noisiest level."""
        return len(self.a) - 1

    def level(self, t: int) -> Level:
        """(a_t, sigma_t): the marginal of index t is the law of a_t X0 + sigma_t W."""
        return float(self.a[t]), float(self.sigma[t])

    def alpha(self, t: int) -> float:
        """alpha_t = (a_t / a_{t-1})^2, so that X_t = sqrt(alpha_t) X_{t-1} + noise."""
        return 1.0 - float(self.beta[t])

    def noise_variance(self, t: int) -> float:
        """Variance of X_t given X_{t-1}: sigma_t^2 - alpha_t sigma_{t-1}^2 (= beta_t for VP)."""
        return self.process.noise_variance(self.level(t), self.level(t - 1), float(self.beta[t]))

    def diffusion(self, t: int) -> float:
        """int g^2 dt from level t - 1 to level t."""
        return self.process.diffusion(self.level(t), self.level(t - 1), float(self.beta[t]))

    @property
    def prior_std(self) -> float:
        """Standard deviation of the Gaussian that the sampler starts from: 1, or sigma_T for VE."""
        return self.process.prior_std(float(self.sigma[-1]))
