"""The user's own tables: what is read and said, targets, classes, missing values, and what would train to nonsense."""

import json
from itertools import count

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import padl
from padl.data.table.encoding import encode
from padl.data.table.reading import read
from padl.types import PadlError

ROWS = 60
NOISE = np.random.default_rng(0).uniform(size=ROWS).round(6)


def table(tmp_path, content):
    file = tmp_path / "table.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(file)


def lines(header, row):
    """A table of ROWS rows, each as `row` makes it of its number and of a number in (0, 1)."""
    return header + "\n" + "".join(f"{row(i, y)}\n" for i, y in enumerate(NOISE.tolist()))


def csv(tmp_path, content, **options):
    return padl.task("csv", path=table(tmp_path, content), **options)


THOUSANDS = lines("area,price", lambda i, y: f'{y},"{1 + i},{int(1000 * y):03d}"')
VISITS = lines("visits,y", lambda i, y: f'"1,{i:03d}",{y}')
COMMA = lines("area,price", lambda i, y: f'{y:.2f},"{10 * y:.2f}"'.replace(".", ",").replace(",", ".", 1))
NA_MOST = lines("income,y", lambda i, y: f"{'NA' if i % 3 else i},{y}")
NA_FEW = lines("income,y", lambda i, y: f"{i if i % 9 else 'NA'},{y}")
DATES = lines("x,day", lambda i, y: f"{i},2021-03-{i % 28 + 1:02d}")
CODES = lines("code,y", lambda i, y: f"{i % 5}_{i % 3},{y}")


@pytest.mark.parametrize(
    ("content", "shape", "kind", "said"),
    [
        (lines(",x,y", lambda i, y: f"{i},{y},{y}"), (ROWS, 1), "regression", "counts the rows: it is left out"),
        (lines("x, 'y'".replace("'", '"'), lambda i, y: f'{i}, "{y}"'), (ROWS, 1), "regression", "60 rows; 1 number;"),
        (lines("a\tb\ty", lambda i, y: f"{i}\t{y}\t{y}"), (ROWS, 2), "regression", "separated by tabs"),
        (lines("a|b|y", lambda i, y: f"{i}|{y}|{y}"), (ROWS, 2), "regression", "separated by pipes"),
        (lines("a,y", lambda i, y: f"{i},{y}").encode("utf-16"), (ROWS, 1), "regression", "its encoding is utf-16"),
        (lines("x,y,", lambda i, y: f"{i},{y},"), (ROWS, 1), "regression", "holds nothing: it is left out"),
        ("\n" + lines("x,y", lambda i, y: f"{i},{y}"), (ROWS, 1), "regression", "1 blank lines"),
        (lines("x,label", lambda i, y: f"{i},{1234567 + i % 3}"), (ROWS, 1), "classification", "1234568 33.3 %"),
        (lines("x,label", lambda i, y: f"{i},{20250001 + i % 3}"), (ROWS, 1), "classification", "20250002 33.3 %"),
        (lines("x,kind", lambda i, y: f"{y},{'big' if i < 40 else i}"), None, "", "'40' in column 'kind', row 41"),
        (lines("x,kind", lambda i, y: f"{y},k{i // 3}"), (ROWS, 1), "classification", "target 'kind': 20 classes"),
    ],
    ids=count(),
)
def test_a_table_as_it_arrives_is_read_and_what_was_read_is_said(tmp_path, content, shape, kind, said):
    if shape is None:
        with pytest.raises(PadlError, match=said):
            csv(tmp_path, content)
        return
    task = csv(tmp_path, content)
    assert (task.rows["inputs"].shape, task.about["kind"]) == (shape, kind)
    assert said in "; ".join(task.said)


