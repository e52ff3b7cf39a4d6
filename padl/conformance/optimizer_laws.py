"""Laws of optimizers, and the check of those that a rule says it keeps. LAWS.

A rule says so in its decorator, `laws=("scale_free", "steady")`. A law is (rule) -> how it breaks it, "" where it does
not.
"""

from collections.abc import Callable

import jax
import numpy as np

from padl.conformance.cases import case
from padl.conformance.checked_optimizer import RATE, CheckedOptimizer, distance, first_move, size
from padl.conformance.checks import Failure, NotForIt, check
from padl.conformance.problems import START, STEPS, constant, given, noisy
from padl.errors import near

LARGE = 1e4  # a gradient beside which an eps is nothing


def scale_free(rule: CheckedOptimizer) -> str:
    """Its updates do not depend on the scale of the gradients, where they are large beside its eps."""
    one, other = (rule.course(given(rule.start).scaled(by), rule.still()) for by in (LARGE, LARGE * 1024))
    apart = distance(*(rule.by_itself(each.updates) for each in (one, other)))
    return "" if apart <= 1e-5 * size(one.updates) else f"with 1,024 times the gradients updates are {apart:.2g} apart"


def proportional(rule: CheckedOptimizer) -> str:
    """Its updates grow with the gradients: twice those, twice these."""
    one, other = (rule.course(given(rule.start).scaled(by), rule.still()).updates for by in (1.0, 2.0))
    apart = distance(rule.by_itself(jax.tree.map(lambda u: 2 * u, one)), rule.by_itself(other))
    return "" if apart <= 1e-6 * size(one) else f"with twice the gradients updates are {apart:.2g} from twice as long"


def steady(rule: CheckedOptimizer) -> str:
    """On a constant gradient all its steps are one, from the first on that moves."""
    stream = constant(rule.start).scaled(LARGE)
    updates = rule.by_itself(rule.course(stream, rule.still()).updates)
    first = first_move(updates)
    updates = jax.tree.map(lambda u: u[first:], updates)
    apart = distance(updates, jax.tree.map(lambda u: np.repeat(u[:1], len(u), 0), updates))
    return "" if apart <= 1e-5 * size(updates) else f"on a constant gradient steps are up to {apart:.2g} apart"


def unit_step(rule: CheckedOptimizer) -> str:
    """On a constant gradient every number moves by the learning rate at each step."""
    updates = rule.by_itself(rule.course(constant(rule.start).scaled(LARGE), rule.still()).updates)
    rate = rule.own_numbers[RATE]
    apart = distance(jax.tree.map(np.abs, updates), jax.tree.map(lambda u: np.full_like(u, rate), updates))
    return (
        "" if apart <= 1e-5 * rate else f"on a constant gradient a step is up to {apart:.2g} from the rate of {rate:g}"
    )


def elementwise(rule: CheckedOptimizer) -> str:
    """Each number moves by its own gradients alone."""
    stream = noisy(rule.start, curvature=0.0)
    first = jax.tree_util.keystr(jax.tree.leaves_with_path(rule.by_itself(rule.start))[0][0])

    def changed(path: str, c: np.ndarray) -> np.ndarray:
        if path == first:
            c.reshape(len(c), -1)[:, 0] *= -3
        return c

    one, other = (rule.course(each).path for each in (stream, stream.changed(changed)))
    rest = []
    for (path, a), b in zip(jax.tree.leaves_with_path(one), jax.tree.leaves(other), strict=True):
        others = slice(int(jax.tree_util.keystr(path) == first), None)
        rest.append(distance(a.reshape(STEPS, -1)[:, others], b.reshape(STEPS, -1)[:, others]))
    return "" if max(rest) == 0 else f"another gradient of one number moves others, by {max(rest):.2g}"


def _at_eps(rule: CheckedOptimizer, power: float) -> str:
    """How long steps are at gradients as large as ε^power, 100 times and 1/100 of that; without ε they are 1."""
    eps = 1e-4
    sizes = []
    for by in (1.0, 1e2, 1e-2, 1e9):
        ones = constant(rule.start).changed(lambda path, c, by=by: np.sign(c) * by * eps**power)
        sizes.append(size(rule.by_itself(rule.course(ones, rule.still(eps=eps)).updates)))
    one, more, less = (x / sizes[-1] for x in sizes[:3])
    if 0.2 < one < 0.9 < more < 1.1 and less < 0.2:
        return ""
    return (
        f"gradients of ε^{power:g} make a step {one:.2g} of a usual one, 100 times these {more:.2g}, 1/100 {less:.2g}"
    )


def eps_of_gradient(rule: CheckedOptimizer) -> str:
    """Its eps is in units of the gradient: steps are shorter where gradients are below it, and not above."""
    return _at_eps(rule, 1.0)


def eps_of_square(rule: CheckedOptimizer) -> str:
    """Its eps is in units of the gradient squared: steps are shorter where those are below it, and not above."""
    return _at_eps(rule, 0.5)


def rotations(rule: CheckedOptimizer) -> str:
    """With inputs and outputs of a matrix rotated it goes the rotated way."""
    stream = given(rule.start)
    left, right = (
        np.linalg.qr(np.random.default_rng(k).normal(size=(n, n)))[0] for k, n in enumerate(START["kernel"].shape)
    )
    turn = lambda tree: {**tree, "kernel": left @ tree["kernel"] @ right}  # noqa: E731
    one = rule.course(stream)
    other = rule.course(stream._replace(c=turn(stream.c)), start=turn(rule.start))
    apart = distance(turn(one.path)["kernel"], other.path["kernel"])
    return "" if apart <= 1e-5 * size(one.updates) else f"with the matrix rotated it goes {apart:.2g} another way"


def shifted(rule: CheckedOptimizer) -> str:
    """Where it is does not matter to it: from another start, along the same gradients, it makes the same steps."""
    stream = given(rule.start)
    one, other = (
        rule.by_itself(
            rule.course(stream, rule.still(), start=jax.tree.map(lambda x, by=by: x + by, rule.start)).updates
        )
        for by in (0.0, 0.7)
    )
    apart = distance(one, other)
    return "" if apart <= 1e-9 * size(one) else f"from another start its steps are {apart:.2g} other ones"


LAWS: dict[str, Callable[[CheckedOptimizer], str]] = {
    each.__name__: each
    for each in (
        *(scale_free, proportional, steady, unit_step, elementwise, eps_of_gradient, eps_of_square, rotations, shifted),
    )
}


@check("optimizer", "behaviour")
def laws(rule: CheckedOptimizer) -> None:
    """It keeps the laws that its decorator names."""
    named = rule.traits.get("laws", ())
    if not named:
        raise NotForIt("its decorator names none")
    for law in named:
        if law not in LAWS:
            raise Failure(f"no law '{law}'{near(str(law), LAWS)} (laws: {', '.join(LAWS)})")
        broken = LAWS[law](rule.usual)
        if broken:
            raise Failure(
                f"it says laws={law!r}, and {broken}", case(rule.usual, [rule.usual.start] * 3, {}, "print(updates)")
            )
