"""Search from a command line: Hydra's sweeper `padl_optuna`, whose launcher trains each batch of trials.

The ranges are on the command line (ranges.py); padl/app/sweep/search.py draws from them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from padl.app.run_spec import Memo, RunSpec, check
from padl.app.sweep.optuna_study import SearchOptions, check_options
from padl.app.sweep.search import BestTrial, Search, Setting
from padl.app.sweep.search_space import bounds, probes, usual
from padl.cli.formatting import print_line, short
from padl.cli.hydra import jobs
from padl.cli.hydra.ranges import Ranges, read
from padl.cli.streams import read_or_not
from padl.runs.sink import warn


def search(sweeper: Any, arguments: Sequence[str]) -> dict[str, Any]:
    """Run a search, and print its best trial.

    Args:
        sweeper: Hydra's, set up: its `options` (those of `SearchOptions`, and params), its launcher.
        arguments: overrides, some of them ranges.

    Returns:
        The best trial, under the names that Hydra's optuna sweeper uses.

    Raises:
        PadlError: for options or ranges that cannot be; what the launcher raises.
    """
    params = sweeper.options["params"] or {}
    options = SearchOptions(**{key: value for key, value in sweeper.options.items() if key != "params"})
    check_options(options)
    ranges = _ranges(sweeper, [*_overrides(params), *arguments])
    spec = _check(sweeper.launcher, ranges)
    taken = [*(d.key for d in ranges.dimensions), *ranges.fixed]
    ranges.dimensions.extend(usual(spec.sweep.over, spec, taken))
    study = Search(options, ranges.dimensions, ranges.seeds, spec)
    expect = getattr(sweeper.task_function, "expect", None)  # absent from a task function that is not PADL's
    if expect:
        expect(study.remaining * max(1, len(ranges.seeds)), bounds(ranges.dimensions))
    if study.remaining:
        study.run(_Launch(sweeper.launcher, ranges))
    else:
        warn(f"the study '{options.study}' has its {options.trials} trials: hydra.sweeper.trials= asks for more")
    best = study.best()
    _print_best(best)
    return {
        "name": "padl_optuna",
        "best_evaluated_params": best.setting,
        "best_value": best.value,
        "trial": best.number,
    }


def _ranges(sweeper: Any, words: Sequence[str]) -> Ranges:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser = OverridesParser.create(config_loader=sweeper.hydra_context.config_loader)
    return read(parser.parse_overrides(list(words)))


def _check(launcher: Any, ranges: Ranges) -> RunSpec:
    """Check a run inside the ranges and one at each of their ends; returns the one inside.

    Raises:
        PadlError: for the first that cannot be run.
    """
    words = [[*ranges.fixed.values(), *_overrides(setting)] for setting in probes(ranges.dimensions)]
    memo: Memo = {}
    specs = [check(member.config, memo) for member in jobs.compose(launcher, words, 0)]
    return specs[0]


class _Launch:
    """Train settings by one launch of Hydra's launcher each time; jobs are numbered on from launch to launch."""

    def __init__(self, launcher: Any, ranges: Ranges):
        self.launcher, self.fixed = launcher, list(ranges.fixed.values())
        self.launched = 0

    def __call__(self, settings: Sequence[Setting]) -> list[float | None]:
        words = [[*self.fixed, *_overrides(setting)] for setting in settings]
        returns = self.launcher.launch(words, initial_job_idx=self.launched)
        self.launched += len(words)
        return [job_return.return_value for job_return in returns]


def _overrides(setting: Mapping[str, Any]) -> list[str]:
    return [f"{key}={value}" for key, value in setting.items()]


def _print_best(best: BestTrial) -> None:
    words = ", ".join(f"{key}={short(value)}" for key, value in best.setting.items())
    with read_or_not():
        print_line(f"{best.trials} trials, the best is number {best.number}: {best.value:.6g} with {words}")
