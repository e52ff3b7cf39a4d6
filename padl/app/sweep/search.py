"""A search by optuna: trials are asked for in batches, each batch is one launch, and so one program.

Hydra's sweeper `padl_optuna` calls `search`; the space is on the command line (`space.py`). A trial is a setting, run
for every seed and told their mean. With a storage file the same command goes on where the last one stopped.
"""

import importlib
import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from padl.app.run_spec import Memo, RunSpec, check
from padl.app.sweep import selection
from padl.app.sweep.search_space import Dimension, Space, bounds, read, usual
from padl.cli.hydra import jobs as members
from padl.cli.hydra.app import explain_job
from padl.registry import near
from padl.types import Criterion, PadlError, one_line

SAMPLERS = ("tpe", "random", "cmaes", "qmc")
NO_MATTER = ("run", "wandb", "device", "devices", "compilation_cache", "progress", "steps_per_call")
Options = Mapping[str, Any]


def search(sweeper: Any, arguments: Sequence[str]) -> dict[str, Any]:
    """Run a search.

    Args:
        sweeper: Hydra's, set up: its `options` (sampler, trials, batch, seed, storage, study, params), its launcher.
        arguments: overrides, some of them ranges.

    Returns:
        The best trial, under the names that Hydra's optuna sweeper uses.

    Raises:
        PadlError: for options or ranges that cannot be; what the launcher raises.
    """
    options: Options = sweeper.options
    _check(options)
    space, draft = _space(sweeper, arguments)
    goal = selection.of(draft)
    study = _study(options, space, goal.direction, _described(space, draft, goal))
    left = max(0, options["trials"] - len(_complete(study)))
    together = getattr(sweeper.task_function, "sweep", None)
    if together is not None:
        together.expected = left * max(1, len(space.seeds))
        together.bounds = bounds(space.dimensions)
    if left:
        _run(study, space, goal, sweeper.launcher, left, options["batch"])
    else:
        asked = f"the study '{options['study']}' has its {options['trials']} trials"
        print(f"padl: {asked}: hydra.sweeper.trials= asks for more", file=sys.stderr, flush=True)
    return _best(study)


def _check(options: Options) -> None:
    """Raises PadlError for an option that cannot be, or a library that is missing."""
    sampler = options["sampler"]
    if sampler not in SAMPLERS:
        known = ", ".join(SAMPLERS)
        raise PadlError(f"hydra.sweeper.sampler={sampler} is none of {known}{near(str(sampler), SAMPLERS)}")
    for key, lowest in (("trials", 1), ("batch", 1), ("seed", 0)):
        if not isinstance(options[key], int) or options[key] < lowest:
            raise PadlError(f"hydra.sweeper.{key}={options[key]} must be a whole number from {lowest} on")
    for library in ("optuna", *(["cmaes"] if sampler == "cmaes" else [])):
        _imported(library)


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise PadlError(f"hydra/sweeper=padl_optuna needs {name}: pip install 'padl[search]'") from error


def _space(sweeper: Any, arguments: Sequence[str]) -> tuple[Space, RunSpec]:
    """What is searched, and a run with values from inside the ranges; the ends of the ranges are checked too."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser = OverridesParser.create(config_loader=sweeper.hydra_context.config_loader)
    given = [f"{key}={value}" for key, value in (sweeper.options["params"] or {}).items()]
    space = read(parser.parse_overrides([*given, *arguments]))
    known: Memo = {}
    asked = members.compose(sweeper.launcher, _probes(space), 0, explain_job)
    draft, *_ = [check(member.config, known) for member in asked]
    dimensions = space.dimensions + usual(draft.sweep.over, draft, [d.key for d in space.dimensions] + [*space.fixed])
    if not dimensions:
        raise PadlError("nothing to search: give KEY=interval(LOW,HIGH), or sweep.over=[optimizer.learning_rate]")
    numbers = [d for d in dimensions if d.low < d.high]
    if sweeper.options["sampler"] == "cmaes" and (len(numbers) < 2 or len(numbers) < len(dimensions)):
        raise PadlError("hydra.sweeper.sampler=cmaes needs at least two numeric keys, and no others: tpe takes all")
    return space._replace(dimensions=dimensions), draft


def _probes(space: Space) -> list[list[str]]:
    """Overrides of a run inside the ranges, and of one at each end or option of each."""
    inside = {d.key: d.inside for d in space.dimensions}
    settings = [inside, *({**inside, d.key: end} for d in space.dimensions for end in d.ends)]
    return [[*space.fixed.values(), *_overrides(setting)] for setting in settings]


def _overrides(setting: Mapping[str, Any]) -> list[str]:
    return [f"{key}={value}" for key, value in setting.items()]


def _described(space: Space, draft: RunSpec, goal: Criterion) -> dict[str, Any]:
    """What a study is of: all that may not change where it is continued."""
    settings = {key: value for key, value in draft.config.items() if key not in NO_MATTER}
    whole = {"ranges": space.dimensions, "seeds": space.seeds, "objective": goal, **settings}
    return json.loads(json.dumps(whole, default=str))


@contextmanager
def _quiet() -> Iterator[Any]:
    """optuna, without its lines and warnings."""
    optuna = _imported("optuna")
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield optuna
    finally:
        optuna.logging.set_verbosity(before)


def _study(options: Options, space: Space, direction: Literal["max", "min"], described: dict[str, Any]) -> Any:
    """A new study, or the one that the storage has under this name."""
    name, file = options["study"], options["storage"]
    with _quiet() as optuna:
        try:
            study = optuna.create_study(
                storage=_storage(file), study_name=name, direction=f"{direction}imize", load_if_exists=True
            )
        except PadlError:
            raise
        except Exception as error:
            raise PadlError(f"hydra.sweeper.storage={file} cannot be used ({one_line(error)})") from error
        if study.trials:
            _same(study, described, f"the study '{name}' in {file}")
        else:
            study.set_user_attr("padl", described)
        _abandon(study)  # what a killed process was at
        study.sampler = _sampler(options, len(space.dimensions), done=len(study.trials))
    return study


def _same(study: Any, described: dict[str, Any], which: str) -> None:
    """Raises PadlError where the trials of a study are of something else than this command's."""
    begun = study.user_attrs.get("padl", {"ranges": None})
    for key, value in begun.items():
        if described.get(key) != value:
            raise PadlError(f"{which} was begun with different {key}: give hydra.sweeper.study another name")


