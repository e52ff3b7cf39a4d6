"""Any JAX function as a graph: its jaxpr walked forward keeping values, then backward by each primitive's transpose.

Every equation is differentiated by itself, by `jax.vjp`; the gradients that a value's consumers send back are added up
in the order in which `jax.grad` adds them. So the gradients are those of `jax.grad`, to the bit when that too runs
operation by operation (`jax.disable_jit`), and to rounding when it is compiled.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from padl.backprop.graph import Graph, Node
from padl.backprop.tracing.backward import backward
from padl.backprop.tracing.forward import walk
from padl.backprop.tracing.internals import closed_jaxpr
from padl.backprop.tracing.leaves import cotangents, named_leaves
from padl.backprop.tracing.tape import Location, Tape
from padl.backprop.tracing.vjp import is_real
from padl.types import PyTree


def trace(
    f: Callable[..., Any], *args: Any, cotangent: PyTree = None, depth: int | None = None, custom: bool = False
) -> Graph:
    """Run f(*args) forward and backward; return the graph of all values and gradients.

    Nested functions are walked into: jit, remat, the branch that a cond takes, the steps of a scan or while loop, each
    step by itself. `padl.backprop.fold` closes them again. A while loop, which `jax.grad` refuses, is differentiated
    along the steps that it took.

    Args:
        f: of arrays, or trees of them, to arrays. Integers and keys are values without a gradient.
        args: its arguments.
        cotangent: the gradient that the backward pass starts with, in the structure of the result; 1 for one number.
        depth: how many levels of nested functions are walked into; None for all. Deeper ones are one node.
        custom: also show what is inside functions with a derivative rule of their own (relu, logsumexp): values alone,
            since their gradients come from the rule.

    Raises:
        PadlError: the result is not a single number and there is no cotangent, or one of another shape; an operation
            cannot be differentiated; more than 200,000 nodes.
    """
    jaxpr, shapes = closed_jaxpr(f, *args)
    tape = Tape(depth, custom)
    inputs = [tape.add_input(jnp.asarray(leaf), label) for label, leaf in named_leaves(f, args)]
    output_cotangents = cotangents(shapes, cotangent)
    with jax.disable_jit():  # what a custom rule calls is run operation by operation too
        outputs = walk(tape, jaxpr, inputs, Location())
        adjoints, operand_gradients = backward(tape, outputs, output_cotangents)
    nodes = tuple(tape.finished(n, adjoints.get(n), operand_gradients.get(n, ())) for n in range(len(tape.nodes)))
    gradients = jax.tree.unflatten(jax.tree.structure(args), [_gradient(nodes[n]) for n in inputs])
    return Graph(nodes, tuple(inputs), tuple(outputs), tuple(output_cotangents), gradients)


def _gradient(node: Node) -> Any:
    """The gradient of an argument: zero if the result does not depend on it; None for integers."""
    if node.adjoint is not None or not is_real(node.value):
        return node.adjoint
    return jnp.zeros_like(node.value)
