"""sinks=[...]: tables and event files that hold what metrics.jsonl holds, and that cost a run nothing."""

import csv
import struct
import sys
from importlib import metadata

import pytest
from asked_to_stop import After

import padl
from padl.app import train
from padl.runs import run_folder, sinks
from padl.runs.metrics_csv import MetricsCsv
from padl.runs.sink import Memory, Sinks
from padl.runs.sinks import About
from padl.types import PadlError

TINY = {"task": "surface", "steps": 20, "log_every": 5, "eval_every": 10, "devices": 1}


def about(folder, **more):
    return About(folder, "a run", {"seed": 0, "optimizer": {"name": "adam"}, "ema": None}, ["eval/loss"], **more)


def table(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def as_numbers(rows):
    return [{name: float(value) for name, value in row.items() if value} for row in rows]


def events(folder):
    """The events of a run's files, in their order."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    read = []
    for file in sorted((folder / "tensorboard").iterdir()):
        content = file.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            read.append(event_pb2.Event.FromString(content[12 : 12 + length]))
            content = content[16 + length :]
    return read


def scalars(folder):
    """What was written of each name, {name: [(step, value)]}; of a file that goes on what came before is cut off."""
    found = {}
    for event in events(folder):
        if event.HasField("session_log"):
            found = {name: [pair for pair in pairs if pair[0] < event.step] for name, pairs in found.items()}
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    names = ["csv", "tensorboard"] if padl_has_tensorboard() else ["csv"]
    return padl.train(**TINY, sinks=names, run={"dir": str(tmp_path_factory.mktemp("r"))}, wandb={"mode": "disabled"})


def padl_has_tensorboard():
    return bool(sinks.find_spec("tensorboardX"))


def test_the_table_has_every_number_of_the_rows_and_columns_by_side(run):
    rows = table(run.folder)
    assert as_numbers(rows) == run_folder.read_metrics(run.folder)
    names = list(rows[0])
    assert names[0] == "step"
    assert names[1:] == sorted(names[1:], key=lambda name: (name.startswith("eval/"), name == "learning_rate", name))


def test_a_new_column_is_put_in_its_place_and_no_row_is_lost(tmp_path):
    sink = MetricsCsv(about(tmp_path))
    sink.write(1, {"eval/loss": 1.5, "learning_rate": 0.1})
    sink.write(2, {"train/loss": float("nan")})
    sink.write(3, {"train/loss": 2.0, "eval/loss": 1.0})
    text = (tmp_path / "metrics.csv").read_text()
    assert text == "step,train/loss,learning_rate,eval/loss\n1,,0.1,1.5\n2,nan,,\n3,2.0,,1.0\n"


def test_a_table_that_goes_on_has_the_rows_so_far_and_no_others(tmp_path):
    sink = MetricsCsv(about(tmp_path))
    for step in (1, 2, 3):
        sink.write(step, {"train/loss": float(step)})
    again = MetricsCsv(about(tmp_path, step=2, rows=[{"step": 1, "train/loss": 1.0}, {"step": 2, "train/loss": 2.0}]))
    again.write(3, {"train/loss": 30.0})
    assert [row["train/loss"] for row in table(tmp_path)] == ["1.0", "2.0", "30.0"]


def test_scalars_have_the_names_the_steps_and_the_values_of_the_rows(run):
    pytest.importorskip("tensorboardX")
    wanted = {}
    for row in run_folder.read_metrics(run.folder):
        for name, value in row.items():
            if name != "step":
                wanted.setdefault(name, []).append((row["step"], pytest.approx(value, rel=1e-6)))
    assert scalars(run.folder) == wanted


def test_hyperparameters_are_of_the_configuration_and_the_times_of_today(run):
    plugin = pytest.importorskip("tensorboardX.proto.plugin_hparams_pb2")
    read = events(run.folder)
    started, ended = (
        plugin.HParamsPluginData.FromString(value.metadata.plugin_data.content)
        for event in read
        for value in event.summary.value
        if value.tag.endswith(("session_start_info", "session_end_info"))
    )
    parameters = started.session_start_info.hparams
    assert parameters["optimizer.name"].string_value == "adam"
    assert parameters["optimizer.learning_rate"].number_value == run.config["optimizer"]["learning_rate"]
    assert not [name for name in parameters if name.startswith(("wandb", "run."))]
    assert ended.session_end_info.status == 1  # success
    times = [event.wall_time for event in read]
    assert times == sorted(times)
    assert times[0] > (run.folder / "config.yaml").stat().st_mtime - 1


def test_tensorboards_own_reader_reads_the_scalars(run):
    pytest.importorskip("tensorboardX")
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = accumulator.EventAccumulator(str(run.folder / "tensorboard")).Reload()
    assert {name: [(e.step, e.value) for e in found.Scalars(name)] for name in found.Tags()["scalars"]} == scalars(
        run.folder
    )


def test_what_goes_on_takes_back_what_it_does_again(tmp_path):
    pytest.importorskip("tensorboardX")
    (sink,) = sinks.open_sinks(["tensorboard"], about(tmp_path))
    for step in (1, 2, 3):
        sink.write(step, {"train/loss": float(step)})
    (again,) = sinks.open_sinks(["tensorboard"], about(tmp_path, step=2))
    again.write(3, {"train/loss": 30.0})
    again.close({"status": "finished"})
    sink.file.close()  # as the end of its process does
    assert scalars(tmp_path) == {"train/loss": [(1, 1.0), (2, 2.0), (3, 30.0)]}


def test_a_resumed_run_has_in_its_table_what_metrics_has(tmp_path):
    quiet = {"wandb": {"mode": "disabled"}, "progress": "none", "steps_per_call": 5}
    stopped = train.run({**TINY, **quiet, "sinks": ["csv"], "run": {"dir": str(tmp_path)}}, ["padl", "train"], After(3))
    assert stopped.status == "interrupted"
    assert padl.resume(stopped.folder).status == "finished"
    assert as_numbers(table(stopped.folder)) == run_folder.read_metrics(stopped.folder)
    assert table(stopped.folder)[-1]["step"] == "20"


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["csw"], {}, r"no sink 'csw'; did you mean 'csv'\? \(there are: csv, tensorboard"),
        (["csv", "csv"], {}, r"sinks=\[csv,csv\] has a name twice"),
        (["csv"], {"dir": None}, r"sinks=\[csv\] writes into the run folder: give run\.dir"),
    ],
)
def test_a_sink_that_cannot_be_is_refused_before_the_run(tmp_path, names, options, message):
    with pytest.raises(PadlError, match=message):
        padl.train(**TINY, sinks=names, run={"dir": str(tmp_path), **options}, wandb={"mode": "disabled"})
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_one_line_with_its_command(tmp_path, monkeypatch):
    monkeypatch.setattr(sinks, "find_spec", lambda name: None)
    with pytest.raises(PadlError, match=r"^sinks=\[tensorboard\] needs tensorboardX: pip install .*\[tensorboard\]\'$"):
        padl.train(**TINY, sinks=["tensorboard"], run={"dir": str(tmp_path)}, wandb={"mode": "disabled"})
    assert not list(tmp_path.iterdir())


class Mine:
    """A sink of a stranger's package, which fails when its disk is full."""

    def __init__(self, told):
        if told.config["seed"] == 7:
            raise OSError("no room")
        self.rows, self.told, self.summary = [], told, None
        made.append(self)

    def write(self, step, row):
        if self.told.config["seed"] == 8 and self.rows:
            raise OSError(28, "No space left on device")
        self.rows.append(step)

    def close(self, summary):
        self.summary = summary


made: list[Mine] = []


@pytest.fixture
def package(monkeypatch):
    """An installed package with an entry point for a sink."""
    monkeypatch.setitem(sys.modules, "a_strangers_package", sys.modules[__name__])
    entry = metadata.EntryPoint("mine", "a_strangers_package:Mine", sinks.GROUP)
    monkeypatch.setattr(sinks, "_of_packages", lambda: {"mine": entry})
    made.clear()


@pytest.mark.usefixtures("package")
def test_a_package_brings_a_sink_that_sees_every_row_and_the_summary(tmp_path):
    result = padl.train(**TINY, sinks=["mine"], run={"dir": str(tmp_path)}, wandb={"mode": "disabled"})
    (mine,) = made
    assert mine.rows == [row["step"] for row in run_folder.read_metrics(result.folder)]
    assert (mine.told.folder, mine.told.title) == (result.folder, result.summary["title"])
    assert mine.summary["status"] == "finished"


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("seed", "line"), [(7, "sinks=[mine] cannot begin (OSError: no room)"), (8, "Mine stopped (OSError: ")]
)
def test_a_sink_that_fails_costs_a_line_and_the_run_goes_on(tmp_path, capfd, seed, line):
    result = padl.train(**TINY, seed=seed, sinks=["mine"], run={"dir": str(tmp_path)}, wandb={"mode": "disabled"})
    assert result.status == "finished"
    assert [line in said for said in capfd.readouterr().err.splitlines()] == [True]


