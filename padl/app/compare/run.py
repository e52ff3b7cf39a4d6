"""A comparison from start to end: plan, paths, folder, pictures. `padl compare` and `padl.trajectories` are this."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from padl.app.compare.plan import KEYS, Plan, one_line_for_rules, resolve
from padl.app.compilation_cache import use_compilation_cache
from padl.cli.hydra.app import App, explain_keys
from padl.compare import report
from padl.compare.comparison import Comparison
from padl.compare.trajectories import Race, begin, finish
from padl.compare.tuning import weigh
from padl.runs import run_folder
from padl.runs.console import Output
from padl.runs.environment import environment
from padl.runs.processes import is_writer
from padl.runs.status import recording

APP = App("compare", lambda: None, explain_keys(KEYS, "compare"))


class Compared(NamedTuple):
    """What a comparison gave. folder: None where none was asked for. pictures: files in it."""

    comparison: Comparison
    folder: Path | None
    pictures: list[Path]


def trajectories(surface: str = "rosenbrock", **settings: Any) -> Comparison:
    """Compare optimizers on a surface: `padl compare` in the same words, but without a folder unless one is asked for.

    Args:
        surface: its name. settings: every other key of conf/compare.yaml, as `optimizers=["gd", {"name": "adam",
            "b1": 0.8}], steps=200, run={"dir": "runs"}`.

    Raises:
        PadlError: for the first thing that is wrong, before anything is written.
    """
    return run({"surface": surface, "run": {"dir": None}, **settings}, []).comparison


def run(config: Mapping[str, Any], command: list[str]) -> Compared:
    """Compare as `config` says; `command` is what the user typed, for the records."""
    use_compilation_cache(config.get("compilation_cache", "auto"))
    plan = resolve(config)
    with one_line_for_rules(plan):
        race = begin(plan.landscape, plan.rules, plan.starts, **plan.options)
    if plan.kept.dir is None:
        return Compared(_weighed(plan, race), None, [])
    folder = run_folder.create(plan.kept.dir, f"compare-{plan.settings.surface}")
    if not is_writer():
        return Compared(_weighed(plan, race), folder, [])
    env = run_folder.to_json(environment(jax.devices()[0], 1, command))  # looked up while the device is busy
    run_folder.write_start(folder, plan.config, env)
    with recording(folder) as status:
        comparison = _weighed(plan, race)
        write(comparison, folder)
        pictures = draw(plan, comparison, folder)
        status.end("finished", plan.settings.steps)
    return Compared(comparison, folder, pictures)


def _weighed(plan: Plan, race: Race) -> Comparison:
    about = {key: plan.options[key] for key in ("steps", "seed", "noise")}
    told = {"mode": plan.settings.mode, "fixed": plan.fixed, "goal": plan.settings.goal}
    return weigh(plan.landscape, finish(race), **about, **told)


def write(comparison: Comparison, folder: Path) -> None:
    """results.csv, a row for each lane; trajectories.npz, the paths: LABEL/points, /losses, /distances, /rates."""
    run_folder.write_text(folder / "results.csv", report.csv(comparison))
    arrays = {"starts": comparison.starts}
    for label, path in comparison.paths.items():
        own = {"points": path.points, "losses": path.losses, "distances": path.distances.astype(np.float32)}
        rated = {} if path.rates is None else {"rates": path.rates}
        arrays |= {f"{label}/{name}": array for name, array in {**own, **rated}.items()}
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    run_folder.write_bytes(folder / "trajectories.npz", content.getvalue())


def draw(plan: Plan, comparison: Comparison, folder: Path) -> list[Path]:
    """The pictures, as far as they are asked for."""
    from padl.compare import animation, surface_plots

    pictures = surface_plots.draw(comparison, folder) if plan.kept.plot else []
    return [*pictures, *(animation.write(comparison, folder) if plan.settings.animate and plan.kept.plot else [])]


def show(compared: Compared) -> None:
    """The table, and where the pictures are."""
    from padl.compare.plot_style import title

    console, comparison = Output(), compared.comparison
    console.print(title(comparison), style="bold", highlight=False, soft_wrap=True)
    console.print(report.table(comparison))
    for note in report.notes(comparison):
        console.print(note, highlight=False, soft_wrap=True)
    for picture in compared.pictures:
        console.print(str(picture), markup=False, highlight=False, soft_wrap=True)
    if compared.folder:
        console.print(f"folder  {compared.folder}", markup=False, highlight=False, soft_wrap=True)
