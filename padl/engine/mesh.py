"""Devices: choosing them, and spreading a batch over them. The only file that knows about axis types.

Parameters and data are on every device, each takes its share of the rows of a batch, and XLA adds the gradients up.
"""

import math
from typing import Literal

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from padl.types import Device, PadlError, PyTree

Platform = Literal["auto", "cpu", "gpu", "tpu"]
AXIS = "rows"


def devices(platform: Platform, count: int | None = None) -> list[Device]:
    """The devices of a platform, the first `count` of them.

    Raises:
        PadlError: the platform is not there, or has fewer devices.
    """
    try:
        found = jax.devices() if platform == "auto" else jax.devices(platform)
    except (RuntimeError, AssertionError) as error:
        if platform == "auto":
            raise PadlError(
                f"JAX finds no device ({str(error) or 'its plugin failed'}): look at JAX_PLATFORMS"
            ) from error
        here = ", ".join(sorted({d.platform for d in jax.devices()}))
        raise PadlError(
            f"device={platform}: there is none, JAX finds {here}; install its plugin or use device=auto"
        ) from error
    if count is not None and count > len(found):
        raise PadlError(f"devices={count}: there are {len(found)} on {found[0].platform}")
    return found[:count]


def for_rows(devices: list[Device], rows: int | None) -> Mesh | None:
    """A mesh of as many devices as divide `rows` evenly; None where that is one."""
    count = math.gcd(len(devices), rows or 1)
    if count == 1:
        return None
    return jax.make_mesh((count,), (AXIS,), axis_types=(AxisType.Auto,), devices=devices[:count])


def spread(rows: jax.Array, mesh: Mesh | None) -> jax.Array:
    """Give each device its share of `rows` (batch,)."""
    return rows if mesh is None else jax.lax.with_sharding_constraint(rows, NamedSharding(mesh, PartitionSpec(AXIS)))


def put(tree: PyTree, devices: list[Device], mesh: Mesh | None) -> PyTree:
    """Copy a tree of arrays to the first device, or to every device of the mesh."""
    return jax.device_put(tree, devices[0] if mesh is None else NamedSharding(mesh, PartitionSpec()))
