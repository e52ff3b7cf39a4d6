"""Members of a sweep begin with the parameters of other runs, in one program, and go on after a stop."""

import contextlib
import shutil

import pytest
from asked_to_stop import After

import padl
from padl.app.fingerprint import DifferentRun
from padl.app.stopping import Stopped
from padl.app.sweep import results
from padl.app.sweep.members import Requested
from padl.app.sweep.resume import reopen, train_again
from padl.app.sweep.run import Sweep
from padl.runs import run_folder, status
from padl.types import PadlError

WIDTHS = {"name": "mlp", "widths": [4], "norm": "batch"}
SMALL = {
    "task": "digits",
    "model": WIDTHS,
    "steps": 12,
    "steps_per_call": 3,
    "log_every": 3,
    "eval_every": 6,
    "devices": 1,
    "progress": "none",
    "wandb": {"mode": "disabled"},
}
FILES = ("metrics.jsonl", "checkpoint/final.msgpack", "checkpoint/best.msgpack")
HOW = [{"strategy": "vmap", "chunk": 2}, {"strategy": "map"}, {"exact": True}]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where all folders of runs and sweeps are."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def others(place):
    """Folders of two runs of one model, and of one that has its first layer and another head."""
    run = {"dir": str(place), "plot": False}
    settings = [{"seed": 7}, {"seed": 8}, {"model": {**WIDTHS, "widths": [4, 3]}}]
    return [padl.train(**{**SMALL, **each}, run=run).folder for each in settings]


@pytest.fixture(scope="module")
def alone(others, place):
    """Each member's run by itself: {(start, seed): result}."""
    run = {"dir": str(place), "plot": False}
    both = [(start, seed) for start in others[:2] for seed in (0, 1)]
    return {(start, seed): padl.train(**SMALL, run=run, start=start, seed=seed) for start, seed in both}


def requests(folder, others, how):
    base = {**SMALL, "run": {"dir": str(folder), "plot": False, "save_every": 3}, "sweep": how}
    return [
        Requested(
            [f"start.from={start}", f"seed={seed}"],
            {"start.from": str(start), "seed": seed},
            {**base, "start": {"from": str(start)}, "seed": seed},
        )
        for start in others[:2]
        for seed in (0, 1)
    ]


def launch(folder, others, how, looks=10**9):
    sweep = Sweep([], stop=After(looks), report=results.write_tables)
    with contextlib.suppress(Stopped):
        sweep.launch(requests(folder, others, how))
    results.finish(sweep)
    return sweep.records.folder


def files(folder):
    members = sorted(folder.glob("0*"))
    return {f"{member.name[:4]}/{name}": (member / name).read_bytes() for member in members for name in FILES}


@pytest.mark.parametrize("how", HOW, ids=["vmap", "map", "exact"])
def test_members_are_the_runs_alone_that_begin_so_and_go_on_after_a_stop_to_the_same_bits(others, alone, place, how):
    whole = launch(place, others, how)
    assert [program["members"] for program in run_folder.read_json(whole / "sweep.json")["programs"]] == [4]
    for member, result in zip(sorted(whole.glob("0*")), alone.values(), strict=True):
        if "exact" in how:
            assert (
                files(whole).items()
                >= {f"{member.name[:4]}/{n}": (result.folder / n).read_bytes() for n in FILES}.items()
            )
        for ours, theirs in zip(run_folder.read_metrics(member), run_folder.read_metrics(result.folder), strict=True):
            assert ours == pytest.approx(theirs, rel=1e-3)
    stopped = launch(place, others, how, looks=3)
    assert "interrupted" in [status.read(member).status for member in stopped.glob("0*")]
    sweep = reopen(stopped)
    train_again(sweep)
    results.finish(sweep)
    assert files(stopped) == files(whole)


def test_what_is_taken_is_said_once_for_a_model_not_once_a_member(others, capsys):
    over = {"optimizer": ["adam", "sgd"], "seed": [0, 1], "start": others[2:]}
    swept = padl.sweep(over=over, **{**SMALL, "steps": 1, "progress": "plain"})
    lines = capsys.readouterr().err.splitlines()
    assert sum(f"parameters of {others[2]} (best)" in line for line in lines) == 1
    assert sum("head.kernel" in line and "another shape" in line for line in lines) == 1
    assert [row["status"] for row in swept.rows] == ["finished"] * 4


def test_members_that_begin_with_other_arrays_than_recorded_are_refused(others, place):
    mine = place / "mine"
    shutil.copytree(others[0], mine)
    folder = launch(place, [mine, others[1]], HOW[0], looks=3)
    shutil.rmtree(mine / "checkpoint")
    shutil.copytree(others[1] / "checkpoint", mine / "checkpoint")
    with pytest.raises(DifferentRun, match="it differs in data; --allow data goes on"):
        train_again(reopen(folder))
    shutil.rmtree(mine)
    with pytest.raises(DifferentRun, match="it differs in data"):
        train_again(reopen(folder))
    with pytest.raises(PadlError, match="is not the folder of a run"):
        train_again(reopen(folder, allow=["data"]))
