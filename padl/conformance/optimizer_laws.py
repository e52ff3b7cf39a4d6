"""Checks of what words mean and of laws: memory, averages, symmetry; and of the laws that an optimizer says it keeps.

A rule says in its decorator which laws it keeps, `laws=("scale_free", "steady")`; `LAWS` has them.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from padl.conformance.cases import case, steps_of
from padl.conformance.checked_optimizer import CheckedOptimizer, distance, size
from padl.conformance.checks import Failure, NotForIt, check
from padl.conformance.optimizer_descent import DECAY
from padl.conformance.problems import START, STEPS, constant, given, noisy
from padl.errors import near
from padl.types import PyTree

MOMENTA = ("b1", "momentum")  # words for how long the direction of a gradient is remembered
AVERAGES = ("b1", "b2", "b3", "decay")  # words for decay rates of averages, β m + (1-β) g
LARGE = 1e4  # a gradient beside which an eps is nothing


def still(rule: CheckedOptimizer, **numbers: float) -> dict[str, float]:
    """Numbers, without a weight decay."""
    return {**({DECAY: 0.0} if DECAY in rule.own_numbers else {}), **numbers}


@check("optimizer", "behaviour")
def slots_change(rule: CheckedOptimizer) -> None:
    """Every array that it remembers changes as it goes: none is kept for nothing, or forgotten to be kept."""
    rule = rule.usual
    with jax.enable_x64(True):
        numbers, params = jax.tree.map(jnp.asarray, (rule.numbers, rule.start))
        first = rule._programs[0](numbers, params)
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
    pairs = zip(jax.tree.leaves_with_path(before), jax.tree.leaves(after), strict=True)
    same = lambda x, y: np.size(x) > 1 and np.array_equal(x, y, equal_nan=True)  # noqa: E731
    return {jax.tree_util.keystr(path) for (path, x), y in pairs if same(x, y)}


@check("optimizer", "behaviour")
def momentum_word(rule: CheckedOptimizer) -> None:
    """b1 and momentum are memory of direction: at 0, without a gradient it stands still."""
    rule = rule.usual
    words = [word for word in MOMENTA if word in rule.own_numbers and 0.0 in rule.domains[word]]
    if not words:
        raise NotForIt("it has neither b1 nor momentum, or not at 0")
    stops = np.where(np.arange(STEPS) < 6, 1.0, 0.0)
    stream = given(rule.start).scaled(stops)
    updates = rule.by_itself(rule.course(stream, still(rule, **dict.fromkeys(words, 0.0))).updates)
    before, after = (max(size(jax.tree.map(lambda u, k=k: u[k], updates)) for k in ks) for ks in ((4, 5), (6, 7)))
    if after > 1e-6 * before:
        raise Failure(
            f"with {' and '.join(words)} at 0 it goes on by {after:.2g} a step after the gradient is 0 ({before:.2g}"
            " before): another number is the memory of direction",
            case(rule, steps_of(given(rule.start).c, 2), still(rule, **dict.fromkeys(words, 0.0))),
        )


@check("optimizer", "behaviour")
def average_words(rule: CheckedOptimizer) -> None:
    """b1, b2, b3 and decay are of averages: on a constant gradient it settles to the same step whatever they are."""
    rule = rule.usual
    words = [word for word in AVERAGES if word in rule.own_numbers]
    if not words:
        raise NotForIt("it has none of them")

    def settled(value: float) -> tuple[PyTree, list[PyTree]]:
        """A last step, and the states that two courses end in."""
        params, state, states = rule.start, None, []
        for _ in range(5):
            numbers = still(rule, **dict.fromkeys(words, value))
            course = rule.course(constant(rule.start), numbers, start=params, state=state)
            params, state = course.params, course.state
            states.append(state)
        return rule.by_itself(jax.tree.map(lambda u: u[-1], course.updates)), states[-2:]

    (one, ends), (other, other_ends) = settled(0.5), settled(0.4)
    same = lambda x, y: np.allclose(x, y, rtol=1e-6, atol=1e-12)  # noqa: E731
    for (path, x), y, z in zip(
        jax.tree.leaves_with_path(ends[-1]), *map(jax.tree.leaves, (ends[0], other_ends[-1])), strict=True
    ):
        if np.size(x) > 1 and same(x, y) and not same(x, z):
            raise Failure(
                f"after {5 * STEPS} equal gradients state{jax.tree_util.keystr(path)} is another with"
                f" {', '.join(words)} at 0.5 than at 0.4: it is no average",
                case(rule, [rule.start] * 3, still(rule, **dict.fromkeys(words, 0.5)), "print(state)"),
            )
    if distance(one, other) > 1e-6 * size(one):
        raise Failure(
            f"after {5 * STEPS} equal gradients a step is {size(one):.3g} with {', '.join(words)} at 0.5, and"
            f" {size(other):.3g} at 0.4: one of its averages is none",
            case(rule, [rule.start] * 3, still(rule, **dict.fromkeys(words, 0.5)), "print(updates)"),
        )


@check("optimizer", "behaviour")
def decay_rates(rule: CheckedOptimizer) -> None:
    """b1, b2, b3, decay and momentum are decay rates: each is that of something it remembers, without gradients."""
    rule = rule.usual
    words = [word for word in (*AVERAGES, "momentum") if word in rule.own_numbers]
    if not words:
        raise NotForIt("it has none of them")
    values = dict(zip(words, (0.7, 0.6, 0.5, 0.4, 0.3), strict=False))
    stops = np.where(np.arange(STEPS) < 3, 1.0, 0.0)
    before = rule.course(noisy(rule.start).scaled(stops), still(rule, **values))
    flat = given(rule.start, 1).scaled(0.0)
    after = rule.course(flat, still(rule, **values), start=before.params, state=before.state)
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
    rate = rule.own_numbers.get("learning_rate")
    if rate is None:
        raise NotForIt("it has no learning rate")
    one, two = (
        rule.by_itself(rule.course(given(rule.start), still(rule, learning_rate=x)).updates) for x in (rate, 2 * rate)
    )
    k = next((k for k in range(STEPS) if size(jax.tree.map(lambda u, k=k: u[k], one))), 0)
    first, doubled = (jax.tree.map(lambda u: u[k], tree) for tree in (one, two))
    apart = distance(jax.tree.map(lambda u: 2 * u, first), doubled)
    if not apart <= 1e-6 * size(first):
        raise Failure(
            f"with twice the learning rate the first move is {size(doubled):.3g}, and {size(first):.3g} with once",
            case(rule, [rule.start], {"learning_rate": 2 * rate}, "print(updates)"),
        )


# Laws that a rule says it keeps: (rule) -> how it breaks them, "" where it does not


def scale_free(rule: CheckedOptimizer) -> str:
    """Its updates do not depend on the scale of the gradients, where they are large beside its eps."""
    one, other = (rule.course(given(rule.start).scaled(by), still(rule)) for by in (LARGE, LARGE * 1024))
    apart = distance(*(rule.by_itself(each.updates) for each in (one, other)))
    return "" if apart <= 1e-5 * size(one.updates) else f"with 1,024 times the gradients updates are {apart:.2g} apart"


def proportional(rule: CheckedOptimizer) -> str:
    """Its updates grow with the gradients: twice those, twice these."""
    one, other = (rule.course(given(rule.start).scaled(by), still(rule)).updates for by in (1.0, 2.0))
    apart = distance(rule.by_itself(jax.tree.map(lambda u: 2 * u, one)), rule.by_itself(other))
    return "" if apart <= 1e-6 * size(one) else f"with twice the gradients updates are {apart:.2g} from twice as long"


def steady(rule: CheckedOptimizer) -> str:
    """On a constant gradient all its steps are one, from the first on."""
    stream = constant(rule.start).scaled(LARGE)
    updates = rule.by_itself(rule.course(stream, still(rule)).updates)
    apart = distance(updates, jax.tree.map(lambda u: np.repeat(u[:1], STEPS, 0), updates))
    return "" if apart <= 1e-5 * size(updates) else f"on a constant gradient steps are up to {apart:.2g} apart"


def unit_step(rule: CheckedOptimizer) -> str:
    """On a constant gradient every number moves by the learning rate at each step."""
    updates = rule.by_itself(rule.course(constant(rule.start).scaled(LARGE), still(rule)).updates)
    rate = rule.own_numbers["learning_rate"]
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
    rest = [
        distance(
            a.reshape(STEPS, -1)[:, int(jax.tree_util.keystr(path) == first) :],
            b.reshape(STEPS, -1)[:, int(jax.tree_util.keystr(path) == first) :],
        )
        for (path, a), b in zip(jax.tree.leaves_with_path(one), jax.tree.leaves(other), strict=True)
    ]
    return "" if max(rest) == 0 else f"another gradient of one number moves others, by {max(rest):.2g}"


def _at_eps(rule: CheckedOptimizer, power: float) -> str:
    """How long steps are at gradients as large as ε^power, 100 times and 1/100 of that; without ε they are 1."""
    eps = 1e-4
    sizes = []
    for by in (1.0, 1e2, 1e-2, 1e9):
        ones = constant(rule.start).changed(lambda path, c, by=by: np.sign(c) * by * eps**power)
        sizes.append(size(rule.by_itself(rule.course(ones, still(rule, eps=eps)).updates)))
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
            rule.course(stream, still(rule), start=jax.tree.map(lambda x, by=by: x + by, rule.start)).updates
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
