"""Open a study of optuna's: its options checked, its storage read, its sampler set. SearchOptions, open_study."""

import importlib
import json
import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from padl import files
from padl.registry import near
from padl.runs.owner import is_dead, this_process
from padl.runs.redaction import refuse_secret
from padl.runs.sink import warn
from padl.types import Direction, PadlError, one_line
from padl.version import install_extra

LARGEST_JOURNAL = 2**31  # bytes
SAMPLERS = ("tpe", "random", "cmaes", "qmc")
ABOUT = "padl"  # the attribute of a study that says what it is of
OWNER = "process"  # the attribute of a trial that says who runs it
ANONYMOUS, BELIEVED = timedelta(minutes=1), timedelta(days=1)  # how long a trial counts as running: see `_is_abandoned`
NEW_TRIAL, OF_A_TRIAL = 4, range(5, 10)  # in a journal: the numbers of optuna's operations


class SearchOptions(NamedTuple):
    """How to search: the keys of hydra.sweeper.

    Attributes:
        sampler: tpe, random, cmaes or qmc. trials: to reach in all, from 1 on. batch: trials of a launch, from 1 on.
        seed: of the sampler, from 0 on.
        storage: a journal file, with which the same search goes on where it stopped; None keeps nothing.
        study: its name in there.
    """

    sampler: str
    trials: int
    batch: int
    seed: int
    storage: str | None
    study: str


def check_options(options: SearchOptions) -> None:
    """Raise PadlError for an option that cannot be, or a library that is missing."""
    if options.sampler not in SAMPLERS:
        advice = near(str(options.sampler), SAMPLERS)
        raise PadlError(f"hydra.sweeper.sampler={options.sampler} is none of {', '.join(SAMPLERS)}{advice}")
    for key, lowest in (("trials", 1), ("batch", 1), ("seed", 0)):
        value = getattr(options, key)
        if not isinstance(value, int) or value < lowest:
            raise PadlError(f"hydra.sweeper.{key}={value} must be a whole number from {lowest} on")
    for key in ("study", "storage"):
        refuse_secret(f"hydra.sweeper.{key}", str(getattr(options, key)))
    for library in ("optuna", *(["cmaes"] if options.sampler == "cmaes" else [])):
        _imported(library)


@contextmanager
def quiet() -> Iterator[Any]:
    """Silence optuna's lines and warnings, and yield it."""
    optuna = _imported("optuna")
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield optuna
    finally:
        optuna.logging.set_verbosity(before)


def open_study(options: SearchOptions, direction: Direction, dimensions: int, about: Mapping[str, Any]) -> Any:
    """Make a study, or open the one that the storage has under this name.

    Args:
        dimensions: how many keys are searched. about: what the study is of, as JSON: what may not change where it is
            continued.

    Raises:
        PadlError: the storage cannot be used, or its study is of something else.
    """
    with quiet() as optuna:
        try:
            study = optuna.create_study(
                storage=_storage(options.storage),
                study_name=options.study,
                direction=f"{direction}imize",
                load_if_exists=True,
            )
        except PadlError:
            raise
        except Exception as error:
            raise PadlError(f"hydra.sweeper.storage={options.storage} cannot be used ({one_line(error)})") from error
        if study.trials:
            _check_same(study, about, f"the study '{options.study}' in {options.storage}")
        else:
            study.set_user_attr(ABOUT, dict(about))
        abandon(running(study, dead=True), study, again=True)  # what a killed process was at
        _say_shared(study, options.study)
        study.sampler = _sampler(options, dimensions, done=len(study.trials))
    return study


def complete(study: Any) -> list[Any]:
    """List the trials that have a value."""
    return [trial for trial in study.trials if trial.state.name == "COMPLETE"]


def claim(trial: Any) -> None:
    """Write into a trial that this process runs it."""
    trial.set_user_attr(OWNER, this_process())


def running(study: Any, dead: bool) -> list[Any]:
    """List the trials without a value of processes that have ended, or of those that may still live."""
    trials = [trial for trial in study.trials if trial.state.name == "RUNNING"]
    return [trial for trial in trials if _is_abandoned(trial) == dead]


def _is_abandoned(trial: Any) -> bool:
    """Whether nobody will tell its value. What a process on another host is at, or may be, is believed for a day."""
    owner, age = trial.user_attrs.get(OWNER), datetime.now() - trial.datetime_start
    if owner is None:
        return age > ANONYMOUS  # of an older version, or made a moment ago
    return is_dead(owner) or (owner["host"] != this_process()["host"] and age > BELIEVED)


