"""What outputs say: probabilities where a loss makes them so, numbers in units, and how right they are."""

import numpy as np
import pytest

from padl.app import names
from padl.data.table.dates import from_days, in_days
from padl.tasks.answers import accuracy, of_classes, of_numbers, rmse
from padl.tasks.loss_inputs import CLASSES, Words

OUTPUTS = np.float32([[1, 2, -3], [0.5, -0.5, 0]])
SOFTMAX = np.exp(OUTPUTS) / np.exp(OUTPUTS).sum(1, keepdims=True)
SIGMOID = 1 / (1 + np.exp(-OUTPUTS))


@pytest.mark.parametrize("words", [*CLASSES, Words("labels")])
def test_outputs_are_probabilities_as_the_loss_takes_them_or_scores(words):
    columns = of_classes("y", ["a", "b", "c"], OUTPUTS, words)
    assert columns["predicted_y"].tolist() == ["b", "a"]
    if words.predictions in ("scores", ""):
        assert list(columns) == ["predicted_y", "score_a", "score_b", "score_c"]
        return
    wanted = SOFTMAX if words.targets in ("labels", "distributions") else SIGMOID
    if words.predictions == "logits" and words.targets == "label_lists":
        assert "probability" not in columns  # no loss says so
        return
    np.testing.assert_allclose(np.stack([columns[f"probability_{c}"] for c in "abc"], 1), wanted, rtol=1e-5)
    np.testing.assert_allclose(columns["probability"], wanted.max(1), rtol=1e-5)


def test_every_loss_of_classes_that_elicits_a_probability_gives_probabilities():
    for loss in names.of("loss"):
        words = Words(loss.traits.get("targets", ""), loss.traits.get("predictions", ""))
        proper = "strictly proper" in loss.traits.get("elicits", "")
        if words in CLASSES and proper:
            assert "probability" in of_classes("y", ["a", "b", "c"], OUTPUTS, words), loss.name


def test_numbers_are_as_they_are_and_dates_come_back():
    date = {"name": "d", "kind": "date", "origin": "2024-02-28T00:00:00", "clock": False}
    columns = of_numbers([{"name": "x", "kind": "number", "unit": "$"}, date], np.float32([[1.5, 0.4], [2, 1.6]]))
    assert columns["predicted_x"].tolist() == [1.5, 2]
    assert columns["predicted_d"].astype(str).tolist() == ["2024-02-28", "2024-03-01"]  # rounded, in a leap year
    assert of_numbers([{**date, "clock": True}], np.array([0.25, np.inf])).popitem()[1].astype(str).tolist() == [
        "2024-02-28T06:00:00",
        "NaT",
    ]


def test_dates_from_days_are_the_dates_that_the_days_were_of():
    origin = np.datetime64("1969-12-30")
    dates = origin + np.arange(0, 10**9, 7_654_321).astype("timedelta64[s]")
    np.testing.assert_array_equal(from_days(in_days(dates, origin), origin, clock=True), dates)
    np.testing.assert_array_equal(
        from_days(np.arange(9.0), origin, clock=False), origin + np.arange(9).astype("timedelta64[D]")
    )


def test_rows_whose_target_is_not_known_do_not_count():
    assert accuracy(np.array(["a", "b", "b"]), np.array(["a", "", "c"])) == 0.5
    assert rmse(np.array([1.0, 2.0, 7.0]), np.array([1.0, np.nan, 3.0])) == pytest.approx(8**0.5)
    assert np.isnan(accuracy(np.array(["a"]), np.array([""])))
    assert np.isnan(rmse(np.array([1.0]), np.array([np.nan])))
