"""Predictions of new rows: as right as the run itself says, in words and units, and one line for what cannot be."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

import padl
from padl.data.sklearn_files import shipped
from padl.runs import manifest
from padl.types import PadlError

QUICK = {"steps": 20, "eval_every": 10, "steps_per_call": 10, "devices": 1}


def read(file):
    return np.loadtxt(shipped(file, "a test reads the table"), delimiter=",", skiprows=1)


def classes(file, names):
    """A table of scikit-learn's with the names of its classes, as columns."""
    table = read(file)
    columns = {f"x {i}": column.tolist() for i, column in enumerate(table[:, :-1].T)}
    return {**columns, "species": [names[int(label)] for label in table[:, -1]]}


def diabetes():
    inputs, target = (
        np.loadtxt(shipped(f"diabetes_{name}.csv.gz", "a test reads the table")) for name in ("data_raw", "target")
    )
    return {**{f"x {i}": column.tolist() for i, column in enumerate(inputs.T)}, "progression": target.tolist()}


TABLES = {
    "iris": (lambda: classes("iris.csv", ["setosa", "versicolor", "virginica"]), "cross_entropy"),
    "wine": (lambda: classes("wine_data.csv", ["first", "second", "third"]), "hinge"),
    "diabetes": (diabetes, "mse"),
}


def write(file, columns, rows=slice(None)):
    picked = [np.array(column, object)[rows] for column in columns.values()]
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*picked, strict=True))]
    file.write_text("\n".join(lines) + "\n")
    return file


def train(folder, **config):
    run = {"dir": str(folder), "plot": False}
    return padl.train(**{"model": {"name": "mlp", "widths": [8]}, "optimizer": "adam", "run": run, **QUICK, **config})


@pytest.fixture(scope="module", params=TABLES)
def trained(request, tmp_path_factory):
    """A run on a table, its task, and a table of the rows that it held out."""
    folder = tmp_path_factory.mktemp(request.param)
    columns, loss = TABLES[request.param][0](), TABLES[request.param][1]
    config = {"name": "csv", "path": str(write(folder / "all.csv", columns))}
    record, task = train(folder, task=config, loss=loss), padl.task(**config)
    held_out = task.split(0, {}).held_out
    return record, task, write(folder / "held out.csv", columns, held_out), held_out


def test_predictions_of_the_held_out_rows_are_as_right_as_the_run_says(trained):
    record, task, file, held_out = trained
    found, again = padl.predict(record.folder, file), padl.evaluate(record.folder, "best")
    ((metric, value),) = found.measured.items()
    assert value == pytest.approx(again[metric], rel=1e-5)  # a float32 mean against a float64 one
    outputs = np.asarray(padl.load(record.folder)(task.rows["inputs"][held_out]))
    (target,) = found.targets
    if metric == "rmse":
        np.testing.assert_array_equal(found.predicted(target["name"]), outputs)  # all rows, in their order
    else:
        assert found.predicted(target["name"]).tolist() == [target["classes"][i] for i in outputs.argmax(-1)]


def test_probabilities_are_those_of_the_loss_and_scores_are_called_scores(trained):
    record, _, file, _ = trained
    found, loss = padl.predict(record.folder, file), record.config["loss"]["name"]
    of_each = np.stack([column for name, column in found.columns.items() if name.startswith("probability_")] or [[0]])
    if loss == "cross_entropy":
        np.testing.assert_allclose(of_each.sum(0), 1, rtol=1e-6)
        np.testing.assert_array_equal(found.columns["probability"], of_each.max(0))
        assert "elicits the probabilities of the classes" in found.notes[-1]
    elif loss == "hinge":
        assert list(found.columns)[1:] == ["score_first", "score_second", "score_third"]
        assert found.notes[-1].startswith("loss 'hinge' trains scores, no probabilities")
    else:
        assert list(found.columns) == ["predicted_progression"]


def test_final_parameters_predict_where_they_are_asked_for(trained):
    record, _, file, _ = trained
    found, again = padl.predict(record.folder, file, "final"), padl.evaluate(record.folder, "final")
    ((metric, value),) = found.measured.items()
    assert value == pytest.approx(again[metric], rel=1e-5)


# Data frames