def _storage(file: str | None) -> Any:
    """Raises PadlError for a file that is no journal; optuna would append to it."""
    if file is None:
        return None
    path = Path(file).expanduser().absolute()
    if not path.parent.is_dir():
        raise PadlError(f"hydra.sweeper.storage={file}: there is no folder {path.parent}")
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    if lines and not lines[0].startswith(b'{"op_code"'):
        raise PadlError(f"hydra.sweeper.storage={file} is no journal of optuna's: name a new file")
    if lines and not lines[-1].endswith(b"\n"):
        raise PadlError(f"hydra.sweeper.storage={file}: its last line, {len(lines)}, was cut short: delete that line")
    backend = _imported("optuna.storages.journal").JournalFileBackend(str(path))
    return _imported("optuna.storages").JournalStorage(backend)


def _sampler(options: Options, dimensions: int, done: int) -> Any:
    """`done`: trials so far, so that a study that goes on does not draw the same numbers again."""
    samplers, seed = _imported("optuna.samplers"), options["seed"]
    usual_population = 4 + int(3 * math.log(dimensions))  # as in cmaes; what a batch has beyond it would be for nothing
    population = max(usual_population, options["batch"])
    made: dict[str, Callable[[], Any]] = {
        "tpe": lambda: samplers.TPESampler(seed=seed + done, multivariate=True, constant_liar=True),
        "random": lambda: samplers.RandomSampler(seed=seed + done),
        "cmaes": lambda: samplers.CmaEsSampler(seed=seed + done, popsize=population),
        "qmc": lambda: samplers.QMCSampler(
            scramble=True, seed=seed, independent_sampler=samplers.RandomSampler(seed=seed + done)
        ),  # its place in the sequence is in the study
    }
    return made[options["sampler"]]()


def _complete(study: Any) -> list[Any]:
    return [trial for trial in study.trials if trial.state.name == "COMPLETE"]


def _abandon(study: Any) -> None:
    """Count the trials that have no value yet as failed."""
    with _quiet() as optuna:
        for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)


def _run(study: Any, space: Space, goal: Criterion, launcher: Any, left: int, batch: int) -> None:
    """Ask, launch and tell, a batch at a time."""
    seeds, launched = [_overrides({"seed": seed}) for seed in space.seeds] or [[]], 0
    try:
        while left > 0:
            with _quiet():
                trials = [study.ask() for _ in range(min(batch, left))]
                settings = [_suggested(trial, space.dimensions) for trial in trials]
            jobs = [[*space.fixed.values(), *setting, *seed] for setting in settings for seed in seeds]
            done = launcher.launch(jobs, initial_job_idx=launched)
            values = [
                selection.or_worst(job.return_value, goal.direction) for job in done
            ]  # where one diverged: keep away
            with _quiet():
                for i, trial in enumerate(trials):
                    study.tell(trial, fmean(values[i * len(seeds) : (i + 1) * len(seeds)]))
            launched += len(jobs)
            left -= len(trials)
    except BaseException:
        _abandon(study)
        raise


def _suggested(trial: Any, dimensions: Sequence[Dimension]) -> list[str]:
    setting = {d.key: d.suggest(trial) for d in dimensions}
    trial.set_user_attr("values", setting)
    return _overrides(setting)


def _best(study: Any) -> dict[str, Any]:
    best = study.best_trial
    values = best.user_attrs["values"]
    words = [f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={value}" for key, value in values.items()]
    found = f"{len(_complete(study))} trials, the best is number {best.number}: {best.value:.6g}"
    print(f"{found} with {', '.join(words)}", flush=True)
    return {"name": "padl_optuna", "best_evaluated_params": values, "best_value": best.value, "trial": best.number}
