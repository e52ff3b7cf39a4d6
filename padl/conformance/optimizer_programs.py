"""Checks of an optimizer within programs: numbers that are data, one compilation, members side by side, devices."""

import random
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from padl.conformance.cases import case, import_code, made_code
from padl.conformance.checked_optimizer import RATE, CheckedOptimizer, at_step, distance, size
from padl.conformance.checks import Failure, NotForIt, NotRun, check, place_of
from padl.conformance.optimizer_forms import shapes
from padl.conformance.problems import STEPS, given, noisy
from padl.engine.counters import common_scalars
from padl.engine.operations import operations_of
from padl.types import LearningRate, PyTree, one_line

DEVICES = 4
LONG = 1000  # steps of a training
CLOSE = 1e-9  # of the largest update, in float64
BRANCHES = ("cond", "while")


def _traces(rule: CheckedOptimizer, numbers: Mapping[str, Any], fixed: Mapping[str, Any]) -> Any:
    """The jaxpr of a first state and an update, of numbers that are data."""

    def step(numbers: Any, params: PyTree) -> PyTree:
        tx = rule.made({**fixed, **numbers})
        return rule.update(tx, params, tx.init(params), params)

    return jax.make_jaxpr(step)(numbers, shapes(rule.start))


@check("optimizer", "contract")
def runs(rule: CheckedOptimizer) -> None:
    """A first state and an update can be made; the updates have the form of the parameters."""
    if rule.unusable:
        raise Failure(rule.unusable, case(rule.usual, [rule.usual.start]))


@check("optimizer", "contract")
def numbers_traced(rule: CheckedOptimizer) -> None:
    """Arrays can be traced, and every number that is data: no Python branch looks at their values."""
    rule = rule.usual
    for name, value in {"": 0.0, **rule.own_numbers}.items():
        try:
            _traces(rule, {name: jax.ShapeDtypeStruct((), jnp.float32)} if name else {}, {})
        except Exception as error:
            made = made_code(rule, {name: "x"} if name else {}).removeprefix("tx = ")
            code = "\n".join([*import_code(rule), "start = {'w': jnp.ones(2)}\n"])
            code += f"jax.jit(lambda x: (tx := {made}).update(start, tx.init(start), start))({value:g})"
            raise Failure(f"{_traced(name, error)}{place_of(error)}", code) from error


def _traced(name: str, error: Exception) -> str:
    """Say what is wrong where a number of this name is traced; "" for the arrays alone."""
    if not isinstance(error, jax.errors.ConcretizationTypeError):
        return f"while it is traced{f' with {name}' if name else ''} it raises {one_line(error)}"
    if name:
        return (
            f"a Python branch looks at the value of {name}: use jnp.where, or annotate it as int, bool or Literal, so"
            " that it chooses the program"
        )
    return (
        "a Python branch looks at a traced value, a gradient, a parameter or its state: use jnp.where or jax.lax.cond"
    )


@check("optimizer", "contract")
def rate_schedule(rule: CheckedOptimizer) -> None:
    """The learning rate can be a schedule; one that is constant is the number, whatever the length of the training."""
    rule = rule.usual
    if RATE not in rule.own_numbers:
        raise NotForIt("it has no learning rate")
    rate, stream = rule.own_numbers[RATE], given(rule.start)
    number = rule.course(stream)

    constant = LearningRate(rate, lambda fraction: jnp.ones((), float), LONG)
    apart = distance(rule.scheduled(constant).course(stream).path, number.path)
    if not apart <= CLOSE * size(number.updates):
        raise Failure(
            f"with a constant schedule over {LONG} steps it goes another way than with the number: {apart:.2g} apart"
            f" after {STEPS} steps",
            case(rule, [rule.start] * 3, {RATE: f"lambda count: {rate:g}"}, "print(params)"),
        )


