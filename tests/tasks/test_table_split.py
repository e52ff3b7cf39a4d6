"""How the user's own table is split: by a share, a group, time, a column of sides, another file."""

import numpy as np
import pytest

import padl
from padl.types import PadlError

ROWS = 60


def write(file, patients=12, **columns):
    """A table of a feature, a patient, a day, a side and a price; text in any column by its name."""
    rng = np.random.default_rng(0)
    rows = {
        "x": rng.normal(size=ROWS).round(4),
        "patient": [f"p{i}" for i in rng.permutation(np.arange(ROWS) % patients)],
        "day": (np.datetime64("2024-01-01") + rng.permutation(ROWS)).astype(str),
        "side": np.repeat(["train", "val", "Test"], [40, 12, 8]),
        "price": rng.normal(size=ROWS).round(4),
        **columns,
    }
    lines = [",".join(rows), *(",".join(map(str, row)) for row in zip(*rows.values(), strict=True))]
    file.write_text("\n".join(lines) + "\n")
    return str(file), rows


def read(tmp_path, **options):
    path, rows = write(tmp_path / "t.csv")
    others = [c for c in ("patient", "day", "side") if c not in options.values()]
    task = padl.task("csv", path=path, drop=others, **options)
    return task, task.split(0, {}), {name: np.asarray(values) for name, values in rows.items()}


def test_rows_of_one_group_are_on_one_side_and_the_column_is_no_feature(tmp_path):
    task, split, rows = read(tmp_path, group="patient", test=0.1)
    sides = [set(rows["patient"][numbers]) for numbers in (split.train, split.held_out, split.test)]
    assert sum(map(len, sides)) == 12
    assert len(split.held_out) == 10  # two groups of five, the nearest to twelve rows
    assert task.rows["inputs"].shape == (ROWS, 1)


def test_the_last_rows_in_time_are_held_out_and_the_very_last_test(tmp_path):
    task, split, rows = read(tmp_path, order="day", test=0.1)
    train, held_out, test = (sorted(rows["day"][numbers]) for numbers in (split.train, split.held_out, split.test))
    assert train[-1] < held_out[0]
    assert held_out[-1] < test[0]
    assert [len(split.held_out), len(split.test)] == [12, 6]
    assert task.rows["inputs"].shape == (ROWS, 1)


def test_times_are_numbers_dates_or_texts_that_sort_as_they_do(tmp_path):
    months = [f"{2020 + i // 12}-{i % 12 + 1:02d}" for i in range(ROWS)]
    for times in (months, [*range(2, ROWS + 2)]):  # as texts, 10 stands before 9
        path, _ = write(tmp_path / "t.csv", when=times)
        split = padl.task("csv", path=path, target="price", drop=("patient", "day", "side"), order="when").split(0, {})
        assert split.held_out.tolist() == [*range(48, ROWS)]
    for times in ([f"{i % 12 + 1:02d}/03/2024" for i in range(ROWS)], ["2024-5", "2024-10"] * 30, ["a", "b"] * 30):
        path, _ = write(tmp_path / "t.csv", when=times)
        with pytest.raises(PadlError, match=r"in column 'when', which task\.order names, says no time for certain"):
            padl.task("csv", path=path, target="price", drop=("patient", "day", "side"), order="when")


def test_a_column_says_which_side_a_row_is_on(tmp_path):
    task, split, rows = read(tmp_path, split="side")
    for side, numbers in (("train", split.train), ("val", split.held_out), ("Test", split.test)):
        np.testing.assert_array_equal(numbers, np.flatnonzero(rows["side"] == side))
    assert task.rows["inputs"].shape == (ROWS, 1)


def test_another_file_holds_the_test_rows(tmp_path):
    test, rows = write(tmp_path / "test.csv", x=np.arange(ROWS) + 100)
    task, split, _ = read(tmp_path, test=test)
    np.testing.assert_array_equal(split.test, np.arange(ROWS, 2 * ROWS))
    np.testing.assert_array_equal(task.rows["inputs"][split.test, 0], rows["x"])
    assert len(split.held_out) == ROWS * 0.2
    assert task.split(0, {}).stats["mean"].max() < 1  # of the training rows alone
    assert any("its rows after 60 are the test rows, 60 of" in line for line in task.said)


def test_rows_that_are_left_out_take_their_group_and_side_with_them(tmp_path):
    x = ["", *range(1, ROWS)]
    path, rows = write(tmp_path / "t.csv", x=x, side=["test", *["train"] * 40, *["test"] * 19])
    task = padl.task("csv", path=path, drop=("patient", "day"), split="side", missing="drop")
    split = task.split(0, {})
    np.testing.assert_array_equal(task.rows["inputs"][split.test, 0], np.arange(41, ROWS))
    assert {*split.train, *split.held_out} == {*range(40)}
    grouped = padl.task("csv", path=path, drop=("side", "day"), group="patient", missing="drop").split(0, {})
    patients = np.asarray(rows["patient"])[1:]
    assert not set(patients[grouped.train]) & set(patients[grouped.held_out])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": "nobody"}, "task.group='nobody' is no column of .*t.csv: it has x, patient"),
        ({"order": "price"}, "task.order='price' is the target"),
        ({"group": "patient", "order": "day"}, "not by both"),
        ({"split": "patient"}, "column 'patient', which task.split names, holds 'p0': it must hold train, training"),
        ({"split": "side", "test": 0.1}, "test=0.1 is a share, and which rows test is given"),
        ({"test": "gone.csv"}, "task.test='gone.csv' cannot be read as a table: No such file"),
        ({"test": "other.csv"}, "task.test=other.csv: it must have the columns of .*: z"),
        ({"split": "side", "test": "same.csv"}, "task.split=side has test rows, and task.test=same.csv others"),
        ({"group": "patient", "test": "same.csv"}, "group 'p0' is on several of the sides that are given"),
    ],
)
def test_a_split_that_is_none_is_refused(tmp_path, options, message):
    write(tmp_path / "same.csv")
    write(tmp_path / "other.csv", z=range(ROWS))
    with pytest.raises(PadlError, match=message):
        read(tmp_path, **options)


def test_the_words_of_the_command_line_split_a_table(tmp_path, padl_command):
    path, _ = write(tmp_path / "t.csv")
    test, _ = write(tmp_path / "test.csv")
    words = ["task=csv", f"task.path={path}", "model=linear", "steps=2", "run.plot=false", "wandb.mode=disabled"]
    for more in (["task.group=patient", "task.drop=[day,side]"], [f"task.test={test}", "task.drop=[day,side,patient]"]):
        code, out, errors = padl_command("train", *words, *more, f"run.dir={tmp_path / 'runs'}")
        assert code == 0, errors
        assert ("test/rmse" in out) == ("task.test" in more[0])
