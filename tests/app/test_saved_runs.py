"""A run folder is not believed: every byte of it, edits, checkpoints made by strangers, and what is theirs to say."""

import json
import random
import shutil
from pathlib import Path

import jax
import msgpack
import numpy as np
import pytest
import yaml
from flax.serialization import msgpack_restore, msgpack_serialize

import padl
from padl.app import saved_runs
from padl.app.compare.landscapes import network
from padl.app.flags import differences_from_record
from padl.app.step_graph import at_best
from padl.runs import manifest
from padl.types import PadlError

READ = [
    *("config.yaml", "env.json", "metrics.jsonl", "summary.json", "manifest.json"),
    *(
        f"checkpoint/{name}"
        for name in ("best.msgpack", "final.msgpack", "stats.msgpack", "model.json", "manifest.json")
    ),
]
POSITIONS = 12  # of each file that are changed, once each


@pytest.fixture
def copy(small_run, tmp_path):
    """A copy of the folder of a run, to be damaged."""
    return shutil.copytree(small_run.folder, tmp_path / "theirs" / "run", ignore=shutil.ignore_patterns("wandb"))


@pytest.fixture(scope="module")
def inputs():
    return padl.task("digits").rows["inputs"][:3]


def write_config(folder: Path, guarded: bool = True, **changes) -> None:
    """Change keys of a stored configuration, as a stranger who makes the manifest right."""
    config = {**yaml.safe_load((folder / "config.yaml").read_text()), **changes}
    others = {k: v for k, v in manifest.entries(folder).items() if k != "config.yaml"}
    manifest.write(folder, {"config.yaml": yaml.safe_dump(config).encode()}, others)
    if not guarded:
        (folder / "manifest.json").unlink()


def write_checkpoint(folder: Path, **contents: bytes) -> None:
    """Put files into a checkpoint, and their digests into its manifest; `best` is best.msgpack."""
    names = {"model": "model.json"}
    files = {names.get(name, f"{name}.msgpack"): content for name, content in contents.items()}
    manifest.write(folder / "checkpoint", files, manifest.entries(folder / "checkpoint"))


def of_network(folder: Path, allow=()):
    """What `padl compare surface=network checkpoint=` reads."""
    return network(folder, 0, None, allow)


# Any byte


def everything(folder: Path, inputs) -> dict:
    """What is read from a folder: for each question the answer, or the PadlError that refused it."""
    questions = {
        "best": lambda: np.asarray(padl.load(folder)(inputs)).tobytes(),
        "final": lambda: np.asarray(padl.load(folder, "final")(inputs)).tobytes(),
        "evaluated": lambda: padl.evaluate(folder),
        "recorded": lambda: saved_runs.recorded(folder, "final"),
        "recorded best": lambda: saved_runs.recorded(folder, "best"),
        "flags": lambda: differences_from_record(folder),
    }
    answers = {}
    for name, ask in questions.items():
        try:
            answers[name] = ask()
        except PadlError as error:
            answers[name] = error
    return answers


@pytest.mark.parametrize("name", READ)
def test_any_byte_of_a_folder_that_changed_gives_the_same_numbers_or_one_line(copy, inputs, name):
    right = everything(copy, inputs)
    assert not [answer for answer in right.values() if isinstance(answer, PadlError)]
    content, rng = (copy / name).read_bytes(), random.Random(name)
    for position in rng.sample(range(len(content)), min(POSITIONS, len(content))):
        damaged = bytearray(content)
        damaged[position] ^= rng.randrange(1, 256)
        (copy / name).write_bytes(damaged)
        for question, answer in everything(copy, inputs).items():
            if isinstance(answer, PadlError):
                assert str(answer).startswith(str(copy)), answer
                assert "\n" not in str(answer)
            elif question == "flags":
                assert answer == [] or "not known" in answer[0]
            else:
                assert answer == right[question], (name, position, question)


