"""Flags that change numbers: what env.json records of them, and the lines where they are others now."""

import json

import jax
import numpy as np
import pytest

import padl
from padl.app.flags import differences_from_record, flag_differences
from padl.jax_flags import pinned
from padl.runs import environment
from padl.runs.run_folder import read_json


def test_flags_that_differ_are_said_in_a_line_each():
    recorded = {"jax_enable_x64": False, "jax_default_matmul_precision": None, "XLA_FLAGS": "", "same": 1}
    now = {"jax_enable_x64": True, "jax_default_matmul_precision": "highest", "XLA_FLAGS": "--a=1", "same": 1}
    assert flag_differences(recorded, now) == [
        "jax_enable_x64 is True now, the record has False",
        "jax_default_matmul_precision is 'highest' now, the record has None",
        "XLA_FLAGS is '--a=1' now, the record has ''",
    ]


def test_a_flag_that_only_one_version_of_jax_has_is_left_out():
    assert flag_differences({"only before": 1, "both": 2}, {"both": 2, "only now": 3}) == []


def test_a_run_records_every_flag_and_none_differs_at_once(small_run, monkeypatch):
    recorded = read_json(small_run.folder / "env.json")["flags"]
    names = {"jax_enable_x64", "jax_threefry_partitionable", "jax_default_prng_impl", "jax_default_matmul_precision"}
    assert recorded.keys() >= names | {"XLA_FLAGS"}
    with pinned():
        assert recorded == environment.flags()
    assert differences_from_record(small_run.folder) == []
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    with jax.default_matmul_precision("highest"), jax.threefry_partitionable(False):  # a run pins the latter
        assert differences_from_record(small_run.folder) == [
            "jax_default_matmul_precision is 'highest' now, the record has None",
            "NVIDIA_TF32_OVERRIDE is '1' now, the record has ''",
        ]


@pytest.mark.parametrize("old", [{"xla_flags": "--b=2"}, {"flags": {}}])
def test_a_record_from_before_flags_were_kept_gives_no_lines(tmp_path, old):
    (tmp_path / "env.json").write_text(json.dumps(old))
    assert differences_from_record(tmp_path) == []


def test_what_is_recorded_is_json_of_itself():
    flags = environment.flags()
    assert json.loads(json.dumps(flags)) == flags
    assert {type(value) for value in flags.values()} <= {bool, int, str, type(None)}


def test_a_run_gives_the_same_bits_whatever_jax_is_told_of_precision_and_random_numbers(small_run):
    changed = {"steps": 60, "log_every": 20, "steps_per_call": 20, "eval_every": 30, "devices": 1}
    with jax.enable_x64(True), jax.threefry_partitionable(False), jax.numpy_dtype_promotion("strict"):
        again = padl.train(
            task="digits", model={"name": "mlp", "widths": [16]}, optimizer={"name": "adam", "learning_rate": 0.01},
            **changed,
        )  # fmt: skip
    for name, p in small_run.params.items():
        np.testing.assert_array_equal(again.params[name], p)
    assert again.summary["final"] == small_run.summary["final"]