@pytest.mark.parametrize(
    ("content", "message", "options", "first_row"),
    [
        (THOUSANDS, "task.thousands=, reads 1636", {"thousands": ","}, [NOISE[0], 1636]),
        (VISITS, "task.thousands=, reads 1000", {"thousands": ","}, [1000, NOISE[0]]),
        (COMMA, "task.decimal=, reads 6.37", {"decimal": ","}, [0.64, 6.37]),
        (COMMA, "task.decimal=, reads 6.37", {"decimal": "comma"}, [0.64, 6.37]),
        (NA_MOST, "'NA'.* column 'income', row 2 of 60 .40 such in all.: task.m", {"missing": "drop"}, [0, NOISE[0]]),
        (NA_FEW, "'NA'.* column 'income', row 1 of 60 .7 such in all.: task.m", {"missing": "drop"}, [1, NOISE[1]]),
        (CODES, "task.types.code=category", {"types": {"code": "drop"}, "target": ["y"]}, None),
        (DATES, "task.dates=days", {"dates": "days"}, [0, 0]),
        (
            lines("größe,y", lambda i, y: f"{i},{y}").encode("latin-1"),
            "=latin-1",
            {"encoding": "latin-1"},
            [0, NOISE[0]],
        ),
        ("0,0.5,0.25\n" * 9 + "1,2,3.5\n", "task.header=false", {"header": False}, [0, 0.5, 0.25]),
    ],
    ids=count(),
)
def test_a_table_in_doubt_is_refused_and_read_with_the_option_that_its_message_names(
    tmp_path, content, message, options, first_row
):
    with pytest.raises(PadlError, match=message):
        csv(tmp_path, content)
    if first_row is None:
        with pytest.raises(PadlError, match="no column is left to predict y from"):
            csv(tmp_path, content, **options)
        return
    rows = csv(tmp_path, content, **options).rows
    np.testing.assert_allclose([*rows["inputs"][0], rows["targets"][0]], first_row, rtol=1e-6)


@pytest.mark.parametrize(
    ("kinds", "held_out"),
    [(["big"] * 40 + [f"k{i}" for i in range(40, 60)], 12), ([f"k{i // 2}" for i in range(100)], 20)],
    ids=["one large, twenty of one row", "fifty of two rows"],
)
def test_of_classes_however_small_the_share_that_is_asked_for_is_held_out(tmp_path, kinds, held_out):
    task = csv(tmp_path, "x,kind\n" + "".join(f"{i / 7},{kind}\n" for i, kind in enumerate(kinds)))
    split = task.split(0, {})
    assert len(split.held_out) == held_out
    assert set(np.asarray(task.rows["labels"])[split.train]) == set(range(len(set(kinds))))
    assert f"target 'kind': {len(set(kinds))} classes" in task.said[0]


def test_codes_with_underscores_are_never_numbers(tmp_path):
    task = csv(tmp_path, CODES, types={"code": "category"})
    assert task.rows["inputs"].shape == (ROWS, 15)
    assert task.rows["inputs"].sum() == ROWS


GOOD = "size,stone,mass\n" + "".join(f"{i},{'granite' if i % 2 else 'marble'},{i * 0.5}\n" for i in range(20))


def test_a_table_of_numbers_is_a_regression_and_text_is_spread_over_columns(tmp_path):
    task = csv(tmp_path, GOOD)
    assert task.about["kind"] == "regression"
    assert task.rows["inputs"].shape == (20, 3)
    np.testing.assert_array_equal(task.rows["inputs"][:2], [[0, 0, 1], [1, 1, 0]])
    np.testing.assert_allclose(task.rows["targets"], np.arange(20) * 0.5)
    assert task.said == (
        "table.csv: 20 rows; 1 number, 1 category as 3 inputs; target 'mass', a number, 0 to 9.5: a constant guess"
        " reaches an rmse of 2.883",
    )


def test_a_target_of_text_is_a_classification(tmp_path):
    task = csv(tmp_path, GOOD.replace("19,granite", "19,marble"), target="stone")
    assert (task.about["kind"], task.about["names"]) == ("classification", ["granite", "marble"])
    np.testing.assert_array_equal(task.rows["labels"][:2], [1, 0])
    assert "2 classes, marble 55 %, granite 45 %; a constant guess reaches an accuracy of 0.55" in task.said[0]