@check("optimizer", "contract")
def compiled_once(rule: CheckedOptimizer) -> None:
    """One compilation serves all values of the numbers, and the first step as well as the thousandth."""
    rule = rule.usual
    count = 0

    def step(numbers: Any, grads: PyTree, state: PyTree, params: PyTree) -> Any:
        nonlocal count
        count += 1
        return rule.update(rule.made(numbers), grads, state, params)

    run = jax.jit(step)
    numbers = jax.tree.map(jnp.float32, rule.numbers)
    params = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), rule.start)
    state = jax.jit(lambda n, p: rule.made(n).init(p))(numbers, params)
    for factor in (1.0, 0.9, 1.0):
        state = jax.eval_shape(run, jax.tree.map(lambda x, f=factor: f * x, numbers), params, state, params)[1]
    if count > 1:
        raise Failure(
            f"three steps are {count} programs: its state changes its form, or it is traced by a value",
            case(rule, [rule.start] * 3),
        )


@check("optimizer", "contract")
def members(rule: CheckedOptimizer) -> None:
    """Three members side by side, under `vmap`, go where each goes alone; a branch on the count of steps stays one."""
    rule = rule.usual
    if not rule.numbers:
        raise NotForIt("it has no numbers that are data")
    stream = given(rule.start)
    factors = (1.0, 0.9, 0.8)
    with jax.enable_x64(True):
        many = jax.tree.map(lambda x: jnp.asarray([f * x for f in factors], float), rule.numbers)
        arrays = jax.tree.map(jnp.asarray, (rule.start, *stream))
        state = jax.vmap(lambda n: rule.programs[0](n, arrays[0]))(many)
        run = jax.vmap(lambda n, s: rule.programs[1](n, arrays[0], s, *arrays[1:], jax.random.key(0)))
        paths = jax.device_get(jax.jit(run)(many, state)[0][0])
    for k, factor in enumerate(factors):
        alone = rule.course(stream, jax.tree.map(lambda x, f=factor: f * x, rule.numbers))
        apart = distance(alone.path, at_step(paths, k))
        if not apart <= 1e-6 * max(size(alone.updates), 1e-30):
            raise Failure(
                f"side by side it goes another way than alone: {apart:.2g} apart after {STEPS} steps",
                case(rule, [rule.start] * 3),
            )
    _branches_stay(rule)


def _branches_stay(rule: CheckedOptimizer) -> None:
    """Raise `Failure` where members with a learning rate of their own have fewer branches than one alone."""
    numbers, start = shapes(rule.numbers), shapes(rule.start)

    def step(state: PyTree, rest: Any, numbers: Any) -> PyTree:
        return rule.update(rule.made(numbers), rest, state, rest)[1]

    of_many = lambda tree: jax.tree.map(lambda x: jax.ShapeDtypeStruct((1, *x.shape), x.dtype), tree)  # noqa: E731
    init = lambda n: rule.made(n).init(jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), start))  # noqa: E731
    state = jax.eval_shape(init, numbers)
    if not _branches(jax.make_jaxpr(step)(state, start, numbers)):
        return

    def together(shared: PyTree) -> int:
        """The branches that are left where members share these parts of a state."""
        axes = jax.tree.map(lambda is_shared: None if is_shared else 0, shared)
        states = jax.tree.map(lambda x, is_shared: x if is_shared else of_many(x), state, shared)
        return _branches(jax.make_jaxpr(jax.vmap(step, (axes, 0, 0)))(states, of_many(start), of_many(numbers)))

    scalars = jax.tree.map(lambda x: x.shape == (), state)
    found = common_scalars(init, step, of_many(start), of_many(numbers), jax.tree.map(lambda _: True, numbers))
    at_best, left = together(scalars), together(found)
    if left < at_best:
        raise Failure(
            f"of {at_best} branches on its counts {left} stay for members side by side: what it does every k steps, all"
            " do at every step; count steps by a state that no number or gradient reaches",
            case(rule, [rule.start]),
        )


def _branches(jaxpr: Any) -> int:
    return sum(str(jaxpr).count(f" {name}[") for name in BRANCHES)


