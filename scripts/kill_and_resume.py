"""Kill runs and sweeps at random times, let `padl resume` go on until they are done, and compare all bits.

    python scripts/kill_and_resume.py [--kills N] [--sweep-kills N] [--signal KILL|TERM] [--seed S] [--folder DIR]

Each run is compared with the same run, never stopped: final and best parameters, and metrics.jsonl. After a TERM the
exit code, the status and the snapshot must say the same, too. Printed is a line for each run and each sweep, and how
long processes took from the signal to their end; the exit code is 1 where one differs, or does not come to its end.
"""

import argparse
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from padl.app import names
from padl.app.sweep.recorded import is_sweep
from padl.registry import Entry
from padl.runs import status
from padl.runs.snapshots import newest

QUIET = ("progress=none", "wandb.mode=disabled", "run.plot=false", "devices=1")
KINDS = (  # what a run carries from step to step, and what it is killed in
    "model.widths=[64] model.norm=batch model.dropout=0.2 ema=0.9 accumulate=2 steps=30000",
    "model=cnn model.channels=[4,8] model.norm=batch model.dropout=0.1 schedule=warmup_cosine steps=8000",
    "model.widths=[32,32] clip_norm=1.0 schedule=wsd eval_every=77 log_every=33 steps=80000",
)
SWEEPS = (
    "optimizer=adam,sgd seed=0,1 sweep.strategy=vmap steps=20000",
    "optimizer.learning_rate=1e-3,1e-2,1e30 seed=0,1 sweep.strategy=map sweep.chunk=2 steps=15000",
    "model.dropout=0.2 ema=0.9 seed=0,1,2 sweep.exact=true steps=20000",
)
SECONDS = (1.0, 6.0)  # from the start of a process to its end by a signal: imports, compilation, steps, saving
MOST = 8  # kills of one run
FILES = ("metrics.jsonl", "checkpoint/final.msgpack", "checkpoint/best.msgpack")


class Trial(NamedTuple):
    """What one run or sweep came to.

    Attributes:
        seconds: of each kill, from the signal to the end of the process. ended: whether it came to its end.
        same: whether its bits are those of the run never stopped.
    """

    words: str
    seconds: list[float]
    ended: bool
    same: bool


def main() -> int:
    options = _options()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(options.folder or temporary)
        optimizers = cycle(map(_words_of, names.of("optimizer")))
        runs = (f"{next(optimizers)} {kind}" for kind in cycle(KINDS))
        sweeps = (f"-m {kind}" for kind in cycle(SWEEPS))
        trials = _until(options.sweep_kills, sweeps, place / "sweeps", options.signal, chance)
        trials += _until(options.kills, runs, place / "runs", options.signal, chance)
    bad = [trial for trial in trials if not (trial.ended and trial.same)]
    seconds = [each for trial in trials for each in trial.seconds]
    print(f"{len(seconds)} kills, {len(trials)} runs and sweeps, {len(bad)} not as if never stopped")
    print(f"from the signal to the end: median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s")
    return bool(bad)


def _words_of(entry: Entry) -> str:
    """How a run names an optimizer, or a wrapper around one."""
    return f"optimizer=adam optimizer.wrap=[{entry.name}]" if entry.stand_ins else f"optimizer={entry.name}"


def _until(kills: int, all_words, place: Path, how: str, chance: random.Random) -> list[Trial]:
    trials: list[Trial] = []
    while sum(len(trial.seconds) for trial in trials) < kills:
        trial = _try(next(all_words), place / str(len(trials)), how, chance)
        print(f"{len(trial.seconds):3d} kills  {'same' if trial.same else 'DIFFERS'}  {trial.words}", flush=True)
        trials.append(trial)
    return trials


