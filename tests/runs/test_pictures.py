"""A picture is drawn in matplotlib's own style, and one that cannot be drawn costs a line."""

import os
import sys

import matplotlib
import pytest

import padl
from padl.runs import pictures
from padl.runs.pictures import own_style
from padl.types import PadlError

ROWS = [{"step": 1, "train/loss": 2.0}, {"step": 2, "train/loss": 1.0}]


def test_a_strangers_style_changes_no_picture(tmp_path):
    from padl.runs import curves

    curves.draw(ROWS, [], "title", tmp_path / "own.png")
    with matplotlib.rc_context({"lines.linewidth": 30, "axes.facecolor": "red", "savefig.dpi": 7}):
        with pictures.own_style():
            assert matplotlib.rcParams["text.usetex"] is False
        curves.draw(ROWS, [], "title", tmp_path / "other.png")
        assert matplotlib.rcParams["lines.linewidth"] == 30
    assert (tmp_path / "own.png").read_bytes() == (tmp_path / "other.png").read_bytes()


def test_a_picture_that_cannot_be_drawn_costs_a_line(tmp_path, monkeypatch, capsys):
    def broken(*_, **__):
        raise RuntimeError("no ink")

    monkeypatch.setattr("padl.runs.curves.draw", broken)
    made = padl.train(task="surface", steps=4, devices=1, run={"dir": str(tmp_path)}, wandb={"mode": "disabled"})
    assert made.status == "finished"
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "curves.png could not be drawn (RuntimeError: no ink); all else goes on" in err


@pytest.mark.parametrize("where", ["matplotlibrc", "named", "folder/matplotlibrc"])
def test_a_style_that_is_a_pipe_is_not_waited_for(tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(where)
    monkeypatch.setenv("MATPLOTLIBRC", where.removesuffix("/matplotlibrc"))
    monkeypatch.delitem(sys.modules, "matplotlib")
    with pytest.raises(PadlError, match="is matplotlib's style, and cannot be read: not a regular file"), own_style():
        pass
    pictures.preload()
    assert "matplotlib" not in sys.modules


def test_an_error_that_the_user_can_mend_comes_through():
    with pytest.raises(ZeroDivisionError):
        pictures.attempt("x", lambda: [1 // 0], but=(ZeroDivisionError,))


def test_letters_that_the_font_lacks_cost_one_line(tmp_path, capsys):
    from padl.runs import curves

    curves.draw(ROWS, [], "名前", tmp_path / "x.png")  # two letters, of each of which matplotlib warns
    assert capsys.readouterr().err == (
        "padl: x.png: matplotlib's font does not have all of its letters, and draws boxes for them\n"
    )
