"""A tree of arrays as numbered leaves, and back into a tree of the same form. form_of, check_form, leaves_of, tree_of.

A form says of every leaf its path, type and shape, so that what was saved of one program is never taken for another's.
What is bucketed is saved as the arrays that are in the bucket, under the names of the parameters.
"""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.bucketed import bucketed_as, by_name
from padl.types import PadlError, PyTree

Form = dict[str, str]  # path of a leaf -> "float32[3,4]"


def form_of(tree: PyTree) -> Form:
    """Return the form of a tree of arrays, or of their `jax.ShapeDtypeStruct`."""
    shapes = by_name(jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree))  # no array is moved for it
    return {jax.tree_util.keystr(path): _described(x) for path, x in jax.tree_util.tree_leaves_with_path(shapes)}


def leaves_of(tree: PyTree) -> dict[str, Any]:
    """Return the arrays of a tree under the numbers of their leaves; a random key as the numbers that it holds."""
    return {str(i): jax.random.key_data(x) if _is_key(x) else x for i, x in enumerate(jax.tree.leaves(by_name(tree)))}


def bytes_of(tree: PyTree) -> int:
    """Return the size of all arrays of a tree, or of their `jax.ShapeDtypeStruct`."""
    return sum(math.prod(x.shape) * (8 if _is_key(x) else x.dtype.itemsize) for x in jax.tree.leaves(tree))


def tree_of(like: PyTree, leaves: Mapping[str, Any]) -> PyTree:
    """Put saved leaves into a tree.

    Args:
        like: of the same form, as `jax.eval_shape` gives it. leaves: as `leaves_of` gave them.

    Raises:
        PadlError: a leaf is missing, or not of its shape and type.
    """
    shapes, tree = jax.tree.flatten(by_name(like))
    named = jax.tree.unflatten(tree, [_restored(leaves.get(str(i)), shape) for i, shape in enumerate(shapes)])
    return bucketed_as(named, like)


def check_form(saved: Form, wanted: Form) -> None:
    """Raise PadlError where two forms differ, with the first leaf that does."""
    for path in [*saved, *wanted]:
        if saved.get(path) != wanted.get(path):
            raise PadlError(f"it holds {path} as {saved.get(path, 'nothing')}, wanted is {wanted.get(path, 'nothing')}")


def _restored(saved: Any, like: Any) -> Any:
    array, is_key = np.asarray(saved), _is_key(like)
    shape, dtype = ((*like.shape, 2), np.dtype(np.uint32)) if is_key else (like.shape, like.dtype)
    if array.shape != shape or array.dtype != dtype:
        raise PadlError(f"a saved array is {array.dtype}{list(array.shape)}, wanted is {dtype}{list(shape)}")
    return jax.random.wrap_key_data(jnp.asarray(array), impl="threefry2x32") if is_key else array


def _described(x: Any) -> str:
    return f"{x.dtype.name if not _is_key(x) else x.dtype}[{','.join(map(str, x.shape))}]"


def _is_key(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
