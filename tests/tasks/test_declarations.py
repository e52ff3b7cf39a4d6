"""What a task declares beside itself: its metrics, and how its predictor is made again; a stranger's task too."""

from dataclasses import replace

import numpy as np
import pytest

import padl
from padl import registry
from padl.tasks import predictor
from padl.tasks.supervised import ModelPredictor
from padl.types import Metric


@pytest.fixture
def strange_task(monkeypatch):
    """A stranger's task: a classification of a kind of its own, judged by a metric of its own name."""
    monkeypatch.setattr(predictor, "_REBUILDS", dict(predictor._REBUILDS))
    monkeypatch.setattr(registry.task, "_entries", dict(registry.task._entries))

    @predictor.rebuilds("odd")
    def odd(about, model, shape, dtype, predictions):
        return ModelPredictor(model, shape, about["classes"], dtype, decode=largest)

    @registry.task(loss="cross_entropy", model="linear")
    def odd_digits():
        """Digits again, told by their largest logit."""
        digits = padl.task("digits")
        return replace(digits, about={**digits.about, "kind": "odd"}, metrics=(Metric("accuracy", "max"),))

    return "odd_digits"


def largest(outputs, stats):
    return outputs.argmax(-1)


def test_a_strangers_task_of_a_new_kind_is_saved_loaded_and_called(strange_task):
    record = padl.train(task=strange_task, steps=20, run={"dir": "runs"}, devices=1)
    answers = padl.load(record.folder)(padl.task("digits").rows["inputs"][:5])
    assert answers.shape == (5,)
    assert np.issubdtype(answers.dtype, np.integer)


def test_a_kind_that_nobody_rebuilds_is_refused_with_the_way_on(monkeypatch, strange_task):
    record = padl.train(task=strange_task, steps=1, run={"dir": "runs", "plot": False}, devices=1)
    monkeypatch.setattr(predictor, "_REBUILDS", {})
    with pytest.raises(padl.PadlError, match=r"tasks of kind 'odd' cannot be called again .*rebuilds\(kind\)"):
        padl.load(record.folder)
