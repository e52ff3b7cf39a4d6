"""The line that uploads offline W&B runs, to be copied into a shell. sync_line."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

ANY = "offline-run-*"


def sync_line(folders: Sequence[Path], sweep: Path | None = None) -> str:
    """Return `wandb sync ...` for offline runs, with paths from the current folder; "" for none.

    Args:
        folders: of offline runs. What a run had in them before it went on is uploaded too.
        sweep: the folder of a sweep, whose runs are named by a pattern where all lie in it.
    """
    if not folders:
        return ""
    places = list(dict.fromkeys(folder.parent for folder in folders))
    if sweep and all(place == sweep / "wandb" or place.parent.parent == sweep for place in places):
        patterns = [f"{_short(sweep)}/wandb/{ANY}"] if sweep / "wandb" in places else []
        patterns += [f"{_short(sweep)}/*/wandb/{ANY}"] if places != [sweep / "wandb"] else []
        return f"wandb sync {' '.join(patterns)}"
    return f"wandb sync {' '.join(_short(part) for folder in folders for part in _parts(folder))}"


def _parts(folder: Path) -> list[Path]:
    """All folders of the W&B run that this one is of: a run that goes on begins another."""
    run_id = folder.name.removeprefix("offline-run-").partition("-")[2]
    return sorted({folder, *folder.parent.glob(f"offline-run-*-{run_id}")})


def _short(path: Path) -> str:
    """The path from the current folder where it lies in that, quoted for a shell."""
    try:
        here = path.resolve().relative_to(Path.cwd().resolve())
    except (OSError, ValueError):
        return shlex.quote(str(path))
    return shlex.quote(here.as_posix() if os.sep == "/" else str(here))
