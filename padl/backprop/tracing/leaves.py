"""The two ends of a traced function: names of its arguments' leaves, and the gradient it begins with."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from padl.backprop.tracing.tape import is_real
from padl.types import PadlError, PyTree


def named(f: Callable[..., Any], args: Sequence[Any]) -> list[tuple[str, Any]]:
    """[("params.head.kernel", array), ...]: the leaves of all arguments, called as the function calls them.

    Those of an only argument that is a tree go without its name: "head.kernel".
    """
    words = _parameters(f, len(args))
    if len(args) == 1 and jax.tree.structure(args[0]).num_nodes != 1:
        words = [""]
    return [
        (".".join(part for part in (word, _path(path)) if part), leaf)
        for word, arg in zip(words, args, strict=True)
        for path, leaf in jax.tree.flatten_with_path(arg)[0]
    ]


def _path(path: Any) -> str:
    """`head.kernel`; of a state of flax.nnx too, whose leaves are `head.kernel.value`."""
    return jax.tree_util.keystr(path, simple=True, separator=".").removesuffix(".value")


def _parameters(f: Callable[..., Any], count: int) -> list[str]:
    """The names of the first arguments; `x[2]` for what lands in *x, `argument 2` where the function does not tell."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return [f"argument {i}" for i in range(count)]
    words = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "argument")
    return words + [f"{rest}[{i}]" for i in range(count - len(words))]


def cotangents(shapes: PyTree, given: PyTree) -> list[Any]:
    """The gradient that each leaf of the result begins with; None for integers.

    Args:
        shapes: of the result. given: in its structure; None for a result of one number, which begins with 1.

    Raises:
        PadlError: there is none and the result is not one number, or it has another structure or shape.
    """
    wanted, tree = jax.tree.flatten(shapes)
    if given is None:
        if len(wanted) != 1 or wanted[0].shape != () or not is_real(wanted[0]):
            told = ", ".join(f"{x.dtype}{list(x.shape)}" for x in wanted) or "nothing"
            raise PadlError(f"the function returns {told}, not one number: give cotangent=, a weight for each")
        return [jnp.ones((), wanted[0].dtype)]
    found, given_tree = jax.tree.flatten(given)
    if tree != given_tree or any(jnp.shape(g) != w.shape for g, w in zip(found, wanted, strict=True)):
        shapes_of = lambda leaves: [list(jnp.shape(x)) for x in leaves]  # noqa: E731
        raise PadlError(f"cotangent has the shapes {shapes_of(found)}, the function returns {shapes_of(wanted)}")
    return [jnp.asarray(g, w.dtype) if is_real(w) else None for g, w in zip(found, wanted, strict=True)]
