"""The description of an encoding: pure data, made of training rows alone, that encodes later tables alike."""

import json

import numpy as np
import pyarrow as pa
import pytest

from padl.data.table.columns import typed
from padl.data.table.encoding import describe, encode, fitted, indicators, inputs_of
from padl.data.table.frames import from_frame
from padl.data.table.kinds import Types
from padl.types import PadlError


class Stream:
    """What every data frame of today has, and nothing else."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


TRAIN = {
    "size": ["1", "NA", "4"],
    "stone": ["granite", "marble", "granite"],
    "day": ["2021-03-01", "2021-03-03", "2021-03-02"],
}


def description(columns=TRAIN, fill=None, seen=None, dates="days"):
    found = typed(from_frame(columns), Types(dates=dates))
    described = describe(list(found.values()), dates=dates)
    return json.loads(json.dumps(fitted(described, fill, seen))), inputs_of(described, found)


def test_numbers_stay_categories_are_spread_and_days_are_counted():
    described, inputs = description()
    assert described["inputs"] == ["size", "stone=granite", "stone=marble", "day.days"]
    np.testing.assert_array_equal(inputs, np.float32([[1, 1, 0, 0], [np.nan, 0, 1, 2], [4, 1, 0, 1]]))
    assert indicators(described).tolist() == [False, True, True, False]


def test_the_parts_of_a_date_are_those_of_the_calendar():
    described, inputs = description({"day": ["2021-03-01", "2024-02-29"]}, dates="parts")
    assert described["inputs"] == ["day.year", "day.month", "day.day", "day.weekday"]
    np.testing.assert_array_equal(inputs, [[2021, 3, 1, 0], [2024, 2, 29, 3]])
    described, inputs = description({"day": ["2021-03-01 06:30", "2021-03-02 00:00"]}, dates="parts")
    np.testing.assert_array_equal(inputs[:, -1], [6.5, 0])


def test_a_description_that_went_through_json_encodes_the_rows_that_it_was_made_of():
    described, inputs = description(fill=np.float32([2.5, 0, 0, 1]), seen=np.ones(4))
    encoded = encode(described, from_frame(TRAIN))
    np.testing.assert_array_equal(encoded.inputs, np.where(np.isnan(inputs), 2.5, inputs))
    filled = "the data frame: column 'size' has no value in 1 row: the training rows' mean stands for it"
    assert (encoded.inputs.dtype, encoded.notes) == (np.float32, (filled,))


def test_new_rows_are_encoded_by_what_training_rows_said_in_any_order_of_columns():
    described, _ = description(fill=np.float32([2.5, 0, 0, 1]), seen=np.float32([1, 1, 0, 1]))
    rows = {"day": ["2021-03-05", ""], "other": ["a", "b"], "stone": ["marble", "slate"], "size": ["?", "7"]}
    encoded = encode(described, from_frame(rows, "new.csv"))
    np.testing.assert_array_equal(encoded.inputs, np.float32([[2.5, 0, 0, 4], [7, 0, 0, 1]]))
    assert encoded.notes == (
        "new.csv: columns that the model does not know are passed over: other",
        "new.csv: column 'size' has no value in 1 row: the training rows' mean stands for it",
        "new.csv: column 'stone' has 'marble', 'slate', and no training row has: all zeros (2 rows)",
        "new.csv: column 'day' has no value in 1 row: the training rows' mean stands for it",
    )


def test_a_single_row_is_encoded_though_all_of_a_column_is_missing_in_it():
    described, _ = description(fill=np.float32([2.5, 0, 0, 1]), seen=np.ones(4))
    for nothing in ({"size": [""], "stone": [""], "day": ["NA"]}, {"size": [None], "stone": [None], "day": [None]}):
        encoded = encode(described, from_frame(Stream(pa.table(nothing))))
        np.testing.assert_array_equal(encoded.inputs, [[2.5, 0, 0, 1]])


def test_a_column_of_text_stays_one_where_the_new_rows_would_be_read_otherwise():
    described, _ = description({"code": ["a", "b", "a"]})
    encoded = encode(described, from_frame({"code": ["1", "b"]}))
    np.testing.assert_array_equal(encoded.inputs, [[0, 0], [0, 1]])
    described, _ = description({"code": ["1", "2"]})
    np.testing.assert_array_equal(encode(described, from_frame({"code": np.array([5, 6])})).inputs, [[5], [6]])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"stone": ["marble"], "day": ["2021-03-01"]}, "no column size: the model needs it"),
        ({**TRAIN, "size": ["1", "", "2"]}, "no value in column 'size', row 2"),
        ({**TRAIN, "size": ["1", "oops", "2"]}, "'oops' in column 'size', row 2, is no number"),
        (
            {**TRAIN, "day": ["2021-03-01", "1.3.2021", "2021-03-01"]},
            "'1.3.2021' in column 'day', row 2, is no date of the form year-month-day$",
        ),
    ],
)
def test_a_table_that_cannot_be_encoded_is_refused_with_its_place(rows, message):
    described, _ = description({**TRAIN, "size": ["1", "2", "3"]})
    with pytest.raises(PadlError, match=message):
        encode(described, from_frame(rows))


def test_a_description_of_another_version_is_refused():
    with pytest.raises(PadlError, match="of version 2"):
        encode({**description()[0], "version": 2}, from_frame(TRAIN))


def test_inputs_that_no_memory_holds_are_refused_before_they_are_made(monkeypatch):
    monkeypatch.setattr("padl.data.table.encoding.LARGEST_INPUTS", 40)
    with pytest.raises(PadlError, match="drop 'stone'"):
        description()


def test_a_data_frame_is_taken_by_what_it_offers():
    frame = Stream(pa.table({"x": [1, 2]}))
    assert from_frame(frame).column("x").to_pylist() == [1, 2]
    assert from_frame({1: [1.5, 2.5]}).names == ("1",)
    for wrong in ([1, 2], np.ones((2, 2)), "x"):
        with pytest.raises(PadlError, match="is no data frame"):
            from_frame(wrong)
    with pytest.raises(PadlError, match="cannot be read as a table"):
        from_frame({"x": [1, 2], "y": [1]})
    with pytest.raises(PadlError, match="every column needs a name of its own"):
        from_frame(Stream(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["x", "x"])))
