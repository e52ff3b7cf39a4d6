"""Optimizers with one deliberate mistake each, by the check that is to find it. BROKEN.

Each is gradient descent with momentum, written out, but for its mistake.
"""

from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles
from padl.registry import Registry
from padl.types import Domain, Scalar, ScalarOrSchedule

optimizer = Registry("optimizer")
BROKEN: dict[str, str] = {}  # {check: name of the optimizer}
COUNTS = {"calls": 0}
KEPT: list[Any] = []


class Momentum(NamedTuple):
    count: Any
    v: Any


def breaks(check, **traits):
    """Register an optimizer as the one that a check finds."""

    def register(function):
        BROKEN[check] = function.__name__
        return function if function.__name__ in optimizer.names() else optimizer(**traits)(function)

    return register


def zeros(params):
    return Momentum(jnp.zeros((), jnp.int32), jax.tree.map(lambda p: jnp.zeros_like(p, jnp.float32), params))


def follow(state, grads, momentum=0.9):
    return jax.tree.map(lambda v, g: jnp.asarray(momentum * v + g, v.dtype), state.v, grads)


def moved(v, params, rate):
    return jax.tree.map(lambda v, p: jnp.asarray(-rate * v, jnp.result_type(p)), v, params)


def at(learning_rate, count):
    return learning_rate(count) if callable(learning_rate) else learning_rate


def descent(change=lambda u, p, s: u, init=zeros, follow=follow, rate=at, needs=(), **more):
    """Momentum with one part of it exchanged."""

    def make(learning_rate):
        def update(grads, state, params=None, **extras):
            v = follow(state, grads)
            u = moved(v, grads if params is None else params, rate(learning_rate, state.count))
            return change(u, params, state), Momentum(state.count + 1, v)

        return Transformation(init, update, needs=needs, **more)

    return make


@breaks("numbers_traced")
def branches(learning_rate: ScalarOrSchedule = 0.1, momentum: Scalar = 0.9):
    tx = descent(follow=lambda s, g: follow(s, g, momentum))(learning_rate)
    return tx if momentum > 0 else optax.sgd(learning_rate)


@breaks("rate_schedule")
def looks_ahead(learning_rate: ScalarOrSchedule = 0.1):
    steps = getattr(learning_rate, "steps", 1)
    return descent(rate=lambda rate, count: at(rate, count) * (1 + 1 / steps))(learning_rate)


@breaks("compiled_once")
def grows(learning_rate: ScalarOrSchedule = 0.1):
    def update(grads, state, params=None, **extras):
        v = follow(Momentum(state.count, state.v[-1]), grads)
        return moved(v, params, at(learning_rate, state.count)), Momentum(state.count + 1, [*state.v, v])

    return Transformation(lambda params: Momentum(0, [zeros(params).v]), update)


@breaks("members")
def own_count(learning_rate: ScalarOrSchedule = 0.1):
    def init(params):
        return Momentum(jnp.zeros(()) + 0 * at(learning_rate, 0), zeros(params).v)

    def update(grads, state, params=None, **extras):
        v = jax.lax.cond(state.count % 4 == 0, lambda: follow(state, grads, 0.5), lambda: follow(state, grads))
        return moved(v, params, at(learning_rate, 0)), Momentum(state.count + 1, v)

    return Transformation(init, update)


@breaks("sharded")
def first_shard(learning_rate: ScalarOrSchedule = 0.1):
    def first_rows(u, p, s):
        def of(x):
            spread = getattr(jax.typeof(x), "sharding", None)
            return x * (2.0 if spread is not None and spread.mesh.size > 1 else 1.0)

        return jax.tree.map(of, u)

    return descent(first_rows)(learning_rate)


@breaks("pure")
def counts_traces(learning_rate: ScalarOrSchedule = 0.1):
    def change(u, p, s):
        COUNTS["calls"] += 1
        return u

    return descent(change)(learning_rate)


@breaks("own_randomness")
def own_key(learning_rate: ScalarOrSchedule = 0.1):
    noise = lambda u: u + 0.01 * jax.random.normal(jax.random.key(0), u.shape, u.dtype)  # noqa: E731
    return descent(lambda u, p, s: jax.tree.map(noise, u))(learning_rate)


@breaks("state_form")
def float_count(learning_rate: ScalarOrSchedule = 0.1):
    def update(grads, state, params=None, **extras):
        v = jax.tree.map(lambda v, g: 0.9 * v + g, state.v, grads)
        return moved(v, params, at(learning_rate, 0)), Momentum(state.count + 1.0, v)

    return Transformation(zeros, update)


@breaks("update_dtype")
def wide_updates(learning_rate: ScalarOrSchedule = 0.1):
    return descent(lambda u, p, s: jax.tree.map(lambda u: u.astype(jnp.float32), u))(learning_rate)


