"""W&B beside a run: what it gets, what it cannot do to the run, and that nothing leaves the machine unasked."""

import os
import signal
import socket
import threading
import time
from pathlib import Path

import psutil
import pytest
from wandb_records import of_type

import padl
from padl.runs import run_folder, wandb, wandb_process
from padl.runs.wandb import Wandb
from padl.runs.wandb_limits import check_limits
from padl.types import PadlError

TINY = {"task": "surface", "steps": 20, "log_every": 5, "devices": 1}
KEY = "a1" * 20  # as W&B's look


class Server:
    """Counts connections; what it answers is 404."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.requests: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:  # closed
                return
            with connection:
                self.requests.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.fixture
def server():
    served = Server()
    yield served
    served.socket.close()


@pytest.fixture
def network(server, monkeypatch, tmp_path):
    """All that W&B could reach is this server: its own address, and a proxy for every other one."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, server.url)
        monkeypatch.setenv(name.lower(), server.url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    return server


def lines(capfd):
    return [line for line in capfd.readouterr().err.splitlines() if line.startswith("padl: ")]


@pytest.mark.parametrize("address", ["its own", "that of the environment"])
def test_offline_is_offline(network, tmp_path, monkeypatch, address):
    if address != "its own":
        monkeypatch.setenv("WANDB_BASE_URL", network.url)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    made = padl.train(**TINY, run={"dir": str(tmp_path)}, wandb={"mode": "offline"})
    assert made.wandb_folder.name.startswith("offline-run-")
    assert network.requests == []


def test_the_users_own_wandb_is_left_as_it_was(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_SERVICE", raising=False)
    before = dict(os.environ)
    padl.train(**TINY, run={"dir": str(tmp_path)}, wandb={"mode": "offline"})
    assert dict(os.environ) == before


def test_settings_of_the_current_folder_are_not_read(network, tmp_path, monkeypatch, capfd):
    stranger = Server()
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", network.url)
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "settings").write_text(f"[default]\nbase_url = {stranger.url}\nhttp_proxy = {stranger.url}\n")
    padl.train(**TINY, run={"dir": "runs"}, wandb={"mode": "online"})
    assert stranger.requests == []
    assert network.requests
    stranger.socket.close()
    assert [line for line in lines(capfd) if "logged offline" in line]


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"WANDB_MODE": "online"}, "W&B has no API key"),
        ({"WANDB_MODE": "offline", "WANDB_API_KEY": KEY}, "WANDB_MODE=offline is set"),
        ({"WANDB_API_KEY": KEY, "WANDB_BASE_URL": "http://127.0.0.1:9"}, "W&B is not reached"),
        ({"WANDB_API_KEY": "abcde"}, "API key must have 40+ characters"),
        ({"WANDB_API_KEY": KEY, "WANDB_BASE_URL": "not a url"}, "W&B cannot use WANDB_BASE_URL"),
        ({"WANDB_API_KEY": KEY, "WANDB_INIT_TIMEOUT": "soon"}, "W&B cannot use WANDB_INIT_TIMEOUT"),
    ],
)
def test_online_that_cannot_be_is_offline_with_one_line(tmp_path, monkeypatch, capfd, variables, line):
    for name in ("HOME", "NETRC"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("WANDB_MODE")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    began = time.monotonic()
    made = padl.train(**TINY, run={"dir": str(tmp_path / "runs")}, wandb={"mode": "online"})
    assert time.monotonic() - began < 12
    assert [line in said for said in lines(capfd)] == [True]
    assert made.wandb_folder.name.startswith("offline-run-")
    assert of_type(made.wandb_folder, "history")


def test_a_server_that_never_answers_costs_less_than_ten_seconds(tmp_path, monkeypatch, capfd):
    silent = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
    monkeypatch.delenv("WANDB_MODE")
    began = time.monotonic()
    padl.train(**TINY, run={"dir": str(tmp_path / "runs")}, wandb={"mode": "online"})
    assert time.monotonic() - began < 10
    assert ["W&B is not reached" in said for said in lines(capfd)] == [True]
    silent.close()


def test_a_run_id_of_the_environment_is_not_shared(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("WANDB_RUN_ID", "shared")
    logged = {"run": {"dir": str(tmp_path), "plot": False}, "wandb": {"mode": "offline"}}
    swept = padl.sweep("surface", over={"seed": [0, 1, 2]}, steps=4, **logged)
    ids = {path.name.rpartition("-")[2] for path in swept.folder.glob("*/wandb/offline-run-*")}
    assert len(ids) == 3
    assert "shared" not in ids
    assert ["WANDB_RUN_ID=shared is not used: every run of a sweep" in said for said in lines(capfd)] == [True]


def test_a_run_goes_on_in_the_wandb_run_that_it_is_told(tmp_path):
    run = Wandb(tmp_path, mode="offline", project="p", config={}, run_id="abc123")
    run.write(1, {"loss": 1.0})
    run.close({"best": {"loss": 1.0}})
    run.finish()
    run.wait()
    assert (run.run_id, run.run_folder.name.rpartition("-")[2]) == ("abc123", "abc123")
    assert not run.failed


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tags": ["x" * 80]}, r"wandb\.tags: x{20}\.\.\. has 80 characters, and W&B takes 1 to 64"),
        ({"tags": ["a", ""]}, r"wandb\.tags: '' has 0 characters"),
        ({"project": "a/b"}, r"wandb\.project=a/b: W&B takes none of"),
        ({"project": "p" * 129}, r"wandb\.project has 129 characters, and W&B takes 1 to 128"),
        ({"group": "g" * 129}, r"wandb\.group has 129"),
        ({"name": "n" * 129}, r"wandb\.name has 129"),
        ({"entity": "e" * 129}, r"wandb\.entity has 129"),
        ({"entity": "me/you"}, r"wandb\.entity=me/you: W&B takes none of"),
        ({"job_type": ""}, r"wandb\.job_type has 0"),
        ({"id": "a;b"}, r"wandb\.id=a;b: W&B takes none of"),
        ({"id": " a"}, r"wandb\.id=' a' begins or ends with a space"),
        ({"id": "i" * 129}, r"wandb\.id has 129"),
        ({"resume": "must"}, r"wandb\.resume=must says what becomes of a W&B run: give its wandb\.id"),
        ({"id": "a", "resume": "auto"}, r"wandb\.resume='auto' is not one of allow, must, never"),
    ],
)
def test_what_wandb_would_refuse_is_refused_before_the_run(tmp_path, given, message):
    with pytest.raises(PadlError, match=message):
        padl.train(**TINY, run={"dir": str(tmp_path)}, wandb={"mode": "offline", **given})
    assert not list(tmp_path.iterdir())


