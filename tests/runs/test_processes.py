"""Several processes of one run: one folder, and one of them that writes into it."""

import socket
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax.experimental import multihost_utils

import padl
from padl.runs import processes, run_folder
from padl.types import PadlError

TINY = {"task": "surface", "steps": 20, "log_every": 5, "progress": "plain"}
TWO = """
import sys
import jax
number, address, root = int(sys.argv[1]), sys.argv[2], sys.argv[3]
jax.distributed.initialize(address, num_processes=2, process_id=number)
from padl.runs import processes, run_folder
from padl.runs.status import recording
folder = run_folder.create(root, "shared")
with recording(folder if processes.is_writer() else None):
    pass
print("FOLDER", folder)
try:
    run_folder.create("/dev/null/here", "x")
except ValueError as error:
    print("REFUSED", error)
"""


def of_process(number, first, monkeypatch):
    """Let this be one of two processes, the first of which broadcasts these numbers."""
    sent = iter(first)
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(jax, "process_index", lambda: number)
    monkeypatch.setattr(multihost_utils, "broadcast_one_to_all", lambda numbers: np.asarray(next(sent), numbers.dtype))


def test_two_processes_name_one_folder_and_one_of_them_makes_it(monkeypatch, tmp_path):
    first = [[1_700_000_000, 0xABCDE], [0]]
    folders = []
    for number in (1, 0):
        of_process(number, first, monkeypatch)
        folders.append(run_folder.create(tmp_path, "x"))
        assert folders[-1].exists() == (number == 0)
    assert folders[0] == folders[1] == tmp_path / "20231114-221320-x-0abcde"


def test_a_folder_that_the_first_cannot_make_is_refused_by_all(monkeypatch, tmp_path):
    of_process(1, [[1, 2], [13]], monkeypatch)
    with pytest.raises(PadlError, match=r"no folder can be made there \(Permission denied\)"):
        run_folder.create(tmp_path, "x")


def test_a_process_that_is_alone_writes_and_asks_nobody(monkeypatch):
    monkeypatch.setattr(multihost_utils, "broadcast_one_to_all", None)
    assert processes.is_writer()
    assert processes.agreed([1, 2**32 - 1]) == [1, 2**32 - 1]


def test_a_run_in_another_process_trains_and_writes_nothing(monkeypatch, tmp_path, capsys):
    of_process(1, [[1_700_000_000, 1], [0]], monkeypatch)
    result = padl.train(**TINY, run={"dir": str(tmp_path)}, wandb={"mode": "offline"})
    assert (result.status, result.wandb_folder) == ("finished", None)
    assert result.history["step"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
    assert result.folder == tmp_path / "20231114-221320-surface-adam-steps_20-000001"
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr() == ("", "")


def test_a_sweep_in_another_process_trains_and_writes_nothing(monkeypatch, tmp_path, capsys):
    of_process(1, [[1_700_000_000, 1], [0]], monkeypatch)
    results = padl.sweep(**TINY, over={"seed": range(2)}, run={"dir": str(tmp_path)}, wandb={"mode": "offline"})
    assert [(row["status"], row["folder"]) for row in results.rows] == [("finished", None)] * 2
    assert results.folder == tmp_path / "20231114-221320-sweep-surface-000001"
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr() == ("", "")


def test_two_real_processes_agree(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-c", TWO]
    both = [
        subprocess.Popen([*command, str(number), address, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for number in range(2)
    ]
    outputs = [process.communicate(timeout=100)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    (folder,) = tmp_path.iterdir()
    for output in outputs:
        assert f"FOLDER {folder}\n" in output
        assert "REFUSED run.dir='/dev/null/here': no folder can be made there (Not a directory)" in output
    assert run_folder.read_json(folder / "status.json")["status"] == "finished"
