"""The two ends of a traced function: names of its arguments' leaves, cotangents of its results'."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from padl.backprop.tracing.vjp import is_real
from padl.types import PadlError, PyTree


def named_leaves(f: Callable[..., Any], args: Sequence[Any]) -> list[tuple[str, Any]]:
    """List the leaves of all arguments, called as the function calls them: [("params.head.kernel", array), ...].

    The leaves of a tree that is the only argument go without its name: "head.kernel".
    """
    names = _parameter_names(f, len(args))
    if len(args) == 1 and jax.tree.structure(args[0]).num_nodes != 1:
        names = [""]
    return [
        (".".join(part for part in (name, _path(path)) if part), leaf)
        for name, arg in zip(names, args, strict=True)
        for path, leaf in jax.tree.flatten_with_path(arg)[0]
    ]


def _path(path: Any) -> str:
    """`head.kernel`; also for a state of flax.nnx, whose leaves are `head.kernel.value`."""
    return jax.tree_util.keystr(path, simple=True, separator=".").removesuffix(".value")


def _parameter_names(f: Callable[..., Any], count: int) -> list[str]:
    """Name the first arguments; `x[2]` for what lands in *x, `argument 2` if the function has no signature."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return [f"argument {i}" for i in range(count)]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
    variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "argument")
    return names + [f"{variadic}[{i}]" for i in range(count - len(names))]


def cotangents(shapes: PyTree, cotangent: PyTree) -> list[Any]:
    """List the gradient that the backward pass starts with at each leaf of the result; None for an integer.

    Args:
        shapes: of the result, in its structure.
        cotangent: in the same structure; None for a result of one number, which starts with 1.

    Raises:
        PadlError: there is none and the result is not one number, or it has another structure or shape.
    """
    results, structure = jax.tree.flatten(shapes)
    if cotangent is None:
        if len(results) != 1 or results[0].shape != () or not is_real(results[0]):
            types = ", ".join(f"{x.dtype}{list(x.shape)}" for x in results) or "nothing"
            raise PadlError(f"the function returns {types}, not one number: give cotangent=, a weight for each")
        return [jnp.ones((), results[0].dtype)]
    leaves, leaves_structure = jax.tree.flatten(cotangent)
    if leaves_structure != structure or _shapes(leaves) != _shapes(results):
        raise PadlError(f"cotangent has the shapes {_shapes(leaves)}, the function returns {_shapes(results)}")
    return [jnp.asarray(g, x.dtype) if is_real(x) else None for g, x in zip(leaves, results, strict=True)]


def _shapes(leaves: Iterable[Any]) -> list[list[int]]:
    return [list(jnp.shape(leaf)) for leaf in leaves]
