"""Many small arrays as one. Bucketed, BucketLayout, layout_of; by_name, bucketed_as: out of the bucket and into it.

A program spends a kernel on every array that it writes, and a call a few microseconds on every one that it takes or
gives back. A rule that treats number by number can have its small arrays one behind the other, in one.

To put a thousand arrays together and to take them apart, by hand, is a thousand kernels of different code, which take
longer to compile than the rule. Here arrays of one shape share theirs: rows of a few are put together at a time, and
what is cut out begins at a number that the program knows only when it runs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from padl.types import PyTree

SMALL = 4096  # numbers of an array that goes into the bucket, at most: larger ones are worth a kernel of their own
MANY = 64  # small arrays, from which on there is a bucket
ROW = 8  # arrays that one kernel puts together; from 16 on XLA compiles each row for itself (JAX 0.10.2, CPU)
STRIDE = 32  # beginnings of arrays are counted in ones and in steps of so many


class SameShape(NamedTuple):
    """The arrays of one shape that are in the bucket: the places that they have among the leaves of the tree."""

    shape: tuple[int, ...]
    places: tuple[int, ...]

    @property
    def size(self) -> int:
        """Return how many numbers one of them has."""
        return math.prod(self.shape)


class BucketLayout(NamedTuple):
    """Where the arrays of a tree are.

    Attributes:
        tree: its structure. groups: what is in the bucket, in its order.
    """

    tree: Any
    groups: tuple[SameShape, ...]

    @property
    def arrays(self) -> int:
        """Return the number of arrays that there are: the bucket, and those that are not in it."""
        return 1 + self.tree.num_leaves - sum(len(group.places) for group in self.groups)

    def pack(self, leaves: Sequence[Any], zero: jax.Array | int = 0) -> list[jax.Array]:
        """Return the bucket, and the arrays that are not in it.

        Args:
            leaves: of the tree. zero: the number 0, int32; where it is known only as the program runs, rows share code.
        """
        rows = []
        for _, places in self.groups:
            flat = [leaves[i].reshape(-1) for i in places]
            rows += [jnp.concatenate(flat[k : k + ROW]) for k in range(0, len(flat), ROW)]
        computed = [row * jnp.asarray(zero + 1, row.dtype) for row in rows]  # a mere copy would not share its code
        return [jnp.concatenate(computed), *self.large(leaves)]

    def unpack(self, arrays: Sequence[jax.Array], zero: jax.Array | int = 0) -> list[jax.Array]:
        """Return the leaves of the tree; the inverse of `pack`, whose arguments it has."""
        bucket, *large = arrays
        longest = max(len(places) for _, places in self.groups)
        ones, strides = _counted(zero, STRIDE, 1), _counted(zero, -(-longest // STRIDE), STRIDE)
        small, start = {}, 0
        for group in self.groups:
            far, near = [start + group.size * x for x in strides], [group.size * x for x in ones]
            for k, place in enumerate(group.places):
                begin = far[k // STRIDE] + near[k % STRIDE]
                flat = jax.lax.dynamic_slice(bucket, (begin,), (group.size,), allow_negative_indices=False)
                small[place] = flat.reshape(group.shape)
            start += group.size * len(group.places)
        return self._in_order(small, large)

    def cut(self, bucket: Any, large: Sequence[Any]) -> list[Any]:
        """Return the leaves, of a bucket on the host or of its shape; axes before its last one are lanes."""
        lanes, small, start = bucket.shape[:-1], {}, 0
        for group in self.groups:
            for place in group.places:
                shape, end = (*lanes, *group.shape), start + group.size
                abstract = isinstance(bucket, jax.ShapeDtypeStruct)
                small[place] = (
                    jax.ShapeDtypeStruct(shape, bucket.dtype) if abstract else bucket[..., start:end].reshape(shape)
                )
                start = end
        return self._in_order(small, large)

    def join(self, leaves: Sequence[Any]) -> tuple[np.ndarray, list[Any]]:
        """Return the bucket, on the host, and the other leaves; the inverse of `cut`."""
        small = [(np.asarray(leaves[i]), len(group.shape)) for group in self.groups for i in group.places]
        flat = [x.reshape(*x.shape[: x.ndim - axes], -1) for x, axes in small]
        return np.concatenate(flat, -1), self.large(leaves)

    def large(self, leaves: Sequence[Any]) -> list[Any]:
        """Return the leaves that are not in the bucket."""
        small = {place for group in self.groups for place in group.places}
        return [x for i, x in enumerate(leaves) if i not in small]

    def _in_order(self, small: dict[int, Any], large: Sequence[Any]) -> list[Any]:
        others = iter(large)
        return [small[i] if i in small else next(others) for i in range(self.tree.num_leaves)]


@partial(jax.tree_util.register_dataclass, data_fields=["small", "large"], meta_fields=["layout"])
@dataclass(frozen=True)
class Bucketed:
    """A tree of arrays, the small ones of which are one.

    Attributes:
        small: (n,), the bucket; in a sweep (lanes, n). large: the other arrays. layout: where each array is.
    """

    small: Any
    large: tuple[Any, ...]
    layout: BucketLayout


def layout_of(leaves: Sequence[Any], tree: Any) -> BucketLayout | None:
    """Lay out the arrays of a tree; None where there are too few small ones of one dtype to be worth a bucket."""
    small = [i for i, x in enumerate(leaves) if 0 < x.size <= SMALL]
    small = [i for i in small if leaves[i].dtype == leaves[small[0]].dtype]
    if len(small) < MANY:
        return None
    shapes = dict.fromkeys(leaves[i].shape for i in small)
    return BucketLayout(
        tree, tuple(SameShape(shape, tuple(i for i in small if leaves[i].shape == shape)) for shape in shapes)
    )


def by_name(tree: PyTree) -> PyTree:
    """Return a tree in which what is bucketed is a tree of arrays again, of the form of the parameters.

    An optimizer goes on from either form of its state. For code that goes through a state by the names of the
    parameters, as `optax.tree.map_params` with trees of the parameters' form beside it.
    """
    plain = lambda x: x.layout.tree.unflatten(x.layout.cut(_on_host(x.small), x.large)) if is_bucketed(x) else x  # noqa: E731
    return jax.tree.map(plain, tree, is_leaf=is_bucketed)


def bucketed_as(tree: PyTree, like: PyTree) -> PyTree:
    """Return what `by_name` returned in the form that it had: the form of `like`."""
    nodes, outer = jax.tree.flatten(like, is_leaf=is_bucketed)
    parts = zip(nodes, outer.flatten_up_to(tree), strict=True)
    return outer.unflatten([_bucketed(part, node.layout) if is_bucketed(node) else part for node, part in parts])


def is_bucketed(x: Any) -> bool:
    """Tell whether this is a tree whose small arrays are one."""
    return isinstance(x, Bucketed)


def _bucketed(tree: PyTree, layout: BucketLayout) -> Bucketed:
    small, large = layout.join(layout.tree.flatten_up_to(tree))
    return Bucketed(small, tuple(large), layout)


def _counted(zero: jax.Array | int, count: int, step: int) -> list[Any]:
    """zero + 0, step, 2 step, ...: each made of the one before it by the same code, as division is not moved."""
    numbers = [jnp.asarray(zero, jnp.int32)]
    while len(numbers) < count:
        numbers.append(jax.lax.div(numbers[-1] + step, numbers[0] + 1))
    return numbers


def _on_host(bucket: Any) -> Any:
    """The bucket where cutting it is free; a shape, and an array of a program that is traced, as they are."""
    whole = isinstance(bucket, jax.Array) and not isinstance(bucket, Tracer)
    return np.asarray(bucket) if whole else bucket
