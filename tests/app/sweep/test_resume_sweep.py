"""A sweep that was stopped goes on: lanes that ran, programs that had not begun, members that are new."""

import pytest
from asked_to_stop import After, go_on_until_done

from padl.app.fingerprint import DifferentRun
from padl.app.resume import resume
from padl.app.stopping import Stopped
from padl.app.sweep import results
from padl.app.sweep.members import Requested
from padl.app.sweep.resume import reopen, train_again
from padl.app.sweep.run import Sweep
from padl.runs import checked_json, status
from padl.types import PadlError

BASE = {
    "task": "digits",
    "model": {"name": "mlp", "widths": [4], "norm": "batch", "dropout": 0.2},
    "schedule": "warmup_cosine",
    "ema": 0.9,
    "steps": 30,
    "steps_per_call": 5,
    "log_every": 7,
    "eval_every": 15,
    "progress": "none",
    "devices": 1,
    "wandb": {"mode": "disabled"},
}
DIVERGES = 1e30  # a learning rate


def requests(folder, settings, **sweep):
    base = {**BASE, "run": {"dir": str(folder), "plot": False, "save_every": 10}, "sweep": sweep}
    return [
        Requested(
            [f"optimizer={name}", f"optimizer.learning_rate={rate}", f"seed={seed}"],
            {"optimizer": name, "optimizer.learning_rate": rate, "seed": seed},
            {**base, "optimizer": {"name": name, "learning_rate": rate}, "seed": seed},
        )
        for name, rate, seed in settings
    ]


SETTINGS = [("adam", 0.01, 0), ("adam", DIVERGES, 1), ("adam", 0.02, 2), ("sgd", 0.1, 0), ("adam", 0.03, 3)]


def launch(folder, looks=10**9, settings=SETTINGS, **sweep):
    made = Sweep([], stop=After(looks), report=results.write_tables)
    try:
        made.launch(requests(folder, settings, **sweep))
    except Stopped:
        results.finish(made)
        return made.records.folder
    results.finish(made)
    return made.records.folder


def files(folder):
    """What the members' numbers are, by the member's number."""
    names = ("metrics.jsonl", "checkpoint/final.msgpack", "checkpoint/best.msgpack", "checkpoint/stats.msgpack")
    return {
        f"{member.name[:4]}/{name}": (member / name).read_bytes()
        for member in sorted(folder.glob("0*"))
        for name in names
        if (member / name).is_file()
    }


def statuses(folder):
    return [status.read(member).status for member in sorted(folder.glob("0*"))]


LAYOUTS = [
    {"strategy": "vmap", "chunk": 2},
    {"strategy": "map", "chunk": 4},
    {"exact": True},
]


@pytest.fixture(scope="module", params=LAYOUTS, ids=["vmap in twos", "map", "alone"])
def layout(request):
    return request.param


@pytest.fixture(scope="module")
def whole(layout, tmp_path_factory):
    return launch(tmp_path_factory.mktemp("whole"), **layout)


