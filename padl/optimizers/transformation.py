"""What an optimizer says of itself beside Optax's two functions: what it reads, and what it wants judged and logged.

Transformation: an Optax transformation with `needs`, `readout`, `measure` and `rates`; of any other these have their
usual values, which needs_of, readout_of, measures_of and rates_of give. extra, hvp: for rules that read more than the
gradient. StepSize, Calls: the learning rate, for what is around a rule.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
from optax import GradientTransformation, GradientTransformationExtraArgs, with_extra_args_support

from padl.types import PadlError, Params, PyTree

Readout = Callable[[PyTree, Params], Params]  # (state, params) -> the parameters to judge and to keep
Measure = Callable[[PyTree, PyTree, Params], dict[str, jax.Array]]  # (state, updates, params) -> {name: scalar}

CALLS = "calls"  # the extra argument by which a wrapper that lets calls pass says what a schedule goes by


class StepSize(NamedTuple):
    """The learning rate of one array.

    Attributes:
        now: of the next update, 0 where the next call makes none. peak: the largest of the training; None where the
            schedule does not say.
    """

    now: Any
    peak: Any


class Calls(NamedTuple):
    """The calls that schedules go by where not every call makes an update.

    Attributes:
        count: how many there were before this one. every: of how many one makes an update.
    """

    count: jax.Array
    every: int


Rates = Callable[[PyTree, Params, Calls | None], PyTree]  # (state, params, calls) -> a StepSize for each array

NEEDS: Mapping[str, str] = {
    "value": "the loss of the batch at the parameters",
    "value_fn": "parameters -> the loss of the batch there",
    "grad": "the gradient of the batch, not clipped",
    "grad_fn": "parameters -> the gradient of the batch there, accumulated and clipped as the one that is given",
    "key": "the random numbers of this step, other ones for every seed",
    "model_state": "what the model keeps beside its parameters, after this batch",
}


def trained(state: PyTree, params: Params) -> Params:
    """Judge and keep the parameters that are trained."""
    return params


def no_measures(state: PyTree, updates: PyTree, params: Params) -> dict[str, jax.Array]:
    """Log nothing."""
    return {}


class Transformation(GradientTransformationExtraArgs):
    """An Optax transformation that declares what else it is.

    Attributes:
        needs: the arguments beside gradients, state and parameters that its update reads, of `NEEDS`; it is given these
            and no others.
        readout: (state, params) -> the parameters to judge and to keep, of the form of the parameters.
        measure: (state, updates, params) -> {name: scalar} to be logged: the state after an update, the update, and the
            parameters before it. Called only where a run asks for one of the names.
        norm_held_by: the names of the wrappers in it that hold the norm of parameters; the registry sets it.
    """

    needs: frozenset[str] = frozenset()
    readout: Readout = staticmethod(trained)
    measure: Measure = staticmethod(no_measures)
    rates: Rates | None = None
    norm_held_by: frozenset[str] = frozenset()

    def __new__(
        cls,
        init: Callable[..., Any],
        update: Callable[..., Any],
        *,
        needs: Iterable[str] = (),
        readout: Readout = trained,
        measure: Measure = no_measures,
        rates: Rates | None = None,
        norm_held_by: frozenset[str] = frozenset(),
    ) -> "Transformation":
        """Make one; PadlError for a need that is none."""
        made = super().__new__(cls, init, update)
        unknown = [need for need in needs if need not in NEEDS]
        if unknown:
            raise PadlError(f"an optimizer needs {unknown[0]!r}, and it can be given {', '.join(NEEDS)}")
        made.needs, made.readout, made.measure, made.rates = frozenset(needs), readout, measure, rates
        made.norm_held_by = norm_held_by
        return made

    def _replace(self, **changes: Any) -> "Transformation":  # pyright: ignore[reportIncompatibleMethodOverride]
        functions = {"init": self.init, "update": self.update, **changes}
        declared = ("needs", "readout", "measure", "rates", "norm_held_by")
        return Transformation(**functions, **{name: getattr(self, name) for name in declared})


def needs_of(optimizer: GradientTransformation) -> frozenset[str]:
    """Return what an update is to be given beside gradients, state and parameters.

    Of a transformation that declares nothing that is all its signature has a place for, as Optax's rules take what
    they know of `**extra_args`.
    """
    if isinstance(optimizer, Transformation):
        return optimizer.needs
    if not isinstance(optimizer, GradientTransformationExtraArgs):
        return frozenset()
    parameters = inspect.signature(optimizer.update).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return frozenset(NEEDS)
    return frozenset(NEEDS) & frozenset(parameters)


def needed(optimizer: GradientTransformation, extras: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of `extras` an update is to be given, as `needs_of` says."""
    needs = needs_of(optimizer)
    return {need: x for need, x in extras.items() if need in needs}


def readout_of(optimizer: GradientTransformation) -> Readout:
    """Return what says which parameters are judged and kept; of a transformation without, the trained ones."""
    return getattr(optimizer, "readout", trained)


def measures_of(optimizer: GradientTransformation) -> Measure:
    """Return what measures it; of a transformation without, nothing."""
    return getattr(optimizer, "measure", no_measures)


def rates_of(optimizer: GradientTransformation, wrapper: str) -> Rates:
    """Return what says the learning rates of an optimizer.

    Args:
        wrapper: the name of what reads them.

    Raises:
        PadlError: the optimizer does not say.
    """
    rates = getattr(optimizer, "rates", None)
    if rates is None:
        raise PadlError(
            f"{wrapper} moves by the learning rate of the optimizer within it, and this one does not say its own: take"
            " one of padl.optimizers, or give its Transformation `rates`"
        )
    return rates


def extra(extras: Mapping[str, Any], need: str) -> Any:
    """Return one of the arguments that an update was given beside gradients, state and parameters.

    Raises:
        PadlError: it was not given; says how to.
    """
    if need in extras:
        return extras[need]
    raise PadlError(
        f"this optimizer reads {need} ({NEEDS[need]}) and was not given it: call update(grads, state, params,"
        f" {need}=...)"
    )


def updated(
    inner: GradientTransformation, grads: PyTree, state: PyTree, params: Params | None, extras: Mapping[str, Any]
) -> tuple[PyTree, PyTree]:
    """Call the update of an optimizer within another; one of Optax's is not told of `Calls`, which it does not know."""
    known = extras if isinstance(inner, Transformation) else {k: x for k, x in extras.items() if k != CALLS}
    return with_extra_args_support(inner).update(grads, state, params, **known)


def given_params(params: Params | None) -> Params:
    """Return the parameters; PadlError where a caller of `update` left them out."""
    if params is None:
        raise PadlError("this optimizer reads the parameters and was not given them: call update(grads, state, params)")
    return params


def hvp(grad_fn: Callable[[Params], Params], params: Params, vector: Params) -> Params:
    """Compute a Hessian-vector product: the derivative of the gradient along `vector`, at the cost of about two.

    ∇²f(θ) v = d/dε ∇f(θ + ε v) at ε = 0        (Pearlmutter 1994, Neural Comput. 6(1), eq. 3)

    Args:
        grad_fn: parameters -> gradient, of `NEEDS`. params, vector: trees of one form.
    """
    return jax.jvp(grad_fn, (params,), (vector,))[1]
