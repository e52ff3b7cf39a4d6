"""Checks of what words mean, b1 and momentum and decay rates, of what is remembered, and of symmetry."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.conformance.cases import case, steps_of
from padl.conformance.checked_optimizer import RATE, CheckedOptimizer, at_step, distance, first_move, size
from padl.conformance.checks import Failure, NotForIt, check
from padl.conformance.problems import STEPS, constant, given, noisy
from padl.types import PyTree

MOMENTA = ("b1", "momentum")  # words for how long the direction of a gradient is remembered
AVERAGES = ("b1", "b2", "b3", "decay")  # words for decay rates of averages, β m + (1-β) g


def _words(rule: CheckedOptimizer, words: tuple[str, ...]) -> list[str]:
    """Those of PADL's words that an optimizer has; a plain function of Optax's has words of its own."""
    if not rule.annotated:
        raise NotForIt("its words are its author's: registered, they are PADL's")
    return [word for word in words if word in rule.own_numbers]


@check("optimizer", "behaviour")
def slots_change(rule: CheckedOptimizer) -> None:
    """Every array that it remembers changes as it goes: none is kept for nothing, or forgotten to be kept."""
    rule = rule.usual
    with jax.enable_x64(True):
        numbers, params = jax.tree.map(jnp.asarray, (rule.numbers, rule.start))
        first = rule.programs[0](numbers, params)
    idle = _unchanged(first, rule.course(noisy(rule.start)).state)
    for steps in (1, 5 * STEPS + 1):  # what is emptied every few steps, and what is filled after many
        idle = idle and idle & _unchanged(first, rule.course(noisy(rule.start, steps)).state)
    if idle:
        raise Failure(
            f"state{min(idle)} is after {STEPS} steps what it was before the first",
            case(rule, [rule.start] * 3, ending="print(state)"),
        )


def _unchanged(before: PyTree, after: PyTree) -> set[str]:
    """The arrays of a state that are what they were."""
    same = lambda x, y: np.size(x) > 1 and np.array_equal(x, y, equal_nan=True)  # noqa: E731
    return {path for path, x, y in _in_step(before, after) if same(x, y)}


@check("optimizer", "behaviour")
def momentum_word(rule: CheckedOptimizer) -> None:
    """b1 and momentum are memory of direction: at 0, without a gradient it stands still."""
    rule = rule.usual
    words = [word for word in _words(rule, MOMENTA) if 0.0 in rule.domains[word]]
    if not words:
        raise NotForIt("it has neither b1 nor momentum, or not at 0")
    stops = np.where(np.arange(STEPS) < 6, 1.0, 0.0)
    stream = given(rule.start).scaled(stops)
    updates = rule.by_itself(rule.course(stream, rule.still(**dict.fromkeys(words, 0.0))).updates)
    before, after = (max(size(at_step(updates, k)) for k in ks) for ks in ((4, 5), (6, 7)))
    if after > 1e-6 * before:
        raise Failure(
            f"with {' and '.join(words)} at 0 it goes on by {after:.2g} a step after the gradient is 0 ({before:.2g}"
            " before): another number is the memory of direction",
            case(rule, steps_of(given(rule.start).c, 2), rule.still(**dict.fromkeys(words, 0.0))),
        )


@check("optimizer", "behaviour")
def average_words(rule: CheckedOptimizer) -> None:
    """b1, b2, b3 and decay are of averages: on a constant gradient it settles to the same step whatever they are."""
    rule = rule.usual
    words = _words(rule, AVERAGES)
    if not words:
        raise NotForIt("it has none of them")

    def at(first: float) -> dict[str, float]:
        """Other values for each word."""
        return rule.still(**{word: first + 0.1 * k for k, word in enumerate(words)})

    def settled(numbers: dict[str, float]) -> tuple[PyTree, list[PyTree]]:
        """A last step, and the states that two courses end in."""
        params, state, states = rule.start, None, []
        for _ in range(5):
            course = rule.course(constant(rule.start), numbers, start=params, state=state)
            params, state = course.params, course.state
            states.append(state)
        return rule.by_itself(at_step(course.updates, -1)), states[-2:]

    (one, ends), (other, other_ends) = settled(at(0.3)), settled(at(0.2))
    values = " and ".join(", ".join(f"{word}={at(x)[word]:.1f}" for word in words) for x in (0.3, 0.2))
    for path, x, y, z in _in_step(ends[-1], ends[0], other_ends[-1]):
        if np.size(x) > 1 and np.allclose(x, y, rtol=1e-6, atol=1e-12) and not np.allclose(x, z, rtol=1e-6, atol=1e-12):
            raise Failure(
                f"after {5 * STEPS} equal gradients state{path} differs between {values}: it is no average",
                case(rule, [rule.start] * 3, at(0.3), "print(state)"),
            )
    if distance(one, other) > 1e-6 * size(one):
        raise Failure(
            f"after {5 * STEPS} equal gradients a step is {size(one):.3g} and {size(other):.3g} with {values}: one of"
            " its averages is none",
            case(rule, [rule.start] * 3, at(0.3), "print(updates)"),
        )


def _in_step(*trees: PyTree) -> Iterator[tuple[Any, ...]]:
    """The paths and leaves of trees of one form."""
    paths = (jax.tree_util.keystr(path) for path, _ in jax.tree.leaves_with_path(trees[0]))
    return zip(paths, *map(jax.tree.leaves, trees), strict=True)


@check("optimizer", "behaviour")
def decay_rates(rule: CheckedOptimizer) -> None:
    """b1, b2, b3, decay and momentum are decay rates: each is that of something it remembers, without gradients."""
    rule = rule.usual
    words = _words(rule, (*AVERAGES, "momentum"))
    if not words:
        raise NotForIt("it has none of them")
    values = dict(zip(words, (0.7, 0.6, 0.5, 0.4, 0.3), strict=False))
    stops = np.where(np.arange(STEPS) < 3, 1.0, 0.0)
    before = rule.course(noisy(rule.start).scaled(stops), rule.still(**values))
    flat = given(rule.start, 1).scaled(0.0)
    after = rule.course(flat, rule.still(**values), start=before.params, state=before.state)
    pairs = zip(jax.tree.leaves(before.state), jax.tree.leaves(after.state), strict=True)
    with np.errstate(invalid="ignore", over="ignore"):
        shares = [np.asarray(y) / np.asarray(x) for x, y in pairs if np.size(x) and np.all(np.asarray(x) != 0)]
    for word, value in values.items():
        if not any(np.allclose(share, value, rtol=1e-6) for share in shares):
            code = case(rule, steps_of(given(rule.start).c, 2), values, "print(state)")
            raise Failure(f"with {word}={value:g} nothing that it remembers is {value:g} of itself after a step", code)


@check("optimizer", "behaviour")
def mirrored(rule: CheckedOptimizer) -> None:
    """With the signs of all parameters and gradients turned it goes the mirrored way."""
    rule = rule.usual
    if "key" in rule.needs:
        raise NotForIt("it draws random numbers")
    turned = lambda tree: jax.tree.map(np.negative, tree)  # noqa: E731
    stream = noisy(rule.start)
    one = rule.course(stream)
    other = rule.course(stream._replace(c=turned(stream.c)), start=turned(rule.start))
    apart = distance(one.path, turned(other.path))
    if not apart <= 1e-9 * size(one.updates):
        raise Failure(f"of mirrored losses its way is not the mirrored one: {apart:.2g} off", case(rule, [rule.start]))


@check("optimizer", "behaviour")
def rate_linear(rule: CheckedOptimizer) -> None:
    """Twice the learning rate makes the first move twice as long."""
    rule = rule.usual
    rate = rule.own_numbers.get(RATE)
    if rate is None:
        raise NotForIt("it has no learning rate")
    one, two = (
        rule.by_itself(rule.course(given(rule.start), rule.still(learning_rate=x)).updates) for x in (rate, 2 * rate)
    )
    first, doubled = (at_step(tree, first_move(one)) for tree in (one, two))
    apart = distance(jax.tree.map(lambda u: 2 * u, first), doubled)
    if not apart <= 1e-6 * size(first):
        raise Failure(
            f"with twice the learning rate the first move is {size(doubled):.3g}, and {size(first):.3g} with once",
            case(rule, [rule.start], {"learning_rate": 2 * rate}, "print(updates)"),
        )
