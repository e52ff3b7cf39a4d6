"""An experiment: three pure functions whose hyperparameters, data and seed are arguments, never constants.

    hparams = {"optimizer": {...}, "schedule": {...}, "model": {...}, "loss": {...}, "task": {...}, "run": {...}}

Its leaves are scalars. Which are present chooses the program ("clip_norm" and "ema" of "run" may be absent, "steps" is
not); their values do not: another learning rate, seed or number of steps compiles nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from padl.data.resident import Resident
from padl.data.source import Batch, Data
from padl.engine import keys
from padl.engine.batch_gradient import BatchGradient
from padl.engine.dependence import depends
from padl.engine.measures import Update, measure
from padl.engine.rule_calls import check_alike, started, updated_once
from padl.optimizers.clipping import clip_by_global_norm
from padl.optimizers.leafwise import LEARNING_RATE
from padl.optimizers.transformation import readout_of, trained
from padl.optimizers.units import by_path
from padl.roles import ParameterRole
from padl.tasks.parameter_roles import parameter_roles
from padl.tasks.task import Objective
from padl.types import HParams, Key, LearningRate, Metrics, PadlError, Params, PyTree


class TrainState(NamedTuple):
    """The carry of training: argument and result in one structure, so that its buffers are reused without a copy.

    Attributes:
        step: updates done, int32. key: of the run.
        params: what is learned. model_state: of the model, what no gradient reaches. opt_state: of the optimizer.
        average: exponential moving average of the parameters, () without.
    """

    step: jax.Array
    key: Key
    params: Params
    model_state: PyTree
    opt_state: PyTree
    average: PyTree


class Pretrained(NamedTuple):
    """Arrays that a run begins with in the place of fresh ones.

    Attributes:
        params, model_state: of the form of the state's, with None for each array that is made fresh.
    """

    params: Params
    model_state: PyTree


@dataclass(frozen=True)
class Experiment:
    """What can be done with a run: three pure functions, `init`, `step` and `evaluate`, compiled where they are used.

    Equal experiments are equal keys of JAX's caches, and so share their compiled programs.

    Attributes:
        objective: what is minimised.
        optimizer: (scalars) -> an Optax transformation; called inside the program, with traced scalars.
        schedule: (fraction of the training done, scalars) -> share of the peak learning rate.
        batch_size: rows of a step, a multiple of `accumulate`; None for an objective without rows.
        accumulate: into how many parts a batch is cut to save memory; the step is that of the whole batch, but for
            what a model computes across rows (batch normalisation), which sees a part.
        mesh: devices to spread every part over.
        measure: what of every update is measured, of `measures.USUAL` and what the optimizer measures itself.
    """

    objective: Objective
    optimizer: Callable[..., optax.GradientTransformation]
    schedule: Callable[..., jax.Array]
    batch_size: int | None = None
    accumulate: int = 1
    mesh: jax.sharding.Mesh | None = None
    measure: tuple[str, ...] = ()

    def init(self, key: Key, hparams: HParams, pretrained: Pretrained | tuple[()] = ()) -> TrainState:
        """Make the state before the first step; without `pretrained` all arrays are fresh."""
        params, model_state = self.objective.init(keys.of_init(key), hparams)
        if pretrained:
            params, model_state = _in_place_of((params, model_state), tuple(pretrained))
        opt_state = started(self._transformation(hparams), params)
        average = params if "ema" in hparams["run"] else ()
        return TrainState(jnp.zeros((), jnp.int32), key, params, model_state, opt_state, average)

    def step(
        self, state: TrainState, hparams: HParams, data: Data, batch: Batch | None = None
    ) -> tuple[TrainState, Metrics]:
        """Make one update. The metrics are those of the batch before it.

        Args:
            batch: of this step, where the host read it; None draws it from the training rows of `data`.
        """
        gradients = self.batch_gradient(state, hparams, data, batch)
        value, model_state, statistics, gradient = gradients.differentiate(state.params, state.model_state)
        params, opt_state, measured = self.update(state, hparams, gradients, value, gradient, model_state)
        average = self._averaged(state, params, opt_state, hparams)
        metrics = {"loss": value, **self.objective.finish(statistics), **measured}
        if "learning_rate" in hparams["optimizer"]:
            metrics["learning_rate"] = self._rate(hparams["optimizer"]["learning_rate"], hparams)(state.step)
        return TrainState(state.step + 1, state.key, params, model_state, opt_state, average), metrics

    def update(
        self,
        state: TrainState,
        hparams: HParams,
        gradients: BatchGradient,
        value: jax.Array,
        gradient: Params,
        model_state: PyTree,
    ) -> tuple[Params, PyTree, Metrics]:
        """Move the parameters by a gradient of `gradients`, whose loss is `value`.

        Args:
            model_state: after the batch.

        Returns:
            The parameters, the optimizer's new state, and what of the update is measured.
        """
        optimizer, largest = self._transformation(hparams), hparams["run"].get("clip_norm")
        gradient_at = gradients.gradient_at(state.model_state)
        clipped = lambda g: g if largest is None else clip_by_global_norm(g, largest)  # noqa: E731
        extras = {
            "value": value,
            "value_fn": gradients.value_at(state.model_state),
            "grad": gradient,
            "grad_fn": lambda params: clipped(gradient_at(params)),
            "key": keys.of_update(state.key, state.step),
            "model_state": model_state,
        }

        def update(given: Params, extras: dict[str, Any]) -> tuple[Params, PyTree]:
            return updated_once(optimizer, given, state.opt_state, state.params, extras)

        if largest is not None:
            check_uses_gradient(lambda given: update(given, {**extras, "grad_fn": lambda _: given})[0], gradient)
        updates, opt_state = update(clipped(gradient), extras)
        moved = Update(gradient, updates, state.params)
        measured = measure(self.measure, optimizer, opt_state, moved) if self.measure else {}
        params: Any = optax.apply_updates(state.params, updates)
        return params, opt_state, measured

    def readout(self, state: TrainState, hparams: HParams) -> Params:
        """Return the parameters to judge and to keep: the moving average where there is one, else the optimizer's."""
        if jax.tree.leaves(state.average):
            return state.average
        judged = readout_of(self._transformation(hparams))(state.opt_state, state.params)
        check_alike(judged, state.params, "judges")
        return judged

    def has_readout(self, hparams: HParams) -> bool:
        """Tell whether the optimizer judges and keeps other parameters than it trains."""
        return readout_of(self._transformation(hparams)) is not trained

    def evaluate(self, params: Params, model_state: PyTree, hparams: HParams, data: Data) -> Metrics:
        """Compute loss and metrics of the parameters to keep, on the held-out rows."""
        return self.objective.evaluate(params, model_state, hparams, data)

    def batch_gradient(
        self, state: TrainState, hparams: HParams, data: Data, batch: Batch | None = None
    ) -> BatchGradient:
        """Draw this step's batch, and return its loss as a function of the parameters; arguments as of `step`."""
        batch = self._draw(state, data) if batch is None else batch
        key = keys.of_step(state.key, state.step)
        return BatchGradient(self.objective, hparams, batch, data.stats, key, self.accumulate, self.mesh)

    def _draw(self, state: TrainState, data: Data) -> Batch:
        if self.batch_size is None:
            return {}
        return Resident(data, keys.of_order(state.key), self.batch_size).batch(state.step)

    def _transformation(self, hparams: HParams) -> optax.GradientTransformationExtraArgs:
        scalars = _with_rates(hparams["optimizer"], lambda peak: self._rate(peak, hparams))
        if getattr(self.optimizer, "wants_roles", False):
            scalars["roles"] = self.roles(hparams)
        return optax.with_extra_args_support(self.optimizer(**scalars))

    def roles(self, hparams: HParams) -> dict[str, ParameterRole]:
        """Return what each parameter is, {path: role}: as the objective says, or else inferred."""
        known = parameter_roles(self.objective, hparams)
        return by_path(known)

    def _rate(self, peak: jax.Array, hparams: HParams) -> LearningRate:
        return LearningRate(peak, partial(self.schedule, **hparams["schedule"]), hparams["run"]["steps"])

    def _averaged(self, state: TrainState, params: Params, opt_state: PyTree, hparams: HParams) -> PyTree:
        """The moving average of what the optimizer would have judged, where a run wants one."""
        if "ema" not in hparams["run"]:
            return state.average
        judged = readout_of(self._transformation(hparams))(opt_state, params)
        return _moved(state.average, judged, state.step, hparams["run"]["ema"])