@breaks("state_arrays")
def keeps_a_name(learning_rate: ScalarOrSchedule = 0.1):
    tx = descent()(learning_rate)
    init = lambda params: {"name": "momentum", "state": tx.init(params)}  # noqa: E731
    step = lambda g, s, p=None, **e: tx.update(g, s["state"], p, **e)  # noqa: E731

    def update(grads, state, params=None, **extras):
        updates, after = step(grads, state, params)
        return updates, {"name": "momentum", "state": after}

    return Transformation(init, update)


@breaks("init_shapes")
def looks_at_numbers(learning_rate: ScalarOrSchedule = 0.1):
    def init(params):
        largest = max(float(jnp.max(jnp.abs(x))) for x in jax.tree.leaves(params))
        return zeros(params) if largest > 0 else ()

    return descent(init=init)(learning_rate)


@breaks("any_tree")
def two_axes(learning_rate: ScalarOrSchedule = 0.1):
    mean = lambda u: u + 0 * jnp.mean(u, axis=(0, -1), keepdims=True) if u.ndim != 1 else u  # noqa: E731
    return descent(lambda u, p, s: jax.tree.map(mean, u))(learning_rate)


@breaks("no_params")
def reads_params(learning_rate: ScalarOrSchedule = 0.1):
    return descent(lambda u, p, s: jax.tree.map(lambda u, p: u - 0.01 * p.astype(u.dtype), u, p))(learning_rate)


@breaks("missing_extras")
def wants_value(learning_rate: ScalarOrSchedule = 0.1):
    def update(grads, state, params=None, **extras):
        scale = 1 + 0 * extras["value"]
        v = follow(state, grads)
        return moved(jax.tree.map(lambda v: scale * v, v), params, at(learning_rate, 0)), Momentum(state.count + 1, v)

    return Transformation(zeros, update, needs=("value",))


@breaks("within_masked")
def counts_arrays(learning_rate: ScalarOrSchedule = 0.1):
    def change(u, p, s):
        return jax.tree.map(lambda u: u * len(p) if isinstance(p, dict) else u, u)

    return descent(change)(learning_rate)


@breaks("within_chain")
@breaks("accumulated")
def by_trace(learning_rate: ScalarOrSchedule = 0.1):
    def change(u, p, s):
        KEPT.append(None)
        return jax.tree.map(lambda u: u * len(KEPT), u)

    return descent(change)(learning_rate)


@breaks("checkpoint")
def keeps_a_key(learning_rate: ScalarOrSchedule = 0.1):
    def update(grads, state, params=None, **extras):
        v = follow(state, grads)
        return moved(v, params, at(learning_rate, 0)), Momentum(jax.random.split(state.count)[0], v)

    return Transformation(lambda params: Momentum(jax.random.key(0), zeros(params).v), update)


@breaks("names_of_arrays")
def by_order(learning_rate: ScalarOrSchedule = 0.1):
    def change(u, p, s):
        leaves, tree = jax.tree.flatten(u)
        return tree.unflatten([x * (1 + k) for k, x in enumerate(leaves)])

    return descent(change)(learning_rate)


@breaks("descends")
def ascends(learning_rate: ScalarOrSchedule = 0.1):
    return descent(lambda u, p, s: jax.tree.map(jnp.negative, u))(learning_rate)


@breaks("downhill")
def first_up(learning_rate: ScalarOrSchedule = 0.1):
    return descent(lambda u, p, s: jax.tree.map(lambda u: jnp.where(s.count == 0, -u, u), u))(learning_rate)


@breaks("rate_of_zero")
def always_moves(learning_rate: ScalarOrSchedule = 0.1):
    return descent(lambda u, p, s: jax.tree.map(lambda u, p: u - 0.01 * jnp.sign(p).astype(u.dtype), u, p))(
        learning_rate
    )


@breaks("numbers_matter")
def idle_number(learning_rate: ScalarOrSchedule = 0.1, nesterov_share: Annotated[Scalar, Domain(0.0, 1.0)] = 0.5):
    return descent()(learning_rate)


@breaks("decay_measured")
def alone_decay(
    learning_rate: ScalarOrSchedule = 0.1,
    weight_decay: Scalar = 0.01,
    decay_kind: Literal["decoupled", "independent"] = "decoupled",
):
    shrink = lambda u, p: u - jnp.asarray(weight_decay, u.dtype) * p.astype(u.dtype)  # noqa: E731
    return descent(lambda u, p, s: jax.tree.map(shrink, u, p))(learning_rate)


@breaks("first_readout")
def reads_out_zero(learning_rate: ScalarOrSchedule = 0.1):
    return descent(readout=lambda state, params: jax.tree.map(lambda v: -v, state.v))(learning_rate)


@breaks("needs_read")
def idle_need(learning_rate: ScalarOrSchedule = 0.1):
    return descent(needs=("value",))(learning_rate)


@breaks("holds_norm", holds_norm=True)
def lets_norm_go(learning_rate: ScalarOrSchedule = 0.1):
    return descent()(learning_rate)


