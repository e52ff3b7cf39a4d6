"""`padl train`: train once, or with -m every combination of some values, compiled together."""

from typing import Any

from padl.app.stopping import StopRequest, on_signals
from padl.app.sweep import results
from padl.app.sweep.run import Sweep
from padl.app.train import run as train
from padl.cli.hydra.app import TRAIN as APPLICATION
from padl.cli.hydra.app import Bounds, JointTaskFunction, TaskFunction, compose_and_call
from padl.cli.hydra.arguments import is_multirun
from padl.cli.streams import not_done_by_a_pipe, read_or_not, say
from padl.cli.tables import print_ranking, print_summary
from padl.runs.exit_codes import FAILED, of_status


def run(arguments: list[str]) -> int:
    """Train what the words say; 3 where a single run, or every member of a sweep, diverged; 1 where a member failed; 75
    or 130 where a signal stopped it."""
    command = ["padl", "train", *arguments]
    with on_signals() as stop:
        if is_multirun(arguments):
            return launch(arguments, Sweep(command, say, stop, report=results.write_tables))
        runs = _Runs(command, stop)
        with not_done_by_a_pipe():
            compose_and_call(arguments, TaskFunction(runs), APPLICATION)
        return runs.exit_code()


def launch(arguments: list[str], sweep: Sweep) -> int:
    """Launch the members of a sweep that the words of a multirun say, and print what it comes to, also where it is
    stopped; returns the exit code."""
    runs = _Runs(sweep.records.command, sweep.stop)  # of a launcher that is not PADL's

    def expect(members: int, bounds: Bounds) -> None:
        sweep.expected, sweep.bounds = members, dict(bounds)

    try:
        with not_done_by_a_pipe():
            compose_and_call(arguments, JointTaskFunction(runs, sweep.launch_and_judge, expect), APPLICATION)
    finally:
        print_what_there_is(sweep)
    return exit_code(sweep, runs.statuses)


def print_what_there_is(sweep: Sweep) -> None:
    """Write and print the results of a sweep so far; nothing where no member was started."""
    sweep_results = results.finish(sweep)
    if sweep_results:
        with read_or_not():
            print_ranking(sweep, sweep_results)


def exit_code(sweep: Sweep, statuses: list[str]) -> int:
    """The exit code of a sweep; `statuses` are those of runs that another launcher made."""
    if sweep.failures and not sweep.stop.signal:
        return FAILED
    all_diverged = bool(sweep.members) and all(member.status == "diverged" for member in sweep.members)
    return _code([*statuses, *(["diverged"] if all_diverged else [])], sweep.stop)


class _Runs:
    """Trains single runs, and keeps how each ended."""

    def __init__(self, command: list[str], stop: StopRequest):
        self.command, self.stop = command, stop
        self.statuses: list[str] = []

    def __call__(self, config: dict[str, Any]) -> float | None:
        result = train(config, self.command, self.stop)
        self.statuses.append(result.status)
        with read_or_not():
            print_summary(result.summary, result.folder, result.wandb_folder, result.wandb_url)
        return result.summary["best"].get(result.summary["decided_by"]["metric"])

    def exit_code(self) -> int:
        return _code(self.statuses, self.stop)


def _code(statuses: list[str], stop: StopRequest) -> int:
    """The exit code of some runs: that of the signal that stopped one, or of one that diverged."""
    worst = next((status for status in ("interrupted", "diverged") if status in statuses), "finished")
    return of_status(worst, stop.reason)