@check("optimizer", "contract")
def sharded(rule: CheckedOptimizer) -> None:
    """With parameters spread over four devices it goes where it goes on one."""
    rule = rule.usual
    if jax.device_count() < DEVICES:
        raise NotRun(
            f"JAX has {jax.device_count()} devices here, and it takes {DEVICES}: run 'padl check' as a command"
        )
    wide = {"kernel": np.random.default_rng(1).normal(size=(2 * DEVICES, 3)), "bias": np.arange(3) - 0.5}
    spread = rule.at(wide if rule.start is not rule.usual.start or "kernel" in rule.start else rule.start)
    stream = given(spread.start, 4)
    alone = spread.course(stream, dtype=np.float32)
    mesh = Mesh(np.array(jax.devices()[:DEVICES]), ("d",))
    place = lambda x: jax.device_put(  # noqa: E731
        jnp.asarray(x, jnp.float32),
        NamedSharding(mesh, PartitionSpec("d") if np.ndim(x) and len(x) % DEVICES == 0 else PartitionSpec()),
    )
    params = jax.tree.map(place, spread.start)
    numbers = jax.tree.map(jnp.float32, spread.numbers)
    state = spread.programs[0](numbers, params)
    c, a = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), stream)
    _, there, _ = spread.programs[1](numbers, params, state, c, a, jax.random.key(0))
    apart, moved = distance(jax.device_get(there), alone.params), distance(alone.params, spread.start)
    if not apart <= 1e-3 * max(moved, 1e-30):
        raise Failure(
            f"over {DEVICES} devices it comes {apart / max(moved, 1e-30):.2g} of its way off", case(spread, [wide])
        )


@check("optimizer", "contract")
def pure(rule: CheckedOptimizer) -> None:
    """Two traces of it are equal, and it changes nothing outside: no global, no np.random; and keeps no tracer."""
    rule = rule.usual
    fixed = {name: x for name, x in rule.numbers.items() if isinstance(x, Mapping)}
    before, drawn = dict(_globals(rule)), _random_state()
    with jax.checking_leaks():
        traces = [str(_traces(rule, shapes(rule.own_numbers), fixed)) for _ in range(2)]
    after = dict(_globals(rule))
    changed = [name for name in after if name not in before or after[name] != before[name]]
    if changed:
        raise Failure(
            f"an update changes {changed[0]}: a program is traced once, so what it counts there is traces",
            case(rule, [rule.start]),
        )
    if _random_state() != drawn:
        raise Failure(
            "an update draws from np.random or random: that is a constant of the program; declare needs=('key',)",
            case(rule, [rule.start]),
        )
    if _plain(traces[0]) != _plain(traces[1]):
        raise Failure(
            "two traces of one update are two programs: something outside, that changes, is in it",
            case(rule, [rule.start]),
        )


def _random_state() -> str:
    """That of NumPy's global generator, and of Python's."""
    return repr((np.random.get_state(), random.getstate()))  # noqa: NPY002  a stranger's rule may draw from it


def _plain(jaxpr: str) -> str:
    return re.sub("0x[0-9a-f]+", "", jaxpr)


def _globals(rule: CheckedOptimizer) -> Iterator[tuple[str, str]]:
    """What stands in the module of an optimizer, by name, and what it is now; functions and modules apart."""
    function = getattr(rule.split({})[0], "function", None)
    module = sys.modules.get(getattr(function, "__module__", ""), None)
    for name, value in vars(module).items() if module else ():
        if not name.startswith("__") and not callable(value) and not isinstance(value, type(sys)):
            yield f"{getattr(module, '__name__', '')}.{name}", repr(value)


@check("optimizer", "contract")
def own_randomness(rule: CheckedOptimizer) -> None:
    """What it draws at random follows the seed: one seed the same bits, another seed others."""
    rule = rule.usual
    traced = _traces(rule, shapes(rule.own_numbers), {})
    draws = bool(operations_of(traced) & {"random_bits", "threefry2x32"})
    if not draws:
        raise NotForIt("it draws nothing")
    stream = noisy(rule.start, curvature=30.0).changed(lambda path, c: 1e-3 * c)  # near a minimum
    start = jax.tree.map(lambda x: 1e-4 * x, rule.start)
    one, same, other = (rule.course(stream, start=start, seed=seed) for seed in (0, 0, 1))
    if distance(one.path, same.path):
        raise Failure("one seed gives two courses", case(rule, [rule.start]))
    if not distance(one.path, other.path):
        raise Failure(
            "another seed gives the same course: its key is a constant; declare needs=('key',) and use that",
            case(rule, [rule.start]),
        )
