"""A checked run on its devices: data, scalars and key are placed, and the program is traced. Plan, resolve, trace."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax

from padl.app.plugin_errors import one_line_for
from padl.app.run_spec import Memo, RunSpec, check
from padl.data.source import Data
from padl.data.streamed import Streamed
from padl.engine import keys, loop, mesh
from padl.types import Device, Key, PadlError


@dataclass(frozen=True)
class Plan(RunSpec):
    """A run, ready to go.

    Attributes:
        data: on the device, or on several with its batches. key: of the run, beside it.
        stream: where batches come from that the host reads; None where the training rows are in `data`.
        device: the first. device_count: how many share a batch.
        operations: names of those of its steps. widest: elements of its largest parameter.
    """

    data: Data
    key: Key
    stream: Streamed | None
    device: Device
    device_count: int
    operations: frozenset[str] = frozenset()
    widest: int = 0


def resolve(config: Mapping[str, Any], memo: Memo | None = None) -> Plan:
    """Check a configuration whole and build what it names.

    Args:
        config, memo: as of `run_spec.check`.

    Raises:
        PadlError: for the first thing that is wrong.
    """
    spec = check(config, memo)
    settings, batch_size = spec.settings, spec.batch_size
    devices = mesh.devices(settings.device, settings.devices)
    over = mesh.for_rows(devices, batch_size and batch_size // settings.accumulate)
    count = 1 if over is None else over.size
    if settings.devices not in (None, count):
        raise PadlError(
            f"devices={settings.devices}: {count} of them can share a batch of {batch_size} evenly; give that"
        )
    put = lambda tree: mesh.put(tree, devices, over)  # noqa: E731
    key = run_key(settings.seed)
    placed = {
        "experiment": replace(spec.experiment, mesh=over),
        "hparams": put(spec.hparams),
        "data": put(spec.host_data),
        "key": put(key),
        "stream": _stream(spec, key),
    }
    plan = Plan(**vars(spec) | placed, device=devices[0], device_count=count)
    operations, widest = trace(plan)
    return replace(plan, operations=operations, widest=widest)


def run_key(seed: int) -> Key:
    """Make the key of a run with this seed, on the default device."""
    return keys.key_of(jax.device_put(keys.key_numbers(seed)))


def trace(plan: Plan) -> tuple[frozenset[str], int]:
    """Trace the program without running it, so that a rule that cannot be compiled is refused before a run begins.

    Returns:
        The names of its operations, and the elements of its largest parameter.
    """
    length = min(plan.settings.steps_per_call, plan.eval_every, plan.steps)
    batches = None if plan.stream is None else plan.stream.shapes(length)
    with one_line_for(plan.parts):
        return loop.trace(plan.experiment, plan.key, plan.hparams, plan.data, length, plan.task.criterion, batches)


def _stream(spec: RunSpec, key: Key) -> Streamed | None:
    if not spec.task.streamed:
        return None
    assert spec.batch_size is not None, "a streamed task has rows"
    return Streamed(spec.task.rows, spec.split.train, keys.of_order(key), spec.batch_size)
