"""Samplers written out by hand for a Gaussian on the line, apart from the package.

On N(m, s^2) the score is affine, so a state is a row of coefficients: of 1, of the start and of each noise. The
samplers are written here a second time, in the variables of their papers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad

Array = np.ndarray


@dataclass
class Walk:
    """The levels of one run, from the noisiest to the last, the law N(mean, std^2), and the state as coefficients of
    (1, start, noise 1, noise 2, ...).
    """

    a: Array
    sigma: Array
    mean: float
    std: float
    kind: str = "vp"

    def __post_init__(self) -> None:
        self.lam = np.log(self.a / self.sigma)
        self.N = len(self.a) - 1
        self.draws = 0
        self.size = 2 + 6 * self.N

    def start(self) -> Array:
        return np.eye(self.size)[1]

    def noise(self) -> Array:
        self.draws += 1
        return np.eye(self.size)[1 + self.draws]

    def score(self, y: Array, a: float, sigma: float) -> Array:
        return (a * self.mean * np.eye(self.size)[0] - y) / self.variance(a, sigma)

    def variance(self, a: float, sigma: float) -> float:
        return a**2 * self.std**2 + sigma**2

    def eps(self, y: Array, a: float, sigma: float) -> Array:
        return -sigma * self.score(y, a, sigma)

    def x0(self, y: Array, a: float, sigma: float) -> Array:
        return (y - sigma * self.eps(y, a, sigma)) / a

    def at(self, lam: float) -> tuple[float, float]:
        """The level with log(a/sigma) = lam."""
        if self.kind == "ve":
            return 1.0, math.exp(-lam)
        return 1 / math.sqrt(1 + math.exp(-2 * lam)), 1 / math.sqrt(1 + math.exp(2 * lam))


# -- the samplers, from N(0, prior) to the last level ---------------------------------------------------


def stepwise(step: Callable[..., Array]) -> Callable[[Walk], Array]:
    """A sampler from its step (w, y, i, a, s, b, c): from the level (a, s) of index i to (b, c)."""

    def walk(w: Walk) -> Array:
        y = w.start()
        for i in range(w.N):
            y = step(w, y, i, w.a[i], w.sigma[i], w.a[i + 1], w.sigma[i + 1])
        return y

    return walk


@stepwise
def pf_ode(w: Walk, y: Array, i: int, a: float, s: float, b: float, c: float) -> Array:
    return (y + 0.5 * (1 - (a / b) ** 2) * w.score(y, a, s)) * b / a


@stepwise
def ddpm(w: Walk, y: Array, i: int, a: float, s: float, b: float, c: float) -> Array:
    beta = 1 - (a / b) ** 2
    return (y + beta * w.score(y, a, s) + math.sqrt(beta) * w.noise()) * b / a


@stepwise
def ddpm_posterior(w: Walk, y: Array, i: int, a: float, s: float, b: float, c: float) -> Array:
    beta = 1 - (a / b) ** 2
    return (y + beta * w.score(y, a, s)) * b / a + math.sqrt(beta * (1 - b * b) / (1 - a * a)) * w.noise()


@stepwise
def ddpm_covariance(w: Walk, y: Array, i: int, a: float, s: float, b: float, c: float) -> Array:
    alpha = (a / b) ** 2
    variance = (1 - alpha) / alpha * (1 - (1 - alpha) / w.variance(a, s))
    return (y + (1 - alpha) * w.score(y, a, s)) / math.sqrt(alpha) + math.sqrt(variance) * w.noise()


@stepwise
def accelerated_ddpm(w: Walk, y: Array, i: int, a: float, s: float, b: float, c: float) -> Array:
    beta = 1 - (a / b) ** 2
    y = y + math.sqrt(beta / 2) * w.noise()
    return (y + beta * w.score(y, a, s) + math.sqrt(beta / 2) * w.noise()) * b / a


@stepwise
def accelerated_ode(w: Walk, y: Array, i: int, a: float, s: float, b: float, c: float) -> Array:
    beta, f = 1 - (a / b) ** 2, w.score(y, a, s)
    drift = y + beta / 2 * f
    if i:
        up = (w.a[i - 1] / a) ** 2
        back = math.sqrt(up) * (y - (1 - up) / 2 * f)
        drift = drift + beta**2 / (4 * (1 - up)) * (
            f - math.sqrt(up) * w.score(back, w.a[i - 1], w.sigma[i - 1])
        )
    return drift * b / a


@stepwise
def accelerated_ddpm_li2024(w: Walk, y: Array, i: int, a: float, s: float, b: float, c: float) -> Array:
    beta = 1 - (a / b) ** 2
    noise = math.sqrt(beta) * (1 - beta / 2 / w.variance(a, s)) * w.noise()
    return (y + beta * w.score(y, a, s) + noise) * b / a


@stepwise
def accelerated_ode_li2024(w: Walk, y: Array, i: int, a: float, s: float, b: float, c: float) -> Array:
    beta, f = 1 - (a / b) ** 2, w.score(y, a, s)
    return (y + beta / 2 * f + beta**2 / 8 * f / w.variance(a, s)) * b / a


@stepwise
def churned(w: Walk, y: Array, i: int, a: float, s: float, b: float, c: float) -> Array:
    added = (s / a) ** 2 - (c / b) ** 2
    return b * (y / a + added * a * w.score(y, a, s) + math.sqrt(added) * w.noise())


@stepwise
def ddim(w: Walk, y: Array, i: int, a: float, s: float, b: float, c: float) -> Array:
    return b * w.x0(y, a, s) + c * w.eps(y, a, s)


@stepwise
def euler_maruyama(w: Walk, y: Array, i: int, a: float, s: float, b: float, c: float) -> Array:
    u, v = -2 * math.log(b), -2 * math.log(a)  # int beta up to either level
    g2 = {"ve": s * s - c * c, "vp": v - u, "sub-vp": v - u + (math.exp(-2 * v) - math.exp(-2 * u)) / 2}[
        w.kind
    ]
    return y * (1 + (v - u) / 2) + g2 * w.score(y, a, s) + math.sqrt(g2) * w.noise()


@stepwise
def exponential_integrator(w: Walk, y: Array, i: int, a: float, s: float, b: float, c: float) -> Array:
    f = w.score(y, a, s)
    if w.kind == "ve":
        return y + (s * s - c * c) * f + math.sqrt(s * s - c * c) * w.noise()
    grow = b / a
    return grow * y + 2 * (grow - 1) * f + math.sqrt(grow**2 - 1) * w.noise()


def dpm_solver_2(w: Walk) -> Array:
    """2206.00927, Algorithm 1, r_1 = 1/2."""
    y = w.start()
    for i in range(w.N):
        h = w.lam[i + 1] - w.lam[i]
        a, sigma = w.at(w.lam[i] + h / 2)
        u = a / w.a[i] * y - sigma * (math.exp(h / 2) - 1) * w.eps(y, w.a[i], w.sigma[i])
        y = w.a[i + 1] / w.a[i] * y - w.sigma[i + 1] * (math.exp(h) - 1) * w.eps(u, a, sigma)
    return y


def dpm_solver_3(w: Walk) -> Array:
    """2206.00927, Algorithm 2, r_1 = 1/3, r_2 = 2/3."""
    y, r1, r2 = w.start(), 1 / 3, 2 / 3
    for i in range(w.N):
        h = w.lam[i + 1] - w.lam[i]
        e = w.eps(y, w.a[i], w.sigma[i])
        a1, s1 = w.at(w.lam[i] + r1 * h)
        a2, s2 = w.at(w.lam[i] + r2 * h)
        u1 = a1 / w.a[i] * y - s1 * (math.exp(r1 * h) - 1) * e
        d1 = w.eps(u1, a1, s1) - e
        u2 = a2 / w.a[i] * y - s2 * (math.exp(r2 * h) - 1) * e
        u2 = u2 - s2 * r2 / r1 * ((math.exp(r2 * h) - 1) / (r2 * h) - 1) * d1
        d2 = w.eps(u2, a2, s2) - e
        y = w.a[i + 1] / w.a[i] * y - w.sigma[i + 1] * (math.exp(h) - 1) * e
        y = y - w.sigma[i + 1] / r2 * ((math.exp(h) - 1) / h - 1) * d2
    return y


def dpm_solver_pp_2m(w: Walk) -> Array:
    """2211.01095, Algorithm 2."""
    y, past, h_past = w.start(), None, 0.0
    for i in range(w.N):
        h = w.lam[i + 1] - w.lam[i]
        x0 = w.x0(y, w.a[i], w.sigma[i])
        r = h_past / h
        D = x0 if past is None else (1 + 1 / (2 * r)) * x0 - 1 / (2 * r) * past
        y = w.sigma[i + 1] / w.sigma[i] * y - w.a[i + 1] * (math.exp(-h) - 1) * D
        past, h_past = x0, h
    return y


def dpm_solver_pp_3m(w: Walk) -> Array:
    """The authors' multistep update of order 3 on the data prediction, which starts with orders 1 and 2."""
    y = w.start()
    m: list[Array] = []
    for i in range(w.N):
        h = w.lam[i + 1] - w.lam[i]
        m = [w.x0(y, w.a[i], w.sigma[i]), *m][:3]
        phi_1 = math.expm1(-h)
        new = w.sigma[i + 1] / w.sigma[i] * y - w.a[i + 1] * phi_1 * m[0]
        if len(m) == 2:
            r0 = (w.lam[i] - w.lam[i - 1]) / h
            new = new - 0.5 * w.a[i + 1] * phi_1 * (m[0] - m[1]) / r0
        if len(m) == 3:
            r0 = (w.lam[i] - w.lam[i - 1]) / h
            r1 = (w.lam[i - 1] - w.lam[i - 2]) / h
            D1_0, D1_1 = (m[0] - m[1]) / r0, (m[1] - m[2]) / r1
            D1 = D1_0 + r0 / (r0 + r1) * (D1_0 - D1_1)
            D2 = (D1_0 - D1_1) / (r0 + r1)
            phi_2 = phi_1 / h + 1
            phi_3 = phi_2 / h - 0.5
            new = new + w.a[i + 1] * phi_2 * D1 - w.a[i + 1] * phi_3 * D2
        y = new
    return y


