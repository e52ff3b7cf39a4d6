"""Call what PADL offers with numbers outside the usual range, and look at what comes back.

    python scripts/odd_numbers.py [losses] [optimizers] [schedules] [surfaces] [closed_form] [information]

Numbers: 0, the smallest and other tiny ones, large ones, ±∞, NaN. Kinds: float16, bfloat16, float32, NumPy's float64,
complex64, int32, bool, Python's numbers, lists. The oracle is the same function in float64. A finding is

    traceback   an error other than a PadlError or a TypeError of one line
    nan         no finite number from finite ones, where the oracle has one that the dtype can hold
    dtype       another dtype than promised
    taken       complex, whole or true-or-false numbers that are taken for real ones in silence
    refused     numbers that should be taken

The arguments of the losses are those of their tests. The exit code is 1 where there is a finding.
"""

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "losses"))
from cases import CASES, Case  # pyright: ignore[reportMissingImports]

import padl
from padl.app import names
from padl.losses import information
from padl.surfaces.functions import SURFACES
from padl.types import PadlError

FLOATS = ("float32", "bfloat16", "float16")
NOT_REAL = ("complex64", "int32", "bool")
Finding = tuple[str, str, str]  # what was called, the kind of finding, more


def values(dtype: str) -> np.ndarray:
    """Return the numbers that are tried in a dtype."""
    info = jnp.finfo(dtype)
    large = [float(info.max) ** power for power in (0.3, 0.55, 0.79, 0.95)]  # the sum of some of the last still fits
    finite = [0.0, float(info.smallest_subnormal), float(info.tiny), 1e-7, 30.0, *large]
    return np.array([*finite, *(-x for x in finite[1:]), np.inf, -np.inf, np.nan])


def outcome(function: Callable[..., Any], *arguments: Any) -> tuple[str, Any]:
    """Call; return "taken" and the result, "refused" or "traceback" and the message."""
    try:
        return "taken", function(*arguments)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        return "refused" if isinstance(
            error, (PadlError, TypeError)
        ) and "\n" not in text.strip() else "traceback", text


def expect(wanted: str, what: str, more: str, function: Callable[..., Any], *arguments: Any) -> Iterator[Finding]:
    """Find a call that is not "taken", or not "refused", as it should be; "either" is content with both."""
    kind, result = outcome(function, *arguments)
    if kind == "traceback" or wanted not in (kind, "either"):
        yield what, kind, f"{more}{'' if kind == 'taken' else f': {result}'}"


def widened(x: np.ndarray, dtype: str) -> np.ndarray:
    """Round to a dtype; return the same numbers in float64."""
    return np.asarray(jnp.asarray(x, dtype).astype(jnp.float32), np.float64)


def compare(what: str, dtype: str, tried: np.ndarray, ours: Any, oracle: Any) -> Iterator[Finding]:
    """Find results, arrays with a leading axis of the numbers tried, that are not finite where the oracle's are."""
    for a, b in zip(ours, oracle, strict=True):
        here, there = np.asarray(a, np.float64), np.asarray(b, np.float64)
        lost = (np.abs(there) <= float(jnp.finfo(a.dtype).max)) & ~np.isfinite(here)
        for i in np.flatnonzero(lost.reshape(len(tried), -1).any(1) & np.isfinite(tried)):
            yield (
                what,
                "nan",
                f"{dtype} {tried[i]:g}: {here[i][lost[i]].ravel()[0]} for {there[i][lost[i]].ravel()[0]:g}",
            )


def of_losses() -> Iterator[Finding]:
    for name, case in CASES.items():
        plain = np.asarray(case.arguments[0])
        if 0 in case.smooth:
            for dtype in FLOATS:
                yield from _of_a_loss(name, case, plain, dtype)
        for kind in NOT_REAL:
            yield from expect("refused", name, f"predictions of {kind}", case, jnp.asarray(plain.astype(kind)))
        function = partial(getattr(padl.losses, case.name), **case.hyperparameters)
        others = [jnp.asarray(a) for a in case.arguments[1:]]
        for listed in (plain.tolist(), plain.astype(np.float64)):
            yield from expect("either", name, f"a {type(listed).__name__}", function, listed, *others)