DAYS = np.datetime64("2024-02-20") + np.arange(60).astype("timedelta64[D]")
FRAME = {
    "size": np.random.default_rng(0).uniform(size=60).round(4),
    "stone": np.array(["granite", "marble", "slate"])[np.arange(60) % 3],
    "sold": DAYS,
    "price": np.random.default_rng(1).uniform(100, 200, 60),
    "paid": DAYS + np.timedelta64(30, "D"),
}


def part(rows, *names):
    return {name: column[rows] for name, column in FRAME.items() if not names or name in names}


@pytest.fixture(scope="module")
def framed(tmp_path_factory):
    """A run on a data frame: two targets, one of them a date; of "slate" a row is missing."""
    stones = np.where(np.arange(60) == 5, None, FRAME["stone"])
    task = padl.tasks.arrays({**FRAME, "stone": stones}, ["price", "paid"], dates="days", missing="impute")
    return train(tmp_path_factory.mktemp("frame"), task=task), task


def test_each_target_is_predicted_in_its_unit_and_dates_as_dates(framed):
    record, task = framed
    rows = task.split(0, {}).held_out
    found = padl.predict(record.model, part(rows))
    outputs = np.asarray(record.model(part(rows)))
    np.testing.assert_array_equal(found.columns["predicted_price"], outputs[:, 0])
    days = (found.columns["predicted_paid"] - FRAME["paid"].min()) / np.timedelta64(1, "D")
    np.testing.assert_array_equal(days, np.rint(outputs[:, 1]))
    for name in ("rmse_price", "rmse_paid"):
        assert found.measured[name] == pytest.approx(record.summary["best"][name], rel=1e-5)


def test_rows_are_the_same_in_every_form_that_they_come_in(framed, tmp_path):
    record, _ = framed
    first = part(slice(4), "size", "stone", "sold")
    parquet.write_table(pa.table(first), tmp_path / "rows.parquet")
    as_rows = [dict(zip(first, row, strict=True)) for row in zip(*(c.tolist() for c in first.values()), strict=True)]
    loaded, wanted = padl.load(record.folder), np.asarray(record.model(first))
    for frame in (pa.table(first), as_rows, {name: column.tolist() for name, column in first.items()}):
        np.testing.assert_array_equal(loaded(frame), wanted)
    for file in (tmp_path / "rows.parquet", write(tmp_path / "rows.csv", first)):
        found = padl.predict(record.folder, file)
        np.testing.assert_array_equal(found.columns["predicted_price"], wanted[:, 0])
        assert found.measured == {}


def test_a_missing_value_is_filled_in_as_in_training_and_what_is_unknown_is_told(framed, capsys):
    record, _ = framed
    row = {"size": None, "stone": None, "sold": DAYS[3], "weight": 5}
    stats = record.model.stats
    filled = np.array([[stats["fill"][0, 0], 0, 0, 0, 3]], np.float32)
    np.testing.assert_array_equal(record.model([row]), record.model(filled))
    np.testing.assert_array_equal(record.model([{**row, "stone": "basalt"}]), record.model(filled))
    told = capsys.readouterr().err
    assert "columns that the model does not know are passed over: weight" in told
    assert "column 'stone' has 'basalt', and no training row has: all zeros (1 row)" in told


def test_a_target_that_only_some_rows_have_is_measured_on_these(framed):
    record, _ = framed
    rows = {**part(slice(3)), "price": [None, 150.0, None], "paid": ["never"] * 3}
    found = padl.predict(record.folder, rows)
    assert found.measured == {"rmse_price": pytest.approx(abs(found.columns["predicted_price"][1] - 150.0))}
    assert "the data frame: column 'paid' holds no such target as the model predicts" in found.notes


