"""PADL's values and gradients at the cases from torch, quickly.

Compiling is what takes time here. So the cases of a loss that differ in numbers only are brought into one layout,
padded, masked by `where=`, and run as a batch of one program.
"""

import inspect
from collections import defaultdict
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np
from deviations import REFUSED, REFUSED_ELSE_SAME, deviation
from from_torch import CASES, LABELS, Case, in_layout

from padl import losses


class Key(NamedTuple):
    """What makes a program: the loss, its options that are no data, and what padding cannot change of the shapes."""

    loss: str
    static: tuple[tuple[str, Any], ...]
    arrays: frozenset[str]
    shapes: tuple[Any, ...]
    differentiated: tuple[int, ...]
    reduction: str | None  # of ctc, which is too large to be in a program three times

    @property
    def axes(self) -> list[int]:
        """Of the predictions, those that a mask has."""
        return [0, 2] if self.loss in LABELS else [0, 1] if self.loss == "kl_div" else [0]


@cache
def results(loss: str) -> dict[str, tuple[np.ndarray, list[np.ndarray | None]]]:
    """Value and gradients by PADL of every case of a loss, in the shapes of `in_layout`."""
    groups = defaultdict(list)
    for case in CASES.values():
        if case.loss == loss and deviation(case.name) != REFUSED:
            groups[key(case)].append(case)
    return {name: found for key_, cases in groups.items() for name, found in run(key_, cases).items()}


def defaults(loss: str) -> dict[str, Any]:
    parameters = inspect.signature(getattr(losses, loss)).parameters
    return {
        name: p.default for name, p in parameters.items() if p.default not in (p.empty, None) and name != "reduction"
    }


def key(case: Case) -> Key:
    inputs, options = in_layout(case)
    given = defaults(case.loss)
    data = {name for name, default in given.items() if isinstance(default, float)}
    given |= {name: option for name, option in options.items() if name != "reduction"}
    if "validate" in given:
        given["validate"] = deviation(case.name) != REFUSED_ELSE_SAME
    static = {n: v for n, v in given.items() if n not in data | {"ignore_index"} and not isinstance(v, np.ndarray)}
    fixed = slice(2, 2) if case.loss == "kl_div" else slice(0, None) if case.loss == "ctc" else slice(1, 2)
    shapes = tuple(
        (a.ndim, a.shape[fixed] if i == 0 or (a.ndim > 1 and case.loss not in LABELS) else ())
        for i, a in enumerate(inputs)
    )
    at = tuple(i for i, g in enumerate(case.gradients) if g is not None)
    reduction = reduction_of(case) if case.loss == "ctc" else None
    return Key(case.loss, tuple(sorted(static.items())), frozenset(set(given) - set(static)), shapes, at, reduction)


def reduction_of(case: Case) -> str:
    return case.options.get("reduction", "mean")


def run(key_: Key, cases: list[Case]) -> dict[str, tuple[np.ndarray, list[np.ndarray | None]]]:
    """All cases of a key, in one program."""
    layouts = [in_layout(case) for case in cases]
    sizes = [np.max([inputs[i].shape for inputs, _ in layouts], 0) for i in range(len(key_.shapes))]
    stacked = [np.stack([padded(inputs[i], size) for inputs, _ in layouts]) for i, size in enumerate(sizes)]
    kept = [np.ones(np.array(inputs[0].shape)[key_.axes], bool) for inputs, _ in layouts]
    kept = np.stack([padded(keep, sizes[0][key_.axes]) for keep in kept])
    given = [defaults(key_.loss) | options for _, options in layouts]
    arrays = {name: np.stack([weights_or_number(o[name], sizes[0]) for o in given]) for name in key_.arrays}
    reductions = [reduction_of(case) for case in cases]
    distinct = tuple(sorted(set(reductions)))
    which = np.array([distinct.index(r) for r in reductions])
    values, totals, gradients = jax.device_get(program(key_, distinct, stacked, kept, arrays, which))
    found = {}
    for i, case in enumerate(cases):
        value = values[i][kept[i]] if reductions[i] == "none" else totals[i]
        back: list[np.ndarray | None] = [None] * len(sizes)
        for j, g in zip(key_.differentiated, gradients, strict=True):
            back[j] = g[i][tuple(map(slice, layouts[i][0][j].shape))]
        found[case.name] = value, back
    return found


def padded(a: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.pad(a, [(0, n - m) for n, m in zip(size, a.shape, strict=True)])


def weights_or_number(given: Any, size: np.ndarray) -> np.ndarray:
    """Weights of elements are padded as these are."""
    a = np.asarray(given)
    return padded(a, size) if a.ndim == len(size) else a


@partial(jax.jit, static_argnums=(0, 1))
def program(key_: Key, reductions: tuple[str, ...], stacked, kept, arrays, which):
    """For every case the values, if one has no reduction, what they are reduced to, and the gradients of that."""
    loss = partial(getattr(losses, key_.loss), **dict(key_.static))

    def one(inputs, keep, arrays, which):
        def total(*leaves):
            given = list(inputs)
            for i, leaf in zip(key_.differentiated, leaves, strict=True):
                given[i] = leaf
            every = {r: loss(*given, **arrays, where=keep, reduction=r) for r in reductions}
            chosen = jax.lax.select_n(which, *[v.sum() for v in every.values()])
            return chosen, (every.get("none"), chosen)

        leaves = [inputs[i] for i in key_.differentiated]
        gradients, (values, chosen) = jax.grad(total, tuple(range(len(leaves))), has_aux=True)(*leaves)
        return values, chosen, gradients

    return jax.vmap(one)(stacked, kept, arrays, which)