def test_whole_numbers_are_classes_unless_said_otherwise_and_that_is_said(tmp_path):
    content = "x,y\n" + "".join(f"{i},{3 + i % 3}\n" for i in range(10))
    task = csv(tmp_path, content)
    assert task.about["names"] == ["3", "4", "5"]
    assert "3 different whole numbers are taken for classes: task.kind=regression" in task.said[1]
    assert csv(tmp_path, content, kind="regression").about["kind"] == "regression"
    assert csv(tmp_path, content, types={"y": "category"}).said[1:] == ()


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("x,y\n1,2\n3\n", {}, r"table.csv, line 3: 1 fields where the header has 2"),
        ("x,y\n1,2\n3,nan\n", {}, r"'nan', which stands for no value, in column 'y', row 2 of 2"),
        ("x,y\n-inf,2\n3,1\n", {}, r"'-inf' in column 'x', row 1"),
        ("x,y\n1,\n2,3\n", {}, r"empty field in column 'y', row 1"),
        ("x,y\n1,0\n2,1\n3,7\n", {"classes": 2}, r"label 7 in row 3 is outside 0 \.\. 1"),
        ("x,y\n1,a\n2,b\n", {"kind": "regression"}, "column 'y' holds text"),
        ("x,y\n1,a\n2,b\n", {"classes": 2}, "wants whole numbers"),
        ("x,y\n1,2\n2,3\n", {"target": "z"}, "task.target='z' is no column"),
        ("x,y\n1,2\n2,3\n", {"target": ["y", "y"]}, "names a column twice"),
        ("x,y\n,2\n,3\n", {"types": {"x": "number"}, "missing": "impute"}, "column 'x' holds no value"),
        ("x,,y\n1,2,3\n4,7,6\n", {}, "its column 2 has no name in the first line"),
        ("x,y\n1,2\n2,3\n", {"drop": ["z"]}, "task.drop names 'z', no column of"),
        ("x,y\n1,2\n2,3\n", {"types": {"z": "number"}}, "task.types names 'z', no column of"),
        (
            "x,y\n1,2\n2,3\n",
            {"types": {"x": "text"}},
            r"is not a mapping \{name: one of number, category, date, drop\}",
        ),
        ("x,y\n1,2\n2,3\n", {"drop": ["y"]}, "column 'y' is the target, and left out"),
        ("x,y\n1,2\n2,3\n", {"drop": ["x"], "types": {"x": "number"}}, "task.drop leaves column 'x' out"),
        ("x,y\n1,2\n2,3\n", {"target": ["x", "y"]}, "no column is left to predict x, y from"),
        ("x,y\n1,2\n2,3\n", {"kind": "regression", "classes": 2}, "task.kind=regression: leave one out"),
        ("x,y\n1,2\n2,3\n", {"thousands": "ab"}, "task.thousands=ab is no sign"),
        ("x,y\n1,2\n2,3\n", {"decimal": ";"}, "the first is . or ,"),
        ("x,y\n1,2\n2,3\n", {"decimal": ",", "thousands": ","}, "and the other another"),
        ("x,y\n1,2021-03-01\n2,2021-03-02\n", {"dates": "days", "kind": "classification"}, "holds dates, no classes"),
        ("x,y\n" + "".join(f"{i},{2**53 + 2 * i}\n" for i in range(4)), {"kind": "classification"}, "too large to be"),
        ("x,y\n" + "".join(f"{i},{10**9 + i}.5\n" for i in range(9)), {}, "which float32 cannot tell apart"),
        ("x,y\n1e300,2.5\n1,3.5\n", {}, "too large for float32"),
        ("x,y\n" + "1,2.5\n" * 9 + "x,3.5\n", {}, "'x' in column 'x', row 10, is no number, as most there are"),
        ("x,y\n" + "".join(f"{i},1.5\n" for i in range(9)), {}, "the target is 1.5 in every row"),
        ("x,y\n" + "".join(f"id-{i},{i}.5\n" for i in range(40)), {}, "holds 40 different texts"),
        ("x,y\n" + "".join(f"{(i - 4) * 4e37},{i}.5\n" for i in range(9)), {}, "'x' goes from -1.6e.38 to 1.6e.38, wh"),
        (
            "x,y\n" + "".join(f"{i * 1e-39},{i}.5\n" for i in range(9)),
            {},
            "'x' goes from 0 to 8e-39, which float32 can",
        ),
        ("x,y\n" + "".join(f"{i}e-42,{i}.5\n" for i in range(9)), {}, "'x' goes from 0 to 8e-42, which float32 cannot"),
    ],
    ids=count(),
)
def test_a_table_that_would_train_to_nonsense_is_refused_with_its_place(tmp_path, text, options, message):
    with pytest.raises(PadlError, match=message):
        csv(tmp_path, text, **options)


def test_a_table_that_is_not_there_is_refused():
    with pytest.raises(PadlError, match="No such file"):
        padl.task("csv", path="gone.csv")
    with pytest.raises(PadlError, match="needs a table"):
        padl.task("csv")


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("header", "a,\x1b[2Jb\n1,\n2,3\n", r"column '\x1b[2Jb', row 1"),
        ("line feed", 'a,"b\npadl: all is well"\n1,\n1,2', r"column 'b\npadl: all is well', row 1"),
        ("cell", "a,b\n1,2\n2,3\n3,\x1b]0;x\x07\n", r"'\x1b]0;x\x07' in column 'b', row 3"),
        ("columns", "a" * 500 + ",b\n1,2\n", "a" * 80 + " …"),
    ],
)
def test_a_message_shows_what_is_not_printable_of_a_table_and_little_of_a_long_one(tmp_path, name, text, shown):
    with pytest.raises(PadlError) as refused:
        csv(tmp_path, text, target="none" if name == "columns" else "")
    assert shown in str(refused.value)
    assert str(refused.value).isprintable()