def test_a_class_that_the_model_does_not_predict_is_told(tmp_path):
    table = {"x": np.arange(40) / 7, "y": np.array(["low", "high"])[np.arange(40) // 20]}
    record = train(tmp_path, task=padl.tasks.arrays(table, "y"))
    found = padl.predict(record.model, {"x": [0.0, 5.0], "y": ["low", "middle"]})
    assert found.notes[0] == (
        "the data frame: column 'y' has 'middle', which the model does not predict: they count as wrong (1 row)"
    )
    assert found.measured["accuracy"] <= 0.5
    assert repr(found).startswith("predictions of 2 rows\n  accuracy  0")
    assert "probability_high" in found._repr_html_()


def test_a_target_in_another_unit_is_not_measured(tmp_path):
    table = {"x": np.arange(40) / 7, "price": [f"${i}.5" for i in range(40)]}
    record = train(tmp_path, task=padl.tasks.arrays(table, "price", types={"price": "number"}))
    for price, measured in (("$3", {"rmse"}), ("3", {"rmse"}), ("€3", set())):
        assert padl.predict(record.model, {"x": [0.0], "price": [price]}).measured.keys() == measured


def test_a_table_of_one_column_is_predicted_from(tmp_path):
    table = {"x": np.arange(40) / 7, "y": np.arange(40) % 2}
    record = train(tmp_path, task={"name": "csv", "path": str(write(tmp_path / "t.csv", table))})
    (tmp_path / "one.csv").write_text("x\n0.5\n3\n")
    assert len(padl.predict(record.folder, tmp_path / "one.csv").columns["predicted_y"]) == 2


ROW = {"size": 0.5, "stone": "slate", "sold": "2024-03-01"}


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ({"size": [0.5]}, "the data frame: no column stone, sold: the model needs it; there are size"),
        ([{**ROW, "size": "big"}], "the data frame: 'big' in column 'size', row 1, is no number$"),
        ([ROW, {**ROW, "size": float("inf")}], "inf in column 'size', row 2"),
        ([{**ROW, "size": 1e60}], "inf in column 'size', row 1"),
        ([{**ROW, "sold": "1.3.2024"}], "'1.3.2024' in column 'sold', row 1"),
        ({"size": 0.5}, "a single row is given as"),
        ({"size": [], "stone": [], "sold": []}, "the data frame has no rows"),
        ([], "there are no rows to predict"),
        (np.ones((2, 3)), r"inputs of shape \(2, 3\) given, this model takes \(n, 5\)"),
        (np.full((2, 5), np.inf), "row 1: the model gives no finite number"),
        (np.ones((2, 5), complex), "rows hold complex128: give numbers"),
        (np.ma.masked_array(np.ones((2, 5)), [[True] + 4 * [False]] * 2), "rows are masked in places"),
        ([[1.0, 2.0], [3.0]], "rows are no array"),
        (np.full((2, 5), 1e300), "row 1: the model gives no finite number"),
        ("gone.csv", "'gone.csv' cannot be read as a table: No such file"),
        (3, "rows of type int are neither a table, images nor an array"),
    ],
)
def test_rows_that_cannot_be_predicted_are_one_line(framed, rows, line):
    with pytest.raises(PadlError, match=line):
        padl.predict(framed[0].model, rows)


def test_a_value_that_no_training_row_lacks_may_not_be_missing(trained):
    record, _, file, _ = trained
    header, *lines = file.read_text().splitlines()
    lines[2] = "," + lines[2].partition(",")[2]
    file.with_name("lacks.csv").write_text("\n".join([header, *lines]))
    with pytest.raises(PadlError, match=r"lacks\.csv: no value in column 'x 0', row 3"):
        padl.predict(record.folder, file.with_name("lacks.csv"))


def test_what_was_trained_on_arrays_takes_arrays_alone(small_run):
    found = padl.predict(small_run.folder, padl.task("digits").rows["inputs"][:3])
    assert found.predicted("class").dtype.kind == "U"
    for rows in ("new.csv", {"x": [1]}):
        with pytest.raises(PadlError, match="the model was trained on arrays"):
            padl.predict(small_run.folder, rows)


def test_what_is_neither_classes_nor_numbers_is_refused(small_run):
    model = padl.load(small_run.folder)
    model.task["kind"] = "embedding"
    with pytest.raises(PadlError, match="of kind 'embedding' predicts neither classes nor numbers"):
        padl.predict(model, np.zeros((1, 8, 8, 1)))


def test_a_model_that_is_given_has_its_parameters(framed):
    with pytest.raises(PadlError, match="are for the folder of a run"):
        padl.predict(framed[0].model, [ROW], "final")


# Images


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A run on a folder of bright and dark images, and a copy of those that it held out."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for label, name in enumerate(("bright", "dark")):
        (folder / "all" / name).mkdir(parents=True)
        for i in range(12):
            pixels = rng.integers(0, 190, (9, 7, 3)) + 64 * (1 - label)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / "all" / name / f"{i:02}.png")
    config = {"name": "image_folder", "path": str(folder / "all"), "size": 8, "colour": "grey"}
    record = train(folder, task=config)
    files = sorted((folder / "all").rglob("*.png"))
    held_out = [files[i] for i in padl.task(**config).split(0, {}).held_out]
    for file in held_out:
        (folder / "new" / file.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / "new" / file.parent.name)
    return record, folder / "new", [file.relative_to(folder / "all").as_posix() for file in held_out]