def unipc(p: int, variant: str) -> Callable[[Walk], Array]:
    """2302.04867, as the authors' code lays it out: R rho = b, predictor, then corrector, last one omitted."""

    def coefficients(rks: list[float], hh: float, B: float) -> Array:
        h_phi, factorial, b = math.expm1(hh) / hh - 1, 1.0, []
        for k in range(1, len(rks) + 1):
            b.append(h_phi * factorial / B)
            factorial *= k + 1
            h_phi = h_phi / hh - 1 / factorial
        return np.array([0.5]) if len(rks) == 1 else np.linalg.solve(np.vander(rks, increasing=True).T, b)

    def walk(w: Walk) -> Array:
        y = w.start()
        model = [(w.lam[0], w.x0(y, w.a[0], w.sigma[0]))]
        for i in range(w.N):
            h = w.lam[i + 1] - w.lam[i]
            hh = -h
            B = hh if variant == "B1" else math.expm1(hh)
            lam0, m0 = model[0]
            rks = [(lam - lam0) / h for lam, _ in model[1:]]
            D1s = [(m - m0) / r for r, (_, m) in zip(rks, model[1:], strict=True)]
            base = w.sigma[i + 1] / w.sigma[i] * y - w.a[i + 1] * math.expm1(hh) * m0
            rho = coefficients(rks, hh, B) if rks else []
            predicted = base - w.a[i + 1] * B * sum(r * D for r, D in zip(rho, D1s, strict=True))
            if i == w.N - 1:
                return predicted
            m_t = w.x0(predicted, w.a[i + 1], w.sigma[i + 1])
            rho = coefficients([*rks, 1.0], hh, B)
            y = base - w.a[i + 1] * B * (
                sum(r * D for r, D in zip(rho[:-1], D1s, strict=True)) + rho[-1] * (m_t - m0)
            )
            model = [(w.lam[i + 1], m_t), *model][:p]
        return y

    return walk