@pytest.mark.parametrize("name", [name for name in READ if not name.endswith("manifest.json")])
def test_any_byte_behind_a_manifest_that_a_stranger_made_right_is_no_traceback(copy, inputs, name):
    content, rng = (copy / name).read_bytes(), random.Random(name)
    place = (copy / name).parent
    for position in rng.sample(range(len(content)), min(POSITIONS, len(content))):
        damaged = bytearray(content)
        damaged[position] ^= rng.randrange(1, 256)
        manifest.write(place, {Path(name).name: bytes(damaged)}, manifest.entries(place))
        everything(copy, inputs)


@pytest.mark.parametrize("change", [{"seed": 1}, {"model": {"name": "mlp", "widths": [16], "activation": "gelu"}}])
def test_an_edited_configuration_is_used_by_nothing_that_uses_the_parameters(copy, change):
    (copy / "config.yaml").write_text(yaml.safe_dump({**yaml.safe_load((copy / "config.yaml").read_text()), **change}))
    for use in (padl.load, padl.evaluate, at_best, of_network):
        with pytest.raises(PadlError, match=r"config\.yaml is not as it was written: it was edited or is damaged"):
            use(copy)


def test_an_edited_configuration_is_run_again_with_a_line(copy, capsys):
    (copy / "config.yaml").write_text((copy / "config.yaml").read_text().replace("seed: 0", "seed: 1"))
    assert saved_runs.again(copy)["seed"] == 1
    assert f"padl: {copy / 'config.yaml'} was edited: this run is what it says now\n" in capsys.readouterr().err


def test_an_edited_environment_is_said_and_stops_nothing(copy):
    (copy / "env.json").write_text((copy / "env.json").read_text().replace("false", "true"))
    (line,) = differences_from_record(copy)
    assert line.startswith(f"{copy / 'env.json'} is not as it was written")
    assert padl.evaluate(copy)


# Checkpoints that strangers made


def packed(tree) -> bytes:
    return msgpack_serialize(tree)


def array(shape, dtype: bytes, content: bytes) -> bytes:
    """A message pack with one array, as flax writes it, of any shape and dtype."""
    inner = msgpack.packb((shape, dtype, content))
    return msgpack.packb({"params": {"head.bias": msgpack.ExtType(1, inner)}, "model_state": {}})


def test_a_checkpoint_is_held_against_the_model(copy, small_run):
    right = msgpack_restore((copy / "checkpoint" / "best.msgpack").read_bytes())
    bias = right["params"]["head.bias"]

    def refused(because: str, params: dict) -> None:
        write_checkpoint(copy, best=packed({"params": params, "model_state": {}}))
        for use in (padl.load, lambda folder: padl.evaluate(folder, "best"), at_best, of_network):
            with pytest.raises(PadlError, match=because):
                use(copy)

    others = {name: p for name, p in right["params"].items() if name != "head.bias"}
    refused(r"best\.msgpack lacks params\.head\.bias", others)
    refused(r"best\.msgpack also holds params\.more", {**right["params"], "more": bias})
    refused(
        r"params\.head\.bias is float32\[11\], where the run's .* float32\[10\]",
        {**others, "head.bias": np.zeros(11, "f4")},
    )
    refused(r"params\.head\.bias is float64\[10\], where", {**others, "head.bias": np.zeros(10)})
    for bad in (np.nan, np.inf):
        refused(r"params\.head\.bias holds a NaN, an infinity", {**others, "head.bias": bias * np.float32(bad)})
    write_checkpoint(copy, best=packed(right))
    assert padl.evaluate(copy, "best") == padl.evaluate(small_run.folder, "best")


HOSTILE = {
    "a huge shape": array((2**40, 2**20), b"float32", b"1234"),
    "a shape of nothing times much": array((0, 2**62), b"float32", b""),
    "objects": array((1,), b"object", b"12345678"),
    "an unknown type": array((1,), b"flat32", b"1234"),
    "a type as long as the memory": array((1,), b"V99999999999", b"1234"),
    "bytes that are no array": msgpack.packb({"params": msgpack.ExtType(1, b"\xc1")}),
    "a text": msgpack.packb({"params": {"head.bias": "text"}, "model_state": {}}),
    "no tree": msgpack.packb(5),
    "another tree": msgpack.packb([[], {}]),
    "a list without an end": msgpack.packb({"params": 1})[:-1] + b"\xdd\xff\xff\xff\xff",
    "lists of lists that each want room": b"\x81\xa1a" + b"\xdd\x00\x00\x10\x00" * 900,
    "a pickle": b"\x80\x04\x95",
    "garbage": bytes(range(255, 0, -1)),
    "nothing": b"",
    "depth": b"\x91" * 100_000 + b"\x00",
    "depth within the size": b"\x81\xa1a" * 1100 + b"\x00",
    "depth of lists": b"\x91" * 900 + b"\x00",
    "chunks": packed({"params": {"__msgpack_chunked_array__": 1}, "model_state": {}}),
}  # fmt: skip


