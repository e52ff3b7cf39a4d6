"""Use what a run left: its trained model, callable; its evaluation, repeated; its configuration, to run again.

Nothing in a folder is believed before it was held against its manifests and against the model that the configuration
makes. load, evaluate, check_data, parameters, again, again_with, recorded.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Unpack

import jax
import jax.numpy as jnp

from padl.app.changes import changed, differences, recorded_spec, with_todays
from padl.app.keywords import EvaluatedThings, ModelThing, spelled_out
from padl.app.names import part
from padl.app.objects.stored import is_from_python
from padl.app.plan import resolve, run_key
from padl.app.run_spec import Memo, RunSpec
from padl.app.stored_config import (
    PATH,
    allowed,
    for_today,
    on_devices_here,
    refuse_paths_outside,
    say_path_unused,
    verified_for_today,
)
from padl.app.stored_data import stored_data
from padl.app.summary import of_side
from padl.app.trained_model import TrainedModel, words
from padl.engine.loop import evaluator
from padl.jax_flags import pinned
from padl.runs import checkpoint, run_files
from padl.runs.sink import warn
from padl.tasks import predictor
from padl.types import PadlError, Params, PyTree, one_line

Which = Literal["best", "final"]
Side = Literal["held_out", "test"]  # of the rows, to evaluate on
SIDES: tuple[Side, ...] = ("held_out", "test")
PROBE_ROWS = 7  # of made-up inputs, by which the saved arrays are held against the model


@pinned()
@spelled_out()
def load(folder: str | Path, which: Which = "best", **things: Unpack[ModelThing]) -> TrainedModel:
    """Load the trained model of a run folder, which needs the folder alone, not the data that it was trained on.

    Args:
        folder: of a run with run.save=true. which: the parameters with the best evaluation, or the final ones.
        things: `model`, where it came from Python: the same class, function or instance again.

    Raises:
        PadlError: no run there, nothing saved, a file that is not as it was written or does not fit the model that the
            run's configuration makes, a task without a model.
    """
    folder = Path(folder)
    config = verified_for_today(folder, allow=[PATH], things=things, needs=("model",))  # it makes no task
    about = checkpoint.load_model(folder)
    if about["input_shape"] is None or "model" not in config or "loss" not in config:
        raise PadlError(f"{folder} is a run of task '{config['task']['name']}', which has no model")
    model, shape, dtype = part("model", config["model"]), tuple(about["input_shape"]), config.get("dtype", "float32")
    said = words(None if is_from_python(config["loss"]) else part("loss", config["loss"]))
    with _one_line_for(f"{folder}: its config.yaml and model.json make no model"):
        rebuilt = predictor.rebuild(about["task"], model.choice, shape, dtype, said.predictions)
        like = jax.eval_shape(lambda: rebuilt.init(jax.random.key(0), model.scalars))
    (params, model_state), stats = _saved(folder, which, like), checkpoint.load_stats(folder)
    trained = TrainedModel(
        params=params,
        model_state=model_state,
        stats=stats,
        config=config if model.thing is None else {**config, "model": model.config},  # as it is recorded
        task=about["task"],
        data=stored_data(folder, about["task"], shape),
        words=said,
        predictor=rebuilt,
        scalars=model.scalars,
        input_shape=shape,
    )
    _check_callable(trained, folder)
    return trained


@pinned()
@spelled_out()
def evaluate(
    folder: str | Path,
    which: Which = "final",
    rows: Side = "held_out",
    *,
    allow: str | Collection[str] = (),
    **things: Unpack[EvaluatedThings],
) -> dict[str, float]:
    """Evaluate what a run saved, again, on as many devices as it had if they are here.

    Args:
        folder, which: as of `load`. rows: "held_out", which chose the best parameters, or "test", which chose nothing.
        allow: "path" to read data outside the current folder and the one that the run is in.
        things: what came from Python, given again: `task`, `model`, `loss`.

    Raises:
        PadlError: as `load`, where the data are gone or not what the task accepts, or lie elsewhere, and where there
            are no test rows.
    """
    if rows not in SIDES:
        raise PadlError(f"rows={rows!r} is none of {', '.join(SIDES)}")
    found = evaluations(Path(folder), which, (rows,), allow, things)
    if rows not in found:
        raise PadlError(f"{folder} has no test rows: train with task.test=0.1, or another share")
    return found[rows]


@pinned()
def evaluations(
    folder: Path,
    which: Which,
    sides: Sequence[Side] = SIDES,
    allow: str | Collection[str] = (),
    things: Mapping[str, Any] = MappingProxyType({}),
) -> dict[Side, dict[str, float]]:
    """Evaluate what a run saved, again, on each of these sides that it has; see `evaluate`."""
    config = verified_for_today(folder, allow=allowed(allow), things=things, needs=("task", "model", "loss"))
    unused = [kind for kind in ("optimizer", "schedule") if is_from_python(config.get(kind))]
    plan = resolve(on_devices_here({key: value for key, value in config.items() if key not in unused}, folder))
    check_data(folder, plan)
    params, model_state = jax.tree.map(jnp.asarray, parameters(folder, which, plan))
    data = {"held_out": plan.data, **({"test": plan.data.testing()} if plan.data.has_test else {})}
    evaluate = evaluator(plan.experiment)
    of_side = {side: evaluate(params, model_state, plan.hparams, data[side]) for side in sides if side in data}
    return jax.tree.map(float, of_side)


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
    return _again(folder, run_files.stored_config(folder), allowed(allow))


def again_with(
    folder: Path, changes: Mapping[str, Any], allow: str | Collection[str], memo: Memo
) -> tuple[dict[str, Any], list[str]]:
    """Read the configuration of a run with other values, as `again`, and say in lines what is otherwise than it was.

    Args:
        changes: {key: value}, the user's own, which may name files anywhere. memo: as of `run_spec.check`.

    Raises:
        PadlError: as `again`, and for a change that cannot be.
    """
    stored, allow = run_files.stored_config(folder), allowed(allow)
    recorded = recorded_spec(stored.values, folder, allow, memo)
    values = changed(stored.values, changes, recorded)
    config = with_todays(_again(folder, stored._replace(values=values), allow, own=changes), changes)
    return config, differences(stored.values, recorded, config, memo)


def _again(
    folder: Path, stored: run_files.StoredConfig, allow: Collection[str], own: Collection[str] = ()
) -> dict[str, Any]:
    given = {key.partition(".")[0] for key in own}
    reported = [key for key in ("compilation_cache", "device", "sinks", "wandb") if key not in given]
    config = for_today(stored.values, folder, reported, allow, own=own)
    refuse_paths_outside({"start": config.get("start")}, folder, allow, own)
    say_path_unused([config], folder, allow, own)
    if not stored.is_as_written:
        state = "was edited" if stored.is_as_written is False else "has no manifest that guards it"
        warn(f"{folder / 'config.yaml'} {state}: this run is what it says now")
    return on_devices_here(config, folder)


def recorded(folder: Path, which: Which, side: Side = "held_out") -> dict[str, float]:
    """Read what the run itself wrote of that evaluation: {} where it has none.

    Raises:
        PadlError: its metrics.jsonl, or its summary.json, is missing, or was edited or is damaged.
    """
    if side == "test":
        return _recorded_test(folder, which)
    rows = [row for row in run_files.verified_metrics(folder) if of_side(row, "eval")]
    if which == "best" and rows:
        summary = run_files.verified_json(folder / "summary.json")
        best = summary.get("best") if isinstance(summary, Mapping) else None
        if not isinstance(best, Mapping):
            raise PadlError(f"{folder / 'summary.json'} is damaged: it has no best evaluation")
        rows = [row for row in rows if row["step"] == best.get("step")]
    return of_side(rows[-1], "eval") if rows else {}


def _recorded_test(folder: Path, which: Which) -> dict[str, float]:
    summary = run_files.verified_json(folder / "summary.json")
    test = summary.get("test", {}) if isinstance(summary, Mapping) else None
    metrics = test.get(which, {}) if isinstance(test, Mapping) else None
    if not isinstance(metrics, Mapping):
        raise PadlError(f"{folder / 'summary.json'} is damaged: its test metrics are none")
    return dict(metrics)


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