def deis_2(w: Walk) -> Array:
    """2204.13902, eq. (14), (15): d(y/a) = e^t/sigma eps dt for OU, dy = eps dsigma for a = 1; eps is the line
    through its last two values, the integrals by quadrature.
    """

    def weight(t: float, here: float, there: float | None) -> float:
        kernel = 1.0 if w.kind == "ve" else math.exp(t) / math.sqrt(-math.expm1(-2 * t))
        return kernel * (1.0 if there is None else (t - there) / (here - there))

    def integral(lo: float, hi: float, here: float, there: float | None) -> float:
        return quad(weight, lo, hi, args=(here, there), epsabs=0, epsrel=1e-12)[0]

    y, past = w.start(), None
    clock = w.sigma if w.kind == "ve" else -np.log(w.a)
    for i in range(w.N):
        e = w.eps(y, w.a[i], w.sigma[i])
        t, t_next = clock[i], clock[i + 1]
        if past is None:
            moved = integral(t, t_next, t, None) * e
        else:
            t_past, e_past = past
            moved = integral(t, t_next, t, t_past) * e + integral(t, t_next, t_past, t) * e_past
        y, past = w.a[i + 1] * (y / w.a[i] + moved), (t, e)
    return y


def edm_heun(churn: float) -> Callable[[Walk], Array]:
    """2206.00364, Algorithm 2 with S_min = 0, S_max = inf, S_noise = 1, in x = y/a and sigma/a."""

    def walk(w: Walk) -> Array:
        x, t = w.start() / w.a[0], w.sigma / w.a

        def denoised(x: Array, n: float) -> Array:
            return (w.mean * n**2 * np.eye(w.size)[0] + w.std**2 * x) / (w.std**2 + n**2)

        for i in range(w.N):
            gamma = min(churn / w.N, math.sqrt(2) - 1)
            hat = t[i] * (1 + gamma)
            if gamma:
                x = x + math.sqrt(hat**2 - t[i] ** 2) * w.noise()
            d = (x - denoised(x, hat)) / hat
            x_next = x + (t[i + 1] - hat) * d
            d_next = (x_next - denoised(x_next, t[i + 1])) / t[i + 1]
            x = x + (t[i + 1] - hat) * (d + d_next) / 2
        return w.a[-1] * x

    return walk


