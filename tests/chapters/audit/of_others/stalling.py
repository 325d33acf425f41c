"""Schedulers of first order, and what each of them does to its prediction, state or noise by mistake."""

import numpy as np
import torch

ABAR = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
TABLE = ((1 - ABAR) / ABAR) ** 0.5


class Preserving:
    """DDIM of noise predictions; ``fault`` is what it takes the prediction for, or that it clips."""

    def __init__(self, fault="", clip_sample=False):
        self.config = {"clip_sample": clip_sample, "num_train_timesteps": 1000}
        self.alphas_cumprod, self.final_alpha_cumprod = ABAR, 1.0
        self.fault, self.clips = fault, clip_sample

    def set_timesteps(self, T):
        self.timesteps = torch.from_numpy(np.linspace(999, 0, T).round().astype(int))

    def step(self, told, t, x):
        i = [int(each) for each in self.timesteps].index(int(t))
        to = ABAR[int(self.timesteps[i + 1])] if i + 1 < len(self.timesteps) else 1.0
        (a0, s0), (a1, s1) = ((abar**0.5, (1 - abar) ** 0.5) for abar in (ABAR[int(t)], to))
        eps = {
            "clean": lambda: (x - a0 * told) / s0,
            "score": lambda: -s0 * told,
            "v": lambda: a0 * told + s0 * x,
        }.get(self.fault, lambda: told)()
        clean = (x - s0 * eps) / a0
        return a1 * (clean.clamp(-1, 1) if self.clips else clean) + s1 * eps


class Exploding:
    """Euler's method in sigma, a = 1, with ancestral noise where ``loud`` is not 0."""

    init_noise_sigma = TABLE[-1]

    def __init__(self, fault="", loud=0.0):
        self.config, self.alphas_cumprod = {"num_train_timesteps": 1000}, ABAR
        self.fault, self.loud = fault, loud

    def set_timesteps(self, T):
        sigmas = np.geomspace(TABLE[-1], TABLE[0], T)
        t = np.interp(np.log(sigmas), np.log(TABLE), np.arange(1000))
        self.timesteps = torch.from_numpy(t)
        sigmas = sigmas[::-1] if self.fault == "reversed" else sigmas
        self.sigmas, self.index = torch.from_numpy(np.append(sigmas, 0.0)), 0

    def scale_model_input(self, x, t):
        return x if self.fault == "unscaled" else x / (self.sigmas[self.index] ** 2 + 1) ** 0.5

    def step(self, eps, t, x):
        s, u = self.sigmas[self.index], self.sigmas[self.index + 1]
        self.index += 1
        if not self.loud:
            return x + eps * (u - s)
        root = 1.0 if self.fault == "variance" else 0.5
        return x + eps * (u**2 / s - s) + self.loud * u * (1 - (u / s) ** 2) ** root * torch.randn_like(x)


class Rectified:
    """Euler's method for a flow, right, with its sign wrong, or exact: each step by the flow of N(.5, .25)."""

    def __init__(self, sign=1.0, exact=False):
        self.config, self.sign, self.exact = {"shift": 1.0, "num_train_timesteps": 1000}, sign, exact

    def set_timesteps(self, T):
        self.sigmas = torch.from_numpy(np.append(np.linspace(1, 1e-3, T), 0.0))
        self.timesteps = 1000 * self.sigmas[:-1]

    def step(self, v, t, x):
        i = int((self.timesteps == t).nonzero()[0])
        s, u = self.sigmas[i], self.sigmas[i + 1]
        if self.exact:
            before, after = (((1 - r) ** 2 / 4 + r**2) ** 0.5 for r in (s, u))
            return (1 - u) * 0.5 + (x - (1 - s) * 0.5) * after / before
        return x + self.sign * v * (u - s)


class Bare:
    """Adams-Bashforth of two steps in sigma, without a table: its timesteps are its sigmas."""

    def __init__(self, sigma_min=0.03, sigma_max=20.0, ends=True):
        self.ends, self.config = (sigma_min, sigma_max), {"prediction_type": "epsilon"}
        if ends:
            self.config |= {"sigma_min": sigma_min, "sigma_max": sigma_max}

    def set_timesteps(self, T):
        low, high = (end ** (1 / 7) for end in self.ends)
        self.sigmas = torch.from_numpy(np.append(np.linspace(high, low, T) ** 7, 0.0))
        self.timesteps, self.before = self.sigmas[:-1], None

    def step(self, eps, t, x):
        i = int((self.timesteps == t).nonzero()[0])
        h, weight = self.sigmas[i + 1] - t, 0.0
        if self.before is not None and self.sigmas[i + 1]:
            weight = h / (t - self.sigmas[i - 1]) / 2
        x = x + h * ((1 + weight) * eps - weight * (eps if self.before is None else self.before))
        self.before = eps
        return x