def abandon(trials: Iterable[Any], study: Any, again: bool) -> None:
    """Count trials that have no value, and get none, as failed; `again`: the next ones draw what they had drawn."""
    with quiet() as optuna:
        for trial in trials:
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            if again and trial.params:
                study.enqueue_trial(trial.params)


def _say_shared(study: Any, name: str) -> None:
    """Say which other processes search the same study."""
    owners = [trial.user_attrs.get(OWNER) for trial in running(study, dead=False)]
    others = dict.fromkeys(f"process {owner['pid']} on {owner['host']}" for owner in owners if owner)
    if others:
        warn(f"the study '{name}' is searched by {' and '.join(others)} too: its trials are shared")


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise PadlError(f"hydra/sweeper=padl_optuna needs {name}: {install_extra('search')}") from error


def _check_same(study: Any, about: Mapping[str, Any], where: str) -> None:
    """Raise PadlError where the trials of a study are of something else than this search's."""
    begun = study.user_attrs.get(ABOUT, {"ranges": None})
    for key, value in begun.items():
        if about.get(key) != value:
            raise PadlError(f"{where} was begun with different {key}: give hydra.sweeper.study another name")


def _storage(file: str | None) -> Any:
    """Raises PadlError for a file that is no journal; optuna would append to it."""
    if file is None:
        return None
    path = Path(os.path.expanduser(file)).absolute()
    if not os.path.isdir(path.parent):
        raise PadlError(f"hydra.sweeper.storage={file}: there is no folder {path.parent}")
    if os.path.exists(path) and not os.path.isfile(path):
        raise PadlError(f"hydra.sweeper.storage={file} is no file that can be read again: name a new one")
    try:
        lines = files.read(path, LARGEST_JOURNAL).splitlines(keepends=True) if os.path.lexists(path) else []
    except OSError as error:
        raise PadlError(f"hydra.sweeper.storage={file} cannot be used ({error.strerror}): name a new file") from error
    if lines and not lines[0].startswith(b'{"op_code"'):
        raise PadlError(f"hydra.sweeper.storage={file} is no journal of optuna's: name a new file")
    if lines and not lines[-1].endswith(b"\n"):
        raise PadlError(f"hydra.sweeper.storage={file}: its last line, {len(lines)}, was cut short: delete that line")
    _check_lines(lines, file)
    if os.path.lexists(f"{path}.lock"):
        warn(f"{file}.lock: another process writes into the journal, or left this behind: waiting, at most 30 s")
    backend = _imported("optuna.storages.journal").JournalFileBackend(str(path))
    return _imported("optuna.storages").JournalStorage(backend)


def _check_lines(lines: Sequence[bytes], file: str) -> None:
    """Raise PadlError, with the number of the line, for a journal that is damaged, or lacks lines that made trials."""
    trials = 0
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            operation, trial = record["op_code"], record.get("trial_id", 0)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            place = f"hydra.sweeper.storage={file}, line {number}"
            raise PadlError(f"{place}: it is damaged ({one_line(error)})") from error
        trials += operation == NEW_TRIAL
        if operation in OF_A_TRIAL and trial >= trials:
            raise PadlError(
                f"hydra.sweeper.storage={file}, line {number}: of trial {trial}, where the lines before make {trials}:"
                " lines are missing"
            )


def _sampler(options: SearchOptions, dimensions: int, done: int) -> Any:
    """`done`: trials so far, so that a study that goes on does not draw the same numbers again."""
    samplers, seed = _imported("optuna.samplers"), options.seed
    usual_population = 4 + int(3 * math.log(dimensions))  # as in cmaes; what a batch has beyond it would be for nothing
    population = max(usual_population, options.batch)
    makers: dict[str, Callable[[], Any]] = {
        "tpe": lambda: samplers.TPESampler(seed=seed + done, multivariate=True, constant_liar=True),
        "random": lambda: samplers.RandomSampler(seed=seed + done),
        "cmaes": lambda: samplers.CmaEsSampler(seed=seed + done, popsize=population),
        "qmc": lambda: samplers.QMCSampler(
            scramble=True, seed=seed, independent_sampler=samplers.RandomSampler(seed=seed + done)
        ),  # its place in the sequence is in the study
    }
    return makers[options.sampler]()
