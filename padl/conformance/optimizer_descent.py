"""Checks of what an optimizer is for: it goes down, each of its numbers matters, its decay is what it says."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.conformance.cases import case, steps_of
from padl.conformance.checked_optimizer import DECAY, RATE, CheckedOptimizer, at_step, distance, first_move, size
from padl.conformance.checks import Failure, NotForIt, check
from padl.conformance.problems import START, STEPS, Stream, bowl, flat, given, noisy
from padl.optimizers.transformation import NEEDS, Transformation, readout_of, trained
from padl.types import Domain, PyTree

RATES, CALLS = 8, 4  # learning rates tried; courses of STEPS steps at each


def loss(params: PyTree) -> float:
    """(|θ|² + s²/2)/2, of `bowl`."""
    return float(sum(np.sum(np.square(x)) / 2 + np.sum(x) ** 2 / 4 for x in jax.tree.leaves(params)))


def rates(rule: CheckedOptimizer) -> list[float]:
    """The learning rates that it is tried at, its own default first."""
    low, high = rule.domains[RATE].search or (1e-5, 1.0)
    return [rule.own_numbers[RATE], *(float(x) for x in np.geomspace(low, high, RATES))]


@check("optimizer", "behaviour")
def descends(rule: CheckedOptimizer) -> None:
    """At one learning rate of its range at least it goes down a bowl, and its first step is downhill."""
    rule = rule.usual
    before, ends = loss(rule.by_itself(rule.start)), []
    for numbers in _tried(rule):
        params, state = rule.start, None
        for _ in range(CALLS):
            course = rule.course(bowl(rule.start), numbers, start=params, state=state)
            params, state = course.params, course.state
        ends.append(loss(rule.by_itself(at_step(course.judged, -1))))
        if ends[-1] < before:
            return
    least = min((x for x in ends if math.isfinite(x)), default=math.inf)
    raise Failure(
        f"on a bowl no learning rate of {len(ends)} lowers the loss in {CALLS * STEPS} steps: {before:.3g} becomes"
        f" {least:.3g} at best",
        case(rule, [rule.start] * 3, ending="print(params)"),
    )


def _tried(rule: CheckedOptimizer) -> list[dict[str, Any]]:
    """The numbers that it is tried with: learning rates of its own, or of an optimizer within it."""
    if RATE in rule.own_numbers:
        return [{RATE: rate} for rate in rates(rule)]
    within = {name: x for name, x in rule.numbers.items() if isinstance(x, Mapping) and RATE in x}
    return [{name: {**x, RATE: x[RATE] * 10.0**-k} for name, x in within.items()} for k in range(4)] or [{}]


@check("optimizer", "behaviour")
def downhill(rule: CheckedOptimizer) -> None:
    """Its first move is against the gradient: their product is negative."""
    rule = rule.usual
    stream = given(rule.start)
    course = rule.course(stream, rule.still())
    k = first_move(course.updates)
    u, c = (at_step(tree, k) for tree in (course.updates, stream.c))
    if not size(u):
        raise Failure(f"it does not move in {STEPS} steps", case(rule, [rule.start]))
    if k == 0 and _dot(u, c) > 0:
        raise Failure(
            f"its first update goes uphill: its product with the gradient is {_dot(u, c):.2g}",
            case(rule, steps_of(stream.c, 1), ending="print(updates)"),
        )


def _dot(one: PyTree, other: PyTree) -> float:
    return float(sum(np.sum(a * b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)))


@check("optimizer", "behaviour")
def rate_of_zero(rule: CheckedOptimizer) -> None:
    """As the learning rate goes to 0, its steps do."""
    rule = rule.usual
    if RATE not in rule.own_numbers:
        raise NotForIt("it has no learning rate")
    rate = rule.own_numbers[RATE]
    usual, little = (rule.course(given(rule.start), {RATE: x}) for x in (rate, 1e-9 * rate))
    still, moves = (size(rule.by_itself(course.updates)) for course in (little, usual))
    if still > 1e-3 * moves:
        raise Failure(
            f"with a learning rate of {1e-9 * rate:.2g} it still moves by {still:.2g} a step",
            case(rule, [rule.start], {RATE: 1e-9 * rate}, "print(updates)"),
        )


@check("optimizer", "behaviour")
def numbers_matter(rule: CheckedOptimizer) -> None:
    """Every number matters: a tenth more, or less, of each changes where some course leads."""
    rule = rule.usual
    idle = set(rule.traits.get("same_value", {}))
    beside = {DECAY: 0.1} if rule.own_numbers.get(DECAY) == 0 else {}
    for name, value in {**rule.own_numbers, **beside}.items():
        if name not in idle and not any(_moved(rule, name, value, *each, beside) for each in _courses(rule)):
            if any(
                _moved(at, name, at.own_numbers[name], *each, {}) for at in _elsewhere(rule) for each in _courses(at)
            ):
                continue
            other = next(iter(others(value, rule.domains[name])))
            raise Failure(
                f"{name} does nothing: {value:g} and {other:g} lead to the same parameters on gradients of all kinds",
                case(rule, steps_of(given(rule.start).c, 3), {name: other}, "print(params)"),
            )


def _elsewhere(rule: CheckedOptimizer) -> Iterator[CheckedOptimizer]:
    """It where a number may matter that does not as it is: with settings of its decorator, a schedule, other roles."""
    if shown := rule.traits.get("shown_at"):
        yield rule.chosen(**shown)
    if RATE in rule.own_numbers:
        yield rule.scheduled(lambda count: rule.own_numbers[RATE] * (1.0 + count))
    if rule.takes_roles:
        yield rule.at(dict.fromkeys(("embedding", "head"), START["kernel"]))


def _moved(
    rule: CheckedOptimizer, name: str, value: float, start: PyTree, stream: Stream, beside: dict[str, float]
) -> bool:
    """Whether any other value of a number leads elsewhere."""
    led = lambda numbers: rule.course(stream, numbers, start=start)[:2]  # noqa: E731
    base = led(beside)
    return any(distance(base, led({**beside, name: other})) > 0 for other in others(value, rule.domains[name]))


def _courses(rule: CheckedOptimizer) -> Iterator[tuple[PyTree, Stream]]:
    """Where to begin, and the losses to follow: usual ones; growing, tiny; a bowl; tiny parameters."""
    yield rule.start, noisy(rule.start)
    yield rule.start, given(rule.start).scaled(np.geomspace(1, 1e3, STEPS))
    yield rule.start, given(rule.start).scaled(1e-7)
    yield rule.start, bowl(rule.start)
    yield jax.tree.map(lambda x: 1e-6 * x, rule.start), given(rule.start).scaled(1e-3)


def others(value: float, domain: Domain) -> Iterator[float]:
    """Other values: near one first, a tenth of what is between a rate of decay and 1; then far from it."""
    near_one = (1 - 0.9 * (1 - value),) if 0.5 < value < 1 else ()
    near = (*near_one, 1.1 * value, 0.9 * value, value + 0.1, value - 0.1, value + 10.0)
    for other in (*near, *(domain.search or ()), domain.low, domain.high):
        if other != value and math.isfinite(other) and other in domain:
            yield other


@check("optimizer", "behaviour")
def decay_measured(rule: CheckedOptimizer) -> None:
    """Its weight decay shrinks parameters that have no gradient, by what its kind says."""
    rule = rule.usual
    if DECAY not in rule.own_numbers or RATE not in rule.own_numbers:
        raise NotForIt("it has no weight decay")
    rate, amount = min(rule.own_numbers[RATE], 0.1), 0.1
    shrunk = lambda rate, amount: _share(rule, {RATE: rate, DECAY: amount})  # noqa: E731
    one, none = shrunk(rate, amount), shrunk(rate, 0.0)
    if not one - none > 1e-12:
        raise Failure(
            f"{DECAY}={amount:g} shrinks nothing: without a gradient parameters stay as they are",
            case(rule, [jax.tree.map(np.zeros_like, rule.start)], {DECAY: amount}, "print(updates)"),
        )
    kind = _kind(one - none, shrunk(2 * rate, amount) - shrunk(2 * rate, 0.0), rate, amount)
    declared = rule.split({})[0]
    said = dict(getattr(declared, "static", ())).get("decay_kind")
    if said is not None and said not in KINDS[kind]:
        raise Failure(
            f"it says decay_kind={said!r}, and one step shrinks a parameter by {one - none:.3g} at a rate of"
            f" {rate:g} and a decay of {amount:g}: that is {kind}",
            case(rule, [jax.tree.map(np.zeros_like, rule.start)], {DECAY: amount}, "print(updates)"),
        )


KINDS = {
    "η λ": ("decoupled", "corrected", "cautious", "proximal", "coupled"),
    "λ alone": ("independent",),
    "neither η λ nor λ": ("coupled",),
}


def _share(rule: CheckedOptimizer, numbers: dict[str, float]) -> float:
    """The part of itself by which a number shrinks in the second of two steps without gradient."""
    course = rule.course(flat(rule.start), numbers)
    array = next(iter(jax.tree.leaves(rule.by_itself(course.path)))).reshape(STEPS, -1)[:, 0]
    return float(1 - array[1] / array[0])


def _kind(one: float, doubled: float, rate: float, amount: float) -> str:
    if math.isclose(one, amount, rel_tol=1e-3):
        return "λ alone"
    return "η λ" if math.isclose(one, rate * amount / (1 + rate * amount), rel_tol=0.02) else "neither η λ nor λ"


@check("optimizer", "behaviour")
def first_readout(rule: CheckedOptimizer) -> None:
    """What is judged before the first step is what there is: its readout of a first state equals the parameters."""
    rule = rule.usual
    tx = rule.made()
    if readout_of(tx) is trained:
        raise NotForIt("it is judged where it trains")
    params = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), rule.start)
    apart = distance(readout_of(tx)(tx.init(params), params), params)
    if apart > 1e-6 * size(params):
        raise Failure(f"before the first step its readout is {apart:.2g} from the parameters")


@check("optimizer", "behaviour")
def needs_read(rule: CheckedOptimizer) -> None:
    """It reads all that it declares to need, and nothing else."""
    if not rule.annotated or not isinstance(rule.split({})[0](**rule.numbers), Transformation):
        raise NotForIt("it declares no needs, as a plain Optax transformation")
    rule = rule.usual
    idle = [need for need in sorted(rule.needs) if rule.works_with(rule.needs - {need})]
    if idle:
        raise Failure(f"it declares that it needs {idle[0]} ({NEEDS[idle[0]]}), and does not read it")


@check("optimizer", "behaviour")
def holds_norm(rule: CheckedOptimizer) -> None:
    """Where it says that it holds the norm of parameters, it does so over 1,000 steps."""
    if not rule.traits.get("holds_norm"):
        raise NotForIt("it does not say that it holds a norm")
    rule = rule.usual
    params, state = rule.start, None
    names = [path for path, x in jax.tree.leaves_with_path(rule.start) if np.ndim(x) == 2]
    norms = lambda tree: np.array([np.linalg.norm(dict(jax.tree.leaves_with_path(tree))[path]) for path in names])  # noqa: E731
    for k in range(1000 // STEPS + 1):
        course = rule.course(given(rule.start, seed=k), start=params, state=state)
        params, state = course.params, course.state
    if not np.allclose(norms(params), norms(rule.start), rtol=1e-6):
        raise Failure(
            f"after 1,000 steps norms of {norms(rule.start)} are {norms(params)}", case(rule, [rule.start] * 3)
        )
