"""A description that anybody may have written: whatever of it is wrong is one line."""

import copy
import json

import numpy as np
import pytest

from padl.data.table.columns import typed
from padl.data.table.encoding import describe, encode, fitted
from padl.data.table.frames import from_frame
from padl.data.table.kinds import Types
from padl.data.table.stored import check
from padl.types import PadlError

ROWS = {"size": [1.5, 2.5], "stone": ["granite", "marble"], "day": ["2021-03-01", "2021-03-03"]}
TARGETS = [
    {"name": "price", "kind": "number", "unit": "$"},
    {"name": "due", "kind": "date", "origin": "2021-03-01T00:00:00", "clock": False},
    {"name": "kind", "kind": "category", "classes": ["a", "b"]},
]


def description():
    features = typed(from_frame(ROWS), Types(dates="days"))
    described = describe(list(features.values()), TARGETS, ["id"])
    return json.loads(json.dumps(fitted(described, np.arange(4.0), np.ones(4))))


def places(tree, path=()):
    """Every place in nested dicts and lists."""
    if path:
        yield path
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(value, (*path, key))


def put(tree, path, value):
    changed = copy.deepcopy(tree)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


def test_what_was_described_is_believed():
    check(description())


WRONG = [None, 7, -1.5, "", "x", "now", [], {}, [[]], [{}], {"a": 1}, True, float("nan"), 10**400]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_whatever_stands_anywhere_in_it_is_one_line_or_encodes(wrong):
    """Encoding raises nothing but a PadlError."""
    for path in places(description()):
        changed = put(description(), path, wrong)
        try:
            check(changed)
            encode(changed, from_frame(ROWS))
        except PadlError:
            continue


@pytest.mark.parametrize(
    ("path", "wrong", "line"),
    [
        (("version",), 2, "of version 2, not 1"),
        (("columns", 0, "kind"), "text", "column 1 has no kind that there is"),
        (("columns", 0, "name"), 5, "'name' of column 1"),
        (("columns", 0, "fill"), "1", "'fill' of column 1"),
        (("columns", 1, "unseen"), ["slate"], "'stone' lacks categories that it does not have"),
        (("columns", 1, "categories"), ["a", "a"], "'categories' of column 2"),
        (("columns", 2, "origin"), "yesterday", "'origin' of column 3"),
        (("columns", 2, "form"), "month", "'form' of column 3"),
        (("columns", 2, "fill"), [1.0, 2.0], "'day' has 2 numbers to fill in"),
        (("inputs",), ["size"], "its inputs are not those of its columns"),
        (("targets", 2, "classes"), [], "'classes' of target 3"),
        (("numbers", "decimal"), ";", "'decimal' of numbers"),
    ],
)
def test_what_is_wrong_with_it_is_named(path, wrong, line):
    with pytest.raises(PadlError, match=line):
        check(put(description(), path, wrong))


def test_numbers_in_another_unit_are_refused():
    features = typed(from_frame({"price": ["$5", "$6"]}), Types({"price": "number"}))
    described = describe(list(features.values()))
    np.testing.assert_array_equal(encode(described, from_frame({"price": ["$7", "$8"]})).inputs, [[7], [8]])
    np.testing.assert_array_equal(encode(described, from_frame({"price": [7.0]})).inputs, [[7]])
    (note,) = encode(described, from_frame({"price": [7.0]})).notes
    assert note == "the data frame: column 'price' has numbers without a unit, which are taken for $"
    with pytest.raises(PadlError, match=r"'\$7' in column 'price', row 1, is no number, and others have not its unit$"):
        encode(described, from_frame({"price": ["$7", "8"]}))
    with pytest.raises(PadlError, match=r"column 'price' is in €, and the model was trained on numbers in \$"):
        encode(described, from_frame({"price": ["€7"]}))
