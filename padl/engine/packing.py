"""How members are packed into lanes: how many at once, batched or one by one. outline, choose, check, arrange."""

from functools import lru_cache
from typing import Any, Literal, NamedTuple

import jax

from padl.engine import mesh
from padl.engine.experiment import Experiment
from padl.engine.keys import key_of
from padl.engine.lanes import Lanes, Members, Strategy, Structure, carry_of_one, compiled, form_of, shapes_of_one
from padl.engine.operations import SAFE_SINCE, hangs_batched, operations_of
from padl.types import Device, PadlError

WIDEST = 128 * 128  # elements of a weight from which on batched products are no faster on a CPU: scripts/lab_book.md
FIRST_GUESS = 4  # a lane's memory, in what it carries from call to call, before the program says more


class Outline(NamedTuple):
    """What tracing a run tells.

    Attributes:
        operations: names of those of the first state, a step and an evaluation. widest: elements of the largest
            parameter.
        metrics: what is measured, as "train/loss" and "eval/loss".
    """

    operations: frozenset[str]
    widest: int
    metrics: tuple[str, ...]


def outline(structure: Structure, members: Members) -> Outline:
    """Trace the first state, a step and an evaluation, once for members of one form; raises what tracing them does."""
    return _outline(structure.experiment, *form_of(members))


@lru_cache(maxsize=32)
def _outline(experiment: Experiment, tree: Any, leaves: tuple[jax.ShapeDtypeStruct, ...]) -> Outline:
    key, hparams, data, _ = shapes_of_one(jax.tree.unflatten(tree, leaves))
    begin = lambda key, hparams: experiment.init(key_of(key), hparams)  # noqa: E731
    first, state = jax.make_jaxpr(begin, return_shape=True)(key, hparams)
    step, (_, train) = jax.make_jaxpr(experiment.step, return_shape=True)(state, hparams, data)
    judged = lambda s, h, d: experiment.evaluate(experiment.readout(s, h), s.model_state, h, d)  # noqa: E731
    judge, evaluation = jax.make_jaxpr(judged, return_shape=True)(state, hparams, data)
    measured = (name for name in train if name != "learning_rate")  # which is a setting
    metrics = (*(f"train/{name}" for name in measured), *(f"eval/{name}" for name in evaluation))
    operations = frozenset().union(*(operations_of(each) for each in (first, step, judge)))
    return Outline(operations, max((p.size for p in jax.tree.leaves(state.params)), default=0), metrics)


def choose(outline: Outline, device: Device) -> Literal["vmap", "map"]:
    """Choose batched or one after the other, whichever is faster (scripts/lab_book.md has the measurements).

    On an accelerator batched, since one member leaves it idle. On a CPU convolutions one after the other, since those
    with weights of their own become a grouped convolution, several times slower; wide layers, whose products fill a
    core by themselves; and what decomposes matrices, where batched decompositions may not come back.
    """
    if device.platform != "cpu":
        return "vmap"
    one_by_one = outline.widest >= WIDEST or "conv_general_dilated" in outline.operations
    return "map" if one_by_one or hangs_batched(outline.operations, device) else "vmap"


def check(strategy: Strategy, outline: Outline, device: Device) -> None:
    """Check that a program whose members are batched comes back.

    Raises:
        PadlError: it may hang.
    """
    hanging = sorted(hangs_batched(outline.operations, device)) if strategy == "vmap" else []
    if hanging:
        raise PadlError(
            f"sweep.strategy=vmap: matrices are decomposed ({', '.join(hanging)}), and JAX {jax.__version__} may never"
            " come back from that on a CPU when members are batched: leave it out or use sweep.strategy=map, or JAX"
            f" {'.'.join(map(str, SAFE_SINCE))} or later"
        )


def arrange(
    structure: Structure,
    members: Members,
    strategy: Strategy,
    devices: list[Device],
    chunk: int | None = None,
    memory: int | None = None,
) -> Lanes:
    """Decide how many members are trained at once.

    Args:
        chunk: at most so many; None as many as memory holds, by what the compiled program says that it needs.
        memory: bytes on one device; None asks the device.
    """
    if strategy == "alone":
        return Lanes(strategy, 1, tuple(devices[:1]))
    if chunk is not None:
        return _in_rounds(strategy, chunk, members.size, devices)
    memory = memory or mesh.free_memory(devices)
    carried = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(carry_of_one(structure, members)))
    lanes = _in_rounds(strategy, memory * len(devices) // (FIRST_GUESS * max(carried, 1)), members.size, devices)
    needed, shared = compiled(structure, members, lanes).bytes, members.shared_bytes
    if needed <= memory:
        return lanes
    lane = (needed - shared) / (lanes.count / len(lanes.devices))
    return _in_rounds(strategy, int((memory - shared) / lane) * len(devices), members.size, devices)


def _in_rounds(strategy: Strategy, limit: int, members: int, devices: list[Device]) -> Lanes:
    """At most `limit` lanes, in rounds of the same size, and as many of them on each device."""
    used = devices[: max(1, min(limit, members))]
    limit = max(limit // len(used), 1) * len(used)
    rounds = -(-members // limit)
    count = -(-members // rounds)
    return Lanes(strategy, -(-count // len(used)) * len(used), tuple(used))