@breaks("zero_gradients")
def divides(learning_rate: ScalarOrSchedule = 0.1):
    unit = lambda u: u / jnp.linalg.norm(u.ravel())  # noqa: E731
    return descent(lambda u, p, s: jax.tree.map(unit, u))(learning_rate)


@breaks("zero_parameters")
def by_its_norm(learning_rate: ScalarOrSchedule = 0.1):
    trust = lambda u, p: u * jnp.linalg.norm(u.ravel()) / jnp.linalg.norm(p.astype(u.dtype).ravel()) ** 0.5 / 10  # noqa: E731
    return descent(lambda u, p, s: jax.tree.map(trust, u, p))(learning_rate)


@breaks("extreme_gradients")
def squares(learning_rate: ScalarOrSchedule = 0.1):
    unit = lambda u: u / (jnp.sqrt(jnp.sum(u**2 * 1e10)) * 1e-5 + jnp.asarray(1e-40, u.dtype))  # noqa: E731
    return descent(lambda u, p, s: jax.tree.map(unit, u))(learning_rate)


@breaks("spike")
def sums(learning_rate: ScalarOrSchedule = 0.1):
    return descent(lambda u, p, s: jax.tree.map(lambda u, v: jnp.where(jnp.max(jnp.abs(v)) > 1e3, 0, u), u, s.v))(
        learning_rate
    )


@breaks("nan_gradient")
def hides(learning_rate: ScalarOrSchedule = 0.1):
    clean = lambda u: jnp.where(jnp.isnan(u), 0.01, u)  # noqa: E731
    return descent(lambda u, p, s: jax.tree.map(clean, u))(learning_rate)


@breaks("deterministic")
def rolls(learning_rate: ScalarOrSchedule = 0.1):
    spread = lambda u, v: u / jnp.where(s_range(v) > 0, 1.0, s_range(v))  # noqa: E731
    return descent(lambda u, p, s: jax.tree.map(spread, u, p))(learning_rate)


def s_range(x):
    return jnp.max(x) - jnp.min(x) if x.size > 1 else jnp.ones(())


@breaks("every_array_moves")
def forgets_vectors(learning_rate: ScalarOrSchedule = 0.1):
    return descent(lambda u, p, s: jax.tree.map(lambda u: u if u.ndim > 1 else 0 * u, u))(learning_rate)


@breaks("slots_change")
def stale(learning_rate: ScalarOrSchedule = 0.1):
    def update(grads, state, params=None, **extras):
        v = follow(state, grads)
        return moved(v, grads if params is None else params, at(learning_rate, state.count)), Momentum(
            state.count + 1, state.v
        )

    return Transformation(zeros, update)


@breaks("momentum_word")
def other_word(learning_rate: ScalarOrSchedule = 0.1, momentum: Scalar = 0.9):
    return descent(follow=lambda s, g: follow(s, g, 0.9 - 0.1 * momentum))(learning_rate)


@breaks("average_words")
def no_average(learning_rate: ScalarOrSchedule = 0.1, b1: Scalar = 0.9):
    return descent(follow=lambda s, g: follow(s, g, b1))(learning_rate)


@breaks("mirrored")
def one_sided(learning_rate: ScalarOrSchedule = 0.1):
    return descent(lambda u, p, s: jax.tree.map(lambda u: jnp.where(u > 0, 0.5 * u, u), u))(learning_rate)


@breaks("rate_linear")
def squared_rate(learning_rate: ScalarOrSchedule = 0.1):
    return descent(rate=lambda rate, count: at(rate, count) ** 2)(learning_rate)


@breaks("laws", laws=("scale_free",))
def says_scale_free(learning_rate: ScalarOrSchedule = 0.1):
    return descent()(learning_rate)


@breaks("layout")
def by_first_axis(learning_rate: ScalarOrSchedule = 0.1, roles: Roles | None = None):
    mean = lambda u: u - jnp.mean(u, 0, keepdims=True) if u.ndim > 1 else u  # noqa: E731
    return descent(lambda u, p, s: jax.tree.map(mean, u))(learning_rate)


@breaks("stack")
def of_the_array(learning_rate: ScalarOrSchedule = 0.1, roles: Roles | None = None):
    return descent(lambda u, p, s: jax.tree.map(lambda u: u * jnp.sum(u**2), u))(learning_rate)


@breaks("decay_rates")
def other_rate(learning_rate: ScalarOrSchedule = 0.1, b1: Scalar = 0.9):
    average = lambda v, g: jnp.asarray(b1**2 * v + (1 - b1**2) * g, v.dtype)  # noqa: E731
    return descent(follow=lambda s, g: jax.tree.map(average, s.v, g))(learning_rate)


@breaks("runs")
def updates_alone(learning_rate: ScalarOrSchedule = 0.1):
    tx = descent()(learning_rate)
    return Transformation(tx.init, lambda grads, state, params=None, **extras: tx.update(grads, state, params)[0])
