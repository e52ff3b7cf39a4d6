"""Search with optuna: ask for trials in batches, train each batch at once, tell optuna what they gave.

A trial is a setting, run for every seed and told their mean. With a storage file the same search goes on where the
last one stopped.
"""

import json
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from padl.app.run_spec import RunSpec
from padl.app.settings import CHANGES_NO_NUMBER
from padl.app.sweep import selection
from padl.app.sweep.optuna_study import SearchOptions, abandon, claim, complete, open_study, quiet, running
from padl.app.sweep.search_space import Dimension
from padl.runs.redaction import redact
from padl.types import KINDS, Criterion, PadlError

NO_MATTER = (*CHANGES_NO_NUMBER, "steps_per_call")
Setting = dict[str, Any]  # key -> value
Launch = Callable[[Sequence[Setting]], Sequence[float | None]]


class BestTrial(NamedTuple):
    """The best trial of a study.

    Attributes:
        number: its place in the study. value: of the objective. setting: what was drawn for it.
        trials: how many have a value.
    """

    number: int
    value: float
    setting: Setting
    trials: int


class Search:
    """A search that is open: its study made, or continued.

    Args:
        options: that pass `check_options`. dimensions: what is searched. seeds: each trial is run for all of them; for
            that of the run where there are none.
        spec: a run inside the ranges, which says what is judged.

    Raises:
        PadlError: nothing to search, dimensions that the sampler cannot draw, a storage that cannot be used.
    """

    def __init__(self, options: SearchOptions, dimensions: Sequence[Dimension], seeds: Sequence[str], spec: RunSpec):
        _check_dimensions(dimensions, options.sampler)
        self.options, self.dimensions = options, dimensions
        self.seeds: list[Setting] = [{"seed": seed} for seed in seeds] or [{}]
        self.criterion = selection.of(spec)
        about = _about(dimensions, seeds, self.criterion, spec)
        self.study = open_study(options, self.criterion.direction, len(dimensions), about)
        self._asked: list[Any] = []  # trials of this process that have no value yet

    @property
    def remaining(self) -> int:
        """How many trials are still to be run, without those that other processes are at."""
        others = len(running(self.study, dead=False)) - len(self._asked)
        return max(0, self.options.trials - len(complete(self.study)) - others)

    def run(self, launch: Launch) -> None:
        """Run the remaining trials, a batch at a time.

        What is stopped in the middle counts as failed, and the next process that searches the study draws it again.

        Args:
            launch: trains settings and returns the objective of each; None, or no finite number, of one that diverged.
        """
        try:
            while self.remaining > 0:
                self._run_batch(launch)
        except BaseException as error:
            abandon(list(self._asked), self.study, again=isinstance(error, KeyboardInterrupt))
            raise

    def best(self) -> BestTrial:
        """Return the best trial so far.

        Raises:
            PadlError: none has a value, as all are with another process.
        """
        if not complete(self.study):
            raise PadlError(f"the study '{self.options.study}' has no trial with a value yet: other processes run them")
        trial = self.study.best_trial
        return BestTrial(trial.number, trial.value, trial.user_attrs["values"], len(complete(self.study)))

    def _run_batch(self, launch: Launch) -> None:
        with quiet():
            for _ in range(min(self.options.batch, self.remaining)):
                self._asked.append(self.study.ask())
                claim(self._asked[-1])
            trials = list(self._asked)
            settings = [self._draw(trial) for trial in trials]
        objectives = launch([{**setting, **seed} for setting in settings for seed in self.seeds])
        values = [selection.or_worst(objective, self.criterion.direction) for objective in objectives]
        runs = len(self.seeds)
        with quiet():
            for i, trial in enumerate(trials):
                self.study.tell(trial, fmean(values[i * runs : (i + 1) * runs]))
                self._asked.remove(trial)

    def _draw(self, trial: Any) -> Setting:
        setting = {d.key: d.suggest(trial) for d in self.dimensions}
        trial.set_user_attr("values", setting)
        return setting


def _check_dimensions(dimensions: Sequence[Dimension], sampler: str) -> None:
    if not dimensions:
        raise PadlError("nothing to search: give KEY=interval(LOW,HIGH), or sweep.over=[optimizer.learning_rate]")
    numbers = [d for d in dimensions if d.low < d.high]
    if sampler == "cmaes" and (len(numbers) < 2 or len(numbers) < len(dimensions)):
        raise PadlError("hydra.sweeper.sampler=cmaes needs at least two numeric keys, and no others: tpe takes all")


def _about(
    dimensions: Sequence[Dimension], seeds: Sequence[str], criterion: Criterion, spec: RunSpec
) -> dict[str, Any]:
    """What a study is of, as JSON: all that may not change where it is continued."""
    as_usual = {key: None for key, value in spec.usual.items() if key not in KINDS and spec.config[key] == value}
    settings = {key: value for key, value in {**spec.config, **as_usual}.items() if key not in NO_MATTER}
    about = {"ranges": dimensions, "seeds": seeds, "objective": criterion, **settings}
    return redact(json.loads(json.dumps(about, default=str)))
