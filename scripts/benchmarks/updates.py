"""Time one update of each optimizer.

update     16.8 M parameters in 100 arrays           : Optax's, its numbers traced too; and no large temporary
constants  the Adam family, its numbers traced       : Optax's, its numbers compiled in; for information, no bound
stream     elementwise rules that have no peer       : a += s b of as many bytes as the rule must read and write
streams    all other rules                           : the same, for information, no bound
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from harness import Result, Timing, benchmark, repeat, weigh

from padl.app import names
from padl.engine.operations import operations_of
from padl.optimizers.transformation import needed, needs_of
from padl.registry import Entry

UPDATES = 5  # in one timing
ARRAYS, SIDE, TEMPORARY = 100, 410, 0.05  # 100 × 410² = 16.8 M parameters; five arrays' worth is too much
OF_THE_STREAM = 0.75  # at this rate at least an elementwise rule goes through memory


def betas(make: Callable[..., Any], **renamed: str) -> Callable[..., Any]:
    """An optimizer of Optax whose b1 and b2 are one argument, and others have other names there."""

    def with_betas(b1: Any, b2: Any, **scalars: Any) -> Any:
        return make(betas=(b1, b2), **{renamed.get(name, name): x for name, x in scalars.items()})

    return with_betas


OPTAX: dict[str, tuple[str, Callable[..., optax.GradientTransformation]]] = {
    "gd": ("optax.sgd", optax.sgd),
    "sgd": ("optax.sgd", optax.sgd),
    "momentum": ("optax.sgd(momentum)", optax.sgd),
    "nesterov": ("optax.sgd(momentum, nesterov)", partial(optax.sgd, nesterov=True)),
    "adagrad": (
        "optax.adagrad",
        lambda initial_sum, **scalars: optax.adagrad(initial_accumulator_value=initial_sum, **scalars),
    ),
    "rmsprop": ("optax.rmsprop", optax.rmsprop),
    "adadelta": ("optax.adadelta", lambda learning_rate, decay, eps: optax.adadelta(learning_rate, decay, eps)),
    "adam": ("optax.adam", optax.adam),
    "adamw": ("optax.adamw", optax.adamw),
    "nadam": ("optax.nadam, momentum that does not warm up", lambda momentum_decay, **scalars: optax.nadam(**scalars)),
    "nadamw": (
        "optax.nadamw, momentum that does not warm up",
        lambda momentum_decay, **scalars: optax.nadamw(**scalars),
    ),
    "amsgrad": ("optax.amsgrad", partial(optax.amsgrad, bias_correction_mu=False, bias_correction_nu=False)),
    "adamax": ("optax.adamax", optax.adamax),
    "adan": ("optax.adan, 1 - b2 for b2", optax.adan),
    "adabelief": ("optax.adabelief", optax.adabelief),
    "yogi": ("optax.yogi, corrected", lambda initial, **scalars: optax.yogi(**scalars)),
    "radam": ("optax.radam", optax.radam),
    "adopt": ("optax.contrib.adopt, no decay", lambda weight_decay, **scalars: optax.contrib.adopt(**scalars)),
    "ademamix": (
        "optax.contrib.ademamix, no warm-up",
        lambda alpha_warmup, b3_warmup, **scalars: optax.contrib.ademamix(**scalars),
    ),
    "prodigy": ("optax.contrib.prodigy", betas(optax.contrib.prodigy, d0="estim_lr0", d_coef="estim_lr_coef")),
    "dadapt_adam": ("optax.contrib.dadapt_adamw", betas(optax.contrib.dadapt_adamw, d0="estim_lr0")),
    "dog": (
        "optax.contrib.dog",
        lambda r0, **scalars: optax.contrib.dog(init_step=("heuristic", r0), **scalars),
    ),
    "dowg": (
        "optax.contrib.dowg",
        lambda r0, **scalars: optax.contrib.dowg(init_estim_sq_dist=r0**2, **scalars),
    ),
    "momo": (
        "optax.contrib.momo",
        lambda momentum, f_min, **scalars: optax.contrib.momo(beta=momentum, lower_bound=f_min, **scalars),
    ),
    "momo_adam": (
        "optax.contrib.momo_adam",
        lambda f_min, **scalars: optax.contrib.momo_adam(lower_bound=f_min, **scalars),
    ),
    "schedule_free_sgd": (
        "optax.contrib.schedule_free_sgd",
        lambda momentum, step_power, rate_power, **scalars: optax.contrib.schedule_free_sgd(b1=momentum, **scalars),
    ),
    "schedule_free_adamw": (
        "optax.contrib.schedule_free_adamw",
        lambda momentum, step_power, rate_power, **scalars: optax.contrib.schedule_free_adamw(b1=momentum, **scalars),
    ),
    "simplified_ademamix": (
        "optax.contrib.simplified_ademamix, no warm-up",
        lambda b1_warmup, **scalars: optax.contrib.simplified_ademamix(**scalars),
    ),
}


@benchmark("update", each=1.05)
def updates(rounds: int) -> Iterator[Result]:
    for entry in rules():
        make, scalars = entry.split({})
        ours, traffic = updater(make, jax.tree.map(jnp.float32, scalars))
        note = f"temporaries {traffic.temporary:.2%} of the parameters"
        fault = note if traffic.temporary >= TEMPORARY else ""
        if entry.name not in OPTAX:
            yield Result(entry.name, "none here", note=note, fault=fault)
            continue
        peer, make_peer = OPTAX[entry.name]
        theirs, of_peer = updater(make_peer, jax.tree.map(jnp.float32, scalars))
        yield weigh(entry.name, peer, ours, theirs, rounds, f"{note}, of the peer {of_peer.temporary:.2%}", fault)


@benchmark("constants")
def updates_against_constants(rounds: int) -> Iterator[Result]:
    for entry in (e for e in names.of("optimizer") if e.name in OPTAX and e.family == "adam"):
        make, scalars = entry.split({})
        peer, make_peer = OPTAX[entry.name]
        ours, _ = updater(make, jax.tree.map(jnp.float32, scalars))
        theirs, _ = updater(partial(make_peer, **scalars), {})
        yield weigh(entry.name, f"{peer}, its numbers constants", ours, theirs, rounds)


@benchmark("stream", each=1 / OF_THE_STREAM)
def updates_against_the_stream(rounds: int) -> Iterator[Result]:
    yield from streamed(rounds, bounded=True)


@benchmark("streams")
def other_updates_against_the_stream(rounds: int) -> Iterator[Result]:
    yield from streamed(rounds, bounded=False)


def rules() -> Iterator[Entry]:
    """PADL's own optimizers that have none within them and take the gradient as it is given."""
    for entry in names.of("optimizer"):
        alone = not any(each.nested for each in entry.hyperparameters.values())
        if entry.origin == "padl" and alone and not needs_of(entry.function()) & {"grad_fn", "value_fn", "value"}:
            yield entry


