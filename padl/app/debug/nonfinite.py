"""debug=nan: the first step at which a NaN or an infinity arises, and where. NonfiniteHunt.

The run goes as it always does, with a copy of its state kept from before the call in which it began to be ill. Behind
it, that call is done again a step at a time, and the step is taken apart: batch, loss and gradient in
`padl.backprop`, the update array by array, and operation by operation with JAX's own checks.
"""

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.app.plan import Plan
from padl.app.step_graph import batch_loss
from padl.backprop import first_nonfinite, trace
from padl.bucketed import by_name
from padl.data.source import Batch
from padl.engine import loop
from padl.engine.experiment import Pretrained, TrainState
from padl.types import PadlError, PyTree

KINDS = {"NaN": (jnp.isnan, jax.debug_nans), "infinity": (jnp.isinf, jax.debug_infs)}
LIBRARIES = ("jax", "jaxlib", "flax", "numpy")  # whose frames say nothing about where an operation was written


class NonfiniteHunt:
    """Looks for the first value of a run that is not finite.

    Args:
        plan: of the run. pretrained, start: what it begins with, as of `loop.run`.
    """

    def __init__(self, plan: Plan, pretrained: Pretrained | tuple[()], start: loop.Snapshot | None):
        self.plan, self.pretrained = plan, pretrained
        self.before = start  # the last state known to be finite; None for that before the first step
        self.ill = False
        self.done = 0

    def look(self, chunk: loop.Chunk) -> None:
        """Look at the state after some steps; the first that is ill ends the looking."""
        if self.ill:
            return
        self.done = chunk.step
        self.ill = chunk.diverged is not None or bool(_new_kinds(self._state_before(), _state_after(chunk)))
        if not self.ill and chunk.snapshot:
            self.before = chunk.snapshot

    def answer(self) -> str:
        """Say where it began, or that nothing did."""
        if not self.ill:
            return f"no NaN and no infinity in {self.done:,} steps: losses, parameters, the optimizer's state"
        step, state, evaluation = self._first_step()
        try:
            return f"step {step:,}: {evaluation or self._explained(state)}"
        except PadlError as error:
            return f"step {step:,}, which cannot be taken apart ({error})"

    def _state_before(self) -> TrainState:
        if self.before is not None:
            return self.before.state
        return jax.jit(self.plan.experiment.init)(self.plan.key, self.plan.hparams, self.pretrained)

    def _first_step(self) -> tuple[int, TrainState, str]:
        """Do the call again, a step at a time: the step, the state before it, and what an evaluation after it gave."""
        state = self._state_before()
        for chunk in self._single_steps():
            after = _state_after(chunk)
            bad_loss = not np.isfinite(chunk.train["loss"]).all()
            if bad_loss or _new_kinds(state, after):
                return chunk.step, state, ""
            if chunk.diverged is not None:
                return chunk.step, state, self._of_evaluation(after, chunk.evaluation)
            state = after
        raise AssertionError("the same steps came to the same state")

    def _single_steps(self) -> Iterator[loop.Chunk]:
        plan = self.plan
        return loop.run(
            plan.experiment, plan.key, plan.hparams, plan.data, steps=self.done, steps_per_call=1,
            eval_every=plan.eval_every, criterion=plan.task.criterion, stream=plan.stream, pretrained=self.pretrained,
            start=self.before, save_every=1,
        )  # fmt: skip

    def _of_evaluation(self, state: TrainState, evaluation: dict[str, float]) -> str:
        plan = self.plan
        kind = "NaN" if np.isnan(evaluation["loss"]) else "infinity"
        judged = plan.experiment.readout(state, plan.hparams)
        evaluate = lambda: plan.experiment.evaluate(judged, state.model_state, plan.hparams, plan.data)  # noqa: E731
        where = _operation(kind, evaluate)
        return f"the parameters after it are finite, and the loss on the held-out rows is not ({kind}){where}"

    def _explained(self, state: TrainState) -> str:
        """Take a step apart, which turns this finite state into one that is not."""
        plan = self.plan
        origin = first_nonfinite(trace(batch_loss(plan, state), state.params)) if plan.task.fits else None
        if origin:
            return str(origin)
        batch = None if plan.stream is None else plan.stream.batch(int(state.step))
        after, metrics = jax.jit(plan.experiment.step)(state, plan.hparams, plan.data, batch)
        arrays = _new_kinds(state, after)
        if not arrays:
            return f"the loss is {float(metrics['loss'])}"
        name, kind = next(iter(arrays.items()))
        more = f" (one of {len(arrays):,} arrays)" if len(arrays) > 1 else ""
        where = _operation(kind, self._update(state, batch))
        gradient = "loss and gradient are finite; " if plan.task.fits else ""
        return f"{gradient}the update makes the first {kind}, in {name}{more}{where}"

    def _update(self, state: TrainState, batch: Batch | None) -> Callable[[], Any]:
        """The update of a step, to be run by itself: its gradient is known."""
        plan = self.plan
        gradients = plan.experiment.batch_gradient(state, plan.hparams, plan.data, batch)
        value, model_state, _, gradient = gradients.differentiate(state.params, state.model_state)
        return lambda: plan.experiment.update(state, plan.hparams, gradients, value, gradient, model_state)


def _state_after(chunk: loop.Chunk) -> TrainState:
    """The state at the end of a chunk, which was asked for; of one that diverged before its end a later one."""
    if isinstance(chunk, loop.LastChunk):
        return chunk.state
    assert chunk.snapshot is not None, "each call was asked for its state"
    return chunk.snapshot.state


def _new_kinds(before: TrainState, after: TrainState) -> dict[str, str]:
    """The arrays that hold a NaN or an infinity and held none before, {name: kind}: the optimizer's first, since what
    ails the parameters comes from there."""
    named = {}
    for part in ("model_state", "opt_state", "params", "average"):
        pairs = zip(_named(getattr(before, part), part), _named(getattr(after, part), part), strict=True)
        for (name, old), (_, new) in pairs:
            kind = _kind(new)
            if kind and not _kind(old):
                named[name] = kind
    return named


def _named(tree: PyTree, part: str) -> list[tuple[str, Any]]:
    leaves = jax.tree_util.tree_flatten_with_path(by_name(tree))[0]
    return [(f"{part}.{jax.tree_util.keystr(path, simple=True, separator='.')}", leaf) for path, leaf in leaves]


def _kind(array: Any) -> str:
    if not jnp.issubdtype(array.dtype, jnp.inexact):
        return ""
    return next((kind for kind, (is_it, _) in KINDS.items() if bool(is_it(array).any())), "")


def _operation(kind: str, function: Callable[[], Any]) -> str:
    """The first operation that makes this kind, by running the function an operation at a time; "" if none is found."""
    try:
        with jax.disable_jit(), KINDS[kind][1](True):
            function()
    except FloatingPointError as error:
        what = str(error).partition("encountered in ")[2].split()
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_of_a_library(frame.filename)]
        place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        return f"; the operation is {what[0].rstrip('.,') if what else 'not known'}{place}"
    except Exception:
        return ""  # what runs only when compiled
    return ""


def _is_of_a_library(file: str) -> bool:
    return any(f"/{name}/" in file.replace("\\", "/") for name in LIBRARIES) and "site-packages" in file
