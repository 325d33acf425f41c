"""Ways to write a sampler that are not in the other files here."""

import itertools

import numpy as np
import torch


def rising(velocity_model, x_init, time_grid):
    """The midpoint rule of flow matching, from noise at 0 to data at 1; the model is called by keywords."""
    x = x_init
    for t, u in itertools.pairwise(time_grid):
        h = u - t
        middle = x + h / 2 * velocity_model(x=x, t=t)
        x = x + h * velocity_model(x=middle, t=t + h / 2)
    return x


def with_extras(model, x, sigmas, extra_args=None):
    """Returns the states and more."""
    seen = []
    for s, to in itertools.pairwise(sigmas):
        D = model(x, sigma=s, cond=None)
        seen.append(float(D.abs().max()))
        x = D + (x - D) * (to / s)
    return x, {"seen": seen}


def to_the_data(slopes):
    """Heun's method on a grid of its own that ends with a step of Euler's method to 0; from unit variance."""

    def f(
        net,
        latents,
        class_labels=None,
        randn_like=torch.randn_like,
        num_steps=18,
        sigma_min=0.002,
        sigma_max=80.0,
    ):
        t = torch.linspace(sigma_max ** (1 / 7), sigma_min ** (1 / 7), num_steps, dtype=torch.float64) ** 7
        t = torch.cat([t, torch.zeros_like(t[:1])])
        x = latents * t[0]
        for i in range(num_steps):
            d = (x - net(x, t[i], class_labels)) / t[i]
            y = x + (t[i + 1] - t[i]) * d
            if i < num_steps - 1:
                e = (y - net(y, t[i + 1], class_labels)) / t[i + 1]
                y = x + (t[i + 1] - t[i]) * (slopes * d + (1 - slopes) * e)
            x = y
        return x

    return f


edm, edm_wrong = to_the_data(0.5), to_the_data(0.75)


def churned(noisy):
    """EDM's stochastic sampler, to 0: at every step, the last too, back to more noise, ``noisy`` times right."""

    def f(net, latents, randn_like=torch.randn_like, num_steps=18, sigma_min=0.002, sigma_max=80.0):
        t = torch.linspace(sigma_max ** (1 / 7), sigma_min ** (1 / 7), num_steps, dtype=torch.float64) ** 7
        t = torch.cat([t, torch.zeros_like(t[:1])])
        x = latents * t[0]
        for s, u in itertools.pairwise(t):
            up = net.round_sigma(s * (1 + min(5 / num_steps, 0.4)))
            x = x + noisy * (up**2 - s**2).sqrt() * randn_like(x)
            d = (x - net(x, up)) / up
            y = x + (u - up) * d
            x = x + (u - up) * (d + (y - net(y, u)) / u) / 2 if u > 0 else y
        return x

    return f


churn, churn_loud = churned(1.0), churned(1.2)


def against_the_time(model, x, times):
    """Euler's method for a flow with the sign of its velocity wrong."""
    for t, u in itertools.pairwise(times):
        x = x - (u - t) * model(x, t)
    return x


def slopes(model, x, sigmas):
    """Euler's method in sigma, of a noise prediction; of velocities in t it is the same."""
    for s, to in itertools.pairwise(sigmas):
        x = x + (to - s) * model(x, s)
    return x


def one_level(model, x, sigmas):
    for s, to in itertools.pairwise(sigmas):
        x = x + (to - s) * (x - model(x, sigmas[0])) / s
    return x


def from_noise(model, x, num_steps=18):
    """A grid from t = 1, where there is nothing but noise."""
    for t, u in itertools.pairwise(torch.linspace(1, 0, num_steps + 1, dtype=torch.float64)):
        x = x + (u - t) * model(x, t)
    return x


def state_first(x, model, sigmas):
    """Yields every state; takes its model for a module of torch."""
    device = next(model.eval().parameters()).device
    for s, to in itertools.pairwise(sigmas):
        x = x + (to - s) * (x - model(x.to(device), s)) / s
        yield x


def plain_latents(transformer, latents, timesteps):
    """What it calls latents is the state as it is."""
    for t, u in itertools.pairwise(timesteps):
        latents = latents + (u - t) * transformer(latents, t)
    return latents


def adaptive(model, x, sigma_min, sigma_max, rtol=0.05):
    """Chooses its steps by their error."""
    return x


def ends_early(model, x, sigma_min, sigma_max, n):
    """Its grid ends at twice the level that it is given."""
    for s, to in itertools.pairwise(torch.logspace(*np.log10([sigma_max, 2 * sigma_min]), n + 1).double()):
        d = (x - model(x, s)) / s
        y = x + (to - s) * d
        x = x + (to - s) * (d + (y - model(y, to)) / to) / 2
    return x


def drift_of_the_ode(model, x, sigmas, noise_sampler=None):
    """Adds ancestral noise without going further down for it."""
    for s, to in itertools.pairwise(sigmas):
        x = x + (to - s) * (x - model(x, s)) / s + to * (1 - (to / s) ** 2).sqrt() * noise_sampler(s, to)
    return x


def coarse(model, x, sigmas):
    """Its model is handed bfloat16."""
    for s, to in itertools.pairwise(sigmas):
        x = x + (to - s) * (x - model(x.bfloat16(), s).double()) / s
    return x