def streamed(rounds: int, bounded: bool) -> Iterator[Result]:
    """Weigh rules against the stream: those that are to be bounded, or the others.

    The value is of the least seconds of each, since what else runs on the machine takes its memory's rate away.
    """
    stream, of_stream = updater(partial(optax.sgd, 1.0), {})  # p = p - g, in place
    for entry in rules():
        make, scalars = entry.split({})
        update, traffic = updater(make, jax.tree.map(jnp.float32, scalars))
        if bounded != (traffic.elementwise and entry.name not in OPTAX):
            continue
        scale = traffic.moved / of_stream.moved
        pairs = [(update(), stream() * scale) for _ in range(rounds + 1)][1:]
        best, ideal = (min(column) for column in zip(*pairs, strict=True))
        ratios = [a / b for a, b in pairs]
        note = f"{ideal / best:.0%} of the stream, {of_stream.moved * scale / ideal / 1e9:.1f} GB/s; {traffic}"
        yield Result(entry.name, "the stream", best / ideal, (min(ratios), max(ratios)), (best, ideal), note)


class Traffic(NamedTuple):
    """What an update needs of memory.

    Attributes:
        temporary: the program's temporaries as a share of the parameters. moved: the bytes that it must read and
            write: gradients, parameters and state, and the last two again where they change. elementwise: whether it
            is without sums and maxima.
    """

    temporary: float
    moved: int
    elementwise: bool

    def __str__(self) -> str:
        return f"{self.moved / 2**20:.0f} MiB, {'elementwise' if self.elementwise else 'with sums or maxima'}"


def in_place(make: Callable[..., optax.GradientTransformation]) -> Any:
    """Jit an update in place: (carry, gradients, scalars) -> carry, (); the carry is parameters and state."""

    def update(carry, grads, scalars):
        params, state = carry
        optimizer = optax.with_extra_args_support(make(**scalars))
        read = needed(optimizer, {"value": jnp.float32(1), "key": jax.random.key(0)})
        changes, state = optimizer.update(grads, state, params, **read)
        return (optax.apply_updates(params, changes), state), ()

    return jax.jit(update, donate_argnums=0)


def updater(make: Callable[..., optax.GradientTransformation], scalars: dict[str, jax.Array]) -> tuple[Timing, Traffic]:
    """Time an update in place, and tell what it needs of memory.

    Args:
        make: (scalars) -> an Optax transformation. scalars: its numbers, traced.
    """

    draw = jax.jit(lambda key: list(jax.random.normal(key, (ARRAYS, SIDE, SIDE))))
    params, grads = draw(jax.random.key(0)), draw(jax.random.key(1))
    carry = (params, jax.jit(lambda params, scalars: make(**scalars).init(params))(params, scalars))
    traced = in_place(make).trace(carry, grads, scalars)
    compiled = traced.lower().compile()
    memory: Any = compiled.memory_analysis()
    variables = traced.jaxpr.jaxpr
    written = sum(x.aval.size * x.aval.dtype.itemsize for x in variables.outvars if x not in variables.invars)
    traffic = Traffic(
        memory.temp_size_in_bytes / sum(p.nbytes for p in params),
        sum(x.nbytes for x in jax.tree.leaves((carry, grads))) + written,
        not any(name.startswith("reduce_") for name in operations_of(traced.jaxpr)),
    )
    return repeat(lambda c: compiled(c, grads, scalars), carry, UPDATES, UPDATES), traffic
