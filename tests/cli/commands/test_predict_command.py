"""`padl predict` and `padl export`: what they write, what they say, and that nothing is written over."""

import csv
import io

import numpy as np
import pytest

import padl


@pytest.fixture(scope="module")
def beds(tmp_path_factory):
    """A run on a table with an amount and a date as targets."""
    folder = tmp_path_factory.mktemp("beds")
    days = np.datetime64("2024-01-01") + np.arange(40).astype("timedelta64[D]")
    rows = [f"{i},{'deep' if i % 2 else 'flat'},$ {10 + i},{day}" for i, day in enumerate(days)]
    (folder / "all.csv").write_text("\n".join(["width,kind,price,due", *rows]) + "\n")
    task = {"name": "csv", "path": str(folder / "all.csv"), "target": ["price", "due"], "dates": "days"}
    options = {"types": {"price": "number"}, "missing": "impute"}
    run = {"dir": str(folder / "runs"), "plot": False}
    record = padl.train(task={**task, **options}, model="linear", steps=20, devices=1, run=run)
    (folder / "new.csv").write_text("kind,width\nflat,3\n,1\ndeep,\n")
    return record.folder, folder


def test_a_line_is_written_for_each_row_and_never_over_a_file(padl_command, beds):
    run, folder = beds
    code, out, err = padl_command("predict", str(run), str(folder / "new.csv"))
    written = run / "predictions-new.csv"
    header, *rows = csv.reader(io.StringIO(written.read_text()))
    assert (code, out, header) == (0, f"{written}\n", ["predicted_price", "predicted_due"])
    values = padl.predict(run, folder / "new.csv").columns["predicted_price"]
    assert np.array([row[0] for row in rows], np.float32).tolist() == values.tolist()  # every digit
    assert [str(np.datetime64(row[1], "D")) for row in rows] == [row[1] for row in rows]
    mean = f"{values.astype(float).mean():.5g}"
    told = err.splitlines()
    assert len(told) == 4
    assert told[0].endswith("column 'width' has no value in 1 row: the training rows' mean stands for it")
    assert told[1].endswith("column 'kind' has no value in 1 row: all zeros stand for it")
    assert told[2].startswith(f"padl: 3 rows: price {mean[:4]}")
    assert " $ in the mean, " in told[2]
    assert told[3].startswith("padl: 3 rows: due from 20")
    before = written.read_bytes()
    code, out, err = padl_command("predict", str(run), str(folder / "new.csv"))
    assert (code, out, written.read_bytes()) == (2, "", before)
    assert err == f"padl: {written} is there already, and is not written over: give another file (--out)\n"


def test_standard_output_has_the_table_alone_and_a_known_target_is_compared(padl_command, beds):
    run, folder = beds
    code, out, err = padl_command("predict", str(run), str(folder / "all.csv"), "--out", "-", "--final")
    assert (code, len(out.splitlines())) == (0, 41)
    measured = padl.predict(run, folder / "all.csv", "final").measured
    assert err.splitlines()[-1] == (
        f"padl: on these rows, whose targets are known: rmse_price {measured['rmse_price']:.5g}, rmse_due"
        f" {measured['rmse_due']:.5g}"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("predict", "takes the folder of one run, and a table or images"),
        ("predict RUN", "takes the folder of one run, and a table or images"),
        ("predict RUN new.csv more", "takes the folder of one run, and a table or images"),
        ("predict RUN new.csv --best --final", "--best and --final are different parameters: give one"),
        ("predict RUN new.csv --out", "--out takes one file, or - for standard output"),
        ("predict RUN new.csv --aut x", "has no option '--aut'; did you mean '--out'"),
        ("predict RUN new.csv --out gone/x.csv", "there is no folder gone"),
        ("predict gone new.csv", "gone is not the folder of a run"),
        ("export gone --to jax", "gone is not the folder of a run"),
        ("predict gone new.csv --out -", "gone is not the folder of a run"),
        ("predict RUN gone.csv", "'gone.csv' cannot be read as a table: No such file or directory"),
        ("export RUN", "takes the folder of one run and a format"),
        ("export RUN --to", "--to takes one format, safetensors or jax"),
        ("export RUN --to jax --out -", "padl export writes a file: --out takes its name, and no -"),
        ("export RUN --to onnx", "no format 'onnx' (there are: safetensors, jax)"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(padl_command, beds, tmp_path, words, line):
    run, _ = beds
    before = sorted(run.iterdir())
    code, out, err = padl_command(*(str(run) if word == "RUN" else word for word in words.split()))
    assert (code, out) == (2, "")
    assert line in err
    assert (err.count("\n"), sorted(run.iterdir()), list(tmp_path.iterdir())) == (1, before, [])


def test_export_says_which_file_it_wrote(padl_command, beds, tmp_path):
    run, _ = beds
    for to in ("safetensors", "jax"):
        file = tmp_path / f"beds.{to}"
        code, out, err = padl_command("export", str(run), "--to", to, "--out", str(file))
        assert (code, out, err) == (0, f"{file}\n", "")
        assert file.stat().st_size > 100
    assert padl_command("export", str(run), "--to", "jax", "--final")[1] == f"{run / 'model.jax'}\n"
