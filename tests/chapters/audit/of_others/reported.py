"""Mistakes that were found in released samplers or reported of them, each beside its mended form."""

import torch


def slope(model, x, s):
    return (x - model(x, s)) / s


# -- weights and histories of multistep methods -----------------------------------------------------


def adams(weights):
    """Adams-Bashforth in log sigma for equal steps, started by Runge and Kutta's method of order 4."""
    order = len(weights)

    def f(model, x, sigmas):
        def flow(x, at):  # dx/dlog sigma
            return x - model(x, at)

        past = []
        for i in range(len(sigmas) - 1):
            s, h = sigmas[i], (sigmas[i + 1] / sigmas[i]).log()
            past = [flow(x, s), *past[: order - 1]]
            if len(past) == order:
                x = x + h * sum(w * d for w, d in zip(weights, past, strict=True))
                continue
            middle = (s * sigmas[i + 1]).sqrt()
            b = flow(x + h / 2 * past[0], middle)
            c = flow(x + h / 2 * b, middle)
            d = flow(x + h * c, sigmas[i + 1])
            x = x + h * (past[0] + 2 * b + 2 * c + d) / 6
        return x

    return f


ab4 = adams([55 / 24, -59 / 24, 37 / 24, -9 / 24])
ab4_wrong = adams([2.375, -2.708, 1.792, -0.458])
ab3 = adams([23 / 12, -16 / 12, 5 / 12])
ab3_reversed = adams([5 / 12, -16 / 12, 23 / 12])  # the history is read from its other end


def second(ratio):
    """An exponential method of two steps, whose ratio of steps is ``ratio`` of the three levels."""

    def f(model, x, sigmas):
        old = None
        for i in range(len(sigmas) - 1):
            D, h = model(x, sigmas[i]), (sigmas[i] / sigmas[i + 1]).log()
            use = D if old is None else D + (D - old) / (2 * ratio(*sigmas[i - 1 : i + 2]))
            x = (-h).exp() * x - torch.expm1(-h) * use
            old = D
        return x

    return f


multistep = second(lambda r, s, t: (r / s).log() / (s / t).log())
next_for_this = second(lambda r, s, t: (r / t).log() / (s / t).log())  # sigma_t for sigma_s


def adams2(model, x, sigmas):
    """Adams-Bashforth of two steps in sigma, on any steps."""
    old = None
    for i in range(len(sigmas) - 1):
        d, h = slope(model, x, sigmas[i]), sigmas[i + 1] - sigmas[i]
        r = 0 if old is None else h / (sigmas[i] - sigmas[i - 1]) / 2
        x = x + h * (d if old is None else (1 + r) * d - r * old)
        old = d
    return x


# -- v-prediction, the derivative of a schedule -----------------------------------------------------


def heun_by_v(factor):
    """Heun's method of a network of v; D = x/(1 + s^2) - s v/sqrt(1 + s^2)^``factor``."""

    def f(model, x, sigmas):
        def d(x, s):
            c = 1 / (1 + s**2)
            return (x - (c * x - s * c ** (factor / 2) * model(x * c**0.5, s))) / s

        for i in range(len(sigmas) - 1):
            h = sigmas[i + 1] - sigmas[i]
            first = d(x, sigmas[i])
            x = x + h * (first + d(x + h * first, sigmas[i + 1])) / 2
        return x

    return f


v_right, v_wrong = heun_by_v(1), heun_by_v(2)


def preserving(half):
    """Euler's method in t for dx/dt = -beta/2 x + beta/2 eps/sigma, of a noise prediction and a schedule."""

    def f(model, x, noise_schedule, timesteps):
        ns = noise_schedule
        for i in range(len(timesteps) - 1):
            s, t = timesteps[i], timesteps[i + 1]
            rate = (ns.marginal_log_mean_coeff(t) - ns.marginal_log_mean_coeff(s)) / (t - s)  # d log a/dt
            eps = model(x, s)
            x = x + (t - s) * rate * (x - eps / ns.marginal_std(s) * (1.0 if half else 2.0))
        return x

    return f


vp_right, vp_wrong = preserving(True), preserving(False)


# -- noise -----------------------------------------------------------------------------------------


def third(off):
    """SDE-DPM-Solver++ of three steps; the weight of the second difference is ``off`` by so much."""

    def f(model, x, sigmas, noise_sampler=None):
        past = []
        for i in range(len(sigmas) - 1):
            D, h = model(x, sigmas[i]), (sigmas[i] / sigmas[i + 1]).log()
            phi1 = -torch.expm1(-2 * h)
            y = sigmas[i + 1] / sigmas[i] * (-h).exp() * x + phi1 * D
            steps = [(sigmas[j - 1] / sigmas[j]).log() / h for j in (i, i - 1) if j > 0][:2]
            phi2 = 1 - phi1 / (2 * h)
            if len(past) == 1:
                y = y + phi2 * (D - past[0]) / steps[0]
            if len(past) > 1:
                r0, r1 = steps
                d0, d1 = (D - past[0]) / r0, (past[0] - past[1]) / r1
                first = d0 + (d0 - d1) * r0 / (r0 + r1)
                curve = (d0 - d1) / (r0 + r1)
                phi3 = 1 - phi2 / h
                y = y + phi2 * first + (phi3 + off) * curve
            x = y + noise_sampler(sigmas[i], sigmas[i + 1]) * sigmas[i + 1] * phi1.sqrt()
            past = [D, *past[:1]]
        return x

    return f


sde3, sde3_sign = third(0.0), third(-1.0)  # -1/2 for +1/2


def renoised(scaled):
    """Ancestral sampling of a rectified flow: to t_down, and back to t with noise."""

    def f(model, x, times, noise_sampler=None):
        for i in range(len(times) - 1):
            s, t = times[i], times[i + 1]
            n, m = s / (1 - s), t / (1 - t)
            up = m * (1 - (m / n) ** 2) ** 0.5
            down = (m**2 - up**2) ** 0.5
            low = down / (1 + down)
            y = x + model(x, s) * (low - s)
            x = (
                (1 - t) * (y / (1 - low) + up * noise_sampler(s, t))
                if scaled
                else y + up * noise_sampler(s, t)
            )
        return x

    return f


flow_ancestral, flow_unscaled = renoised(True), renoised(False)


def restarted(model, x, times, noise_sampler=None):
    """A rectified flow that puts all noise anew at every step: of consistency models, not of denoisers."""
    for i in range(len(times) - 1):
        s, t = times[i], times[i + 1]
        x = (1 - t) * (x - s * model(x, s)) + t * noise_sampler(s, t)
    return x