def exponential_rk_3(w: Walk) -> Array:
    """Hochbruck & Ostermann (2010), (5.8): c = (0, 1/3, 2/3) for y' = y + s(u, y), u = log a."""
    y = w.start()

    def phi_1(z: float) -> float:
        return math.expm1(z) / z

    def phi_2(z: float) -> float:
        return (math.expm1(z) - z) / z**2

    def s(y: Array, u: float) -> Array:
        return w.score(y, math.exp(u), math.sqrt(-math.expm1(2 * u)))

    for i in range(w.N):
        u, z = math.log(w.a[i]), math.log(w.a[i + 1] / w.a[i])
        k1 = s(y, u)
        y2 = math.exp(z / 3) * y + z / 3 * phi_1(z / 3) * k1
        k2 = s(y2, u + z / 3)
        y3 = math.exp(2 * z / 3) * y + z * (
            (2 / 3 * phi_1(2 * z / 3) - 4 / 3 * phi_2(2 * z / 3)) * k1 + 4 / 3 * phi_2(2 * z / 3) * k2
        )
        k3 = s(y3, u + 2 * z / 3)
        y = math.exp(z) * y + z * ((phi_1(z) - 1.5 * phi_2(z)) * k1 + 1.5 * phi_2(z) * k3)
    return y


def sde_dpm_solver_pp(order: int) -> Callable[[Walk], Array]:
    """2211.01095, eq. (18) and (19)."""

    def walk(w: Walk) -> Array:
        y, past, h_past = w.start(), None, 0.0
        for i in range(w.N):
            h = w.lam[i + 1] - w.lam[i]
            x0 = w.x0(y, w.a[i], w.sigma[i])
            gain = w.a[i + 1] * (1 - math.exp(-2 * h))
            new = w.sigma[i + 1] / w.sigma[i] * math.exp(-h) * y + gain * x0
            if order == 2 and past is not None:
                new = new + 0.5 * gain * (x0 - past) / (h_past / h)
            y = new + w.sigma[i + 1] * math.sqrt(1 - math.exp(-2 * h)) * w.noise()
            past, h_past = x0, h
        return y

    return walk


def adams_bashforth_2(w: Walk) -> Array:
    """x' = x + dn eps + dn^2/2 (eps - eps_before)/(n - n_before), n = sigma/a."""
    n, x = w.sigma / w.a, w.start() / w.a[0]
    past = None
    for i in range(w.N):
        e, dn = w.eps(w.a[i] * x, w.a[i], w.sigma[i]), n[i + 1] - n[i]
        slope = 0.0 if past is None else (e - past) / (n[i] - n[i - 1])
        x, past = x + dn * e + dn**2 / 2 * slope, e
    return w.a[-1] * x


