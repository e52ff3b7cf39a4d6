"""Use what a run left: its trained model, callable; its evaluation, repeated; its configuration, to run again.

Nothing in a folder is believed before it was held against its manifests and against the model that the configuration
makes. load, evaluate, check_data, parameters, again, recorded.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp

from padl.app.names import part
from padl.app.plan import resolve, run_key
from padl.app.run_spec import RunSpec
from padl.app.stored_config import (
    PATH,
    allowed,
    for_today,
    on_devices_here,
    refuse_paths_outside,
    verified_for_today,
)
from padl.app.summary import of_side
from padl.engine.experiment import TrainState
from padl.engine.loop import evaluator
from padl.jax_flags import pinned
from padl.runs import checkpoint, run_files
from padl.runs.sink import warn
from padl.tasks import predictor
from padl.tasks.predictor import Predictor
from padl.types import PadlError, Params, PyTree, one_line

Which = Literal["best", "final"]
PROBE_ROWS = 7  # of made-up inputs, by which the saved arrays are held against the model


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained model: call it with inputs as the task holds them, (n, ...), not standardised.

    Attributes:
        params: {name: array}. model_state: batch-norm statistics and the like. stats: of the training inputs.
        config: of the run, without what is the user's own of today, see `stored_config`.
        task: what is known of the data (kind, names of the classes).
        predictor, scalars, input_shape: what predicts, with which hyperparameters, from inputs of what shape.
    """

    params: Params
    model_state: PyTree
    stats: PyTree
    config: dict[str, Any]
    task: dict[str, Any]
    predictor: Predictor
    scalars: dict[str, float]
    input_shape: tuple[int, ...]

    @pinned()
    def __call__(self, inputs: Any) -> jax.Array:
        """Predict: logits (n, classes), numbers (n,) in the target's unit, or what else the task is about.

        Raises:
            PadlError: the inputs have another shape than those trained on.
        """
        inputs = jnp.asarray(inputs)
        if inputs.shape[1:] != self.input_shape:
            raise PadlError(f"inputs of shape {inputs.shape} given, this model takes (n, {str(self.input_shape)[1:]}")
        return self.predictor.predict(self.params, self.model_state, self.scalars, inputs, self.stats)


@pinned()
def load(folder: str | Path, which: Which = "best") -> TrainedModel:
    """Load the trained model of a run folder, which needs the folder alone, not the data that it was trained on.

    Args:
        folder: of a run with run.save=true. which: the parameters with the best evaluation, or the final ones.

    Raises:
        PadlError: no run there, nothing saved, a file that is not as it was written or does not fit the model that the
            run's configuration makes, a task without a model.
    """
    folder = Path(folder)
    config, about = verified_for_today(folder, allow=[PATH]), checkpoint.load_model(folder)  # it makes no task
    if about["input_shape"] is None or "model" not in config or "loss" not in config:
        raise PadlError(f"{folder} is a run of task '{config['task']['name']}', which has no model to call")
    model, loss, shape = part("model", config["model"]), part("loss", config["loss"]), tuple(about["input_shape"])
    words, dtype = loss.entry.traits.get("predictions", ""), config.get("dtype", "float32")
    with _one_line_for(f"{folder}: its config.yaml and model.json make no model"):
        rebuilt = predictor.rebuild(about["task"], model.choice, shape, dtype, words)
        like = jax.eval_shape(lambda: rebuilt.init(jax.random.key(0), model.scalars))
    (params, model_state), stats = _saved(folder, which, like), checkpoint.load_stats(folder)
    trained = TrainedModel(
        params=params,
        model_state=model_state,
        stats=stats,
        config=config,
        task=about["task"],
        predictor=rebuilt,
        scalars=model.scalars,
        input_shape=shape,
    )
    _check_callable(trained, folder)
    return trained


@pinned()
def evaluate(folder: str | Path, which: Which = "final", *, allow: str | Collection[str] = ()) -> dict[str, float]:
    """Evaluate what a run saved, again, on the rows that it held out, on as many devices as it had if they are here.

    Args:
        folder, which: as of `load`. allow: "path" to read data outside the current folder and the one that the run is
            in.

    Raises:
        PadlError: as `load`, and where the data are gone or not what the task accepts, or lie elsewhere.
    """
    folder = Path(folder)
    plan = resolve(on_devices_here(verified_for_today(folder, allow=allowed(allow)), folder))
    check_data(folder, plan)
    params, model_state = jax.tree.map(jnp.asarray, parameters(folder, which, plan))
    state = TrainState(jnp.zeros((), jnp.int32), plan.key, params, model_state, (), ())
    return {k: float(v) for k, v in evaluator(plan.experiment)(state, plan.hparams, plan.data).items()}


