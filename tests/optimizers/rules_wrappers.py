"""The oracles of the wrappers, in float64 NumPy from their papers, around momentum in NumPy.

Each yields, for all arrays together, the parameters that are trained after each step and those that are judged.
"""

import numpy as np
from oracle_problem import Whole, gradient_elsewhere

from padl.roles import ParameterRole, usual

MOMENTUM = {"name": "momentum", "learning_rate": 0.1, "momentum": 0.7}
ROLES = {
    "scalar": ParameterRole("other"),
    "vector": usual("bias", 1),
    "matrix": usual("matrix", 2),
    "stack": usual("matrix", 3),  # its first axis is stacked
    "convolution": usual("convolution", 4),
}
WEIGHTS = ("matrix", "stack", "convolution")
INPUTS = {"scalar": (), "vector": (0,), "matrix": (0,), "stack": (1,), "convolution": (0, 1, 2)}  # of one output
ONE = {"matrix": (0, 1), "stack": (1, 2), "convolution": (0, 1, 2, 3)}  # axes of one matrix


class Momentum:
    """The update of `MOMENTUM`, with the learning rate of each step where that is another."""

    def __init__(self, x):
        self.v = {name: np.zeros_like(p) for name, p in x.items()}

    def __call__(self, grads, rate=0.1):
        self.v = {name: 0.7 * v + grads[name] for name, v in self.v.items()}
        return {name: -rate * v for name, v in self.v.items()}


def plus(x, *others):
    return {name: sum((other[name] for other in others), start=p) for name, p in x.items()}


def norm(x, axes=None):
    return np.sqrt(np.sum(x**2, axis=axes, keepdims=axes is not None))


def whole_norm(x):
    return np.sqrt(sum(np.sum(p**2) for p in x.values()))


def changed(change):
    """The oracle of a wrapper that changes the gradient alone: (gradients, x) -> gradients."""

    def rule(x, grads, **numbers):
        inner = Momentum(x)
        for g in grads:
            x = plus(x, inner(change(g, x, **numbers)))
            yield x, x

    return rule


def clip_value(grads, x, value):
    return {name: np.clip(g, -value, value) for name, g in grads.items()}


def clip_norm(grads, x, norm):
    length = whole_norm(grads)
    return {name: g * norm / length if length > norm else g for name, g in grads.items()}


def agc(grads, x, clipping, eps, applies_to=()):
    result = {}
    for name, g in grads.items():
        length = norm(g, INPUTS[name])
        largest = clipping * np.maximum(norm(x[name], INPUTS[name]), eps)
        result[name] = np.where(length > largest, g * largest / length, g)
    return result


def centred(grads, x):
    return {n: g - np.mean(g, axis=INPUTS[n], keepdims=True) if n in WEIGHTS else g for n, g in grads.items()}


def adagc(x, grads, relative, decay, absolute, warmup_steps):
    inner, gamma = Momentum(x), dict.fromkeys(x, np.inf)
    for t, g in enumerate(grads):
        if t < warmup_steps:
            g = clip_norm(g, x, absolute)
            gamma = {n: min(gamma[n], norm(g[n])) for n in x}
        else:
            g = {n: g[n] * min(relative * gamma[n] / norm(g[n]), 1) for n in x}
            gamma = {n: decay * gamma[n] + (1 - decay) * norm(g[n]) for n in x}
        x = plus(x, inner(g))
        yield x, x


def grokfast(x, grads, decay, amplification):
    inner, h = Momentum(x), None
    for g in grads:
        h = g if h is None else {n: decay * h[n] + (1 - decay) * g[n] for n in x}
        x = plus(x, inner({n: g[n] + amplification * h[n] for n in x}))
        yield x, x


def accumulate(x, grads, k):
    inner = Momentum(x)
    for t in range(len(grads)):
        if (t + 1) % k == 0:
            x = plus(x, inner({n: np.mean([g[n] for g in grads[t + 1 - k : t + 1]], axis=0) for n in x}))
        yield x, x


def sam(grads, x, radius):
    length = whole_norm(grads)
    return {n: gradient_elsewhere(g, x[n] + radius * g / length) for n, g in grads.items()}


