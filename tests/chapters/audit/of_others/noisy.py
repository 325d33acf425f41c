"""Stochastic samplers as other projects write them, right and with a mistake: model a denoiser."""

import torch


def up_and_down(s, to, eta=1.0):
    up = eta * (to**2 * (s**2 - to**2) / s**2) ** 0.5
    return (to**2 - up**2) ** 0.5, up


def ancestral(model, x, sigmas, extra_args=None, noise_sampler=None):
    noise_sampler = noise_sampler or (lambda s, to: torch.randn_like(x))
    for i in range(len(sigmas) - 1):
        down, up = up_and_down(sigmas[i], sigmas[i + 1])
        x = x + (x - model(x, sigmas[i])) / sigmas[i] * (down - sigmas[i])
        x = x + noise_sampler(sigmas[i], sigmas[i + 1]) * up
    return x


def ancestral_inside(model, x, sigmas):
    """Draws with torch, and has no argument for it."""
    return ancestral(model, x, sigmas)


def midpoint(model, x, sigmas, noise_sampler=None, noise=None):
    """DPM-Solver++ SDE: two stages whose noises are increments of one Brownian path over (s, m) and (s, t)."""
    draw = noise_sampler or noise
    for i in range(len(sigmas) - 1):
        s, t = sigmas[i], sigmas[i + 1]
        m = (s * t).sqrt()
        D = model(x, s)
        down, up = up_and_down(s, m)
        y = down / s * x + (1 - down / s) * D + draw(s, m) * up
        D = model(y, m)
        down, up = up_and_down(s, t)
        x = down / s * x + (1 - down / s) * D + draw(s, t) * up
    return x


def independent(model, x, sigmas, noise_sampler=None):
    """The same with two independent draws."""
    return midpoint(model, x, sigmas, noise=lambda s, t: noise_sampler())


def multistep(model, x, sigmas, noise_sampler=None, sign=1.0):
    """SDE-DPM-Solver++(2M)."""
    old = None
    for i in range(len(sigmas) - 1):
        D, h = model(x, sigmas[i]), (sigmas[i] / sigmas[i + 1]).log()
        gain = -torch.expm1(-2 * h)
        x = sigmas[i + 1] / sigmas[i] * (-h).exp() * x + gain * D
        if old is not None:
            x = x + sign * 0.5 * gain * h / (sigmas[i - 1] / sigmas[i]).log() * (D - old)
        x = x + noise_sampler(sigmas[i], sigmas[i + 1]) * sigmas[i + 1] * gain.sqrt()
        old = D
    return x


def wrong_sign(model, x, sigmas, noise_sampler=None):
    """The correction's coefficient -1/2 for +1/2."""
    return multistep(model, x, sigmas, noise_sampler, sign=-1.0)