def check_data(folder: Path, spec: RunSpec) -> None:
    """Refuse a run that was trained on other data than its task has now.

    Raises:
        PadlError: they differ.
    """
    if checkpoint.load_model(folder)["data"] != spec.task.digest:
        raise PadlError(f"the data of task '{spec.config['task']['name']}' are not those that {folder} was trained on")


def parameters(folder: Path, which: Which, spec: RunSpec) -> tuple[Params, PyTree]:
    """Read the saved parameters of a run, and the rest of its model's state.

    Args:
        spec: of its configuration, which says of what shapes they are.

    Raises:
        PadlError: nothing saved, not as it was written, or not of this model.
    """
    with _one_line_for(f"{folder}: its config.yaml and model.json make no model"):
        like = jax.eval_shape(spec.experiment.objective.init, run_key(spec.settings.seed), spec.hparams)
    return _saved(folder, which, like)


def again(folder: Path, allow: str | Collection[str] = ()) -> dict[str, Any]:
    """Read the configuration of a run, to be run again into the folder that its own or its sweep's lies in.

    One that was edited is read too, with a line.

    Args:
        allow: as of `evaluate`; of another run's parameters that it begins with too.

    Raises:
        PadlError: no run there, or a path that lies elsewhere and is not allowed.
    """
    stored, allow = run_files.stored_config(folder), allowed(allow)
    config = for_today(stored.values, folder, ("compilation_cache", "device", "wandb"), allow)
    refuse_paths_outside({"start": config.get("start")}, folder, allow)
    if not stored.is_as_written:
        state = "was edited" if stored.is_as_written is False else "has no manifest that guards it"
        warn(f"{folder / 'config.yaml'} {state}: this run is what it says now")
    return on_devices_here(config, folder)


def recorded(folder: Path, which: Which) -> dict[str, float]:
    """Read what the run itself wrote of that evaluation: {} where it has none.

    Raises:
        PadlError: its metrics.jsonl, or its summary.json, is missing, or was edited or is damaged.
    """
    rows = [row for row in run_files.verified_metrics(folder) if of_side(row, "eval")]
    if which == "best" and rows:
        summary = run_files.verified_json(folder / "summary.json")
        best = summary.get("best") if isinstance(summary, Mapping) else None
        if not isinstance(best, Mapping):
            raise PadlError(f"{folder / 'summary.json'} is damaged: it has no best evaluation")
        rows = [row for row in rows if row["step"] == best.get("step")]
    return of_side(rows[-1], "eval") if rows else {}


def _saved(folder: Path, which: str, like: tuple[Params, PyTree]) -> tuple[Params, PyTree]:
    """The saved parameters and the rest of the state, in the form of `like`."""
    if which not in ("best", "final"):
        raise PadlError(f"which={which!r} is none of best, final")
    tree = checkpoint.load(folder, which, {"params": like[0], "model_state": like[1]})
    return tree["params"], tree["model_state"]


def _check_callable(trained: TrainedModel, folder: Path) -> None:
    """Trace a call, without any arithmetic: the statistics of the inputs must be of the model's shapes."""
    file, inputs = (
        folder / "checkpoint" / "stats.msgpack",
        jax.ShapeDtypeStruct((PROBE_ROWS, *trained.input_shape), "f4"),
    )
    with suppress(jax.errors.ConcretizationTypeError), _one_line_for(f"{file} is not of this model's inputs"):
        outputs = jax.eval_shape(trained, inputs)  # a plugin's may need the numbers themselves, and is believed
        if any(x.shape[:1] != (PROBE_ROWS,) for x in jax.tree.leaves(outputs)):
            raise PadlError(f"{file} is not of this model's inputs")


@contextmanager
def _one_line_for(problem: str) -> Iterator[None]:
    """Turn what a model that cannot be made raises into a PadlError that begins with the problem."""
    try:
        yield
    except (PadlError, jax.errors.ConcretizationTypeError):
        raise
    except Exception as error:  # of Flax, of JAX, of a plugin: a stranger's configuration can be anything
        raise PadlError(f"{problem} ({one_line(error)})") from error