def _of_a_loss(name: str, case: Case, plain: np.ndarray, dtype: str) -> Iterator[Finding]:
    """One prediction of a batch, then all of them, replaced by each number."""
    numbers = values(dtype)
    one = np.stack([plain] * len(numbers)).astype(np.float64)
    one[(slice(None), *(0,) * plain.ndim)] = numbers
    every = np.broadcast_to(numbers.reshape(-1, *(1,) * plain.ndim), one.shape)
    rows, tried = np.concatenate([one, every]), np.concatenate([numbers, numbers])
    ours = jax.jit(jax.vmap(jax.value_and_grad(case)))(jnp.asarray(rows, dtype))
    if ours[0].dtype != jnp.float32 or ours[1].dtype != jnp.dtype(dtype):
        yield name, "dtype", f"{dtype}: value {ours[0].dtype}, gradient {ours[1].dtype}"
    wide = widened(rows, dtype)
    with jax.enable_x64(True):
        oracle = jax.jit(jax.vmap(jax.value_and_grad(lambda x: case(x))))(jnp.asarray(wide))
    yield from compare(name, dtype, tried, ours, oracle)
    for row in wide[np.isnan(oracle[0]) & np.isfinite(tried)]:
        yield from expect("refused", name, f"NaN in float64 too, of {row.ravel()[0]:g}", case, jnp.asarray(row))


def of_optimizers() -> Iterator[Finding]:
    for entry in (each for each in names.of("optimizer") if not each.stand_ins):
        tx = entry.function()

        def course(g: Any, x: Any, tx: Any = tx) -> list[Any]:
            """The update for a gradient, and the one for a gradient of 1 after it."""
            state = tx.init(x)
            first, state = tx.update(g, state, x)
            return [first, tx.update(jax.tree.map(jnp.ones_like, g), state, x)[0]]

        for dtype in FLOATS:
            tried, each = values(dtype), jax.vmap(course)
            for what, pair in (("gradient", (tried, np.ones(len(tried)))), ("parameter", (np.ones(len(tried)), tried))):
                ours = jax.jit(each)(*(jnp.asarray(x, dtype) for x in pair))
                if any(u.dtype != jnp.dtype(dtype) for u in ours):
                    yield entry.name, "dtype", f"{dtype}: {[u.dtype.name for u in ours]}"
                wide = [widened(x, dtype) for x in pair]
                with jax.enable_x64(True):
                    oracle = jax.jit(jax.vmap(lambda g, x, of=course: of(g, x)))(*map(jnp.asarray, wide))
                yield from compare(f"{entry.name}, {what}", dtype, tried, ours, oracle)
        state = tx.init(jnp.ones(3))
        for kind in NOT_REAL:
            yield from expect("refused", entry.name, f"parameters of {kind}", tx.init, jnp.ones(3, kind))
            yield from expect("refused", entry.name, f"gradients of {kind}", tx.update, jnp.ones(3, kind), state)
        for taken in (1.5, [1.0, 2.0], np.float64(2.0), np.ones(2)):
            yield from expect("taken", entry.name, f"parameters {taken}", course, taken, taken)


def of_schedules() -> Iterator[Finding]:
    for entry in names.of("schedule"):
        for dtype in FLOATS:
            tried = values(dtype)
            tried = tried[(tried >= 0) & (tried <= 1)]
            shares = np.asarray(entry.function(jnp.asarray(tried, dtype)), np.float64)
            for fraction, share in zip(tried, shares, strict=True):
                if not 0 <= share <= 1:
                    yield entry.name, "nan", f"{dtype} {fraction:g}: {share}"
        for fraction in (0, 1, 0.5, True, np.float64(0.5), np.linspace(0, 1, 3)):
            yield from expect("taken", entry.name, f"{fraction!r}", entry.function, fraction)
        yield from expect("either", entry.name, "a list", entry.function, [0.5])


