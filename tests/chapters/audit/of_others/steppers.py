"""Deterministic samplers as other projects write them, right and with a mistake: f(model, x, sigmas)."""

import itertools
import math

import numpy as np
import torch


def slope(model, x, s):
    """dx/dsigma of the probability-flow ODE."""
    return (x - model(x, s)) / s


def heun(model, x, sigmas, extra_args=None, callback=None, disable=None):
    """As in k-diffusion: a vector of equal sigmas, and a last step to 0 of first order."""
    ones = x.new_ones([x.shape[0]])
    for i in range(len(sigmas) - 1):
        s, to = sigmas[i], sigmas[i + 1]
        d = (x - model(x, s * ones, **(extra_args or {}))) / s
        y = x + d * (to - s)
        if to > 0:
            d = 0.5 * (d + (y - model(y, to * ones)) / to)
        x = x + d * (to - s)
    return x


def euler(model, x, sigmas, s_churn=0.0):
    """Draws noise at every step and uses it only with churn."""
    for i in range(len(sigmas) - 1):
        fresh = torch.randn_like(x)
        s = sigmas[i] * (1 + s_churn / (len(sigmas) - 1))
        x = x + fresh * (s**2 - sigmas[i] ** 2).sqrt()
        x = x + slope(model, x, s) * (sigmas[i + 1] - s)
    return x


def own_grid(model, x, sigma_min, sigma_max, n):
    """Between given ends, rho = 7."""
    ends = sigma_max ** (1 / 7), sigma_min ** (1 / 7)
    return heun(model, x, torch.linspace(*ends, n + 1, dtype=torch.float64) ** 7)


def images(model, x, sigmas):
    """States of shape (n, 1, 1, 1) alone."""
    for i in range(len(sigmas) - 1):
        s = sigmas[i].repeat(x.shape[0])
        x = x + (x - model(x, s)) / s.view(-1, 1, 1, 1) * (sigmas[i + 1] - sigmas[i])
    return x


def adams(order):
    """Adams-Bashforth in sigma on any steps, started with lower orders: the linear multistep method of k-diffusion."""

    def f(model, x, sigmas):
        s, slopes = sigmas.numpy(), []
        for i in range(len(s) - 1):
            slopes.append(slope(model, x, sigmas[i]))
            k = min(i + 1, order)
            nodes, powers = s[i + 1 - k : i + 1] - s[i], np.arange(k)
            moments = (s[i + 1] - s[i]) ** (powers + 1) / (powers + 1)
            weights = np.linalg.solve(nodes[None, :] ** powers[:, None], moments)
            x = x + sum(float(w) * d for w, d in zip(weights, slopes[i + 1 - k :], strict=True))
        return x

    return f


lms3 = adams(3)


def equal_steps(model, x, sigmas):
    """Adams-Bashforth 2 with the coefficients 3/2, -1/2 of equal steps."""
    old = None
    for i in range(len(sigmas) - 1):
        d = slope(model, x, sigmas[i])
        x = x + (sigmas[i + 1] - sigmas[i]) * (d if old is None else 1.5 * d - 0.5 * old)
        old = d
    return x


def multistep(model, x, sigmas, t=None, upside_down=False, last_for_this=False):
    """DPM-Solver++(2M)."""
    old, t = None, -sigmas.log() if t is None else t
    for i in range(len(sigmas) - 1):
        new, h = model(x, sigmas[i]), t[i + 1] - t[i]
        before = t[i] - t[i - 1] if i else h
        r = h / before if upside_down else before / h
        use = new if old is None else new + (new - old) / (2 * r)
        x = sigmas[i + 1] / sigmas[i] * x - torch.expm1(-(before if last_for_this else h)) * use
        old = new
    return x


def float32_grid(model, x, sigmas):
    return multistep(model, x, sigmas, (-sigmas.log()).float())


def upside_down(model, x, sigmas):
    """The ratio of the steps inverted: what it adds cancels over a period of steps, so that the order stays 2."""
    return multistep(model, x, sigmas, upside_down=True)


def last_for_this(model, x, sigmas):
    """The last step's length where this one's belongs."""
    return multistep(model, x, sigmas, last_for_this=True)


def corrected(lower_at_the_end):
    """Exponential predictor of order 2 and corrector of order 3, as UniPC-2; its last step may be of order 1."""
    at, weights = np.polynomial.legendre.leggauss(8)

    def f(model, x, sigmas):
        lam = (-sigmas.log()).numpy()
        kept = [model(x, sigmas[0])]

        def integral(i, nodes, values):
            h = lam[i + 1] - lam[i]
            u, w = lam[i] + h * (at + 1) / 2, h / 2 * weights
            w = w * np.exp(u)
            terms = []
            for j, value in enumerate(values):
                others = [node for k, node in enumerate(nodes) if k != j]
                basis = np.prod([(u - node) / (nodes[j] - node) for node in others], axis=0)
                terms.append(float((w * basis).sum()) * value)
            return math.exp(-lam[i + 1]) * sum(terms)

        steps = len(lam) - 1
        for i in range(steps):
            p = 1 if i == 0 or (lower_at_the_end and i == steps - 1) else 2
            past = [lam[i - j] for j in range(p)], [kept[-1 - j] for j in range(p)]
            linear = math.exp(lam[i] - lam[i + 1]) * x
            x = linear + integral(i, *past)
            if i < steps - 1:
                new = model(x, sigmas[i + 1])
                x = linear + integral(i, [lam[i + 1], *past[0]], [new, *past[1]])
                kept.append(new)
        return x

    return f


unipc, unipc_lower = corrected(False), corrected(True)


def nearly_heun(model, x, sigmas):
    """Weights .505 and .495 for .5 and .5: of first order, with a hundredth of its size."""
    for i in range(len(sigmas) - 1):
        h = sigmas[i + 1] - sigmas[i]
        d = slope(model, x, sigmas[i])
        x = x + h * (0.505 * d + 0.495 * slope(model, x + h * d, sigmas[i + 1]))
    return x


def by_v(model, x, sigmas):
    """A network of v, given its input at unit variance."""
    for i in range(len(sigmas) - 1):
        s = sigmas[i]
        c = 1 / (1 + s**2)
        D = c * x - s * c**0.5 * model(x * c**0.5, s)
        x = x + (x - D) / s * (sigmas[i + 1] - s)
    return x


def by_network(net, x, sigmas):
    """EDM's network and preconditioning."""
    for i in range(len(sigmas) - 1):
        s, c = sigmas[i], 1 / (sigmas[i] ** 2 + 0.25)
        D = 0.25 * c * x + 0.5 * s * c**0.5 * net(x * c**0.5, s.log() / 4)
        x = x + (x - D) / s * (sigmas[i + 1] - s)
    return x


def with_schedule(model, x, noise_schedule, timesteps):
    """DPM-Solver-1 of a noise prediction and a schedule object."""
    ns = noise_schedule
    for s, t in itertools.pairwise(timesteps):
        h = ns.marginal_lambda(t) - ns.marginal_lambda(s)
        x = ns.marginal_alpha(t) / ns.marginal_alpha(s) * x - ns.marginal_std(t) * torch.expm1(h) * model(
            x, s
        )
    return x


def on_a_and_sigma(model, x, a, sigma):
    """DDIM of a v-prediction."""
    for i in range(len(a) - 1):
        v = model(x, a[i], sigma[i])
        x = a[i + 1] * (a[i] * x - sigma[i] * v) + sigma[i + 1] * (sigma[i] * x + a[i] * v)
    return x
