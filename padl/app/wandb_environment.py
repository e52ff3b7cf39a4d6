"""What the environment says of W&B where a configuration says nothing: WANDB_MODE, WANDB_PROJECT and their like.

A key that was given rules, and so does the record of a run that goes on; a line says which variable is not used then.
completed, with_defaults, lines, place.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from padl.app.settings import WandbSettings
from padl.registry import near
from padl.runs.wandb_limits import check_limits
from padl.types import PadlError

KEYS = {
    "WANDB_MODE": "mode",
    "WANDB_PROJECT": "project",
    "WANDB_ENTITY": "entity",
    "WANDB_RUN_GROUP": "group",
    "WANDB_NAME": "name",
    "WANDB_JOB_TYPE": "job_type",
    "WANDB_NOTES": "notes",
    "WANDB_TAGS": "tags",
    "WANDB_RUN_ID": "id",
    "WANDB_RESUME": "resume",
}
OF_ONE_RUN = ("id", "resume")  # what the members of a sweep cannot share
SWEEP = "WANDB_SWEEP_ID"  # where `wandb agent` started the run
OF_THE_SERVER = ("project", "entity", "id")  # of such a run, which it has from there
MODES = {"online": "online", "run": "online", "offline": "offline", "dryrun": "offline", "disabled": "disabled"}
RESUMES = ("allow", "must", "never")
DISABLED = "WANDB_DISABLED"
NOT_GIVEN = {"WANDB_CONSOLE": "console output", "WANDB_SAVE_CODE": "code"}
FALSE = ("off", "false", "0", "no", "")
TRUE = ("true", "1", "yes", "on", "t", "y")
PADLS_OWN = {"mode": "offline", "project": "padl"}  # where nobody says anything


def completed(config: Mapping[str, Any], alone: bool) -> dict[str, Any]:
    """Fill in what a configuration leaves open of `wandb` with what the environment says.

    Args:
        alone: whether it is of a run that is no member of a sweep: only that one can have the id of the environment.

    Raises:
        PadlError: a variable has a value that its key does not take.
    """
    given = config.get("wandb") or {}
    if not isinstance(given, Mapping) or given.get("mode") == "disabled":
        return dict(config)
    said = {key: value for key, value in environment().items() if alone or key not in OF_ONE_RUN}
    if said.get("resume") and not (given.get("id") or said.get("id")):
        del said["resume"]
    ruled = OF_THE_SERVER if alone and os.environ.get(SWEEP) else ()
    filled = {key: value for key, value in said.items() if key in ruled or given.get(key) in (None, (), [])}
    if filled.get("mode") != "disabled":
        _check(filled)
    return {**config, "wandb": {**given, **filled}} if filled else dict(config)


def _check(said: Mapping[str, Any]) -> None:
    """Raise PadlError, with the name of the variable, for what W&B would refuse."""
    for name, key in KEYS.items():
        try:
            check_limits({key: said[key]} if key in said else {})
        except PadlError as error:
            raise PadlError(f"{name} of the environment: {error}") from error


def with_defaults(settings: WandbSettings) -> WandbSettings:
    """Return the settings with what PADL takes where neither the user nor the environment says anything."""
    return replace(settings, **{key: v for key, v in PADLS_OWN.items() if getattr(settings, key) is None})


def environment() -> dict[str, Any]:
    """Return what the environment says, by the key of `wandb` that it is for.

    Raises:
        PadlError: as `completed`.
    """
    said: dict[str, Any] = {key: os.environ[name] for name, key in KEYS.items() if os.environ.get(name)}
    if "mode" in said:
        said["mode"] = _one_of(said["mode"], MODES, "WANDB_MODE")
    elif os.environ.get(DISABLED, "").lower() in TRUE:
        said["mode"] = "disabled"
    if said.get("resume") in ("auto", "true", "True"):  # W&B would look for a file of the last run in this folder
        del said["resume"]
    elif "resume" in said:
        _one_of(said["resume"], {value: value for value in RESUMES}, "WANDB_RESUME")
    if "tags" in said:
        said["tags"] = [tag.strip() for tag in said["tags"].split(",") if tag.strip()]
    return said


def _one_of(value: str, values: Mapping[str, str], name: str) -> str:
    if value not in values:
        raise PadlError(f"{name}={value} in the environment{near(value, values)} (PADL takes: {', '.join(values)})")
    return values[value]


def lines(config: Mapping[str, Any], settings: WandbSettings) -> Iterator[str]:
    """Yield a line where the environment alone sends a run online, and for each variable that is not used.

    Args:
        config: as it was before it was `completed`. settings: as they are used.
    """
    said = environment()
    if settings.mode == "disabled":
        if said.get("mode") == "online":
            yield "WANDB_MODE=online is not used: wandb.mode=disabled is given"
        return
    given = config.get("wandb") or {}
    if settings.mode == "online" and given.get("mode") is None:
        yield "WANDB_MODE=online is set: this goes online, where wandb.mode=offline would keep it here"
    if said.get("mode") == "disabled" and not os.environ.get("WANDB_MODE"):
        yield f"{DISABLED} is not used: wandb.mode={settings.mode} is given"
    yield from _overruled(said, settings)
    yield from _of_an_agent(given, settings)
    for name, what in NOT_GIVEN.items():
        if os.environ.get(name, "off").lower() not in FALSE:
            yield f"{name}={os.environ[name]} is not used: PADL gives W&B no {what}"
    if settings.resume in ("must", "never") and settings.mode == "offline":
        yield f"wandb.resume={settings.resume} is for online runs: offline nobody knows what runs the server has"


def _overruled(said: Mapping[str, Any], settings: WandbSettings) -> Iterator[str]:
    """Lines for variables in whose place another value is used."""
    for name, key in KEYS.items():
        used = getattr(settings, key)
        used = list(used) if isinstance(used, tuple) else used
        by_wandb = (key, used) == ("mode", "online")  # kept offline, with a line of its process
        if os.environ.get(name) and not by_wandb and (key not in said or said[key] != used):
            yield f"{name}={os.environ[name]} is not used: {_why(key, used)}"


def _of_an_agent(given: Mapping[str, Any], settings: WandbSettings) -> Iterator[str]:
    """Lines for what W&B's own sweep rules, or does not."""
    sweep = os.environ.get(SWEEP)
    if sweep and settings.id != os.environ.get("WANDB_RUN_ID", ""):
        yield f"{SWEEP}={sweep} is not used: it is of single runs that `wandb agent` starts"
    for name, key in KEYS.items() if sweep else ():
        if key in OF_THE_SERVER and given.get(key) not in (None, getattr(settings, key)):
            yield f"wandb.{key}={given[key]} is not used: a run of W&B's sweep {sweep} has that of {name}"


def _why(key: str, used: Any) -> str:
    if used not in (None, []):
        return f"wandb.{key}={used} is given"
    if key == "resume":
        return "with wandb.id it may be allow, must or never; with `padl resume` a run goes on, in its W&B run too"
    return "every run of a sweep has an id of its own"


def place(folder: Path) -> Path:
    """Return where W&B's files go: into WANDB_DIR where that is set, else into the run's folder."""
    return Path(os.environ.get("WANDB_DIR") or folder).expanduser().absolute()
