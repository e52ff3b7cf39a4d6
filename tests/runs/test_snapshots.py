"""Snapshots on disk: whole or not there, the last ones kept, every changed byte found, forms compared."""

import os
import shutil
from collections import namedtuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padl.runs import array_store, snapshots
from padl.runs.leaves import form_of
from padl.runs.snapshots import SnapshotStore, StoredSnapshot
from padl.types import PadlError

State = namedtuple("State", ["params", "key", "count"])
TREE = State({"w": jnp.arange(6.0).reshape(2, 3), "b": jnp.ones(3, jnp.bfloat16)}, jax.random.key(7), jnp.int32(4))
LIKE = jax.eval_shape(lambda: TREE)


def numbers(tree):
    plain = tree._replace(key=jax.random.key_data(tree.key))
    return [np.asarray(x) for x in jax.tree.leaves(plain)]


def assert_same(ours, theirs):
    for a, b in zip(numbers(ours), numbers(theirs), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def store(tmp_path):
    store = SnapshotStore(tmp_path / "snapshots", keep=2)
    yield store
    store.close()


def save(store, *steps, before=lambda: None):
    for step in steps:
        store.save(step, TREE, {"note": f"of {step}"}, before)
    store.wait()


def test_a_snapshot_comes_back_to_the_bit_with_its_record(store):
    save(store, 3)
    stored = snapshots.newest(store.place)
    assert (stored.step, stored.record["note"]) == (3, "of 3")
    assert_same(stored.tree(LIKE), TREE)


@pytest.mark.parametrize("small", [array_store.SMALL, 0], ids=["by message pack", "by Orbax"])
def test_arrays_come_back_to_the_bit(tmp_path, small):
    arrays = {"0": TREE.params["w"], "1": TREE.params["b"], "2": np.array([np.nan, -0.0], np.float32)}
    array_store.write_arrays(tmp_path, arrays, small)
    assert (tmp_path / "arrays").is_dir() == (small == 0)
    again = array_store.read_arrays(tmp_path, 1000)
    for name, array in arrays.items():
        assert np.asarray(again[name]).tobytes() == np.asarray(array).tobytes()
        assert np.asarray(again[name]).dtype == array.dtype


def test_the_last_ones_stay_and_an_older_one_goes_only_after_a_newer_is_known_to_be_good(store, monkeypatch):
    save(store, 1, 2, 3)
    assert sorted(f.name for f in store.place.iterdir()) == ["000000002", "000000003"]

    def damaged(folder):
        raise PadlError("as if the disk had changed a bit")

    monkeypatch.setattr(snapshots.manifest, "verify_all", damaged)
    save(store, 4)
    assert {"000000002", "000000003"} <= {f.name for f in store.place.iterdir()}


def test_one_that_cannot_be_written_costs_a_line_and_leaves_nothing_half_done(store, capsys):
    save(store, 1)

    def full():
        raise OSError(28, "No space left on device")

    save(store, 2, before=full)
    assert [f.name for f in store.place.iterdir()] == ["000000001"]
    line = capsys.readouterr().err
    assert "no snapshot of step 2" in line
    assert "that of step 1 stays" in line


def test_every_changed_byte_of_every_file_is_found_and_the_one_before_is_used(store, capsys):
    save(store, 1, 2)
    newest = store.place / "000000002"
    for file in sorted(f for f in newest.rglob("*") if f.is_file()):
        content = file.read_bytes()
        for position in range(len(content)):
            file.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
            try:
                stored = StoredSnapshot(newest)
            except (PadlError, KeyError):
                continue
            assert_same(stored.tree(LIKE), TREE)  # a name of the manifest that is not looked at
        file.write_bytes(content)
    (newest / "record.json").write_bytes(b"{}")
    assert snapshots.newest(store.place).step == 1
    assert "IS DAMAGED AND NOT USED" in capsys.readouterr().err
    shutil.rmtree(store.place / "000000001")
    assert snapshots.newest(store.place) is None


def test_a_damaged_one_does_not_pass_for_the_newest_again(store):
    save(store, 1, 2)
    os.truncate(store.place / "000000002" / "arrays.msgpack", 3)
    used = snapshots.newest(store.place)
    snapshots.set_aside(used)
    store.keep = 1
    save(store, 3)
    assert {f.name for f in store.place.iterdir()} == {"000000002.damaged", "000000003"}


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (TREE._replace(count=jnp.float32(4)), "count as int32[], wanted is float32[]"),
        (TREE._replace(params={"w": TREE.params["w"]}), "'b'] as bfloat16[3], wanted is nothing"),
        (TREE._replace(params={**TREE.params, "v": jnp.ones(2)}), "'v'] as nothing, wanted is float32[2]"),
    ],
)
def test_the_snapshot_of_another_program_is_refused_with_the_first_difference(store, other, says):
    save(store, 1)
    with pytest.raises(PadlError, match="is the snapshot of another program") as error:
        snapshots.newest(store.place).tree(jax.eval_shape(lambda: other))
    assert says in str(error.value)


def test_a_form_tells_keys_from_numbers():
    assert form_of({"a": jax.random.key(0), "b": jnp.zeros((2, 1))}) == {"['a']": "key<fry>[]", "['b']": "float32[2,1]"}
