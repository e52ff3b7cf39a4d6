"""Kill runs and sweeps at random times, let `padl resume` go on until they are done, and compare all bits.

    python scripts/kill_and_resume.py [--kills N] [--sweep-kills N] [--signal KILL|TERM] [--seed S] [--folder DIR]

Each run is compared with the same run, never stopped: final and best parameters, and metrics.jsonl. Printed is a line
for each run and each sweep; the exit code is 1 where one differs, or does not come to its end.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import padl
from padl.app.sweep.recorded import is_sweep
from padl.runs import status

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
    """What one run or sweep came to: how often it was killed, whether it ended, whether its bits are the same."""

    words: str
    kills: int
    ended: bool
    same: bool


def main() -> int:
    options = _options()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(options.folder or temporary)
        optimizers = cycle(padl.names("optimizer"))
        runs = (f"optimizer={next(optimizers)} {kind}" for kind in cycle(KINDS))
        sweeps = (f"-m {kind}" for kind in cycle(SWEEPS))
        trials = _until(options.sweep_kills, sweeps, place / "sweeps", options.signal, chance)
        trials += _until(options.kills, runs, place / "runs", options.signal, chance)
    bad = [trial for trial in trials if not (trial.ended and trial.same)]
    print(f"{sum(t.kills for t in trials)} kills, {len(trials)} runs and sweeps, {len(bad)} not as if never stopped")
    return bool(bad)


def _until(kills: int, all_words, place: Path, how: str, chance: random.Random) -> list[Trial]:
    trials: list[Trial] = []
    while sum(trial.kills for trial in trials) < kills:
        trials.append(_try(next(all_words), place / str(len(trials)), how, chance))
        print(
            f"{trials[-1].kills:3d} kills  {'same' if trials[-1].same else 'DIFFERS'}  {trials[-1].words}", flush=True
        )
    return trials


def _try(words: str, place: Path, how: str, chance: random.Random) -> Trial:
    """Run twice: once to the end, and once with kills at random times."""
    if _finish(_start("train", words, place / "whole", "null")) != 0:
        return Trial(words, 0, ended=False, same=False)
    kills = 0
    process = _start("train", words, place / "killed", str(chance.choice((50, 100, 300, "1s", "5min"))))
    for _ in range(40):
        try:
            process.wait(chance.uniform(*SECONDS) if kills < MOST else None)
            if process.returncode != 75:
                break
        except subprocess.TimeoutExpired:
            process.send_signal(getattr(signal, f"SIG{how}"))
            process.wait()
            kills += 1
        folder = next(iter((place / "killed").glob("*")), None)
        if folder is None or not _can_go_on(folder):
            shutil.rmtree(place / "killed", ignore_errors=True)
            process = _start("train", words, place / "killed", "50")
        else:
            process = _start("resume", str(folder))
    ended = process.returncode == 0 or _is_finished(place / "killed")  # killed as it left
    same = ended and _digests(place / "whole") == _digests(place / "killed")
    if same:
        shutil.rmtree(place)
    else:
        print(f"{place} stays: exit code {process.returncode}, {_said(process)}")
    return Trial(words, kills, ended, same)


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
