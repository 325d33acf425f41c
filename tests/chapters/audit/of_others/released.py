"""Released samplers by their formulas, a = 1, each with its fault and without it; models are denoisers."""

import math

import numpy as np
import torch

NODES, WEIGHTS = np.polynomial.legendre.leggauss(10)


def er_sde(points):
    """ER-SDE-Solver-3 (2309.06169) with phi(s) = s (exp(s^.3) + 10).

    Its two integrals are left sums of ``points`` values; with 0 Gauss's rule, exact to rounding.
    """

    def phi(s):
        return s * ((s**0.3).exp() + 10)

    def f(model, x, sigmas, noise_sampler=None):
        old = old_slope = None
        for i in range(len(sigmas) - 1):
            s, t = sigmas[i], sigmas[i + 1]
            u, w = t + (s - t) * torch.from_numpy(NODES + 1) / 2, (s - t) / 2 * torch.from_numpy(WEIGHTS)
            if points:
                u, w = t + (s - t) * torch.arange(points) / points, (s - t) / points
            D, r = model(x, s), phi(t) / phi(s)
            x = r * x + (1 - r) * D
            if old is not None:
                slope = (D - old) / (s - sigmas[i - 1])
                x = x + (t - s + phi(t) * (w / phi(u)).sum()) * slope
                if old_slope is not None:
                    curve = (slope - old_slope) / ((s - sigmas[i - 2]) / 2)
                    x = x + ((t - s) ** 2 / 2 + phi(t) * (w * (u - s) / phi(u)).sum()) * curve
                old_slope = slope
            x = x + noise_sampler(s, t) * (t**2 - s**2 * r**2).sqrt()
            old = D
        return x

    return f


er_sde_exact, er_sde_sum = er_sde(0), er_sde(200)


def reab(order, right):
    """Rosenbrock-type exponential Adams-Bashforth: the factor sqrt(1 + t^2) of its integral has sigma_t for sigma_s."""

    def f(model, x, sigmas):
        u, past = sigmas.log().numpy(), []
        for i in range(len(sigmas) - 1):
            s, t = sigmas[i], sigmas[i + 1]
            a = s**2 / (1 + s**2)
            past = [*past, ((1 - a) * x - model(x, s)) / a.sqrt()][-order:]
            n = len(past)
            v = u[i] + (u[i + 1] - u[i]) * (NODES + 1) / 2
            w = (u[i + 1] - u[i]) / 2 * WEIGHTS / (2 * np.cosh(v))
            powers = np.vander(u[i + 1 - n : i + 1], n, increasing=True).T
            weights = np.linalg.solve(powers, [w @ v**k for k in range(n)])
            integral = sum(float(c) * value for c, value in zip(weights, past, strict=True))
            to = t if right else s
            x = ((1 + t**2) / (1 + s**2)).sqrt() * x + (1 + to**2).sqrt() * integral
        return x

    return f


reab3, reab3_wrong = reab(3, True), reab(3, False)


def two_stages(overwritten):
    """DPM-Solver++(2S) with ancestral noise and CFG++ at guidance 1: the unconditional answer is the conditional one.

    Of the second stage's call, where it is ``overwritten``.
    """

    def f(model, x, sigmas, noise_sampler=None):
        for i in range(len(sigmas) - 1):
            s, t = sigmas[i], sigmas[i + 1]
            up = t * (1 - (t / s) ** 2).sqrt()
            down = (t**2 - up**2).sqrt()
            m = (s * down).sqrt()
            D = free = model(x, s)
            E = model(m / s * (x + D - free) + (1 - m / s) * D, m)
            free = E if overwritten else free
            x = down / s * (x + D - free) + (1 - down / s) * E + up * noise_sampler(s, t)
        return x

    return f


cfg_pp, cfg_pp_wrong = two_stages(False), two_stages(True)


def vary_coeff(order, right):
    """UniPC with varying coefficients: its corrector leaves out the new value in all rows but one, of a wrong row."""

    def f(model, x, sigmas):
        lam, past = (-sigmas.log()).tolist(), [model(x, sigmas[0])]
        for i in range(len(lam) - 1):
            h, p = lam[i + 1] - lam[i], min(order, i + 1)
            r = [(lam[i - j] - lam[i]) / h for j in range(1, p)] + [1.0]
            K = len(r)
            C = np.array([[rk**k / math.factorial(k + 1) for k in range(K)] for rk in r])
            phis = [math.expm1(-h)]  # h phi_k
            for k in range(1, K + 1):
                phis.append(phis[-1] / -h - 1 / math.factorial(k))
            D = [(past[-1 - j] - past[-1]) / r[j - 1] for j in range(1, p)]
            base = math.exp(-h) * x - phis[0] * past[-1]
            before = np.linalg.inv(C[:-1, :-1]) if D else []
            terms = [phis[k + 1] * c * d for k, row in enumerate(before) for c, d in zip(row, D, strict=True)]
            new = model(base - sum(terms), sigmas[i + 1])
            A, last = np.linalg.inv(C), new - past[-1]
            x = base
            for k in range(K if right else K - 1):
                x = x - phis[k + 1] * sum(
                    c * d for c, d in zip(A[k], [*D, last] if right else D, strict=False)
                )
            if not right:
                x = x - phis[K] * A[max(K - 2, 0), -1] * last
            past.append(new)
        return x

    return f


unipc2, unipc2_vary = vary_coeff(2, True), vary_coeff(2, False)


def heunpp2(model, x, sigmas):
    """Heun++: three slopes with weights 1 - w2 - w3, w2 = t/(3 s_0), w3 = u/(3 s_0), which are not those of order 2."""

    def slope(x, s):
        return (x - model(x, s)) / s

    N = len(sigmas) - 1
    for i in range(N):
        s, t = sigmas[i], sigmas[i + 1]
        d = slope(x, s)
        y = x + d * (t - s)
        if i < N - 2:
            u = sigmas[i + 2]
            e = slope(y, t)
            g = slope(y + e * (u - t), u)
            w2, w3 = t / (3 * sigmas[0]), u / (3 * sigmas[0])
            y = x + (t - s) * ((1 - w2 - w3) * d + w2 * e + w3 * g)
        elif i == N - 2:
            w2 = t / (2 * sigmas[0])
            y = x + (t - s) * ((1 - w2) * d + w2 * slope(y, t))
        x = y
    return x