def test_images_are_read_as_in_training_and_named(pictures):
    record, folder, names = pictures
    found = padl.predict(record.folder, folder)
    assert (next(iter(found.columns)), found.columns["file"].tolist()) == ("file", names)
    assert found.measured["accuracy"] == pytest.approx(padl.evaluate(record.folder, "best")["accuracy"], rel=1e-6)
    alone = padl.predict(record.folder, folder / names[0])
    assert alone.columns["file"].tolist() == [names[0].partition("/")[2]]
    np.testing.assert_allclose(alone.columns["probability"], found.columns["probability"][:1], rtol=1e-5)  # of 1 row


def test_what_is_no_image_is_one_line(pictures, tmp_path):
    record, _, _ = pictures
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.heic").touch()
    (tmp_path / "x.png").write_text("no image")
    for rows, line in (
        (tmp_path / "empty", "no image in it, but 1 .heic"),
        (tmp_path / "x.png", "x.png: not an image of"),
        (tmp_path / "gone.png", "gone.png: not a readable image"),
        ({"x": [1]}, "the model was trained on images"),
    ):
        with pytest.raises(PadlError, match=line):
            padl.predict(record.folder, rows)


# data.json


def copy_with(record, tmp_path, change=None, listed=True):
    """A copy of a run with another data.json, as a stranger makes it whose manifest is right, or leaves it out."""
    copy = shutil.copytree(record.folder, tmp_path / "run")
    data = json.loads((copy / "data.json").read_text())
    if change:
        change(data)
    others = {name: digest for name, digest in manifest.entries(copy).items() if name != "data.json"}
    content = json.dumps(data).encode()
    manifest.write(copy, {"data.json": content} if listed else {}, others)
    (copy / "data.json").write_bytes(content)
    return copy


def test_a_description_that_is_not_as_the_run_wrote_it_is_refused(framed, tmp_path):
    copy = copy_with(framed[0], tmp_path)
    padl.load(copy)
    (copy / "data.json").write_text((copy / "data.json").read_text() + " ")
    with pytest.raises(PadlError, match=r"data\.json is not as it was written"):
        padl.load(copy)
    (copy / "data.json").unlink()
    with pytest.raises(PadlError, match=r"data\.json is missing"):
        padl.load(copy)


def test_a_description_that_no_manifest_lists_is_refused(framed, tmp_path):
    with pytest.raises(PadlError, match=r"data\.json is not listed in the manifest"):
        padl.load(copy_with(framed[0], tmp_path, listed=False))


def drop_a_column(data):
    data["encoding"]["columns"].pop(0)
    data["encoding"]["inputs"].pop(0)


CHANGES = [
    (drop_a_column, r"inputs of shape \(4,\), and the model takes \(5,\)"),
    (lambda data: data["encoding"].update(version=2), "of version 2, not 1"),
    (lambda data: data["encoding"]["targets"].pop(), "its targets are not those of a task of regression"),
    (lambda data: data.update(encoding=[]), "of version None"),
    (lambda data: data["encoding"]["columns"][0].update(fill="1"), "'fill' of column 1"),
]


@pytest.mark.parametrize(("change", "line"), CHANGES)
def test_a_description_of_another_model_is_refused(framed, tmp_path, change, line):
    with pytest.raises(PadlError, match=line):
        padl.load(copy_with(framed[0], tmp_path, change))


@pytest.mark.parametrize("images", [{}, [], {"version": 1, "size": 9**9, "colour": "grey"}, {"version": 2}])
def test_images_are_read_in_no_other_way_than_the_models(pictures, tmp_path, images):
    with pytest.raises(PadlError, match="it does not say how images are read"):
        padl.load(copy_with(pictures[0], tmp_path, lambda data: data.update(images=images)))
    wrong = {"version": 1, "size": 8, "colour": "rgb"}
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(PadlError, match=r"of shape \(8, 8, 3\), and the model takes \(8, 8, 1\)"):
        padl.load(copy_with(pictures[0], tmp_path, lambda data: data.update(images=wrong)))
