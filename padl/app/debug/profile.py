"""debug=profile: a trace of a few steps after all is compiled, for Perfetto. trace_steps."""

from contextlib import ExitStack
from pathlib import Path

import jax

from padl.app.plan import Plan
from padl.engine import loop
from padl.types import PadlError

FOLDER = "profile"  # in the run's folder
LARGEST = 64 * 2**20  # bytes of a trace that a browser opens without trouble


def trace_steps(plan: Plan, end: loop.Snapshot, folder: Path) -> str:
    """Go on behind the last step for a call of steps and an evaluation, do one more of both, traced, and say where the
    trace is.

    Args:
        end: what training left, which stays as it is. folder: of the run.

    Raises:
        PadlError: JAX writes no trace here.
    """
    call = plan.settings.steps_per_call
    traced = ""
    with ExitStack() as tracing:

        def ends(step: int, value: float) -> bool:
            """Begin to trace after the first evaluation, when the device has nothing to do; end after the second."""
            nonlocal traced
            if traced:
                tracing.close()
                return True
            traced = f"steps {step + 1} to {step + call}"
            tracing.enter_context(_trace(folder / FOLDER))
            tracing.enter_context(jax.profiler.StepTraceAnnotation(f"{traced}, then evaluate", step_num=step + 1))
            return False

        loop.last(
            loop.run(
                plan.experiment, plan.key, plan.hparams, plan.data, steps=int(end.state.step) + 4 * call,
                steps_per_call=call, eval_every=call, criterion=plan.task.criterion, stream=plan.stream, start=end,
                ends=ends,
            )
        )  # fmt: skip
    files = sorted((folder / FOLDER).rglob("perfetto_trace.json.gz"))
    if not files:
        raise PadlError(f"debug=profile: JAX wrote no trace into {folder / FOLDER}: is its profiler built in?")
    size = files[-1].stat().st_size
    advice = "; a smaller steps_per_call makes it smaller" if size > LARGEST else ""
    return f"{files[-1]} ({traced}, {size / 2**20:.2g} MB{advice}): open it at https://ui.perfetto.dev"


def _trace(folder: Path):
    """Trace the block into a folder: the device's operations and what JAX does, not each call of a Python function."""
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0
    return jax.profiler.trace(folder, create_perfetto_trace=True, profiler_options=options)