def asam(grads, x, radius, floor):
    t = {n: np.abs(p) + floor for n, p in x.items()}
    length = whole_norm({n: t[n] * g for n, g in grads.items()})
    return {n: gradient_elsewhere(g, x[n] + radius * t[n] ** 2 * g / length) for n, g in grads.items()}


def ema(x, grads, decay):
    """The mean of all parameters so far, with weights dⁱ."""
    inner, path = Momentum(x), []
    for g in grads:
        x = plus(x, inner(g))
        path.append(x)
        weights = decay ** np.arange(len(path))[::-1]
        yield x, {n: sum(w * p[n] for w, p in zip(weights, path, strict=True)) / weights.sum() for n in x}


def tail_ema(x, grads, start, time_constant, blend):
    inner, a = Momentum(x), None
    for t, g in enumerate(grads, start=1):
        x = plus(x, inner(g))
        if t == start:
            a = x
        elif t > start:
            a = {n: a[n] + (x[n] - a[n]) / time_constant for n in x}
        yield x, x if t <= start else {n: (1 - blend) * x[n] + blend * a[n] for n in x}


def lookahead(x, grads, k, alpha):
    inner, slow = Momentum(x), x
    for t, g in enumerate(grads, start=1):
        x = plus(x, inner(g))
        if t % k == 0:
            x = slow = {n: slow[n] + alpha * (x[n] - slow[n]) for n in x}
        yield x, slow


def snoo(x, grads, k, outer_rate, momentum):
    inner, slow, b = Momentum(x), x, {n: np.zeros_like(p) for n, p in x.items()}
    for t, g in enumerate(grads, start=1):
        x = plus(x, inner(g))
        if t % k == 0:
            s = {n: slow[n] - x[n] for n in x}
            b = {n: momentum * b[n] + s[n] for n in x}
            x = slow = {n: slow[n] - outer_rate * (momentum * b[n] + s[n]) for n in x}
        yield x, slow


def ema_nesterov(x, grads, ahead, decay, start, stop=None):
    """With the point y where the gradient is taken and θ kept apart; the learning rate is constant."""
    inner, m, theta = Momentum(x), {n: np.zeros_like(p) for n, p in x.items()}, x
    for t, g in enumerate(grads):
        before, beta = theta, ahead if start <= t < stop else 0.0
        y = {n: theta[n] + beta * m[n] for n in x}
        theta = plus(y, inner(g))
        m = {n: decay * m[n] + (1 - decay) * (theta[n] - before[n]) for n in x}
        beta = ahead if start <= t + 1 < stop else 0.0
        yield {n: theta[n] + beta * m[n] for n in x}, theta


def schedule_free(x, grads, momentum):
    """With x, y and z kept apart; of a constant learning rate c is 1/t."""
    inner, z = Momentum(x), x
    for t, g in enumerate(grads, start=1):
        z = plus(z, inner(g))
        x = {n: (1 - 1 / t) * x[n] + z[n] / t for n in x}
        yield {n: (1 - momentum) * z[n] + momentum * x[n] for n in x}, x


def linked(link):
    """The oracle of a wrapper that changes the update alone: (x, gradients, updates) -> updates."""

    def rule(x, grads, **numbers):
        inner = Momentum(x)
        for g in grads:
            x = plus(x, link(x, g, inner(g), **numbers))
            yield x, x

    return rule


def cautious(x, grads, updates, floor):
    masks = {n: updates[n] * grads[n] < 0 for n in x}
    return {n: updates[n] * masks[n] / max(np.mean(masks[n]), floor) for n in x}


def weight_decay(x, grads, updates, weight_decay):
    return {n: updates[n] - 0.1 * weight_decay * x[n] if n in WEIGHTS else updates[n] for n in x}


def hyperball(x, grads, updates):
    result = dict(updates)
    for n in ("matrix", "stack"):
        radius = norm(x[n], ONE[n])
        v = x[n] + 0.1 * radius * updates[n] / norm(updates[n], ONE[n])
        result[n] = radius * v / norm(v, ONE[n]) - x[n]
    return result


def update_floor(x, grads, updates, floor):
    result = dict(updates)
    for n in ("matrix", "stack"):
        result[n] = updates[n] * np.maximum(1, 0.1 * floor * norm(x[n], ONE[n]) / norm(updates[n], ONE[n]))
    return result


