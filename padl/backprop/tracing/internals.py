"""All of JAX that is not its public face: what an equation of a jaxpr holds, and how to run one by itself.

tests/backprop/test_internals.py states what each of these is taken to be, and what to mend when JAX changes it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
from jax._src import source_info_util  # nothing public tells where an equation was written
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

INLINED: Mapping[str, str] = {  # {primitive: the parameter that holds its function}
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
}
NAMES = {"remat2": "remat", "checkpoint": "remat"}  # of those whose function has none
OWN_RULE = ("custom_jvp_call", "custom_vjp_call")


class Equation(NamedTuple):
    """One application of a primitive.

    Attributes:
        primitive: its name. params: what else tells it what to do. operands, results: variables, or literals among the
            operands. module: the path of `jax.named_scope`s around it. source: "file.py:12 (function)".
    """

    primitive: str
    params: Mapping[str, Any]
    operands: Sequence[Any]
    results: Sequence[Any]
    module: str
    source: str
    run: Callable[..., list[Any]]


def closed_jaxpr(function: Callable[..., Any], *args: Any) -> tuple[ClosedJaxpr, Any]:
    """The jaxpr of a function at these arguments, and the structure of its result."""
    jaxpr, shapes = jax.make_jaxpr(function, return_shape=True)(*args)
    return jaxpr, shapes


def equations(jaxpr: Jaxpr) -> list[Equation]:
    return [_equation(eqn) for eqn in jaxpr.eqns]


def _equation(eqn: Any) -> Equation:
    return Equation(
        primitive=eqn.primitive.name,
        params=eqn.params,
        operands=eqn.invars,
        results=eqn.outvars,
        module=str(eqn.source_info.name_stack),
        source=source_of(eqn.source_info),
        run=lambda *operands: _bind(eqn, operands),
    )


def _bind(eqn: Any, operands: Sequence[Any]) -> list[Any]:
    """What `jax.core.eval_jaxpr` does for each equation."""
    with eqn.ctx.manager:
        found = eqn.primitive.bind(*operands, **eqn.primitive.get_bind_params(eqn.params))
    return list(found) if eqn.primitive.multiple_results else [found]


def source_of(info: Any) -> str:
    """`model.py:12 (forward)`: the innermost frame that is not JAX's or Flax's, without its folder."""
    frames = [(f.file_name.replace("\\", "/"), f) for f in source_info_util.user_frames(info.traceback)]
    if not frames:
        return ""
    path, frame = next(((path, f) for path, f in frames if "/flax/" not in path), frames[0])
    return f"{path.rpartition('/')[2]}:{frame.start_line} ({frame.function_name})"


def literal(atom: Any) -> Any:
    """The value of a literal; None for a variable."""
    return atom.val if isinstance(atom, Literal) else None


def inner(equation: Equation) -> ClosedJaxpr:
    """The function of an INLINED primitive, or of one with a rule of its own."""
    jaxpr = equation.params[INLINED.get(equation.primitive, "call_jaxpr")]
    return jaxpr if isinstance(jaxpr, ClosedJaxpr) else ClosedJaxpr(jaxpr, [])


def name_of(equation: Equation) -> str:
    """A primitive's name, or that of the function that it calls: "softplus" for a jit or a rule of that name."""
    if equation.primitive not in (*INLINED, *OWN_RULE):
        return equation.primitive
    named = equation.params.get("name")
    if named is None and equation.primitive in OWN_RULE:
        named = inner(equation).jaxpr.debug_info.func_name
    return (
        str(named) if named else {"remat2": "remat", "checkpoint": "remat"}.get(equation.primitive, equation.primitive)
    )
