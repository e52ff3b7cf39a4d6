"""All of JAX that is not its public face: what an equation of a jaxpr holds, and how to run one by itself.

tests/backprop/tracing/test_internals.py states what each of these is taken to be, and what to mend when JAX changes it.
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
NAMES = {"remat2": "remat", "checkpoint": "remat"}  # of functions that have none
CUSTOM_RULE = ("custom_jvp_call", "custom_vjp_call")  # functions with a derivative rule of their own


class Equation(NamedTuple):
    """One application of a primitive.

    Attributes:
        primitive: its name.
        params: its parameters, which are no arrays.
        operands: variables or literals.
        results: variables.
        module: the path of `jax.named_scope`s around it.
        source: "file.py:12 (function)"; "" if JAX does not say.
        run: arrays for the operands -> a list of results.
    """

    primitive: str
    params: Mapping[str, Any]
    operands: Sequence[Any]
    results: Sequence[Any]
    module: str
    source: str
    run: Callable[..., list[Any]]


class ScanLoop(NamedTuple):
    """A `scan`. Its operands are constants, the carry, and arrays of rows, in this order.

    Attributes:
        body: constants, carry and a row of each array -> carry, and a row of each stacked result.
        constants: how many operands are constants.
        carry: how many operands are the carry.
        length: how many steps it takes.
        reverse: whether it goes from the last row to the first.
    """

    body: ClosedJaxpr
    constants: int
    carry: int
    length: int
    reverse: bool


class WhileLoop(NamedTuple):
    """A `while`. Its operands are constants of the condition, constants of the body, and the carry, in this order.

    Attributes:
        condition: its constants and the carry -> whether to go on.
        body: its constants and the carry -> the carry.
        condition_constants: how many operands are constants of the condition.
        body_constants: how many operands are constants of the body.
    """

    condition: ClosedJaxpr
    body: ClosedJaxpr
    condition_constants: int
    body_constants: int


def closed_jaxpr(function: Callable[..., Any], *args: Any) -> tuple[ClosedJaxpr, Any]:
    """Trace a function at these arguments; return its jaxpr, and the shapes of its result in their structure."""
    jaxpr, shapes = jax.make_jaxpr(function, return_shape=True)(*args)
    return jaxpr, shapes


def equations(jaxpr: Jaxpr) -> list[Equation]:
    """List the equations of a jaxpr, in the order of evaluation."""
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
    """Run an equation as `jax.core.eval_jaxpr` does."""
    with eqn.ctx.manager:
        results = eqn.primitive.bind(*operands, **eqn.primitive.get_bind_params(eqn.params))
    return list(results) if eqn.primitive.multiple_results else [results]


def source_of(info: Any) -> str:
    """Name the innermost frame that is not JAX's or Flax's, without its folder: "model.py:12 (forward)"."""
    frames = [(f.file_name.replace("\\", "/"), f) for f in source_info_util.user_frames(info.traceback)]
    if not frames:
        return ""
    path, frame = next(((path, f) for path, f in frames if "/flax/" not in path), frames[0])
    return f"{path.rpartition('/')[2]}:{frame.start_line} ({frame.function_name})"


def literal(atom: Any) -> Any:
    """Return the value of a literal; None for a variable."""
    return atom.val if isinstance(atom, Literal) else None


def called_jaxpr(equation: Equation) -> ClosedJaxpr:
    """Return the function that an INLINED or CUSTOM_RULE primitive calls."""
    jaxpr = equation.params[INLINED.get(equation.primitive, "call_jaxpr")]
    return jaxpr if isinstance(jaxpr, ClosedJaxpr) else ClosedJaxpr(jaxpr, [])


def name_of(equation: Equation) -> str:
    """Name a primitive, or the function that it calls: "softplus" for a jit or a custom rule of that name."""
    primitive = equation.primitive
    if primitive not in (*INLINED, *CUSTOM_RULE):
        return primitive
    name = equation.params.get("name")
    if name is None and primitive in CUSTOM_RULE:
        name = called_jaxpr(equation).jaxpr.debug_info.func_name
    return str(name) if name else NAMES.get(primitive, primitive)


def scan_loop(equation: Equation) -> ScanLoop:
    """Read the parameters of a `scan`."""
    params = equation.params
    if "ft_in" in params:  # since JAX 0.12: a tree of the operands, packed as (constants, carry, rows)
        constants, carry, _ = map(len, params["ft_in"].unpack())
    else:
        constants, carry = params["num_consts"], params["num_carry"]
    return ScanLoop(params["jaxpr"], constants, carry, params["length"], params["reverse"])


def while_loop(equation: Equation) -> WhileLoop:
    """Read the parameters of a `while`."""
    params = equation.params
    return WhileLoop(params["cond_jaxpr"], params["body_jaxpr"], params["cond_nconsts"], params["body_nconsts"])


def branches(equation: Equation) -> Sequence[ClosedJaxpr]:
    """Return the branches of a `cond`, whose first operand is the number of the one to take."""
    return equation.params["branches"]


def changes_only_weak_type(equation: Equation, operand: Any) -> bool:
    """Tell whether an equation only changes whether a type is weak, which no value and no gradient shows."""
    return equation.primitive == "convert_element_type" and equation.params["new_dtype"] == operand.dtype