def test_missing_numbers_are_the_mean_of_the_training_rows_and_missing_targets_are_left_out(tmp_path):
    content = lines("income,stone,y", lambda i, y: f"{i if i % 3 else 'NA'},{'' if i == 1 else 'ab'[i % 2]},{y}")
    task = csv(tmp_path, content.replace(f",{NOISE[5]}\n", ",NA\n"), missing="impute")
    assert len(task.rows["inputs"]) == ROWS - 1
    assert "1 of 60 rows without a value are left out (column 'y' lacks 1)" in task.said
    assert task.rows["inputs"][1, 1:].tolist() == [0, 0]
    for seed in range(2):
        split = task.split(seed, {})
        incomes = task.rows["inputs"][split.train, 0]
        np.testing.assert_allclose(split.stats["fill"][0, 0], np.nanmean(incomes), rtol=1e-6)
        filled = np.where(np.isnan(incomes), np.nanmean(incomes), incomes)
        np.testing.assert_allclose(split.stats["std"][0, 0], filled.std(), rtol=1e-5)
        assert task.describe(split)["encoding"]["columns"][0]["fill"] == split.stats["fill"][0, 0]


def test_a_category_that_only_held_out_rows_have_does_not_reach_the_model(tmp_path):
    task = csv(tmp_path, lines("stone,y", lambda i, y: f"{'rare' if i == 7 else 'ab'[i % 2]},{y}"))
    seed = next(seed for seed in range(99) if 7 in task.split(seed, {}).held_out)
    split = task.split(seed, {})
    assert split.stats["seen"].tolist() == [[1, 1, 0]]
    assert task.describe(split)["encoding"]["columns"][0]["unseen"] == ["rare"]
    seed = next(seed for seed in range(99) if 7 in task.split(seed, {}).train)
    assert task.split(seed, {}).stats["seen"].tolist() == [[1, 1, 1]]


def test_dates_are_days_or_parts_and_a_target_is_days_since_the_first(tmp_path):
    content = lines("day,y", lambda i, y: f"2021-03-{i % 28 + 1:02d},{y}")
    assert csv(tmp_path, content, dates="days").rows["inputs"][:3].tolist() == [[0], [1], [2]]
    assert csv(tmp_path, content, types={"day": "date"}).rows["inputs"].shape == (ROWS, 1)
    assert csv(tmp_path, content, dates="parts").rows["inputs"][0].tolist() == [2021, 3, 1, 0]
    task = csv(tmp_path, DATES, dates="parts")
    assert task.rows["targets"][:2].tolist() == [0, 1]
    assert task.said[1] == "target 'day' is in days since 2021-03-01T00:00:00"


BODY = lines("height,weight,waist", lambda i, y: f"{i},{100 * y + i},{1000 - i - y}")


def test_several_targets_are_each_measured_in_its_unit_and_predicted_in_it(tmp_path):
    task = {"name": "csv", "path": table(tmp_path, BODY), "target": ["weight", "waist"]}
    run = {"dir": str(tmp_path / "runs"), "plot": False}
    made = padl.train(
        task=task, model="linear", optimizer={"name": "adam", "learning_rate": 0.05}, steps=200, devices=1, run=run
    )
    measured = made.summary["final"]
    data = padl.task("csv", path=task["path"], target=task["target"])
    held = data.split(0, {}).held_out
    model = padl.load(made.folder, "final")
    predicted = np.asarray(model(data.rows["inputs"][held]))
    errors = predicted - data.rows["targets"][held]
    assert predicted.shape == (len(held), 2)
    for i, name in enumerate(("weight", "waist")):
        np.testing.assert_allclose(measured[f"rmse_{name}"], np.sqrt((errors[:, i] ** 2).mean()), rtol=1e-3)
        np.testing.assert_allclose(measured[f"mae_{name}"], np.abs(errors[:, i]).mean(), rtol=1e-3)
    deviations = np.asarray(model.stats["target_std"])
    np.testing.assert_allclose(measured["rmse"], np.sqrt(((errors / deviations) ** 2).mean()), rtol=1e-3)
    assert measured["rmse_waist"] < 1 < measured["rmse_weight"]
    assert made.summary["optimum"] == {"left_out": "several targets have an optimum each"}