def test_a_disk_that_is_full_stops_a_sink_and_not_the_others(tmp_path, capfd):
    pytest.importorskip("tensorboardX")
    truth, opened = Memory(), sinks.open_sinks(["csv", "tensorboard"], about(tmp_path))
    rows = Sinks(truth, *opened)
    rows.write(1, {"train/loss": 1.0})
    (tmp_path / "metrics.csv").unlink()
    (tmp_path / "metrics.csv").mkdir()
    opened[1].file.flush = full
    rows.write(2, {"train/loss": 2.0})
    rows.write(3, {"train/loss": 3.0})
    rows.close({"status": "finished"})
    said = [line.partition(": ")[2].partition(" (")[0] for line in capfd.readouterr().err.splitlines()]
    assert said == ["MetricsCsv stopped", "TensorBoard stopped"]
    assert len(truth.rows) == 3
    del opened[1].file.flush
    opened[1].file.close()


def full():
    raise OSError(28, "No space left on device")


def test_members_of_a_sweep_have_sinks_and_those_of_a_large_one_a_line(tmp_path, capfd):
    options = {"steps": 4, "sinks": ["csv"], "run": {"dir": str(tmp_path), "plot": False}}
    few = padl.sweep("surface", over={"seed": [0, 1]}, **options, wandb={"mode": "disabled"})
    assert [as_numbers(table(f)) == run_folder.read_metrics(f) for f in sorted(few.folder.glob("0*"))] == [True, True]
    many = padl.sweep("surface", over={"seed": [0, 1]}, **options, wandb={"mode": "disabled", "max_runs": 1})
    assert not list(many.folder.glob("*/metrics.csv"))
    said = capfd.readouterr().err.splitlines()
    assert ["sinks=[csv]: nothing is written, as there are 2 members" in line for line in said] == [True]