def test_an_artifact_of_parameters_that_are_not_kept_is_refused(tmp_path):
    with pytest.raises(PadlError, match=r"wandb\.artifacts=true gives W&B what run\.save=true keeps"):
        padl.train(**TINY, run={"dir": str(tmp_path), "save": False}, wandb={"artifacts": True})


WORKER_ONLINE = """
import json, sys
for line in sys.stdin:
    told = json.loads(line)
    if "start" in told:
        print(json.dumps({"run": told["run"], "folder": None, "url": "https://example.com/me/p/runs/a"}), flush=True)
    if "close" in told:
        print(json.dumps({"run": told["run"], "end": True}), flush=True)
"""


def test_an_online_run_says_where_it_is_seen(padl_command, tmp_path, monkeypatch):
    (tmp_path / "worker.py").write_text(WORKER_ONLINE)
    monkeypatch.setattr(wandb_process, "_connected", {})
    monkeypatch.setattr(wandb_process, "WORKER", tmp_path / "worker.py")
    words = ("task=surface", "steps=4", "devices=1", "run.plot=false", "wandb.mode=online")
    code, out, err = padl_command("train", *words, "progress=plain")
    assert code == 0
    assert "       W&B  https://example.com/me/p/runs/a" in out.splitlines()
    assert "padl: W&B: https://example.com/me/p/runs/a" in err.splitlines()


def test_another_launcher_does_not_make_one_run_of_several(padl_command, tmp_path):
    words = ("task=surface", "steps=4", "devices=1", "seed=0,1", "hydra/launcher=basic", f"run.dir={tmp_path}/runs")
    code, _, err = padl_command("train", "-m", *words, "wandb.id=a")
    assert code != 0
    assert "wandb.id=a is one W&B run, and there are several" in err
    assert not (tmp_path / "runs").exists()


def test_the_limits_themselves_are_taken():
    longest = "n" * 128
    check_limits({"project": longest, "group": longest, "name": longest, "id": longest, "tags": ["t" * 64, "t"]})
    check_limits({"project": "padl", "entity": None, "name": "a/b #1", "job_type": None, "id": "a-b_1", "tags": []})


@pytest.fixture
def hung(monkeypatch):
    """W&B's process started and stopped (SIGSTOP), so that it answers nothing."""
    started = []

    def start(self):
        started.append(original(self))
        os.kill(started[-1].pid, signal.SIGSTOP)
        return started[-1]

    original = wandb_process.WandbProcess._start
    monkeypatch.setattr(wandb_process, "_connected", {})
    monkeypatch.setattr(wandb_process.WandbProcess, "_start", start)
    monkeypatch.setattr(wandb, "CLOSE_SECONDS", 0.3)
    yield
    for process in started:
        process.kill()


@pytest.mark.usefixtures("hung")
def test_a_hung_wandb_does_not_hold_a_run(tmp_path, capfd):
    began = time.monotonic()
    options = {**TINY, "steps": 20_000, "log_every": 1}  # more rows than a pipe holds
    made = padl.train(**options, run={"dir": str(tmp_path), "plot": False}, wandb={"mode": "offline"})
    assert time.monotonic() - began < 20
    assert made.status == "finished"
    assert ["W&B did not finish within" in said for said in lines(capfd)] == [True]
    assert len(run_folder.read_metrics(made.folder)) == 20_000


def test_a_run_goes_on_when_wandb_is_killed_and_says_so_once(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(wandb_process, "_connected", {})
    run = Wandb(tmp_path, mode="offline", project="p", config={})
    before = psutil.Process().children()
    run.write(1, {"loss": 1.0})
    wait_for_service(before).kill()
    for step in range(2, 60):
        run.write(step, {"loss": 1.0})
        time.sleep(0.02)
    run.close({})
    run.finish()
    run.wait()
    assert run.failed
    assert ["W&B" in said for said in lines(capfd)] == [True]


def wait_for_service(before: list[psutil.Process]) -> psutil.Process:
    """The process of W&B's own that a new one of ours has started."""
    for _ in range(600):
        for ours in set(psutil.Process().children()) - set(before):
            if ours.children():
                return ours.children()[0]
        time.sleep(0.05)
    raise AssertionError("W&B's service was not found within half a minute")


def test_a_worker_that_cannot_start_costs_a_line(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(wandb_process, "_connected", {})
    monkeypatch.setattr(wandb_process, "WORKER", Path("/nowhere.py"))
    made = padl.train(**TINY, run={"dir": str(tmp_path), "plot": False}, wandb={"mode": "offline"})
    assert (made.status, made.wandb_folder) == ("finished", None)
    assert ["W&B stopped (" in said for said in lines(capfd)] == [True]