def test_a_sweep_stopped_anywhere_goes_on_to_the_bits_of_the_one_that_never_was(layout, whole, tmp_path):
    folder = launch(tmp_path, looks=3, **layout)
    left = []
    go_on_until_done(folder, looks=4, before=lambda: left.append(statuses(folder)))
    assert len(left) > 2  # it was stopped again and again
    assert any("interrupted" in each for each in left)
    assert files(folder) == files(whole)
    assert statuses(folder) == statuses(whole) == ["finished", "diverged", "finished", "finished", "finished"]
    assert not (folder / "snapshots").exists()
    table = (folder / "results.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in table[1:]] == list("01234")


def test_what_had_ended_is_not_run_again_and_new_members_come_after_it(tmp_path):
    folder = launch(tmp_path, settings=SETTINGS[:2])
    before = files(folder)
    said = []
    sweep = reopen(folder, say=said.append)
    (tmp_path / "moment").touch()
    launched = sweep.launch(requests(tmp_path, [SETTINGS[2], *SETTINGS[:2]]))
    results.finish(sweep)
    assert [member.number for member in launched] == [2, 0, 1]
    assert said[0] == "2 runs had ended, not run again"
    assert {name: content for name, content in files(folder).items() if name[:4] < "0002"} == before
    assert statuses(folder) == ["finished", "diverged", "finished"]
    direct = launch(tmp_path / "direct", settings=SETTINGS[2:3])
    assert files(folder)["0002/metrics.jsonl"] == files(direct)["0000/metrics.jsonl"]


def test_members_that_are_not_asked_for_again_stay_in_the_sweep(tmp_path, monkeypatch):
    folder = launch(tmp_path, settings=SETTINGS[:2])
    sweep = reopen(folder)
    sweep.launch(requests(tmp_path, [SETTINGS[1], SETTINGS[3]]))
    results.finish(sweep)
    table = [line.split(",") for line in (folder / "results.csv").read_text().splitlines()]
    assert [line[0] for line in table[1:]] == ["0", "1", "2"]
    again = reopen(folder)
    train_again(again)
    assert [member.status for member in again.members] == ["finished", "diverged", "finished"]
    assert [member.launch for member in again.members] == [0, 0, 1]


def test_what_a_folder_does_not_say_is_of_today(tmp_path):
    folder = launch(tmp_path, settings=SETTINGS[:2])
    content = checked_json.read(folder / "requests.json")
    for entry in content["members"]:
        entry["config"] |= {"compilation_cache": str(tmp_path / "theirs"), "device": "gpu", "progress": "live"}
        entry["config"]["wandb"] |= {"mode": "online", "project": "theirs"}
    checked_json.write(folder / "requests.json", content)
    sweep = reopen(folder, todays={"wandb.mode": "disabled"})
    train_again(sweep)
    assert (sweep.spec.settings.compilation_cache, sweep.spec.settings.device) == ("auto", "auto")
    assert (sweep.spec.wandb.mode, sweep.spec.wandb.project) == ("disabled", "theirs")
    assert [member.status for member in sweep.members] == ["finished", "diverged"]


def test_other_runs_are_another_sweep_and_a_member_goes_on_with_the_others(tmp_path):
    folder = launch(tmp_path, looks=4, settings=SETTINGS[:2])
    with pytest.raises(PadlError, match=r"has none of these runs: start another sweep"):
        reopen(folder).launch(requests(tmp_path, SETTINGS[2:]))
    with pytest.raises(PadlError, match=r"is one of a sweep, whose lanes go on together: padl resume"):
        resume(next(iter(sorted(folder.glob("0*")))))


def test_a_member_whose_rows_are_damaged_is_refused(tmp_path):
    folder = launch(tmp_path, looks=4, strategy="vmap")
    rows = next(iter(sorted(folder.glob("0*")))) / "metrics.jsonl"
    rows.write_text(rows.read_text().replace("1", "2", 1))
    with pytest.raises(PadlError, match="does not begin with the rows"):
        train_again(reopen(folder))


def test_other_code_is_refused_unless_it_is_allowed(tmp_path, monkeypatch):
    folder = launch(tmp_path, looks=4, settings=SETTINGS[:1])
    monkeypatch.setattr("padl.app.fingerprint._digest_of_padl", lambda: "other")
    with pytest.raises(DifferentRun, match="--allow code"):
        train_again(reopen(folder))
    sweep = reopen(folder, allow=["code"])
    train_again(sweep)
    assert [member.status for member in sweep.members] == ["finished"]


def test_a_folder_that_is_no_sweeps_or_is_damaged_is_refused(tmp_path):
    with pytest.raises(PadlError, match=r"requests\.json"):
        reopen(tmp_path)
    folder = launch(tmp_path, looks=4, settings=SETTINGS[:1])
    written = (folder / "requests.json").read_text()
    (folder / "requests.json").write_text(written.replace("0.01", "0.02"))
    with pytest.raises(PadlError, match=r"requests\.json is not as it was written: it is damaged or was edited"):
        reopen(folder)
    checked_json.write(folder / "requests.json", {})  # as somebody else could
    with pytest.raises(PadlError, match="is damaged: it does not list the members"):
        reopen(folder)
    (folder / "requests.json").write_text(written)
    lanes = (folder / "programs.json").read_text()
    (folder / "programs.json").write_text(lanes.replace('"count": 1', '"count": 2'))
    with pytest.raises(PadlError, match=r"programs\.json is not as it was written"):
        train_again(reopen(folder))
    for wrong in ({"0000": 3}, {"0000": {"members": [0], "lanes": {}}}, {"0000": {"members": [0], "lanes": 1}}):
        checked_json.write(folder / "programs.json", wrong)
        with pytest.raises(PadlError, match=r"programs\.json is damaged: it does not say the lanes"):
            train_again(reopen(folder))


def test_the_status_of_a_member_that_ended_is_held_against_its_summary(tmp_path):
    folder = launch(tmp_path, settings=SETTINGS[:1])
    (file,) = folder.glob("0000*/status.json")
    written = file.read_text()
    file.write_text(written.replace('"step": 30', '"step": 31'))
    sweep = reopen(folder)
    train_again(sweep)
    assert sweep.members[0].run_status.step == 30
    file.write_text(written.replace("finished", "diverged"))
    with pytest.raises(PadlError, match=r"status\.json says diverged, and summary\.json does not: one is damaged"):
        train_again(reopen(folder))


def test_an_allowance_that_nothing_needs_is_said(tmp_path, capsys):
    folder = launch(tmp_path, looks=4, settings=SETTINGS[:1])
    train_again(reopen(folder, allow=["versions", "schedule", "path"]))
    err = capsys.readouterr().err
    assert [f"--allow {name} changed nothing" in err for name in ("versions", "schedule", "path")] == [True] * 3
