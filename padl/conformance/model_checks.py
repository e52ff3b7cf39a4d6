"""Checks of a model: outputs with a key and without, in half precision, row by row; parameters and their roles."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from padl.conformance.checked_item import apart, differ, other_numbers, refuse_constants
from padl.conformance.checked_model import OUTPUTS, CheckedModel
from padl.conformance.checks import Failure, NotForIt, check
from padl.types import PadlError

ROUNDING = 1e-5  # of float32 sums in another order
HALF = 0.1  # of bfloat16, three digits, through some layers; as a share of the largest output


@check("model", "contract")
def output_shape(model: CheckedModel) -> None:
    """It gives a row of outputs for each input, or for each frame of it; all that it keeps is made in `__init__`."""
    refused = model.refusal(frames=False)
    if refused and model.refusal(frames=True):
        raise Failure(refused, model.shown("print(model(x).shape)"))


@check("model", "contract")
def parameters_at_first(model: CheckedModel) -> None:
    """Its first parameters are finite float32 numbers, the same of one seed and others of another."""
    found = model.measured()
    code = model.shown("print(jax.tree.map(lambda p: (p.dtype, p.ravel()[:3]), nnx.state(model, nnx.Param)))")
    if not found["params"]:
        raise Failure("it has no parameters: make them nnx.Param", code)
    for name, p in found["params"].items():
        if p.dtype != np.float32 or not np.isfinite(p).all():
            what = f"is {p.dtype}" if p.dtype != np.float32 else "is not finite"
            raise Failure(f"parameter '{name}' {what}", code)
    if apart(found["params"], found["params again"]) > ROUNDING:
        raise Failure("two models of one seed have other parameters: draw them from `rngs` alone", code)
    if not differ(found["params"], model.measured(seed=1)["params"]):
        raise Failure("another seed has the same parameters: draw them from `rngs`", code)


@check("model", "contract")
def deterministic_without_key(model: CheckedModel) -> None:
    """Without a key it gives the same twice: nothing is drawn in evaluation."""
    if apart(model.measured()["outputs"], model.measured()["outputs again"]) > ROUNDING:
        raise Failure("called twice without a key it gives two results", model.shown("print(model(x) - model(x))"))


@check("model", "contract")
def same_with_same_key(model: CheckedModel) -> None:
    """With a key it gives the same twice: all that is drawn follows from it."""
    if apart(model.measured()["with a key"], model.measured()["with it again"]) > ROUNDING:
        key = "jax.random.key(0)"
        code = model.shown(f"print(model(x, {key}) - model(x, {key}))")
        raise Failure("called twice with one key it gives two results", code)


@check("model", "behaviour")
def dropout_needs_key(model: CheckedModel) -> None:
    """With `dropout` each key drops others, and without a key nothing is dropped."""
    if "dropout" not in model.scalars:
        raise NotForIt("it has no dropout")
    dropping = model.with_number("dropout", 0.5)
    found, plain = dropping.measured(dropout=0.5), dropping.measured(dropout=0.0)
    show = lambda line: model.shown(f"print({line})", dropout=0.5)  # noqa: E731
    if apart(found["outputs"], plain["outputs"]) > ROUNDING:
        raise Failure("without a key outputs depend on dropout", show("model(x)"))
    if not differ(found["outputs"], found["with a key"]):
        raise Failure("with a key nothing is dropped", show("model(x, jax.random.key(0)) - model(x)"))
    if not differ(found["with a key"], dropping.measured(key=1, dropout=0.5)["with a key"]):
        line = "model(x, jax.random.key(0)) - model(x, jax.random.key(1))"
        raise Failure("another key drops the same", show(line))


@check("model", "contract")
def batch_of_one(model: CheckedModel) -> None:
    """Of a batch of one row it gives what it gives for that row among others."""
    if apart(model.measured()["of one row"][0], model.measured()["outputs"][0]) > ROUNDING:
        raise Failure(
            "a row has other outputs alone than among others", model.shown("print(model(x[:1])[0], model(x)[0])")
        )


@check("model", "contract")
def in_bfloat16(model: CheckedModel) -> None:
    """With bfloat16 parameters and inputs it gives nearly what it gives in float32."""
    found, expected = model.measured()["in half"], model.measured()["outputs"]
    if not np.isfinite(found).all() or apart(found, expected) > HALF:
        half = "jax.tree.map(lambda p: p.astype('bfloat16'), nnx.state(model, nnx.Param))"
        code = model.shown("y = model(x)", f"nnx.update(model, {half})", "print(model(x.astype('bfloat16')) - y)")
        raise Failure(f"in bfloat16 its outputs are {apart(found, expected):.2g} off", code)


@check("model", "contract")
def compiled_model(model: CheckedModel) -> None:
    """Compiled it gives what it gives step by step."""
    arrays = model.measured()["params"], model.measured()["model_state"]
    plain = model.outputs(arrays, model.arrays, model.inputs)
    if apart(plain, model.measured()["outputs"]) > ROUNDING:
        raise Failure("compiled it gives another result", model.shown("print(model(x) - nnx.jit(model)(x))"))


@check("model", "contract")
def model_scalars_traced(model: CheckedModel) -> None:
    """Its numbers are data: it is built and called without knowing them, and each is a `Scalar`."""
    refuse_constants(model)
    if not model.scalars:
        raise NotForIt("it has no numbers")
    for name in model.scalars:
        value = model.numbers.get(name, next(iter(other_numbers(model, name)), None))
        if value is None:
            continue
        of = model.having(**{name: value})
        built = f"{model.made()[:-1]}, {name}=s)({model.shape}, {OUTPUTS}, rngs=nnx.Rngs(0))".replace("(, ", "(")
        lines = f"    print(jax.jit(lambda s: {built}(x, jax.random.key(0)))({value!r}))"
        code = model.shown("try:", lines, "except Exception as error:", "    print(error)")
        try:
            jax.eval_shape(lambda x, of=of, name=name: _outputs(of, {**of.numbers, name: x}), 0.5)
        except (jax.errors.JAXTypeError, PadlError) as error:
            raise Failure(
                f"{name} is looked at in Python, or kept as it is: {str(error).splitlines()[0]}", code
            ) from error


def _outputs(model: CheckedModel, numbers: Mapping[str, Any]) -> jax.Array:
    return model.outputs(model.init(0, numbers), numbers, model.inputs, jax.random.key(0))


@check("model", "behaviour")
def model_numbers_bite(model: CheckedModel) -> None:
    """Each of its numbers changes its outputs, or its first parameters."""
    if not model.knobs:
        raise NotForIt("it has no numbers")
    look = lambda of, **n: [of.measured(**n)[name] for name in ("outputs", "with a key", "params")]  # noqa: E731
    for name in model.knobs:
        others = other_numbers(model, name)
        having = model.with_number(name, others[0]) if others else model
        if len({*others, having.numbers.get(name)}) > 1 and _bites(look, having, name, others):
            continue
        both = ", ".join(model.made(**{name: x}) for x in (others or [0.5])[:2])
        code = model.shown(
            f"for make in ({both}, {model.made()}):",
            f"    print(make({model.shape}, {OUTPUTS}, rngs=nnx.Rngs(0))(x, jax.random.key(0)))",
        )
        raise Failure(f"{name} changes nothing", code)


def _bites(look: Any, model: CheckedModel, name: str, others: list[float]) -> bool:
    before = look(model)
    return any(differ(before, look(model, **{name: x})) for x in others)


@check("model", "behaviour")
def gradient_reaches_all(model: CheckedModel) -> None:
    """A gradient reaches every parameter, and is finite."""
    for name, g in model.measured()["gradient"].items():
        if np.isfinite(g).all() and np.any(g):
            continue
        what = "no gradient reaches" if np.isfinite(g).all() else "NaN or infinity reaches"
        code = model.shown("print(nnx.grad(lambda model: jnp.sin(model(x)).sum())(model))")
        raise Failure(f"{what} parameter '{name}'", code)


@check("model", "contract")
def roles_are_known(model: CheckedModel) -> None:
    """It is known what each parameter is: matrix, head, bias, ...; rules for matrices and decays ask for that."""
    params, roles = jax.eval_shape(lambda: model.init(0, model.arrays))[0], model.roles()
    missing = sorted({*params} - {*roles})
    unknown = [name for name, role in roles.items() if role.role == "other" and role.source == "inferred"]
    for name in (*missing, *unknown):
        code = model.shown("from padl.roles.layers import roles_of", f"print(roles_of(model, {OUTPUTS}))")
        raise Failure(f"nothing says what parameter '{name}' is: padl.roles.declare(nnx.Param(...), 'matrix')", code)