@pytest.mark.parametrize("loss", ["crps_gaussian", "quantile", "huber"])
def test_a_loss_of_a_regression_takes_several_targets(tmp_path, loss):
    task = {"name": "csv", "path": table(tmp_path, BODY), "target": ["weight", "waist"]}
    made = padl.train(task=task, model="linear", loss=loss, steps=3, devices=1)
    assert np.isfinite(made.summary["final"]["rmse_weight"])


@pytest.mark.parametrize(
    ("target", "options"), [(["weight", "sex"], {}), (["weight", "waist"], {"kind": "classification"})]
)
def test_several_targets_must_be_numbers(tmp_path, target, options):
    content = lines("height,weight,waist,sex", lambda i, y: f"{i},{y},{y},{'fm'[i % 2]}")
    with pytest.raises(PadlError, match="several targets must be numbers"):
        csv(tmp_path, content, target=target, **options)


def test_parquet_is_a_table_too(tmp_path):
    columns = {"x": list(range(20)), "stone": ["a", "b"] * 10, "y": [i / 7 for i in range(20)]}
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    task = padl.task("csv", path=str(tmp_path / "t.parquet"))
    assert task.rows["inputs"].shape == (20, 3)


def test_a_run_keeps_in_data_json_what_encodes_a_later_table_and_its_manifest_guards_it(tmp_path):
    file = table(tmp_path, lines("income,stone,y", lambda i, y: f"{i if i % 3 else 'NA'},{'ab'[i % 2]},{y}"))
    config = {"task": {"name": "csv", "path": file, "missing": "impute"}, "steps": 5, "devices": 1}
    made = padl.train(**config, run={"dir": str(tmp_path / "runs"), "plot": False})
    data = json.loads((made.folder / "data.json").read_text())
    assert data["target"]["constant_guess"]["rmse"]["y"] == pytest.approx(NOISE.std())
    assert data["file"] == {"format": "text", "encoding": "utf-8", "delimiter": ",", "header": True}
    assert "data.json" in json.loads((made.folder / "manifest.json").read_text())
    model, task = padl.load(made.folder), padl.task(**{"name": "csv", "path": file, "missing": "impute"})
    encoded = encode(data["encoding"], read(file))
    np.testing.assert_array_equal(model(encoded.inputs), model(task.rows["inputs"]))


def test_an_option_is_typed_as_a_message_names_it(padl_command, tmp_path):
    rest = ("steps=4", "devices=1", "wandb.mode=disabled", "progress=plain", "run.plot=false")
    for content, words in (
        (COMMA, ("task.decimal=,",)),
        (CODES, ("task.types.code=category",)),
        (CODES, ("task.types={code: category}",)),
        (lines("größe,y", lambda i, y: f"{i % 5}_1,{y}"), ('task.types="{größe: category}"',)),
        (NA_MOST, ("task.na=[NA,?,-999]", "task.missing=impute")),
        (BODY, ("task.target=[weight,waist]",)),
    ):
        code, _, err = padl_command("train", "task=csv", f"task.path={table(tmp_path, content)}", *words, *rest)
        assert (code, err[:26]) == (0, "padl: table.csv: 60 rows; ")


def test_members_of_a_sweep_have_a_description_each_and_the_table_is_told_of_once(padl_command, tmp_path):
    words = ("-m", "seed=0,1", "task=csv", f"task.path={table(tmp_path, NA_MOST)}", "task.missing=impute", "steps=4")
    code, _, err = padl_command("train", *words, "wandb.mode=disabled", "progress=plain", "run.plot=false")
    fills = [
        json.loads(file.read_text())["encoding"]["columns"][0]["fill"]
        for file in (tmp_path / "runs").glob("*/*/data.json")
    ]
    assert (code, len(fills), len(set(fills))) == (0, 2, 2)
    assert err.count("table.csv: 60 rows") == 1


@pytest.mark.parametrize("scale", [1e-21, 1.0, 1e21])
def test_the_error_of_a_regression_is_measured_in_any_unit(tmp_path, scale):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(60)
    rows = "".join(f"{a},{scale * (2 * a + 0.1 * b)}\n" for a, b in zip(x, rng.standard_normal(60), strict=True))
    task = {"name": "csv", "path": table(tmp_path, "x,y\n" + rows)}
    made = padl.train(
        task=task, model="linear", optimizer={"name": "adam", "learning_rate": 0.05}, steps=200, devices=1
    )
    assert 0.05 < made.summary["best"]["rmse"] / scale < 0.2
    assert "train/r2" not in made.history


def test_what_reads_tables_is_imported_by_who_reads_one():
    import subprocess
    import sys

    code = "import sys, padl; padl.names('task'); padl.task('permeability'); print('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
