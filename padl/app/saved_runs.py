"""Use what a run left: its trained model, callable; its evaluation, repeated; its configuration, to run again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp

from padl.app.names import part
from padl.app.plan import Plan, resolve
from padl.app.run_spec import RunSpec
from padl.app.summary import of_side
from padl.engine.experiment import TrainState
from padl.engine.loop import evaluator
from padl.jax_flags import pinned
from padl.runs import checkpoint, run_folder
from padl.tasks import predictor
from padl.tasks.predictor import Predictor
from padl.types import PadlError, Params, PyTree

Which = Literal["best", "final"]


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained model: call it with inputs as the task holds them, (n, ...), not standardised.

    Attributes:
        params: {name: array}. rest: batch-norm statistics and the like. stats: of the training inputs.
        config: of the run. task: what is known of the data (kind, names of the classes).
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


def load(folder: str | Path, which: Which = "best") -> TrainedModel:
    """Load the trained model of a run folder, which needs the folder alone, not the data that it was trained on.

    Args:
        folder: of a run with run.save=true. which: the parameters with the best evaluation, or the final ones.

    Raises:
        PadlError: no run there, nothing saved or not as it was written, a task without a model.
    """
    folder = Path(folder)
    config, about = run_folder.read_config(folder), checkpoint.load_model(folder)
    if about["input_shape"] is None:
        raise PadlError(f"{folder} is a run of task '{config['task']['name']}', which has no model to call")
    model, loss = part("model", config["model"]), part("loss", config["loss"])
    shape, words = tuple(about["input_shape"]), loss.entry.traits.get("predictions", "")
    (params, model_state), stats = _parameters(folder, which), checkpoint.load(folder, "stats")
    return TrainedModel(
        params=params,
        model_state=model_state,
        stats=stats,
        config=config,
        task=about["task"],
        predictor=predictor.rebuild(about["task"], model.choice, shape, config["dtype"], words),
        scalars=model.scalars,
        input_shape=shape,
    )


@pinned()
def evaluate(folder: str | Path, which: Which = "final") -> dict[str, float]:
    """Evaluate what a run saved, again, on the rows that it held out.

    Raises:
        PadlError: as `load`, and where the data are gone or not what the task accepts.
    """
    folder = Path(folder)
    plan = replan(folder)
    check_data(folder, plan)
    params, model_state = jax.tree.map(jnp.asarray, _parameters(folder, which))
    state = TrainState(jnp.zeros((), jnp.int32), plan.key, params, model_state, (), ())
    return {k: float(v) for k, v in evaluator(plan.experiment)(state, plan.hparams, plan.data).items()}


def check_data(folder: Path, spec: RunSpec) -> None:
    """Refuse a run that was trained on other data than its task has now.

    Raises:
        PadlError: they differ.
    """
    if checkpoint.load_model(folder)["data"] != spec.task.digest:
        raise PadlError(f"the data of task '{spec.config['task']['name']}' are not those that {folder} was trained on")


def again(folder: Path) -> dict[str, Any]:
    """Read the configuration of a run, to be run again into the folder that its own or its sweep's lies in.

    Raises:
        PadlError: no run there.
    """
    config = run_folder.read_config(folder)
    sweep = folder.absolute().parent / "sweep.json"
    place = sweep.parent.parent if sweep.is_file() else folder.absolute().parent
    return {**config, "run": {**config["run"], "dir": str(place)}}


def _parameters(folder: Path, which: str) -> tuple[Params, PyTree]:
    """The saved parameters and the rest of the state."""
    if which not in ("best", "final"):
        raise PadlError(f"which={which!r} is none of best, final")
    tree = checkpoint.load(folder, which)
    return tree["params"], tree["model_state"]


def recorded(folder: Path, which: Which) -> dict[str, float]:
    """Read what the run itself wrote of that evaluation: {} where it has none."""
    rows = [row for row in run_folder.read_metrics(folder) if of_side(row, "eval")]
    if which == "best" and rows:
        step = run_folder.read_json(folder / "summary.json")["best"].get("step")
        rows = [row for row in rows if row["step"] == step]
    return of_side(rows[-1], "eval") if rows else {}


def replan(folder: Path) -> Plan:
    """Plan a run from its folder, on as many devices as it had if they are here: others round otherwise."""
    config = run_folder.read_config(folder)
    count = config["devices"] if (config["devices"] or 0) <= len(jax.devices()) else None
    return resolve({**config, "device": "auto", "devices": count})
