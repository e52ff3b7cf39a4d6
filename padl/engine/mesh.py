"""Devices: choosing them, and spreading a batch or a sweep over them. The only file that knows about axis types.

A batch: parameters and data are on every device, each takes its share of the rows, and XLA adds the gradients up.
A sweep: the data are on every device, each trains its share of the members, and nothing passes between them.
"""

import math
import os
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from padl.types import Device, PadlError, PyTree

Platform = Literal["auto", "cpu", "gpu", "tpu"]
AXIS, MEMBERS = "rows", "members"


def devices(platform: Platform, count: int | None = None) -> list[Device]:
    """Return the devices of a platform, the first `count` of them.

    Raises:
        PadlError: the platform is not there, or has fewer devices.
    """
    try:
        available = jax.devices() if platform == "auto" else jax.devices(platform)
    except (RuntimeError, AssertionError) as error:
        if platform == "auto":
            raise PadlError(
                f"JAX finds no device ({str(error) or 'its plugin failed'}): look at JAX_PLATFORMS"
            ) from error
        here = ", ".join(sorted({d.platform for d in jax.devices()}))
        raise PadlError(
            f"device={platform}: there is none, JAX finds {here}; install its plugin or use device=auto"
        ) from error
    if count is not None and count > len(available):
        raise PadlError(f"devices={count}: there are {len(available)} on {available[0].platform}")
    return available[:count]


def for_rows(devices: list[Device], rows: int | None) -> Mesh | None:
    """Make a mesh of as many devices as divide `rows` evenly; None where that is one."""
    count = math.gcd(len(devices), rows or 1)
    if count == 1:
        return None
    return jax.make_mesh((count,), (AXIS,), axis_types=(AxisType.Auto,), devices=devices[:count])


def spread(batch: PyTree, mesh: Mesh | None) -> PyTree:
    """Give each device its share of a batch: arrays (rows, ...)."""
    return batch if mesh is None else jax.lax.with_sharding_constraint(batch, NamedSharding(mesh, PartitionSpec(AXIS)))


def put(tree: PyTree, devices: list[Device], mesh: Mesh | None) -> PyTree:
    """Copy a tree of arrays to the first device, or to every device of the mesh."""
    return jax.device_put(tree, devices[0] if mesh is None else NamedSharding(mesh, PartitionSpec()))


def a_device_for_each_core(platform: Platform, count: int | None, warn: Callable[[str], None]) -> None:
    """Let each core of a CPU be a device, so that a sweep's members share the cores out.

    JAX takes the number before its first use only: later what devices there are is used, and `warn` is told once how
    to get more. A number that was set already stays.

    Args:
        platform, count: of the devices that the sweep will run on, as in `devices`.
    """
    available = cores()
    in_time = split_cpu(available)
    if not in_time and available > 1 and count != 1 and devices(platform)[0].platform == "cpu":
        _warn_of_one_device(available, warn)


def split_cpu(count: int) -> bool:
    """Let a CPU be several devices, where no number was set already; False where JAX was used before, and is not."""
    if jax.config.jax_num_cpu_devices >= 1 or "host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):  # pyright: ignore[reportAttributeAccessIssue]
        return True
    try:
        jax.config.update("jax_num_cpu_devices", count)
    except RuntimeError:
        return False
    return True


def cores() -> int:
    """Count the cores that this process may use; where the system does not say (macOS), those of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _warn_of_one_device(cores: int, warn: Callable[[str], None]) -> None:
    warn(
        f"the sweep runs on one CPU device, for JAX was in use before it; for all {cores} cores call padl.sweep before "
        f"JAX is used, or set JAX_NUM_CPU_DEVICES={cores}"
    )


def free_memory(devices: list[Device]) -> int:
    """Return the bytes that a program may use on each of these devices.

    Half of what is free on a CPU, which they share; four fifths on an accelerator.
    """
    if devices[0].platform == "cpu":
        import psutil

        return psutil.virtual_memory().available // (2 * len(devices))
    stats = devices[0].memory_stats()
    return int(0.8 * (stats["bytes_limit"] - stats["bytes_in_use"]))


def for_members(devices: list[Device]) -> Mesh:
    return jax.make_mesh((len(devices),), (MEMBERS,), axis_types=(AxisType.Auto,), devices=devices)


def over_members(function: Callable[..., Any], mesh: Mesh, members: tuple[PyTree, ...], result: PyTree) -> Any:
    """Compile `function` to run on each device's share of the members; its first argument's memory is taken.

    Args:
        members, result: for each argument and for the result a tree of True, what has a leading axis of members, and
            False, what all devices have whole.
    """
    specs = (_specs(members), _specs(result))
    share = jax.shard_map(function, mesh=mesh, in_specs=specs[0], out_specs=specs[1], check_vma=False)
    placed = [jax.tree.map(lambda spec: NamedSharding(mesh, spec), tree) for tree in specs]
    return jax.jit(share, donate_argnums=0, in_shardings=placed[0], out_shardings=placed[1])


def share_out(tree: PyTree, mesh: Mesh, members: PyTree) -> PyTree:
    """Copy arrays to the devices: those of members in shares, the others whole; `members` as in `over_members`."""
    return jax.device_put(tree, jax.tree.map(lambda spec: NamedSharding(mesh, spec), _specs(members)))


def _specs(members: PyTree) -> PyTree:
    return jax.tree.map(lambda m: PartitionSpec(MEMBERS) if m else PartitionSpec(), members)