def of_surfaces() -> Iterator[Finding]:
    for name, surface in SURFACES.items():
        slope = jax.vmap(jax.value_and_grad(surface.f), (0, None))
        for dtype in FLOATS[:2]:  # float16 ends at 65,504, below most heights
            tried = values(dtype)
            points = np.repeat(tried[:, None], len(surface.start), 1)
            ours = jax.jit(slope)(jnp.asarray(points, dtype), 100.0)
            with jax.enable_x64(True):
                oracle = jax.jit(slope)(jnp.asarray(widened(points, dtype)), 100.0)
            yield from compare(name, dtype, tried, ours, oracle)


def of_closed_form() -> Iterator[Finding]:
    X, y = np.random.default_rng(0).normal(size=(12, 3)), np.random.default_rng(1).normal(size=12)
    for solve in (padl.least_squares, padl.normal_equation):
        for scale in (1.0, 1e-30, 1e-160, 1e-300, 1e30, 1e160, 1e300, np.inf, np.nan):
            column = np.array([1.0, 1.0, scale])
            for what, pair in (("X", (X * scale, y)), ("y", (X, y * scale)), ("a column of X", (X * column, y))):
                kind, result = outcome(solve, *pair)
                if kind == "traceback" or (kind == "taken" and not np.isfinite(result.theta).all()):
                    yield solve.__name__, "nan" if kind == "taken" else kind, f"{what} × {scale:g}: {result}"
        for kind in ("int32", "bool", "float16"):
            yield from expect("either", solve.__name__, kind, solve, (X * 9).astype(kind), (y * 9).astype(kind))
        for kind in ("complex64", "str"):
            yield from expect("refused", solve.__name__, kind, solve, X.astype(kind), y.astype(kind))
        yield from expect("taken", solve.__name__, "lists", solve, X.tolist(), y.tolist())


def of_information() -> Iterator[Finding]:
    arrays = (list, np.array, jnp.array, partial(jnp.array, dtype=jnp.float16))
    for name, count in {
        "surprise": 1,
        "entropy": 1,
        "perplexity": 1,
        "cross_entropy_of": 2,
        "kl_divergence": 2,
    }.items():
        function = getattr(information, name)
        for first in (0.0, 5e-324, 1e-45, 1e-30, 1.0, np.inf, -np.inf, np.nan, -1.0):
            for make in arrays:
                kind, result = outcome(function, *[make([first, 1 - first])] * count)
                if kind == "traceback" or (kind == "taken" and np.isnan(np.asarray(result)).any()):
                    yield name, "nan" if kind == "taken" else kind, f"{first:g}: {result}"
        for odd in (1j, [1j, 0j], jnp.array([1, 0]), jnp.array([True, False]), "half", None):
            yield from expect("refused", name, f"{odd!r}", function, *[odd] * count)


PARTS = {
    "losses": of_losses, "optimizers": of_optimizers, "schedules": of_schedules, "surfaces": of_surfaces,
    "closed_form": of_closed_form, "information": of_information,
}  # fmt: skip


def main() -> int:
    warnings.simplefilter("ignore")  # of NumPy and JAX, about the very numbers that are tried
    counts: Counter[str] = Counter()
    for part in sys.argv[1:] or PARTS:
        for what, kind, more in dict.fromkeys(PARTS[part]()):
            counts[f"{part}: {kind}"] += 1
            print(f"{part:12} {kind:10} {what}: {more}", flush=True)
    print(", ".join(f"{count} {what}" for what, count in counts.items()) or "nothing found")
    return int(bool(counts))


if __name__ == "__main__":
    sys.exit(main())
