# %% [markdown]
# # A session with Sharpbound
#
# The exact law of a sampler's output, its distance to the truth with a floor, a rate, a verdict, and the constant
# that no slope can give. This page is made by `python docs/make_notebook.py` from `docs/notebook.py`.

# %%
import matplotlib.pyplot as plt
import numpy as np

import sharpbound as sb

target = sb.GaussianMixture(weights=[0.4, 0.6], means=[-1.0, 1.2], stds=[0.35, 0.5])
ladder = sb.schedule("ou-uniform", T=16, horizon=1.0, delta=0.05)
law = sb.output_law(target, ladder, "pf-ode")
law

# %% [markdown]
# `law` is no sample: it is found by quadrature, and each distance comes with an estimate of its error.
# The picture has the true marginal at the last level and what sixteen steps of the probability-flow ODE make of it.

# %%
axes = law.plot()

# %% [markdown]
# ## A rate
#
# Total variation falls like 1/T for the ODE and for DDPM, and like 1/T^2 for Heun's method. The intervals answer for
# corrections of higher order, which a straight line through the points would not see.

# %%
T = [16, 32, 64, 128, 256]
figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
for name in ("pf-ode", "ddpm", "heun"):
    tv = [
        sb.output_law(target, sb.schedule("ou-uniform", T=t, horizon=1.0, delta=0.05), name).distance("tv")
        for t in T
    ]
    rate = sb.rate(T, [one.value for one in tv], [one.floor for one in tv])
    low, high = rate.interval
    print(f"{name:7s} T^-{rate.exponent:.4f}, interval [{low:.4f}, {high:.4f}]")
    axes.loglog(T, [one.value for one in tv], "o-", label=name)
axes.set(xlabel="steps T", ylabel="total variation", xticks=T, xticklabels=T)
axes.minorticks_off()
axes.legend(frameon=False)

# %% [markdown]
# ## The constant
#
# As T goes to infinity the error is C (log T)^a / T^p, and all three are computed, not fitted. On the schedule of
# Li et al. the constant of the ODE is the same for every law with a density: it is phi(1)/4 c1 (c1 - c0).

# %%
li = {"schedule": "li2024", "c0": 2.0, "c1": 5.0}
for law_of_x0 in (target, sb.Laplace(0.5), sb.Gaussian(mean=0.7, std=0.4)):
    found = sb.constant(law_of_x0, li, "pf-ode")
    print(f"{law_of_x0.family:18s} {found.constant:.6f} log^{found.log_power} T / T^{found.power}")
print(f"by hand            {np.exp(-0.5) / np.sqrt(2 * np.pi) / 4 * 5 * 3:.6f}")

# %% [markdown]
# ## A sampler of one's own
#
# A class says what one step does; maps are built of torch operations, noise is the `std` of a stage.

# %%
from sharpbound.samplers import Sampler, Stage


class HalfNoise(Sampler):
    """DDPM with half of its noise, which is wrong: the law stays too narrow, whatever T is."""

    name = "half-noise"

    def stages(self, step):
        gain = step.beta / step.alpha**0.5
        return [
            Stage(
                lambda y: y / step.alpha**0.5 + gain * step.score(step.t, y),
                std=0.5 * (step.beta / step.alpha) ** 0.5,
            )
        ]


for t in (16, 64, 256):
    wrong = sb.output_law(target, sb.schedule("ou-uniform", T=t, horizon=1.0, delta=0.05), HalfNoise)
    print(t, f"{wrong.distance('tv').value:.6f}")

# %% [markdown]
# ## A theorem
#
# Claims are read from `theory/`, and a verdict names the numbers that decided it. A claim speaks of its own sampler,
# here of any of order 1.

# %%
errors = [
    sb.output_law(target, sb.schedule("ou-uniform", T=t, horizon=1.0, delta=0.05), "pf-ode").distance("tv")
    for t in T
]
values, floors = [one.value for one in errors], [one.floor for one in errors]
verdict = sb.judge("weak-error.order1-tv", T, values, floors)
print(sb.claims()["weak-error.order1-tv"].statement)
print(verdict.verdict + ":", verdict.details["reason"])
