"""Any JAX function as a graph: its jaxpr walked forward keeping values, then backward by each primitive's transpose.

Every equation is differentiated by itself, by `jax.vjp`; what the consumers of a value send back is added up in the
order in which `jax.grad` adds it. So the gradients are those of `jax.grad`, to the bit when that too runs operation by
operation (`jax.disable_jit`), and to rounding when it is compiled.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from padl.backprop.graph import Graph, Node
from padl.backprop.tracing import internals, leaves
from padl.backprop.tracing.backward import backward
from padl.backprop.tracing.forward import walk
from padl.backprop.tracing.tape import Place, Tape, is_real
from padl.types import PyTree


def trace(
    f: Callable[..., Any], *args: Any, cotangent: PyTree = None, depth: int | None = None, custom: bool = False
) -> Graph:
    """The graph of f(*args), with every value and the gradient of the result with respect to it.

    Nested functions are walked into: jit, remat, the branch that a cond takes, the steps of a scan or while loop, each
    step by itself. `Graph.closed` folds them again. A while loop, which `jax.grad` refuses, is differentiated along the
    steps that it took.

    Args:
        f: of arrays, or trees of them, to arrays. Integers and keys are values without a gradient.
        args: its arguments.
        cotangent: the gradient that the result begins with, in its structure; 1 for a single number.
        depth: how many levels of nested functions are walked into, all of them for None; deeper ones are one node.
        custom: also show what is inside functions with a derivative rule of their own (relu, logsumexp): values alone,
            since their gradients come from the rule.

    Raises:
        PadlError: the result is not a single number and there is no cotangent, or one of another shape; an operation
            cannot be differentiated; more than 200,000 nodes.
    """
    jaxpr, shapes = internals.closed_jaxpr(f, *args)
    tape = Tape(depth, custom)
    inputs = [tape.add("input", jnp.asarray(x), label=name, leaf=True) for name, x in leaves.named(f, args)]
    seeds = leaves.cotangents(shapes, cotangent)
    with jax.disable_jit():  # what a rule of its own calls is run operation by operation too
        outputs = walk(tape, jaxpr, inputs, Place())
        adjoints, sent = backward(tape, outputs, seeds)
    nodes = tuple(tape.node(n, adjoints.get(n), sent.get(n, ())) for n in range(len(tape.drafts)))
    gradients = jax.tree.unflatten(jax.tree.structure(args), [_gradient(nodes[n]) for n in inputs])
    return Graph(nodes, tuple(inputs), tuple(outputs), tuple(seeds), gradients)


def _gradient(node: Node) -> Any:
    """Zero where the result does not depend on an argument; None for integers."""
    if node.adjoint is not None or not is_real(node.value):
        return node.adjoint
    return jnp.zeros_like(node.value)
