"""Tasks of data frames from Python: what the task `csv` makes of a file, said in the words of Python."""

import numpy as np
import pyarrow as pa
import pytest

import padl
from padl.data.table.frames import from_frame
from padl.tasks.own_frame import in_python
from padl.types import PadlError

N = 40
FRAME = {
    "size": np.random.default_rng(0).uniform(size=N).round(6),
    "stone": np.array(["granite", "marble"])[np.arange(N) % 2],
    "price": np.arange(N) * 1.5,
}


def test_a_data_frame_is_the_task_of_the_file_that_it_would_be_written_into(tmp_path):
    rows = zip(*FRAME.values(), strict=True)
    (tmp_path / "t.csv").write_text(",".join(FRAME) + "\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    of_file, of_frame = padl.task("csv", path="t.csv"), padl.tasks.arrays(pa.table(FRAME), "price")
    split = of_frame.split(3, {})
    assert of_frame.describe
    assert of_file.describe
    assert of_frame.describe(split)["encoding"] == of_file.describe(of_file.split(3, {}))["encoding"]
    for name, column in of_file.rows.items():
        np.testing.assert_array_equal(of_frame.rows[name], column)


def test_targets_may_be_given_beside_the_frame():
    inputs = {name: FRAME[name] for name in ("size", "stone")}
    named = padl.tasks.arrays(FRAME, "price")
    for targets in (
        FRAME["price"],
        FRAME["price"].tolist(),
        FRAME["price"][:, None],
        pa.chunked_array([FRAME["price"]]),
    ):
        task = padl.tasks.arrays(inputs, targets)
        np.testing.assert_array_equal(task.rows["targets"], named.rows["targets"])
        assert task.describe
        assert task.describe(task.split(0, {}))["encoding"]["targets"][0]["name"] == "target"


def test_options_are_those_of_the_task_csv():
    frame = {**FRAME, "id": [f"n{i}" for i in range(N)], "zip": np.arange(N) % 3}
    task = padl.tasks.arrays(frame, "price", drop=["id"], types={"zip": "category"})
    assert task.rows["inputs"].shape == (N, 6)


def test_targets_may_be_a_frame_of_their_own():
    alone = {"size": FRAME["size"]}
    task = padl.tasks.arrays(alone, {"price": FRAME["price"]})
    assert (task.rows["targets"] == padl.tasks.arrays(FRAME, "price", drop=["stone"]).rows["targets"]).all()
    assert padl.tasks.arrays(alone, {"a": FRAME["price"], "b": -FRAME["price"]}).about["targets"] == ["a", "b"]
    with pytest.raises(PadlError, match="40 inputs and 3 targets"):
        padl.tasks.arrays(alone, {"price": FRAME["price"][:3]})


def test_a_column_splits_a_frame_as_it_splits_a_file():
    people = np.arange(N) // 4
    task = padl.tasks.arrays({**FRAME, "person": people}, "price", group="person")
    split = task.split(0, {})
    assert not {*people[split.train]} & {*people[split.held_out]}
    assert "person" not in task.describe(split)["encoding"]["inputs"]
    with pytest.raises(PadlError, match=r"^group='persons' is no column of arrays"):
        padl.tasks.arrays({**FRAME, "person": people}, "price", group="persons")


@pytest.mark.parametrize(
    ("frame", "targets", "options", "line"),
    [
        (FRAME, "prise", {}, "targets='prise' is no column of arrays: it has size, stone, price"),
        (
            FRAME,
            ["price", "stone"],
            {},
            "several targets must be numbers, and column 'stone' holds text: give one targets",
        ),
        (FRAME, FRAME["price"][:3], {}, "40 inputs and 3 targets"),
        ({"target": FRAME["size"]}, FRAME["price"], {}, "which would tell them: give targets='target'"),
        ({**FRAME, "code": ["1_2", "3"] * 20}, "price", {}, r"types=\{'code': 'category'\} .* drop=\['code'\]"),
        ({**FRAME, "a b": ["2021-03-01"] * N}, "price", {}, r"dates='days' .*types=\{'a b': 'category'\}"),
        ({**FRAME, "x": [None, 1.0] * 20}, "price", {}, "missing='drop' .*, missing='impute' "),
        (FRAME, "price", {"typs": {}}, "has no 'typs'; did you mean 'types'"),
        (FRAME, "price", {"drop": "size"}, "drop='size' is not a list"),
        (FRAME["size"][:, None], "price", {}, "names a column of a data frame, and the inputs are none"),
        (FRAME["size"][:, None], FRAME["price"], {"drop": ["x"]}, "drop= is for a data frame, and the inputs are none"),
    ],
)
def test_what_cannot_be_read_is_one_line_in_the_words_of_python(frame, targets, options, line):
    with pytest.raises(PadlError, match=line) as refused:
        padl.tasks.arrays(frame, targets, **options)
    assert "task." not in str(refused.value).replace("padl.tasks.", "")


class Indexed(list):
    """Of pandas, what has an order of rows of its own."""

    def __init__(self, column, index):
        super().__init__(column)
        self.index, self.iloc = Index(index), None


class Series(Indexed):
    dtype = float


class Index(list):
    def equals(self, other):
        return list(self) == list(other)


def test_a_frame_and_targets_in_another_order_are_refused(monkeypatch):
    columns = {"size": FRAME["size"]}
    monkeypatch.setattr("padl.tasks.own_frame.from_frame", lambda frame, title: from_frame(columns, title))
    frame = Indexed([], range(N))
    assert padl.tasks.arrays(frame, Series(FRAME["price"], range(N))).rows["inputs"].shape == (N, 1)
    with pytest.raises(PadlError, match="have not one index"):
        padl.tasks.arrays(frame, Series(FRAME["price"], reversed(range(N))))


def test_options_are_written_as_arguments():
    assert in_python("task.types.x=category takes it") == "types={'x': 'category'} takes it"
    assert in_python("""'task.types="{a b: number}"' reads""") == "types={'a b': 'number'} reads"
    assert in_python("""'task.drop=["ö x"]' leaves""") == "drop=['ö x'] leaves"
    assert (
        in_python("task.thousands=, reads 1000, task.decimal=, reads 1")
        == "thousands=',' reads 1000, decimal=',' reads 1"
    )
    assert in_python("task.na=['x']; task.kind=regression predicts") == "na=['x']; kind='regression' predicts"
