"""A run begins with the parameters of another: those of the same name and shape, and it says which."""

import numpy as np
import pytest

import padl
from padl.app.warm_start import merge
from padl.types import PadlError

SMALL = {"model": {"name": "mlp", "widths": [4, 3]}, "devices": 1}


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    place = str(tmp_path_factory.mktemp("other"))
    return padl.train(**SMALL, steps=5, run={"dir": place, "plot": False}, wandb={"mode": "disabled"})


def first_loss(**settings):
    return padl.train(**{**SMALL, **settings}, steps=1, optimizer={"name": "gd", "learning_rate": 1e-9})


def test_a_run_begins_where_the_other_ended(other):
    warm = first_loss(start={"from": str(other.folder), "which": "final"})
    for name, array in other.params.items():
        np.testing.assert_allclose(warm.params[name], array, atol=1e-6)
    assert warm.summary["final"]["loss"] == pytest.approx(other.summary["final"]["loss"], rel=1e-5)
    assert first_loss().summary["final"]["loss"] != pytest.approx(other.summary["final"]["loss"], rel=1e-4)


def test_it_says_what_was_taken_and_what_was_not(other, capsys):
    model = {"name": "mlp", "widths": [4, 3, 2]}
    first_loss(model=model, start=str(other.folder), progress="plain")
    table = capsys.readouterr().err
    rows = {words[1]: " ".join(words) for words in (line.split() for line in table.splitlines()) if len(words) > 3}
    assert "taken" in rows["blocks.0.linear.kernel"]
    assert "not there" in rows["blocks.2.linear.kernel"]
    assert "another shape" in rows["head.kernel"]


def test_a_pattern_takes_some(other):
    warm = first_loss(start={"from": str(other.folder), "which": "final", "only": "blocks.0.*"})
    taken = [name for name in other.params if np.allclose(warm.params[name], other.params[name], atol=1e-6)]
    assert taken == ["blocks.0.linear.bias", "blocks.0.linear.kernel"]


def test_arrays_are_matched_by_name_and_shape():
    fresh = {"a": np.zeros(2, np.float32), "b": np.zeros(3, np.float32), "c": np.zeros(1, np.float32)}
    saved = {"a": np.ones(2, np.float32), "b": np.ones(4, np.float32), "d": np.ones(1, np.float32)}
    merged, table = merge(fresh, saved, "*")
    assert {name: x if x is None else float(x.sum()) for name, x in merged.items()} == {"a": 2.0, "b": None, "c": None}
    assert {row.name: row.fate for row in table} == {
        "a": "taken", "b": "another shape", "c": "not there", "d": "not here",
    }  # fmt: skip


def test_what_cannot_be_is_refused_before_a_folder_is_made(other, tmp_path):
    run = {"dir": str(tmp_path / "runs")}
    with pytest.raises(PadlError, match="none of its parameters has a name and shape of this model"):
        padl.train(task="permeability", model="linear", start=str(other.folder), run=run)
    with pytest.raises(PadlError, match="is not the folder of a run"):
        padl.train(start=str(tmp_path), run=run)
    surface = padl.train(task="surface", steps=2, devices=1, run={"dir": str(tmp_path / "other")}).folder
    with pytest.raises(PadlError, match=r"^start\.from: .* is a run of task 'surface', which has no model$"):
        padl.train(start=str(surface), run=run)
    with pytest.raises(PadlError, match=r"^start\.from: task 'surface' has no model to take parameters into$"):
        padl.train(task="surface", start=str(other.folder), run=run)
    with pytest.raises(PadlError, match=r"add start\.from=FOLDER"):
        padl.train(start={"only": "head.*"}, run=run)
    with pytest.raises(PadlError, match="none of its parameters has a name and shape of this model"):
        padl.sweep(over={"seed": [0, 1]}, task="permeability", model="linear", start=other.folder, run=run)
    assert not (tmp_path / "runs").exists()
