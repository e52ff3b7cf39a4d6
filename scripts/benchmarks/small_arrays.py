"""Time one update of many small arrays, and its compilation.

leaves     1,000 arrays of 64 numbers, one update in place      : Optax's rule, its numbers traced too
           the same, to trace and compile it                    : in seconds of CPU
"""

from collections.abc import Callable, Iterator
from time import process_time
from typing import Any

import jax
import jax.numpy as jnp
import optax
from harness import Result, Timing, benchmark, repeat, weigh, weighed
from updates import OPTAX, in_place

from padl.app import names

ARRAYS, SIZE, UPDATES = 1000, 64, 20
RULES = ("momentum", "adam", "adamw")  # one slot, two, and one that reads the parameters
TIME = {"adam, update": 0.4, "adamw, update": 0.4}  # a bucket saves one array in three for momentum: no bound
COMPILE = {"adam, compilation": 0.6, "adamw, compilation": 0.6}


@benchmark("leaves", **TIME, **COMPILE)
def small_arrays(rounds: int) -> Iterator[Result]:
    for name in RULES:
        make, scalars = names.find("optimizer", name).split({})
        peer, make_peer = OPTAX[name]
        numbers = jax.tree.map(jnp.float32, scalars)
        ours, theirs = Program(make, numbers), Program(make_peer, numbers)
        yield weigh(f"{name}, update", peer, ours.timing(), theirs.timing(), rounds)
        pairs = [(ours.compile_seconds(), theirs.compile_seconds()) for _ in range(rounds)]
        yield weighed(f"{name}, compilation", peer, pairs, "CPU seconds")


class Program:
    """An update in place of many small arrays.

    Args:
        make: (scalars) -> an Optax transformation. scalars: its numbers, traced.
    """

    def __init__(self, make: Callable[..., optax.GradientTransformation], scalars: dict[str, jax.Array]):
        draw = jax.jit(lambda key: list(jax.random.normal(key, (ARRAYS, SIZE))))
        params, grads = draw(jax.random.key(0)), draw(jax.random.key(1))
        self.make, self.inputs = make, (grads, scalars)
        self.carry = (params, make(**scalars).init(params))

    def compiled(self) -> Any:
        """Trace and compile it."""
        return in_place(self.make).lower(self.carry, *self.inputs).compile()

    def timing(self) -> Timing:
        """Return what times an update."""
        compiled = self.compiled()
        return repeat(lambda carry: compiled(carry, *self.inputs), self.carry, UPDATES, UPDATES)

    def compile_seconds(self) -> float:
        """Time a compilation of which nothing is known from before."""
        jax.clear_caches()
        start = process_time()
        self.compiled()
        return process_time() - start
