"""manifest.json: what a run writes is listed, and what is not as it was written is refused, at any byte."""

import json
import shutil

import pytest

import padl
from padl.runs import jsonl, manifest, run_files, run_folder
from padl.types import PadlError

STARTED = {"config.yaml", "env.json"}


@pytest.fixture
def copy(small_run, tmp_path):
    """A copy of the folder of a run, to be damaged."""
    return shutil.copytree(small_run.folder, tmp_path / "copy")


def test_every_file_that_numbers_depend_on_is_listed_with_its_digest(small_run):
    listed = manifest.entries(small_run.folder)
    assert listed.keys() == {*STARTED, "title.json", "metrics.jsonl", "summary.json"}
    assert all(manifest.digest(small_run.folder / name) == digest for name, digest in listed.items())


def test_the_start_of_a_run_is_listed_as_it_begins(tmp_path):
    run_files.write_start(tmp_path, {"seed": 1}, "{}\n", {"overrides.json": ["seed=1"]})
    assert manifest.entries(tmp_path).keys() == {*STARTED, "overrides.json"}
    assert run_files.verified_config(tmp_path) == {"seed": 1}


def test_a_member_of_a_sweep_is_guarded_as_a_run_is(tmp_path):
    found = padl.sweep(
        task="surface", over={"learning_rate": [0.1, 0.2]}, steps=5, run={"dir": str(tmp_path), "plot": False}
    )
    for row in found.rows:
        folder = found.folder / row["folder"]
        listed = manifest.entries(folder)
        assert listed.keys() == {*STARTED, "title.json", "overrides.json", "metrics.jsonl", "summary.json"}
        assert all(manifest.digest(folder / name) == digest for name, digest in listed.items())


def test_a_run_whose_manifest_is_damaged_in_its_course_ends_with_a_line(tmp_path, capsys):
    run_files.write_start(tmp_path, {"seed": 1}, "{}\n")
    (tmp_path / "manifest.json").write_text("[")
    run_files.write_end(tmp_path, {"steps": 3}, jsonl.BufferedJsonl(tmp_path).written())
    assert "no longer guarded" in capsys.readouterr().err
    assert run_files.verified_json(tmp_path / "summary.json") == {"steps": 3}
    with pytest.raises(PadlError, match=r"config\.yaml is not listed"):
        run_files.verified_config(tmp_path)


def test_a_run_whose_manifest_is_removed_in_its_course_ends_with_a_line(tmp_path, capsys):
    run_files.write_start(tmp_path, {"seed": 0}, "{}")
    (tmp_path / "manifest.json").unlink()
    run_files.write_end(tmp_path, {"steps": 3}, jsonl.BufferedJsonl(tmp_path).written())
    err = capsys.readouterr().err
    assert "manifest.json was removed while the run went on: config.yaml is no longer guarded" in err


def test_the_rows_of_a_run_that_goes_on_are_read_without_a_digest(tmp_path):
    run_files.write_start(tmp_path, {"seed": 1}, "{}\n")
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "train/loss": 0.5}\n')
    assert run_files.verified_metrics(tmp_path) == [{"step": 1, "train/loss": 0.5}]


def test_an_edited_configuration_is_refused_and_read_where_that_is_wanted(copy):
    file = copy / "config.yaml"
    file.write_text(file.read_text().replace("seed: 0", "seed: 1"))
    with pytest.raises(PadlError, match=r"config.yaml is not as it was written: it was edited or is damaged"):
        run_files.verified_config(copy)
    stored = run_files.stored_config(copy)
    assert (stored.values["seed"], stored.is_as_written) == (1, False)


def test_a_folder_without_a_manifest_is_read_with_one_line(copy, capsys):
    (copy / "manifest.json").unlink()
    assert run_files.verified_config(copy)["steps"] == 60
    assert capsys.readouterr().err == (
        f"padl: {copy} has no manifest.json: nothing says whether its files are as the run wrote them\n"
    )
    assert run_files.stored_config(copy).is_as_written is None


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"config.yaml": 1}', '{"config.yaml": "ab"}', "[" * 100_000])
def test_a_damaged_manifest_is_named(copy, content):
    (copy / "manifest.json").write_text(content)
    with pytest.raises(PadlError, match=r"manifest.json is damaged"):
        run_files.verified_config(copy)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"- 1", b"word", b"\xff", b"task: [", b"a: &x 1\nb: *x", b"seed: 2001-01-01", b"seed: !!timestamp x",
        b"1: 2", b"seed: !!binary '?'", b"seed: !!set {a}", b"seed: " + 5000 * b"1", b"[" * 2000, b"a: !!python/none 1",
    ],
)  # fmt: skip
def test_a_configuration_that_is_none_is_one_line_with_its_file(tmp_path, content):
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(PadlError, match=r"config.yaml.*: it is damaged, or no configuration") as raised:
        run_folder.read_config(tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "line", [b"\xff", b"{", b"[]", b"{}", b'{"step": "x"}', b'{"step": true}', b'{"step": 1, "a": []}', b"[" * 100_000]
)
def test_a_damaged_line_of_the_metrics_is_named_with_its_number(tmp_path, line):
    (tmp_path / "metrics.jsonl").write_bytes(b'{"step": 1}\n' + line + b'\n{"step": 3}\n')
    with pytest.raises(PadlError, match=r"metrics\.jsonl, line 2: it is damaged"):
        run_folder.read_metrics(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff", b"{", b"[" * 100_000, b"1" * 5000])
def test_json_that_is_none_is_one_line_with_its_file(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(PadlError, match=r"x\.json is damaged"):
        run_folder.read_json(tmp_path / "x.json")


def test_the_manifest_says_nothing_of_secrets_that_look_like_its_digests(tmp_path, monkeypatch):
    run_files.write_start(tmp_path, {"seed": 1}, "{}\n")
    digest = manifest.entries(tmp_path)["config.yaml"]
    monkeypatch.setenv("MY_KEY", digest[:12])
    run_files.write_start(tmp_path, {"seed": 1}, "{}\n")
    assert json.loads((tmp_path / "manifest.json").read_text())["config.yaml"] == digest
