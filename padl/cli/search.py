"""A search by optuna: trials are asked for in batches, each batch is one launch, and so one program.

Hydra's sweeper `padl_optuna` calls `search`; the space is on the command line (`space.py`). A trial is a setting, run
for every seed and told their mean. With a storage file the same command goes on where the last one stopped.
"""

import importlib
import warnings
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any

from padl.cli import members, objective
from padl.cli.space import Space, bounds, read, usual
from padl.registry import near
from padl.types import PadlError, one_line

SAMPLERS = ("tpe", "random", "cmaes", "qmc")


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
    options = sweeper.options
    _check(options)
    optuna = _imported("optuna")
    space, config = _space(sweeper, arguments)
    goal = objective.objective(config)
    with _quiet(optuna):
        study = _study(optuna, options, space, goal.direction)
        left = options["trials"] - len(_complete(study))
        if left <= 0:
            print(
                f"the study '{options['study']}' has its {options['trials']} trials: hydra.sweeper.trials= asks for more"
            )
        together = getattr(sweeper.task_function, "sweep", None)
        if together is not None:
            together.expected = max(left, 0) * max(1, len(space.seeds))
            together.bounds = bounds(space.dimensions)
        _run(study, space, sweeper.launcher, left, options["batch"])
        return _best(study)


def _check(options: dict[str, Any]) -> None:
    if options["sampler"] not in SAMPLERS:
        known = ", ".join(SAMPLERS)
        raise PadlError(
            f"hydra.sweeper.sampler={options['sampler']} is none of {known}{near(str(options['sampler']), SAMPLERS)}"
        )
    for key in ("trials", "batch"):
        if not isinstance(options[key], int) or options[key] < 1:
            raise PadlError(f"hydra.sweeper.{key}={options[key]} must be a whole number from 1 on")


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise PadlError(f"hydra/sweeper=padl_optuna needs {name}: pip install 'padl[search]'") from error


def _space(sweeper: Any, arguments: Sequence[str]) -> tuple[Space, dict[str, Any]]:
    """What is searched, and the configuration of the first trial but for it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser = OverridesParser.create(config_loader=sweeper.hydra_context.config_loader)
    given = [f"{key}={value}" for key, value in (sweeper.options["params"] or {}).items()]
    space = read(parser.parse_overrides([*given, *arguments]))
    first = [f"{d.key}={d.options[0]}" for d in space.dimensions if d.options]
    (asked,) = members.compose(sweeper.launcher, [[*space.fixed, *first]], 0)
    over = (asked.config.get("sweep") or {}).get("over") or []
    dimensions = space.dimensions + usual(over, asked.config, [d.key for d in space.dimensions])
    if not dimensions:
        raise PadlError("nothing to search: give KEY=interval(LOW,HIGH), or sweep.over=[optimizer.learning_rate]")
    numbers = [d for d in dimensions if not d.options]
    if sweeper.options["sampler"] == "cmaes" and (len(numbers) < 2 or len(numbers) < len(dimensions)):
        raise PadlError("hydra.sweeper.sampler=cmaes searches two numbers or more, and nothing else: tpe takes all")
    return space._replace(dimensions=dimensions), asked.config


@contextmanager
def _quiet(optuna: Any) -> Any:
    """Without optuna's own lines."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)


def _study(optuna: Any, options: dict[str, Any], space: Space, direction: str) -> Any:
    """A new study, or the one that the storage has under this name."""
    study = optuna.create_study(
        storage=_storage(options["storage"]),
        study_name=options["study"],
        direction="maximize" if direction == "max" else "minimize",
        load_if_exists=True,
    )
    told = {"space": repr(space.dimensions), "seeds": repr(space.seeds)}
    for key, value in told.items():
        if study.user_attrs.setdefault(key, value) != value:
            raise PadlError(
                f"the study '{options['study']}' in {options['storage']} has another {key}:"
                " give hydra.sweeper.study another name, or the same ranges"
            )
        study.set_user_attr(key, value)
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):  # of a process that was killed
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    study.sampler = _sampler(optuna, options["sampler"], options["seed"], len(study.trials))
    return study


def _storage(file: str | None) -> Any:
    if file is None:
        return None
    storages = _imported("optuna.storages")
    journal = _imported("optuna.storages.journal")
    if not Path(file).absolute().parent.is_dir():
        raise PadlError(f"hydra.sweeper.storage={file}: there is no folder {Path(file).absolute().parent}")
    try:
        return storages.JournalStorage(journal.JournalFileBackend(file))
    except Exception as error:
        raise PadlError(f"hydra.sweeper.storage={file} is no journal of optuna's ({one_line(error)})") from error


def _sampler(optuna: Any, name: str, seed: int, done: int) -> Any:
    """`done`: trials so far, so that a study that goes on does not draw the same numbers again."""
    samplers: dict[str, Callable[[], Any]] = {
        "tpe": lambda: optuna.samplers.TPESampler(seed=seed + done, constant_liar=True),
        "random": lambda: optuna.samplers.RandomSampler(seed=seed + done),
        "cmaes": lambda: optuna.samplers.CmaEsSampler(seed=seed + done, warn_independent_sampling=False),
        "qmc": lambda: optuna.samplers.QMCSampler(scramble=True, seed=seed, warn_independent_sampling=False),
    }
    if name == "cmaes":
        _imported("cmaes")
    return samplers[name]()


def _complete(study: Any) -> list[Any]:
    return [trial for trial in study.trials if trial.state.name == "COMPLETE"]


def _run(study: Any, space: Space, launcher: Any, left: int, batch: int) -> None:
    """Ask, launch and tell, a batch at a time."""
    first = 0
    while left > 0:
        trials = [study.ask() for _ in range(min(batch, left))]
        settings = [[f"{d.key}={d.suggest(trial)}" for d in space.dimensions] for trial in trials]
        seeds = [[f"seed={seed}"] for seed in space.seeds] or [[]]
        jobs = [[*space.fixed, *setting, *seed] for setting in settings for seed in seeds]
        try:
            values = [float(done.return_value) for done in launcher.launch(jobs, initial_job_idx=first)]
        except BaseException:
            for trial in trials:
                study.tell(trial, state=_imported("optuna").trial.TrialState.FAIL)
            raise
        for i, trial in enumerate(trials):  # infinitely bad where one diverged: the sampler is to keep away
            study.tell(trial, fmean(values[i * len(seeds) : (i + 1) * len(seeds)]))
        first += len(jobs)
        left -= len(trials)


def _best(study: Any) -> dict[str, Any]:
    best = study.best_trial
    params = {
        key.removeprefix("1 - "): 1 - value if key.startswith("1 - ") else value for key, value in best.params.items()
    }
    words = ", ".join(
        f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={value}" for key, value in params.items()
    )
    print(
        f"{len(_complete(study))} trials, the best is number {best.number}: {best.value:.6g} with {words}", flush=True
    )
    return {"name": "padl_optuna", "best_evaluated_params": params, "best_value": best.value, "trial": best.number}