@pytest.mark.parametrize("name", ["best", "stats"])
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_checkpoint_is_one_line_that_names_it(copy, name, content):
    write_checkpoint(copy, **{name: content})
    with pytest.raises(PadlError) as raised:
        padl.load(copy)
    assert str(raised.value).startswith(str(copy / "checkpoint" / f"{name}.msgpack"))
    assert "\n" not in str(raised.value)


def test_a_checkpoint_larger_than_its_model_is_not_read(copy):
    write_checkpoint(copy, best=bytes(100_000))
    with pytest.raises(PadlError, match=r"best\.msgpack cannot be read: larger than [\d,]+ bytes"):
        padl.load(copy)


@pytest.mark.parametrize(
    "changes",
    [[], 1, {"task": 1}, {"task": {}}, {"input_shape": [8, "8"]}, {"input_shape": []}, {"input_shape": [-1]},
     {"input_shape": [2**40, 2**40]}, {"input_shape": [9, 8, 1]}, {"data": 1}, {"task": {"kind": "x"}},
     {"task": {"kind": "classification"}}, {"task": {"kind": "classification", "classes": "x"}},
     {"task": {"kind": "classification", "classes": 2**40}}],
    ids=str,
)  # fmt: skip
def test_a_hostile_description_of_a_model_is_one_line(copy, changes):
    about = json.loads((copy / "checkpoint" / "model.json").read_text())
    write_checkpoint(copy, model=json.dumps({**about, **changes} if isinstance(changes, dict) else changes).encode())
    with pytest.raises(PadlError) as raised:
        padl.load(copy)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "stats", [{}, {"mean": np.zeros(1, "f4")}, {"mean": np.zeros((5, 1, 1, 1), "f4"), "std": np.ones(1, "f4")}]
)
def test_statistics_of_other_inputs_are_one_line(copy, stats):
    write_checkpoint(copy, stats=packed(stats))
    with pytest.raises(PadlError, match=r"stats\.msgpack is not of this model's inputs"):
        padl.load(copy)


# What a stored configuration may say


def test_a_folder_says_neither_where_programs_come_from_nor_what_is_the_users_own(copy, tmp_path, capsys):
    theirs = str(tmp_path / "programs of theirs")
    wandb = {"mode": "online", "project": "of theirs"}
    write_config(copy, compilation_cache=theirs, device="gpu", progress="live", wandb=wandb)
    config = saved_runs.again(copy)
    assert not {"compilation_cache", "device", "progress", "wandb"} & config.keys()
    for use in (padl.load, padl.evaluate, at_best, of_network):
        use(copy)
    assert not Path(theirs).exists()
    err = capsys.readouterr().err
    told = (
        f"compilation_cache={theirs}, device=gpu, wandb.mode=online, wandb.project=of theirs left out: these are yours"
    )
    assert told in err
    assert err.count("left out") == 2  # of the graph, too, where programs are kept


