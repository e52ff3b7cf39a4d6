"""The smallest failing case of an optimizer, as lines of Python that run. case, array_code."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from padl.conformance.checked_optimizer import MODEL_STATE, CheckedOptimizer, at_step
from padl.types import PyTree

SAID = {  # of what an update is given beside the usual, as code
    "value": "value=loss(params)",
    "value_fn": "value_fn=loss",
    "grad": "grad=grads",
    "grad_fn": "grad_fn=jax.grad(loss)",
    "key": "key=jax.random.key(0)",
    MODEL_STATE: "model_state={'largest_logits': jnp.array([200.0, 120.0, 1.0])}",
}
IMPORTS = "import jax, jax.numpy as jnp, optax"
IMPORTS_OF = ("import jax", "import optax")  # what these lines have already
PRINT = "print('updates', updates, 'state', state)"


def array_code(x: Any, dtype: str = "") -> str:
    """Write an array as code that makes it."""
    numbers = np.array2string(np.asarray(x, float), separator=", ", precision=4, max_line_width=10**6)
    numbers = numbers.replace("\n", "").replace("nan", "jnp.nan").replace("inf", "jnp.inf")
    return f"jnp.array({numbers}{f', {dtype!r}' if dtype else ''})"


def tree_code(tree: PyTree, dtype: str = "") -> str:
    """Write a tree of arrays as code."""
    if isinstance(tree, Mapping):
        return "{" + ", ".join(f"{name!r}: {tree_code(each, dtype)}" for name, each in tree.items()) + "}"
    return array_code(tree, dtype)


def import_code(rule: CheckedOptimizer) -> list[str]:
    """Write the lines that import what the others need."""
    return [IMPORTS, *(line for line in rule.code.splitlines() if line not in IMPORTS_OF)]


def made_code(rule: CheckedOptimizer, numbers: Mapping[str, Any]) -> str:
    """Write the line that makes an optimizer."""
    numbers = {**rule.stated, **numbers}
    written = [
        f"{name}={value if isinstance(value, str) else f'{float(value):.6g}'}" for name, value in numbers.items()
    ]
    return f"tx = {', '.join([rule.call, *written])})".replace("(, ", "(")


def update_code(rule: CheckedOptimizer, grads: str = "grads") -> str:
    """Write the call of an update."""
    more = "".join(f", {SAID[need]}" for need in sorted(rule.needs)).replace("grad=grads", f"grad={grads}")
    return f"updates, state = tx.update({grads}, state, params{more})"


def case(
    rule: CheckedOptimizer,
    grads: Sequence[PyTree],
    numbers: Mapping[str, Any] | None = None,
    ending: str = PRINT,
    dtype: str = "",
    grad_dtype: str = "",
) -> str:
    """Write some steps as code.

    Args:
        grads: one for each step; where they are one and the same, a loop over it. numbers: of the optimizer, where they
            are not its defaults. ending: the lines after it. dtype, grad_dtype: of parameters and gradients; float32
            where they are left out.
    """
    reads_loss = rule.needs & {"value", "value_fn", "grad_fn"}
    loss = ["loss = lambda p: sum(jnp.sum(x**2) / 2 for x in jax.tree.leaves(p))"] if reads_loss else []
    alike = all(jax.tree.all(jax.tree.map(np.array_equal, grads[0], each)) for each in grads)
    every = [tree_code(each, grad_dtype or dtype) for each in grads[: 1 if alike else None]]
    body = [update_code(rule), "params = optax.apply_updates(params, updates)"]
    if alike and len(grads) > 1:
        steps = [f"grads = {every[0]}", f"for _ in range({len(grads)}):", *(f"    {line}" for line in body)]
    elif alike:
        steps = [f"grads = {every[0]}", body[0]]
    else:
        steps = [f"for grads in [{', '.join(every)}]:", *(f"    {line}" for line in body)]
    lines = [*import_code(rule), *loss, made_code(rule, numbers or {})]
    return "\n".join([*lines, f"params = {tree_code(rule.start, dtype)}", "state = tx.init(params)", *steps, ending])


def steps_of(c: PyTree, count: int) -> list[PyTree]:
    """The first `count` of gradients with a leading axis of steps."""
    return [at_step(c, k) for k in range(count)]
