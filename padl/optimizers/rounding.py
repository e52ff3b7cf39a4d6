"""Keep a rule's slots in fewer bits than it is computed in. StateDtype, first_stored, stored.

mu_dtype: StateDtype = None     leafwise(init, direction, dtypes={"mu": mu_dtype, "nu": nu_dtype})
"""

from collections.abc import Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp

from padl.types import Key

StateDtype = Literal["bfloat16", "bfloat16_stochastic"] | None  # None: as the rule is computed, at least float32
Policy = Mapping[str, StateDtype]  # {slot: what it is stored in}


def is_stochastic(policy: Policy) -> bool:
    """Tell whether any slot is rounded at random."""
    return "bfloat16_stochastic" in policy.values()


def with_key(needs: tuple[str, ...], policy: Policy) -> tuple[str, ...]:
    """Return what a rule needs, with the random numbers that its slots are rounded by."""
    return (*needs, "key") if is_stochastic(policy) and "key" not in needs else needs


def first_stored(slots: Any, policy: Policy) -> Any:
    """Store the slots of one array that a rule begins with, to the nearest."""
    low = {name: getattr(slots, name).astype(jnp.bfloat16) for name, dtype in policy.items() if dtype is not None}
    return slots._replace(**low) if low else slots


def computed(slots: Any, dtype: Any) -> Any:
    """Return what is stored in the dtype that the rule is computed in."""
    return jax.tree.map(lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, slots)


def stored(new: Any, old: Any, policy: Policy, key: Key | None) -> Any:
    """Store the slots of one array in the dtypes that they had.

    Args:
        key: of this step and array, for what is rounded at random.
    """
    slots = jax.tree.map(lambda a, b: a.astype(b.dtype), new, old)
    random = [name for name, dtype in policy.items() if dtype == "bfloat16_stochastic"]
    if not random or key is None:
        return slots
    keys = dict(zip(random, jax.random.split(key, len(random)), strict=True))
    return slots._replace(**{name: stochastically_rounded(getattr(new, name), keys[name]) for name in random})


def stochastically_rounded(x: jax.Array, key: Key) -> jax.Array:
    """Round to one of the two neighbours in bfloat16, to each with its nearness as its probability.

    The mean is x, where rounding to the nearest loses each change below 1/256 of a number. Infinity and NaN stay.

    Args:
        key: random numbers, 16 bits for each element.
    """
    noise = jax.random.bits(key, x.shape, jnp.uint16).astype(jnp.uint32)
    bits = jax.lax.bitcast_convert_type(x.astype(jnp.float32), jnp.uint32)
    cut = jax.lax.bitcast_convert_type((bits + noise) & jnp.uint32(0xFFFF0000), jnp.float32)
    return jnp.where(jnp.isfinite(x), cut, x.astype(jnp.float32)).astype(jnp.bfloat16)
