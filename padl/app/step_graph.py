"""The graph of a training step: of a model on that step's batch, with the parameters that training gave by then."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.app.compilation_cache import use_compilation_cache
from padl.app.plan import Plan, resolve
from padl.app.saved_runs import check_data, parameters
from padl.app.stored_config import allowed, verified_for_today
from padl.app.warm_start import WarmStarts
from padl.backprop import Graph, trace
from padl.engine import loop
from padl.engine.experiment import Pretrained, TrainState
from padl.jax_flags import pinned
from padl.types import PadlError, Params


class StepGraph(NamedTuple):
    """The gradient of a step.

    Attributes:
        graph: of the loss of a batch, differentiated by the parameters. title: of what, at which step.
        remark: what became of the training, or "".
    """

    graph: Graph
    title: str
    remark: str


@pinned()
def at_step(config: Mapping[str, Any]) -> StepGraph:
    """Train for `steps` and trace the loss of the next batch; without `steps`, that of the first.

    A training that diverges is traced at the step that did it, where the first NaN arises.

    Args:
        config: as of `padl train`.

    Raises:
        PadlError: a configuration that is wrong, or a task without a model.
    """
    if config.get("debug") is not None:
        raise PadlError(f"debug={config['debug']} is for padl train: padl backprop looks at one step as it is")
    plan = _planned(config)
    pretrained = WarmStarts().of(plan)
    trains = config.get("steps") is not None or config.get("epochs") is not None
    state, diverged = _trained(plan, pretrained, plan.steps if trains else 0)
    remark = ""
    if diverged is not None:
        state, _ = _trained(plan, pretrained, diverged - 1)
        remark = f"the training diverges at step {diverged}; this is that step"
    return _traced(plan, state, f"step {int(state.step) + 1}", remark)


@pinned()
def at_best(folder: Path, allow: Collection[str] = ()) -> StepGraph:
    """Trace the loss of a run's first batch at its best parameters.

    Args:
        allow: as of `saved_runs.evaluate`.

    Raises:
        PadlError: no run there, nothing saved or not as it was written, other data, or a task without a model.
    """
    plan = _planned(verified_for_today(folder, ("compilation_cache", "device"), allowed(allow)))
    check_data(folder, plan)
    params, model_state = jax.tree.map(jnp.asarray, parameters(folder, "best", plan))
    state = TrainState(jnp.zeros((), jnp.int32), plan.key, params, model_state, (), ())
    return _traced(plan, state, "the best parameters", "")


def _planned(config: Mapping[str, Any]) -> Plan:
    use_compilation_cache(config.get("compilation_cache", "auto"))
    plan = resolve({**config, "run": {"dir": None}, "wandb": {"mode": "disabled"}, "devices": 1})
    if not plan.task.fits:
        raise PadlError(f"task '{plan.config['task']['name']}' has no model to look into: try task=digits")
    return plan


def _traced(plan: Plan, state: TrainState, where: str, remark: str) -> StepGraph:
    rows = f"{plan.batch_size:,} rows" if plan.batch_size else "one batch"
    return StepGraph(
        trace(batch_loss(plan, state), state.params), f"{plan.title}: the gradient of {where}, {rows}", remark
    )


def _trained(plan: Plan, pretrained: Pretrained | tuple[()], steps: int) -> tuple[TrainState, int | None]:
    """The state after so many steps, and the step at which it diverged, if it did."""
    if steps == 0:
        return jax.jit(plan.experiment.init)(plan.key, plan.hparams, pretrained), None
    chunks = loop.run(
        plan.experiment, plan.key, plan.hparams, plan.data, steps=steps,
        steps_per_call=min(plan.settings.steps_per_call, steps), eval_every=steps, criterion=plan.task.criterion,
        stream=plan.stream, pretrained=pretrained,
    )  # fmt: skip
    last = loop.last(chunks)
    return last.state, last.diverged


def batch_loss(plan: Plan, state: TrainState) -> Callable[[Params], jax.Array]:
    """Make the mean loss of the step's batch a function of the parameters, in one part: parts have graphs of their
    own."""
    batch = None if plan.stream is None else plan.stream.batch(int(state.step))
    gradient = replace(plan.experiment, accumulate=1).batch_gradient(state, plan.hparams, plan.data, batch)

    def loss(params: Params) -> jax.Array:
        total, (count, _, _) = gradient.total(params, state.model_state)
        return total / count

    return loss
