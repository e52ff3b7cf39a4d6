"""The graph of a training step: of a model on that step's batch, with the parameters that training gave by then."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.app.compilation_cache import use_compilation_cache
from padl.app.plan import Plan, resolve
from padl.app.saved_runs import check_data
from padl.backprop import Graph, trace
from padl.engine import loop
from padl.engine.experiment import TrainState
from padl.runs import checkpoint, run_folder
from padl.types import PadlError


class AtStep(NamedTuple):
    """graph: of the loss of a batch, differentiated by the parameters. remark: what became of the training, or ""."""

    graph: Graph
    title: str
    remark: str


def at_step(config: Mapping[str, Any]) -> AtStep:
    """Train for `steps` and trace the loss of the next batch; without `steps`, that of the first.

    A training that diverges is traced at the step that did it, where the first NaN arises.

    Args:
        config: as of `padl train`.

    Raises:
        PadlError: a configuration that is wrong, or a task without a model.
    """
    plan = _planned(config)
    given = config.get("steps") is not None or config.get("epochs") is not None
    state, diverged = _trained(plan, plan.steps) if given else (_begun(plan), None)
    remark = ""
    if diverged is not None:
        state, _ = _trained(plan, diverged - 1) if diverged > 1 else (_begun(plan), None)
        remark = f"the training diverges at step {diverged}; this is that step"
    return _traced(plan, state, f"step {int(state.step) + 1}", remark)


def at_best(folder: Path) -> AtStep:
    """Trace the loss of a run's first batch at its best parameters.

    Raises:
        PadlError: no run there, nothing saved or not as it was written, other data, or a task without a model.
    """
    plan = _planned({**run_folder.read_config(folder), "device": "auto"})
    check_data(folder, plan)
    saved = jax.tree.map(jnp.asarray, checkpoint.load(folder, "best"))
    state = TrainState(jnp.zeros((), jnp.int32), plan.key, saved["params"], saved["model_state"], (), ())
    return _traced(plan, state, "the best parameters", "")


def _planned(config: Mapping[str, Any]) -> Plan:
    use_compilation_cache(config.get("compilation_cache", "auto"))
    plan = resolve({**config, "run": {"dir": None}, "wandb": {"mode": "disabled"}, "devices": 1})
    if not plan.task.fits:
        raise PadlError(f"task '{plan.config['task']['name']}' has no model to look into: try task=digits")
    return plan


def _traced(plan: Plan, state: TrainState, where: str, remark: str) -> AtStep:
    rows = f"{plan.batch_size:,} rows" if plan.batch_size else "one batch"
    return AtStep(trace(_loss(plan, state), state.params), f"{plan.title}: the gradient of {where}, {rows}", remark)


def _begun(plan: Plan) -> TrainState:
    return jax.jit(plan.experiment.init)(plan.key, plan.hparams, plan.data)


def _trained(plan: Plan, steps: int) -> tuple[TrainState, int | None]:
    """The state after so many steps, and the step at which it diverged, if it did."""
    chunks = loop.run(
        plan.experiment, plan.key, plan.hparams, plan.data, steps=steps,
        steps_per_call=min(plan.settings.steps_per_call, steps), eval_every=steps, criterion=plan.task.criterion,
    )  # fmt: skip
    for chunk in chunks:
        if isinstance(chunk, loop.LastChunk):
            return chunk.state, chunk.diverged
    raise AssertionError("a loop ends with its last chunk")


def _loss(plan: Plan, state: TrainState) -> Any:
    whole = replace(plan.experiment, accumulate=1)  # parts have the same gradient, but graphs of their own
    batch = whole.batch(state, plan.hparams, plan.data)

    def loss(params: Any) -> jax.Array:
        total, (count, _, _) = batch.total(params, state.model_state)
        return total / count

    return loss