def radial_brake(x, grads, updates, outward, inward):
    result = dict(updates)
    for n in ("matrix", "stack"):
        v, before = x[n] + updates[n], norm(x[n], ONE[n])
        grows = norm(v, ONE[n]) - before
        result[n] = v / norm(v, ONE[n]) * (before + np.where(grows > 0, outward, inward) * grows) - x[n]
    return result


ORACLES = {  # name: oracle, and numbers at which to compare, large enough to matter
    "clip_value": (changed(clip_value), {"value": 0.5}),
    "clip_norm": (changed(clip_norm), {"norm": 700.0}),
    "agc": (changed(agc), {"clipping": 0.3, "eps": 0.5}),
    "adagc": (adagc, {"relative": 1.1, "decay": 0.8, "absolute": 700.0, "warmup_steps": 6}),
    "gradient_centralisation": (changed(centred), {}),
    "grokfast": (grokfast, {"decay": 0.8, "amplification": 1.5}),
    "skip_nonfinite": (changed(lambda grads, x: grads), {}),
    "accumulate": (accumulate, {"k": 3}),
    "sam": (changed(sam), {"radius": 2.0}),
    "asam": (changed(asam), {"radius": 2.0, "floor": 0.3}),
    "ema": (ema, {"decay": 0.8}),
    "tail_ema": (tail_ema, {"start": 8.0, "time_constant": 4.0, "blend": 0.6}),
    "lookahead": (lookahead, {"k": 3, "alpha": 0.4}),
    "snoo": (snoo, {"k": 3, "outer_rate": 0.6, "momentum": 0.5}),
    "ema_nesterov": (ema_nesterov, {"ahead": 0.6, "decay": 0.8, "start": 3.0, "stop": 15.0}),
    "schedule_free": (schedule_free, {"momentum": 0.7}),
    "cautious": (linked(cautious), {"floor": 0.6}),
    "weight_decay": (linked(weight_decay), {"weight_decay": 0.3}),
    "hyperball": (linked(hyperball), {}),
    "update_floor": (linked(update_floor), {"floor": 3.0}),
    "radial_brake": (linked(radial_brake), {"outward": 0.3, "inward": 0.8}),
}
BY_ROLE = ("agc", "gradient_centralisation", "weight_decay", "hyperball", "update_floor", "radial_brake")


def _of(which, oracle):
    """The oracle as the tests of all rules take it: of what is trained (0) or judged (1)."""

    def rule(x, grads, inner=MOMENTUM, roles=ROLES, **numbers):
        for both in oracle(x, grads, **numbers):
            yield both[which]

    return Whole(rule)


def _numbers(name):
    return {"inner": MOMENTUM, **ORACLES[name][1], **({"roles": ROLES} if name in BY_ROLE else {})}


RULES = {name: (_of(0, oracle), _numbers(name)) for name, (oracle, _) in ORACLES.items()}
READOUTS = {name: (_of(1, oracle), _numbers(name)) for name, (oracle, _) in ORACLES.items()}
DEFAULTS = {
    "clip_value": {"value": 1.0},
    "clip_norm": {"norm": 1.0},
    "agc": {"clipping": 0.01, "eps": 1e-3},
    "adagc": {"relative": 1.05, "decay": 0.98, "absolute": 1.0},
    "gradient_centralisation": {},
    "grokfast": {"decay": 0.98, "amplification": 2.0},
    "skip_nonfinite": {},
    "accumulate": {},
    "sam": {"radius": 0.05},
    "asam": {"radius": 0.5, "floor": 0.01},
    "ema": {"decay": 0.999},
    "tail_ema": {"start": 2400.0, "time_constant": 150.0, "blend": 0.6},
    "lookahead": {"alpha": 0.5},
    "snoo": {"outer_rate": 0.7, "momentum": 0.9},
    "ema_nesterov": {"ahead": 0.6, "decay": 0.99, "start": 0.0, "stop": None},
    "schedule_free": {"momentum": 0.9},
    "cautious": {"floor": 1e-3},
    "weight_decay": {"weight_decay": 1e-2},
    "hyperball": {},
    "update_floor": {"floor": 0.35},
    "radial_brake": {"outward": 0.5, "inward": 1.0},
    "qk_clip": {"largest": 100.0, "balance": 0.5},  # its oracle is beside its tests: it reads what a model records
}