def test_a_run_is_repeated_in_the_folder_that_it_lies_in(copy):
    write_config(copy, run={"dir": "/somewhere/else", "save": True, "plot": False})
    assert saved_runs.again(copy)["run"] == {"dir": str(copy.parent), "save": True, "plot": False}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"loss": {"name": "***"}}, r"config\.yaml: loss\.name is '\*\*\*': PADL hid a secret there"),
        ({"seed": "0"}, r"config\.yaml: seed='0' is not a whole number"),
        ({"sed": 0}, r"config\.yaml: no key 'sed'; did you mean 'seed'\?"),
        ({"task": 5}, r"config\.yaml: task=5 must be a name"),
        ({"model": None}, r"config\.yaml: model=None must be a name"),
        ({"run": 5}, r"config\.yaml: run=5 must be a group of keys"),
        ({"run": {"dirr": 1}}, r"config\.yaml: a run has no 'run\.dirr'"),
        ({"dtype": "bloat32"}, r"config\.yaml: dtype='bloat32' is not one of float32, bfloat16"),
        ({"devices": "many"}, r"config\.yaml: devices='many' is not a whole number or null"),
    ],
)
def test_a_configuration_that_cannot_be_is_one_line_with_its_file(copy, changes, line):
    write_config(copy, **changes)
    for use in (padl.load, padl.evaluate, at_best, saved_runs.again):
        with pytest.raises(PadlError, match=line):
            use(copy)


def test_a_run_on_more_devices_than_here_says_so(copy, capsys):
    write_config(copy, devices=64)
    assert saved_runs.again(copy)["devices"] is None
    assert f"it was on 64 devices and here are {len(jax.devices())}" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["/etc/passwd", "~/x.csv", "{tmp}/theirs/../x.csv", "{tmp}/theirs/link/passwd"])
def test_a_file_outside_is_not_named_by_a_folder_unless_it_is_allowed(copy, tmp_path, monkeypatch, path):
    (copy.parent / "link").symlink_to("/etc")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_config(copy, task={"name": "csv", "path": path.format(tmp=tmp_path)})
    with pytest.raises(
        PadlError, match=r"would read /.*\(task\.path\), outside .*: if that is meant, add --allow path"
    ):
        saved_runs.again(copy)
    assert saved_runs.again(copy, ["path"])["task"]["name"] == "csv"


@pytest.mark.parametrize("path", ["x.csv", "{tmp}/here/deep/x.csv", "{tmp}/theirs/x.csv"])
def test_a_file_below_the_current_folder_or_beside_the_run_is_fine(copy, tmp_path, monkeypatch, path):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_config(copy, task={"name": "csv", "path": path.format(tmp=tmp_path)})
    assert saved_runs.again(copy)["task"]["path"] == path.format(tmp=tmp_path)


def test_a_path_that_is_allowed_for_nothing_is_said(copy, capsys):
    saved_runs.again(copy, ["path"])
    assert "path is allowed to differ, and does not: --allow path changed nothing" in capsys.readouterr().err


@pytest.mark.parametrize("use", [padl.evaluate, at_best, of_network])
def test_what_reads_the_data_of_a_run_refuses_files_outside_and_a_model_is_loaded_without_them(
    copy, tmp_path, monkeypatch, use
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "x.csv").write_text("a,b\n" + "1,2\n" * 9)
    write_config(copy, task={"name": "csv", "path": str(tmp_path / "x.csv"), "target": "b", "kind": "regression"})
    with pytest.raises(
        PadlError, match=r"would read /.*\(task\.path\), outside .*: if that is meant, add --allow path"
    ):
        use(copy)
    with pytest.raises(PadlError) as raised:  # it was read, and what it holds does not fit
        use(copy, allow=["path"])
    assert "would read" not in str(raised.value)
    assert padl.load(copy).params.keys()


COMMANDS = {
    "rerun": lambda folder: [folder],
    "evaluate": lambda folder: [folder],
    "backprop": lambda folder: [folder],
    "compare": lambda folder: ["surface=network", f"checkpoint={folder}"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_takes_what_it_allows_by_its_name(padl_command, copy, command):
    for words in (["--allow"], ["--allow", "everything"], ["--allow="]):
        code, _, err = padl_command(command, *COMMANDS[command](str(copy)), *words)
        assert (code, err.count("\n")) == (2, 1)
        assert "allow" in err


@pytest.mark.parametrize("command", [["compare"], ["backprop", "x * x", "x=1"]], ids=" ".join)
def test_what_reads_no_run_refuses_to_be_allowed_anything(padl_command, command):
    code, _, err = padl_command(*command, "--allow", "path")
    assert (code, err.count("\n")) == (2, 1)
    assert "--allow" in err
