"""What a case computes, all of it in one compiled program in float64, which many tests then look at."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from cases import CASES, N

H = 1e-6  # of differences
KEEP = np.arange(N) % 3 != 0  # so that no two parts keep equally many


@cache
def measured(name):
    """By the name of a case:

    none, mean, sum, sum_and_count: by the reduction.
    point: (sum, gradients) at the arguments, and H d further and nearer, where d is `direction`.
    forward: the slope of the sum along d by forward differentiation. turned: those of the gradients.
    alone: the values of the rows of KEEP without the others.
    kept, none_kept: ((values, sum, count, mean), gradients of the mean) under KEEP, with NaN in what is masked, and
    under a mask that keeps nothing. parts: (sums, counts), gradients of the sums, of four parts under KEEP.
    """
    case = CASES[name]
    with jax.enable_x64(True):
        arguments = [jnp.asarray(a) for a in case.arguments]
        direction = [jnp.asarray(np.random.default_rng(i).normal(size=arguments[i].shape)) for i in case.smooth]
        program = jax.jit(lambda a, d: _all(case, a, d))
        return jax.tree.map(np.asarray, program(arguments, direction) | {"direction": direction})


def _all(case, arguments, direction):
    smooth = [arguments[i] for i in case.smooth]
    total = jax.jit(lambda *smooth: case(*fill(arguments, case.smooth, smooth), reduction="sum"))  # traced once for all
    total_and_gradients = jax.jit(jax.value_and_grad(total, tuple(range(len(smooth)))))
    points = [jnp.stack([a, a + H * d, a - H * d]) for a, d in zip(smooth, direction, strict=True)]
    out = {reduction: case(*arguments, reduction=reduction) for reduction in ("none", "mean", "sum", "sum_and_count")}
    out["point"] = jax.vmap(total_and_gradients)(*points)
    out["forward"] = jax.jvp(total, smooth, direction)[1]
    out["turned"] = jax.jvp(total_and_gradients, smooth, direction)[1][1]
    out["alone"] = case(*case.rows(KEEP), reduction="none")
    keeps = jnp.stack([jnp.asarray(KEEP), jnp.zeros(N, bool)])
    out["kept"], out["none_kept"] = _masked(case, arguments, keeps)
    if case.separate:
        out["parts"] = _parts(case, arguments)
    return out


def fill(arguments, places, values):
    """The arguments with these values in these places."""
    given = dict(zip(places, values, strict=True))
    return [given.get(i, a) for i, a in enumerate(arguments)]


def _poisoned(case, arguments):
    """What is masked is NaN, or a label that is none."""
    bad = [jnp.asarray(jnp.nan if jnp.issubdtype(a.dtype, jnp.floating) else -77, a.dtype) for a in arguments]
    rows = [jnp.asarray(KEEP).reshape(-1, *[1] * (a.ndim - 1)) for a in arguments]
    mixed = zip(arguments, rows, bad, strict=True)
    return [a if i in case.whole else jnp.where(k, a, b) for i, (a, k, b) in enumerate(mixed)]


def _masked(case, arguments, keeps):
    poisoned = _poisoned(case, arguments)

    def under(keep):
        def mean(*smooth):
            given = fill(poisoned, case.smooth, smooth)
            options = {r: case(*given, where=keep, reduction=r) for r in ("none", "sum_and_count", "mean")}
            return options["mean"], (options["none"], *options["sum_and_count"], options["mean"])

        places = tuple(range(len(case.smooth)))
        return jax.value_and_grad(mean, places, has_aux=True)(*[poisoned[i] for i in case.smooth])

    (_, kept), gradients = jax.vmap(under)(keeps)
    both = [jax.tree.map(lambda x, i=i: x[i], (kept, gradients)) for i in range(2)]
    return both


def _parts(case, arguments):
    """Four micro-batches at once: the losses of each, with what belongs to all given whole."""
    cut = [a if i in case.whole else a.reshape(4, 2, *a.shape[1:]) for i, a in enumerate(arguments)]

    def of_part(keep, *part):
        def pair(*smooth):
            return case(*fill(list(part), case.smooth, smooth), where=keep, reduction="sum_and_count")

        return jax.value_and_grad(pair, tuple(range(len(case.smooth))), has_aux=True)(*[part[i] for i in case.smooth])

    axes = [None if i in case.whole else 0 for i in range(len(arguments))]
    return jax.vmap(of_part, (0, *axes))(jnp.asarray(KEEP).reshape(4, 2), *cut)
