"""Schedulers as other projects write them, right, and with one mistake each by ``fault``."""

import numpy as np
import torch


def betas_of(N):
    return np.cumprod(1 - np.linspace(1e-4, 0.02, N))


class Tabled:
    """DDIM on a table of alpha_bar, whose last step goes to the data."""

    def __init__(self, timestep_spacing="linspace", N=1000, fault=""):
        self.config = {"timestep_spacing": timestep_spacing, "num_train_timesteps": N, "steps_offset": 0}
        self.spacing, self.alphas_cumprod = timestep_spacing, betas_of(N)
        self.final_alpha_cumprod = 1.0
        self.N, self.fault, self.index, self.before = N, fault, 0, None

    def set_timesteps(self, T):
        if self.fault == "always raises" or (self.fault == "raises" and T == 30):
            raise IndexError("index 1000 is out of bounds")
        spacing = self.spacing
        if spacing == "linspace":
            t = np.linspace(self.N - 1, 0, T)
        elif spacing == "leading":
            t = np.arange(T)[::-1] * (self.N // T if self.fault == "rounded down" else self.N / T)
        else:
            t = self.N - np.arange(T) * self.N / T - (self.fault != "off by one")
        t = np.round(t).astype(int)
        if self.fault == "repeated":
            t[-1] = t[-2]
        if self.fault == "swapped":
            t[1], t[2] = t[2], t[1]
        if self.fault == "too short":
            t = t[:-1]
        self.T, self.timesteps = T, torch.from_numpy(t)
        if self.fault != "remembers":
            self.index, self.before = 0, None

    def level(self, t):
        abar = self.final_alpha_cumprod if t < 0 else self.alphas_cumprod[min(t, self.N - 1)]
        return abar**0.5, (1 - abar) ** 0.5

    def step(self, eps, t, x):
        places = [int(each) for each in self.timesteps]
        i = places.index(int(t))
        to = -1 if i + 1 == len(places) else places[i + 1]
        if self.fault == "fixed stride":
            to = int(t) - self.N // self.T
        (a0, s0), (a1, s1) = self.level(int(t)), self.level(to)
        if self.before is not None and {"idle": 2, "remembers": 0}.get(self.fault) == i:
            eps = self.before
        self.before = eps
        return a1 * (x - s0 * eps) / a0 + s1 * eps


class Sigmas:
    """Euler's method in sigma between the ends of a table, on Karras sigmas; returns a tuple."""

    init_noise_sigma = 80.0

    def __init__(self, rho=7.0, fault=""):
        self.config = {"use_karras_sigmas": True, "num_train_timesteps": 1000}
        self.alphas_cumprod = betas_of(1000)
        self.rho, self.fault = rho, fault

    def set_timesteps(self, T):
        table = ((1 - self.alphas_cumprod) / self.alphas_cumprod) ** 0.5
        ends = table[-1] ** (1 / self.rho), table[0] ** (1 / self.rho)
        sigmas = np.linspace(*ends, T) ** self.rho
        t = np.interp(np.log(sigmas), np.log(table), np.arange(1000))
        self.timesteps = torch.from_numpy(t - 1 if self.fault == "told another" else t)
        self.sigmas = torch.from_numpy(np.append(sigmas, sigmas[-1] if self.fault == "ends twice" else 0.0))
        self.index = 0

    def scale_model_input(self, x, t):
        return x / (self.sigmas[self.index] ** 2 + 1) ** 0.5

    def step(self, eps, t, x):
        s0, s1 = self.sigmas[self.index], self.sigmas[self.index + 1]
        self.index += 1
        return (x + eps * (s1 - s0),)


class Flow:
    """Euler's method for a rectified flow, with a shift."""

    def __init__(self, shift=3.0, fault=""):
        self.config = {"shift": shift, "num_train_timesteps": 1000}
        self.shift, self.fault = shift, fault

    def shifted(self, u):
        return self.shift * u / (1 + (self.shift - 1) * u)

    def set_timesteps(self, T):
        low = self.shifted(1 / 1000) if self.fault == "end twice" else 1 / 1000
        sigmas = self.shifted(np.linspace(1, low, T))
        if self.fault == "twice":
            sigmas = self.shifted(sigmas)
        self.sigmas = torch.from_numpy(np.append(sigmas, 0.0))
        self.timesteps = 1000 * self.sigmas[:-1]

    def step(self, v, t, x):
        i = int((self.timesteps == t).nonzero()[0])
        return x + v * (self.sigmas[i + 1] - self.sigmas[i])


class Nothing:
    def set_timesteps(self, T):
        self.timesteps = torch.arange(T)

    def step(self, output, t, x):
        return x
