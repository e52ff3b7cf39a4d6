"""A trained model in files that are read without PADL: the same bits, and the same outputs."""

import json
import subprocess
import sys

import jax.export
import numpy as np
import pytest
from own_things import CLASSES, Net, X
from safetensors.numpy import load_file

import padl
from padl.app import exporting
from padl.types import PadlError

READER = """
import json, sys
import numpy as np
import jax
from jax import export
from safetensors import safe_open

folder = sys.argv[1]
with safe_open(f"{folder}/model.safetensors", "np") as file:
    np.savez(f"{folder}/read.npz", **{name: file.get_tensor(name) for name in file.keys()})
    metadata = file.metadata()
with open(f"{folder}/model.jax", "rb") as file:
    exported = export.deserialize(bytearray(file.read()))
inputs = np.load(f"{folder}/inputs.npy")
outputs = [np.asarray(exported.call(inputs[:rows].astype(np.float32))) for rows in (1, 5)]
np.savez(f"{folder}/outputs.npz", *outputs)
assert not [name for name in sys.modules if name.split(".")[0] in ("padl", "flax", "optax")]
print(json.dumps(metadata))
"""


@pytest.fixture(scope="module")
def read(small_run, tmp_path_factory):
    """What a process without PADL reads of an exported run: its folder and the metadata."""
    folder = tmp_path_factory.mktemp("exported")
    np.save(folder / "inputs.npy", padl.task("digits").rows["inputs"][:5])
    for to in ("safetensors", "jax"):
        assert padl.export(small_run.folder, to, folder / f"model.{to}") == folder / f"model.{to}"
    done = subprocess.run([sys.executable, "-c", READER, folder], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_parameters_are_the_same_bits_by_the_models_names(small_run, read):
    folder, metadata = read
    model, tensors = padl.load(small_run.folder), np.load(folder / "read.npz")
    wanted = {**model.params, "stats.mean": model.stats["mean"], "stats.std": model.stats["std"]}
    assert set(tensors) == set(wanted) | {f"state.{name}" for name in model.model_state}
    for name, array in wanted.items():
        assert tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(tensors[name], array)
    assert json.loads(metadata["task"])["classes"] == 10
    assert json.loads(metadata["input_shape"]) == [8, 8, 1]
    assert json.loads(metadata["config"])["model"]["widths"] == [16]
    assert (metadata["parameters"], metadata["predictions"]) == ("best", "logits")


def test_the_function_gives_the_models_outputs_for_any_number_of_rows(small_run, read):
    folder, _ = read
    model, inputs, outputs = (
        padl.load(small_run.folder),
        np.load(folder / "inputs.npy"),
        np.load(folder / "outputs.npz"),
    )
    for rows, given in zip((1, 5), outputs.values(), strict=True):
        wanted = np.asarray(model(inputs[:rows]))
        np.testing.assert_allclose(given, wanted, rtol=1e-5, atol=1e-5)  # one program sums in another order than many
    about = json.loads((folder / "model.jax.json").read_text())
    assert about["inputs"] == {"shape": ["rows", 8, 8, 1], "dtype": "float32"}
    assert about["outputs"] == [{"shape": ["rows", 10], "dtype": "float32"}]
    assert about["platforms"] == ["cpu", "cuda", "tpu"]


def test_a_model_from_python_is_exported_with_what_it_keeps(tmp_path):
    record = padl.train(task=CLASSES, model=Net, steps=3, run={"dir": str(tmp_path), "plot": False}, devices=1)
    model = padl.load(record.folder, model=Net)
    assert "model       Net, from=python" in repr(model)
    padl.export(record.folder, "jax", tmp_path / "net.jax", model=Net)
    exported = jax.export.deserialize(bytearray((tmp_path / "net.jax").read_bytes()))
    np.testing.assert_allclose(exported.call(X[:7]), model(X[:7]), rtol=1e-5, atol=1e-6)
    tensors = load_file(padl.export(record.folder, "safetensors", tmp_path / "net.safetensors", model=Net))
    assert {"first.kernel", "norm.scale", "state.norm.mean"} <= {*tensors}


def test_the_final_parameters_are_exported_where_they_are_asked_for(small_run, tmp_path):
    file = padl.export(small_run.folder, "safetensors", tmp_path / "m.safetensors", which="final")
    np.testing.assert_array_equal(load_file(file)["head.kernel"], small_run.params["head.kernel"])


def test_what_cannot_be_exported_is_one_line(small_run, tmp_path, monkeypatch):
    (tmp_path / "there").write_text("mine")
    (tmp_path / "m.jax.json").write_text("mine")
    for to, file, line in (
        ("onnx", None, "no format 'onnx'"),
        ("jax", "there", "there is there already, and is not written over"),
        ("jax", "m.jax", r"m\.jax\.json is there already"),
        ("safetensors", "gone/m", "there is no folder"),
    ):
        with pytest.raises(PadlError, match=line):
            padl.export(small_run.folder, to, file and tmp_path / file)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.jax.json", "there"]
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    for to, package in (("safetensors", "safetensors"), ("jax", "flatbuffers")):
        with pytest.raises(PadlError, match=rf"needs the package {package}: pip install .*\[export\]'$"):
            padl.export(small_run.folder, to)
