"""Ways to write a sampler that are not in the other files here."""

import itertools

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