def averaged_or_trained(state: TrainState) -> Params:
    """Return what `Experiment.readout` does where the optimizer has no readout: no optimizer is made."""
    return state.average if jax.tree.leaves(state.average) else state.params


def _with_rates(scalars: dict[str, Any], rate: Callable[[jax.Array], LearningRate]) -> dict[str, Any]:
    """Put a learning rate over the training in the place of each, those of rules within a rule too."""
    nested = lambda name, x: _with_rates(x, rate) if isinstance(x, dict) else rate(x) if name == LEARNING_RATE else x  # noqa: E731
    return {name: nested(name, x) for name, x in scalars.items()}


def _in_place_of(fresh: PyTree, pretrained: PyTree) -> PyTree:
    """The pretrained arrays, and the fresh ones where those are None."""
    choose = lambda saved, made: made if saved is None else saved  # noqa: E731
    return jax.tree.map(choose, pretrained, fresh, is_leaf=lambda x: x is None)


def check_uses_gradient(update: Callable[[Params], Params], gradient: Params) -> None:
    """Refuse, while tracing, to clip the gradient of a rule that does not look at what it is given.

    Raises:
        PadlError: it takes another, by `value_fn` or `grad`, which would stay as it is.
    """
    if jax.tree.leaves(gradient) and not depends(update, gradient):
        raise PadlError(
            "clip_norm would do nothing: this optimizer takes its own gradient, of value_fn or grad, not the one that"
            " is clipped; leave clip_norm out"
        )


def _moved(average: PyTree, params: Params, step: jax.Array, decay: jax.Array) -> PyTree:
    """The mean of all parameters so far, those of i steps ago with weight dⁱ.

    average += (1 - d) / (1 - dᵗ) (params - average) after update t: Kingma & Ba 2015, section 3, corrects its bias so.
    """
    c = 1 - decay  # exact in float32 from d = 1/2 on
    share = c / -jnp.expm1((step + 1) * jnp.log1p(-c))
    return jax.tree.map(lambda a, p: a + share.astype(a.dtype) * (p - a), average, params)
