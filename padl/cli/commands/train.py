"""`padl train`: train once, or with -m every combination of some values, compiled together."""

from typing import Any

from padl.app.sweep import results
from padl.app.sweep.run import Sweep
from padl.app.train import run as train
from padl.cli.exit_codes import DIVERGED, DONE, MISTAKE
from padl.cli.formatting import print_line
from padl.cli.hydra.app import TRAIN as APPLICATION
from padl.cli.hydra.app import Bounds, JointTaskFunction, TaskFunction, compose_and_call
from padl.cli.hydra.arguments import is_multirun
from padl.cli.streams import not_done_by_a_pipe, read_or_not
from padl.cli.tables import print_ranking, print_summary


def run(arguments: list[str]) -> int:
    """Train what the words say; 3 where a single run, or every member of a sweep, diverged, 2 where a member failed."""
    command, statuses = ["padl", "train", *arguments], []

    def train_one(config: dict[str, Any]) -> float | None:
        result = train(config, command)
        statuses.append(result.status)
        with read_or_not():
            print_summary(result.summary, result.folder, result.wandb_folder)
        return result.summary["best"].get(result.summary["decided_by"]["metric"])

    if not is_multirun(arguments):
        with not_done_by_a_pipe():
            compose_and_call(arguments, TaskFunction(train_one), APPLICATION)
        return DIVERGED if "diverged" in statuses else DONE
    sweep = Sweep(command, say=_say)

    def expect(members: int, bounds: Bounds) -> None:
        sweep.expected, sweep.bounds = members, dict(bounds)

    try:
        with not_done_by_a_pipe():
            compose_and_call(arguments, JointTaskFunction(train_one, sweep.launch_and_judge, expect), APPLICATION)
    finally:
        _print_results(sweep)
    if sweep.failures:
        return MISTAKE
    all_diverged = sweep.members and all(member.status == "diverged" for member in sweep.members)
    return DIVERGED if all_diverged or "diverged" in statuses else DONE


def _say(line: str) -> None:
    with read_or_not():
        print_line(line)


def _print_results(sweep: Sweep) -> None:
    """Write and print what there is, also where the sweep was stopped."""
    sweep_results = results.finish(sweep)
    if sweep_results:
        with read_or_not():
            print_ranking(sweep, sweep_results)