def _try(words: str, place: Path, how: str, chance: random.Random) -> Trial:
    """Run twice: once to the end, and once with kills at random times."""
    if _finish(_start("train", words, place / "whole", "null")) != 0:
        return Trial(words, [], ended=False, same=False)
    seconds: list[float] = []
    untrue = ""
    process = _start("train", words, place / "killed", str(chance.choice((50, 100, 300, "1s", "5min"))))
    for _ in range(40):
        try:
            process.wait(chance.uniform(*SECONDS) if len(seconds) < MOST else None)
            if process.returncode != 75:
                break
        except subprocess.TimeoutExpired:
            began = time.perf_counter()
            process.send_signal(getattr(signal, f"SIG{how}"))
            process.wait()
            seconds.append(time.perf_counter() - began)
        folder = next(iter((place / "killed").glob("*")), None)
        if how == "TERM":
            untrue = untrue or _untrue(folder, process.returncode)
        if folder is None or not _can_go_on(folder):
            shutil.rmtree(place / "killed", ignore_errors=True)
            process = _start("train", words, place / "killed", "50")
        else:
            process = _start("resume", str(folder))
    ended = process.returncode == 0 or _is_finished(place / "killed")  # killed as it left
    same = ended and not untrue and _digests(place / "whole") == _digests(place / "killed")
    if same:
        shutil.rmtree(place)
    else:
        print(f"{place} stays: exit code {process.returncode}, {untrue or _said(process)}")
    return Trial(words, seconds, ended, same)


def _untrue(folder: Path | None, code: int) -> str:
    """What a process that was asked to stop left behind that is not so, or nothing."""
    if code == 0:
        return "" if folder and (is_sweep(folder) or status.read(folder).status == "finished") else "exit 0 unfinished"
    if code != 75:
        return f"exit code {code}"
    if folder is None or is_sweep(folder) or not (folder / "status.json").is_file():
        return ""  # stopped while importing; the members of a sweep are looked at by what they become
    record = status.read(folder)
    if record.status == "finished":
        return ""  # the signal came as it left
    snapshot = newest(folder / "snapshots")
    saved = snapshot.step if snapshot else None
    true = record.status == "interrupted" and (saved == record.step or (saved, record.step) == (None, 0))
    return "" if true else f"{record.status} at step {record.step}, and the snapshot is of step {saved}"


def _is_finished(place: Path) -> bool:
    (folder,) = place.glob("*")
    return not is_sweep(folder) and status.read(folder).status == "finished"


def _said(process: subprocess.Popen) -> str:
    return process.stderr.read().decode(errors="replace")[-500:] if process.stderr else ""


def _can_go_on(folder: Path) -> bool:
    """Whether there is anything yet: before its first snapshot a run begins anew, a sweep with its members."""
    return (folder / "requests.json").is_file() or any((folder / "snapshots").glob("?????????"))


def _start(command: str, words: str, place: Path | None = None, save_every: str = "") -> subprocess.Popen:
    extra = [*QUIET, f"run.dir={place}", f"run.save_every={save_every}"] if place else []
    line = [sys.executable, "-m", "padl", command, *words.split(), *extra]
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _finish(process: subprocess.Popen) -> int:
    _, err = process.communicate()
    if process.returncode:
        print(err.decode(errors="replace"))
    return process.returncode


def _digests(place: Path) -> dict[str, bytes]:
    """The content of all that must be the same, under names that are the same in both."""
    (folder,) = place.glob("*")
    members = sorted(folder.glob("0*")) or [folder]
    return {
        f"{member.name if len(members) > 1 else ''}/{name}": (member / name).read_bytes()
        for member in members
        for name in FILES
        if (member / name).is_file()
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="of runs; 20")
    parser.add_argument("--sweep-kills", type=int, default=5, metavar="N", help="of sweeps; 5")
    parser.add_argument("--signal", choices=("KILL", "TERM"), default="KILL", help="what is sent; KILL")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the times; 0")
    parser.add_argument("--folder", metavar="DIR", help="where they run; a temporary one")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
