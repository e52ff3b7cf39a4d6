"""Time one update of each optimizer.

update     16.8 M parameters in 100 arrays           : Optax's, its numbers traced too; and no large temporary
constants  the Adam family, its numbers traced       : Optax's, its numbers compiled in; for information, no bound
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from harness import Result, Timing, benchmark, repeat, weigh

from padl.app import names

UPDATES = 5  # in one timing
ARRAYS, SIDE, TEMPORARY = 100, 410, 0.05  # 100 × 410² = 16.8 M parameters; five arrays' worth is too much
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
    "simplified_ademamix": (
        "optax.contrib.simplified_ademamix, no warm-up",
        lambda b1_warmup, **scalars: optax.contrib.simplified_ademamix(**scalars),
    ),
}


@benchmark("update", each=1.05)
def updates(rounds: int) -> Iterator[Result]:
    for entry in (e for e in names.of("optimizer") if e.origin == "padl" and not e.stand_ins):
        make, scalars = entry.split({})
        ours, temporary = updater(make, jax.tree.map(jnp.float32, scalars))
        note = f"temporaries {temporary:.2%} of the parameters"
        fault = note if temporary >= TEMPORARY else ""
        if entry.name not in OPTAX:
            yield Result(entry.name, "none here", note=note, fault=fault)
            continue
        peer, make_peer = OPTAX[entry.name]
        theirs, of_peer = updater(make_peer, jax.tree.map(jnp.float32, scalars))
        yield weigh(entry.name, peer, ours, theirs, rounds, f"{note}, of the peer {of_peer:.2%}", fault)


@benchmark("constants")
def updates_against_constants(rounds: int) -> Iterator[Result]:
    for entry in (e for e in names.of("optimizer") if e.name in OPTAX and e.family == "adam"):
        make, scalars = entry.split({})
        peer, make_peer = OPTAX[entry.name]
        ours, _ = updater(make, jax.tree.map(jnp.float32, scalars))
        theirs, _ = updater(partial(make_peer, **scalars), {})
        yield weigh(entry.name, f"{peer}, its numbers constants", ours, theirs, rounds)


def updater(make: Callable[..., optax.GradientTransformation], scalars: dict[str, jax.Array]) -> tuple[Timing, float]:
    """Time an update in place, and return the program's temporaries as a share of the parameters too.

    Args:
        make: (scalars) -> an Optax transformation. scalars: its numbers, traced.
    """

    def update(carry, grads, scalars):
        params, state = carry
        optimizer = optax.with_extra_args_support(make(**scalars))
        changes, state = optimizer.update(grads, state, params)
        return (optax.apply_updates(params, changes), state), ()

    draw = jax.jit(lambda key: list(jax.random.normal(key, (ARRAYS, SIDE, SIDE))))
    params, grads = draw(jax.random.key(0)), draw(jax.random.key(1))
    carry = (params, jax.jit(lambda params, scalars: make(**scalars).init(params))(params, scalars))
    compiled = jax.jit(update, donate_argnums=0).lower(carry, grads, scalars).compile()
    memory: Any = compiled.memory_analysis()
    temporary = memory.temp_size_in_bytes / sum(p.nbytes for p in params)
    return repeat(lambda c: compiled(c, grads, scalars), carry, UPDATES, UPDATES), temporary
