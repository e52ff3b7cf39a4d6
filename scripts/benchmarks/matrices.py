"""Time rules for matrices.

spectral   an update of 8 × 256², of 16 × 64², of one 1024 × 256   : optax.contrib.muon; of other rules than muon
                                                                     for information, no bound
products   five Newton-Schulz iterations of a matrix               : as many products of its size, at the rate of one
refresh    SOAP's step with bases renewed at every 10th step       : its step without, and a tenth of the renewal
matrix_sweep  32 learning rates of a rule as a sweep's program     : 32 runs alone, one after the other
"""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from harness import Result, Timing, benchmark, repeat, weigh
from processes import on_every_core
from sweep_program import alone, compile_group, group, in_the_sweep
from updates import in_place

from padl.app import names
from padl.optimizers.polar import polar_factor

SETS = {"8 × 256²": (8, 256, 256), "16 × 64²": (16, 64, 64), "1024 × 256": (1, 1024, 256)}  # matrices, m, n
RULES = ("muon", "shampoo", "soap", "kl_soap")
SWEPT = (
    *(*RULES, "one_sided_shampoo", "kl_shampoo", "kron", "splus", "galore", "conda", "scion", "sophia", "adahessian"),
    *("prodigy", "dog", "momo", "schedule_free_adamw"),
)
PEER = "optax.contrib.muon"
UPDATES, PERIOD, NEVER = 10, 10, 10**9  # in one timing; steps from one renewal of bases to the next
OF_THE_PEAK, ITERATIONS = 0.75, 5
LANES = 32


@benchmark("spectral", **{f"muon, {name}": 1.0 for name in SETS})
def updates_of_matrices(rounds: int) -> Iterator[Result]:
    for label, sizes in SETS.items():
        theirs = matrix_updates(optax.contrib.muon, {"learning_rate": jnp.float32(0.02)}, sizes)
        for name in RULES:
            make, scalars = names.find("optimizer", name).split({})
            ours = matrix_updates(make, jax.tree.map(jnp.float32, scalars), sizes)
            yield weigh(f"{name}, {label}", PEER, ours, theirs, rounds)


@benchmark("products", **{f"{side}²": 1 / OF_THE_PEAK for side in (256,)})
def newton_schulz_against_products(rounds: int) -> Iterator[Result]:
    """Three products an iteration: X Xᵀ, its square, and one with X."""
    for side in (64, 256, 512):
        x = jax.random.normal(jax.random.key(0), (side, side)) / side
        factor = jax.jit(lambda x: (polar_factor(x, "newton_schulz", ITERATIONS), ()))
        products = jax.jit(partial(jax.lax.fori_loop, 0, 3 * ITERATIONS, lambda i, y, x=x: y @ x))
        peer = f"{3 * ITERATIONS} products"
        theirs = repeat(lambda y: (products(y), ()), x, UPDATES, UPDATES)  # noqa: B023 - called before the next
        yield weigh(f"{side}²", peer, repeat(factor, x, UPDATES, UPDATES), theirs, rounds, rate_of_products(side))


def rate_of_products(side: int) -> str:
    """Say at what rate a matrix of a side is multiplied by another, the best of ten."""
    x = jax.random.normal(jax.random.key(0), (side, side))
    product = jax.jit(lambda x: (x @ x, ()))
    least = min(repeat(product, x, UPDATES, UPDATES)() for _ in range(10))
    return f"one product at {2 * side**3 / least / 1e9:.0f} GFLOP/s"


@benchmark("refresh", each=1.2)
def renewed_bases(rounds: int) -> Iterator[Result]:
    for label, sizes in SETS.items():
        step = {f: soap_steps(f, sizes) for f in (1, PERIOD, NEVER)}
        note = "the renewal is what a step with one takes more than a step without"
        peer = f"a step without a renewal, and 1/{PERIOD} of one"

        def expected(step: Mapping[int, Timing] = step) -> float:
            without = step[NEVER]()
            return without + max(step[1]() - without, 0) / PERIOD

        yield weigh(label, peer, step[PERIOD], expected, rounds, note)


@on_every_core("matrix_sweep", each=1.0)
def members_with_matrices(rounds: int) -> Iterator[Result]:
    """A member-step of an MLP on digits, two layers of 32, batches of 64, no evaluations."""
    for name in SWEPT:
        rates = [1e-3 * 1.1**i for i in range(LANES)]
        shared = {"task": "digits", "model": {"name": "mlp", "widths": [32, 32]}, "batch_size": 64, "steps": 1000}
        configs = [{**shared, "optimizer": {"name": name, "learning_rate": rate}} for rate in rates]
        start = time.perf_counter()
        compiled = compile_group(group(configs))
        note = f"{compiled}; planned and compiled in {time.perf_counter() - start:.1f} s"
        yield weigh(name, f"{LANES} runs alone", in_the_sweep(compiled, 1), alone(configs, 1), rounds, note)


def soap_steps(frequency: int, sizes: tuple[int, int, int]) -> Timing:
    """Time a step of SOAP with a renewal of its bases at every so manieth."""
    make, scalars = names.find("optimizer", "soap").split({"frequency": frequency})
    return matrix_updates(make, jax.tree.map(jnp.float32, scalars), sizes)


def matrix_updates(
    make: Callable[..., optax.GradientTransformation], scalars: Mapping[str, Any], sizes: tuple[int, int, int]
) -> Timing:
    """Time an update in place of hidden matrices, the mean over `UPDATES` after a first one.

    Args:
        make: (scalars) -> an Optax transformation. scalars: its numbers, traced. sizes: how many matrices, m, n.
    """
    count, m, n = sizes
    draw = jax.jit(
        lambda key: {f"layer{i}": {"kernel": x} for i, x in enumerate(jax.random.normal(key, (count, m, n)))}
    )
    params, grads = draw(jax.random.key(0)), draw(jax.random.key(1))
    first = (params, make(**scalars).init(params))
    compiled = in_place(make).lower(first, grads, scalars).compile()
    carry, _ = compiled(first, grads, scalars)  # its first step finds bases
    return repeat(lambda c: compiled(c, grads, scalars), carry, UPDATES, UPDATES)