def ancestral_euler(w: Walk) -> Array:
    """2010.02502, eq. (12) with its sigma of eq. (16), eta = 1."""
    y = w.start()
    for i in range(w.N):
        abar, abar_next = w.a[i] ** 2, w.a[i + 1] ** 2
        if w.kind == "ve":  # in units where a = 1, k-diffusion's
            up = math.sqrt(w.sigma[i + 1] ** 2 * (w.sigma[i] ** 2 - w.sigma[i + 1] ** 2) / w.sigma[i] ** 2)
            down = math.sqrt(w.sigma[i + 1] ** 2 - up**2)
            y = y + w.eps(y, 1.0, w.sigma[i]) * (down - w.sigma[i]) + up * w.noise()
            continue
        up = math.sqrt((1 - abar_next) / (1 - abar)) * math.sqrt(1 - abar / abar_next)
        e = w.eps(y, w.a[i], w.sigma[i])
        y = w.a[i + 1] * (y - w.sigma[i] * e) / w.a[i] + math.sqrt(1 - abar_next - up**2) * e + up * w.noise()
    return y


def kinetic_corrector(steps: int) -> Callable[[Walk], Array]:
    """DDIM, then dy = v dt, dv = (s(y) - g v) dt + sqrt(2g) dB in ``steps`` steps with the score frozen in each.

    The integrals over a step of duration r are by quadrature: v feels the noise at u before its end through
    sqrt(2g) e^{-gu}, y through the integral of that.
    """

    def walk(w: Walk) -> Array:
        y = w.start()
        for i in range(w.N):
            a, sigma, h = w.a[i + 1], w.sigma[i + 1], w.lam[i + 1] - w.lam[i]
            y = a / w.a[i] * y + (sigma - a / w.a[i] * w.sigma[i]) * w.eps(y, w.a[i], w.sigma[i])
            whole = sigma * math.sqrt(2 * h)
            g, r = 2.0 * h / whole, whole / steps

            def decay(u: float, g: float) -> float:
                return math.exp(-g * u)

            def reach(u: float, g: float) -> float:
                return -math.expm1(-g * u) / g

            def integral(f: Callable[[float], float], r: float) -> float:
                return quad(f, 0, r, epsabs=0, epsrel=1e-12)[0]

            moved = integral(lambda u, g=g: reach(u, g), r)
            vv, vy, yy = (
                2 * g * integral(lambda u, f=f, k=k, g=g: f(u, g) * k(u, g), r)
                for f, k in ((decay, decay), (decay, reach), (reach, reach))
            )
            v = w.noise()
            for step in range(steps):
                s = w.score(y, a, sigma)
                y, v = y + reach(r, g) * v + moved * s, decay(r, g) * v + reach(r, g) * s
                if step == steps - 1:
                    y = y + math.sqrt(yy) * w.noise()
                else:
                    xi, zeta = w.noise(), w.noise()
                    v = v + math.sqrt(vv) * xi
                    y = y + vy / math.sqrt(vv) * xi + math.sqrt(yy - vy**2 / vv) * zeta
        return y

    return walk


SAMPLERS: dict[str, Callable[[Walk], Array]] = {
    "pf-ode": pf_ode,
    "ddpm": ddpm,
    "ddpm-posterior": ddpm_posterior,
    "ddpm-covariance": ddpm_covariance,
    "accelerated-ddpm": accelerated_ddpm,
    "accelerated-ode": accelerated_ode,
    "accelerated-ddpm-li2024": accelerated_ddpm_li2024,
    "accelerated-ode-li2024": accelerated_ode_li2024,
    "churned": churned,
    "ddim": ddim,
    "euler-maruyama": euler_maruyama,
    "exponential-integrator": exponential_integrator,
    "edm-heun": edm_heun(10.0),
    "heun": edm_heun(0.0),
    "dpm-solver++-2m": dpm_solver_pp_2m,
    "sde-dpm-solver++-2m": sde_dpm_solver_pp(2),
    "adams-bashforth": adams_bashforth_2,
}
"""By the name and the defaults that the package gives them."""
