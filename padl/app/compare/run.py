"""Run a comparison from start to end: plan, walks, folder, pictures. `padl compare`, `padl.trajectories`."""

import io
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import jax
import numpy as np

from padl.app.compare.plan import ComparePlan, one_line_for_candidates, resolve
from padl.app.compare.readable import ReadableComparison, readable
from padl.app.compare.settings import CompareSettings
from padl.app.compilation_cache import use_compilation_cache
from padl.app.keywords import CompareKeys, defaults_of, spelled_out
from padl.app.watchdog import Watchdog
from padl.compare import report
from padl.compare.comparison import Comparison
from padl.compare.trajectories import Race, begin, finish
from padl.compare.tuning import weigh
from padl.jax_flags import pinned
from padl.runs import run_files, run_folder
from padl.runs.environment import environment
from padl.runs.pictures import attempt
from padl.runs.processes import is_writer
from padl.runs.sink import warn
from padl.runs.status import recording

QUIET: dict[str, Any] = {"run": {"dir": None}}


class ComparisonResult(NamedTuple):
    """What a comparison came to.

    Attributes:
        comparison: the trajectories. folder: where it was written, None where nowhere. pictures: files in it.
    """

    comparison: Comparison
    folder: Path | None
    pictures: list[Path]


@spelled_out({**defaults_of(CompareSettings), **QUIET})
def trajectories(
    surface: str | Callable[..., Any] = "rosenbrock",
    *,
    allow: str | Collection[str] = (),
    **settings: Unpack[CompareKeys],
) -> ReadableComparison:
    """Compare optimizers on a surface: `padl compare` in the same words, but without a folder unless `run` names one.

    Args:
        surface: its name; or a function of a point (1,) or (2,) that gives its height, with `start=` and, for the
            pictures, `view=((low, high), (low, high))`.
        allow: as of `padl.evaluate`, for the run that `checkpoint` names.
        settings: every other key of conf/compare.yaml, as `optimizers=["gd", {"name": "adam", "b1": 0.8}], steps=200,
            run={"dir": "runs"}`.

    Raises:
        PadlError: for the first thing that is wrong, before anything is written.
    """
    return readable(run({"surface": surface, **QUIET, **settings}, [], allow).comparison)


@pinned()
def run(
    config: Mapping[str, Any],
    command: list[str],
    allow: str | Collection[str] = (),
    say: Callable[[str], None] = lambda line: None,
) -> ComparisonResult:
    """Compare as `config` says, and write what it gave.

    Args:
        config: of conf/compare.yaml; what is left out has its default. command: what the user typed, for env.json.
        allow: as of `plan.resolve`. say: called with what is done next, for whoever waits.

    Raises:
        PadlError: for the first thing that is wrong, before anything is written; an optimizer that cannot be traced.
    """
    use_compilation_cache(config.get("compilation_cache", "auto"))
    plan = resolve(config, allow)
    for line in plan.said:
        warn(line)
    count = len(plan.parts)
    say(f"walking: {count} optimizer{'s' if count > 1 else ''}, up to {max(1, len(plan.rates))} learning rates each")
    with one_line_for_candidates(plan):
        race = begin(plan.landscape, plan.candidates, plan.starts, **plan.options)
    if plan.output.dir is None:
        return ComparisonResult(_weigh(plan, race), None, [])
    folder = run_folder.create(plan.output.dir, f"compare-{plan.settings.surface}")
    if not is_writer():
        return ComparisonResult(_weigh(plan, race), folder, [])
    env = run_folder.to_json(environment(jax.devices()[0], 1, command))  # looked up while the device is busy
    run_files.write_start(folder, plan.config, env)
    with recording(folder) as status:
        comparison = _weigh(plan, race)
        write(comparison, folder)
        say("drawing")
        pictures = draw(plan, comparison, folder)
        status.end("finished", plan.settings.steps)
    return ComparisonResult(comparison, folder, pictures)


def _weigh(plan: ComparePlan, race: Race) -> Comparison:
    settings = plan.settings
    with Watchdog(jax.devices()[0].platform == "cpu") as watchdog, watchdog.waits("the program of all walks"):
        paths = finish(race)
    return weigh(
        plan.landscape,
        paths,
        steps=settings.steps,
        seed=settings.seed,
        noise=plan.noise,
        mode=settings.mode,
        fixed=plan.shown_at,
        goal=settings.goal,
    )


def write(comparison: Comparison, folder: Path) -> None:
    """Write results.csv, a row for each lane, and trajectories.npz: LABEL/points, /losses, /distances, /rates."""
    run_folder.write_text(folder / "results.csv", report.csv(comparison))
    arrays = {"starts": comparison.starts}
    for label, path in comparison.paths.items():
        columns = {"points": path.points, "losses": path.losses, "distances": path.distances.astype(np.float32)}
        rates = {} if path.rates is None else {"rates": path.rates}
        arrays |= {f"{label}/{name}": array for name, array in {**columns, **rates}.items()}
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    run_folder.write_bytes(folder / "trajectories.npz", content.getvalue())


def draw(plan: ComparePlan, comparison: Comparison, folder: Path) -> list[Path]:
    """Draw the pictures that the settings name, and return the files of those that could be drawn."""
    from padl.compare import animation, surface_plots

    if not plan.output.plot:
        return []
    pictures = attempt("the pictures", lambda: surface_plots.draw(comparison, folder))
    moves = plan.settings.animate and comparison.landscape.drawable
    moving = attempt("the animation", lambda: animation.write(comparison, folder)) if moves else []
    return [*pictures, *moving]
