"""What a comparison can be told, checked whole before anything is compiled or written. Settings, Plan, resolve."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import numpy as np

from padl.app import names
from padl.app.compare.landscapes import landscape
from padl.app.names import Part, part
from padl.app.plugin_errors import one_line_for
from padl.app.settings import schema
from padl.compare import trajectories
from padl.compare.comparison import Mode
from padl.compare.trajectories import Rule
from padl.compare.tuning import GOAL
from padl.registry import check, near
from padl.surfaces.functions import check_start
from padl.surfaces.landscape import Landscape
from padl.types import COUNT, POSITIVE, Domain, PadlError, one_line

LECTURE = ("gd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")
RANGE = (1e-4, 10.0)  # of learning rates
LARGEST = 1 << 28  # numbers that the paths of a comparison may hold


@dataclass(frozen=True)
class Kept:
    """The run folder: in which folder it is made (None: nowhere), and whether pictures are drawn in it."""

    dir: str | None = "runs"
    plot: bool = True


@dataclass(frozen=True)
class Settings:
    """The knobs of conf/compare.yaml, which explains each."""

    surface: str = "rosenbrock"
    optimizers: tuple[Any, ...] = LECTURE
    mode: Mode = "tuned"
    learning_rate: float | None = None
    learning_rates: Annotated[int | tuple[float, ...], POSITIVE] = 16
    learning_rate_range: Annotated[tuple[float, float], POSITIVE] = RANGE
    start: tuple[float, ...] | None = None
    starts: Annotated[int, COUNT] = 1
    steps: int = 500
    condition: float | None = None
    noise: float | None = None
    batch_size: int | Literal["all"] | None = None
    checkpoint: str | None = None
    directions: Annotated[int, Domain(0, 2**32 - 1)] = 0
    rows: int | Literal["all"] | None = None
    goal: Annotated[float, Domain(0.0, 1.0, low_open=True, high_open=True)] = GOAL
    seed: int = 0
    animate: bool = True
    compilation_cache: str = "auto"


KEYS = (*schema(Settings), "run", *(f"run.{key}" for key in schema(Kept)))


@dataclass(frozen=True)
class Plan:
    """A comparison, ready to go.

    Attributes:
        config: every name and value. parts: the optimizers, resolved, by their labels. rates: rising, for each of them.
        fixed: the one that all are shown at; None where each is at its own best. batch_size: None for all rows.
    """

    config: dict[str, Any]
    settings: Settings
    kept: Kept
    landscape: Landscape
    parts: Mapping[str, Part]
    starts: np.ndarray
    rates: tuple[float, ...]
    fixed: float | None
    noise: float
    batch_size: int | None

    @property
    def rules(self) -> dict[str, Rule]:
        """The optimizers as functions and numbers."""
        return {
            label: Rule(p.choice, p.scalars, p.entry.traits.get("batch") == "all") for label, p in self.parts.items()
        }

    @property
    def options(self) -> dict[str, Any]:
        """What `trajectories.begin` takes beside them."""
        told = {"rates": self.rates, "steps": self.settings.steps, "seed": self.settings.seed}
        return {**told, "noise": self.noise, "batch_size": self.batch_size}


def resolve(config: Mapping[str, Any]) -> Plan:
    """Check a configuration whole and build what it names.

    Raises:
        PadlError: for the first thing that is wrong.
    """
    settings, kept = parse(config)
    found = landscape(settings.surface, settings.condition, settings.checkpoint, settings.directions, settings.rows)
    fixed, rates = _rates(settings, found)
    starts, noise = _starts(settings, found), found.noise if settings.noise is None else settings.noise
    used = {"learning_rate": fixed, "start": starts[0].tolist(), "noise": noise}
    plan = Plan(
        config={**asdict(settings), **used, "run": asdict(kept)},
        settings=settings,
        kept=kept,
        landscape=found,
        parts=_parts(settings.optimizers, rates),
        starts=starts,
        rates=rates,
        fixed=fixed,
        noise=noise,
        batch_size=_batch_size(settings, found),
    )
    numbers = len(plan.parts) * len(rates) * plan.starts.size * settings.steps
    if numbers > LARGEST:
        raise PadlError(f"the paths would be {numbers:.2g} numbers: fewer steps, starts or learning_rates")
    return plan


def parse(config: Mapping[str, Any]) -> tuple[Settings, Kept]:
    """The settings of a configuration; PadlError for an unknown key, a wrong type or a value outside its domain."""
    known = (*schema(Settings), "run")
    for key in config:
        if key not in known:
            raise PadlError(f"no key '{key}'{near(key, known)} (keys: {', '.join(known)})")
    top = {k: v for k, v in config.items() if k != "run"}
    if isinstance(top.get("optimizers"), str | Mapping):
        top["optimizers"] = [top["optimizers"]]
    run = config.get("run") or {}
    if not isinstance(run, Mapping):
        raise PadlError(f"run={run!r} must be a group of keys: {', '.join(schema(Kept))}")
    kept = Kept(**check(run, schema(Kept), where="run.", owner="a comparison"))
    if kept.dir == "":
        raise PadlError("run.dir= names no folder: run.dir=. is the current one, run.dir=null keeps nothing")
    return Settings(**check(top, schema(Settings), where="", owner="a comparison")), kept


def _rates(settings: Settings, found: Landscape) -> tuple[float | None, tuple[float, ...]]:
    """The learning rate that all are shown at, or None; and all that are tried, rising."""
    given, (low, high) = settings.learning_rates, settings.learning_rate_range
    if isinstance(given, tuple) and (settings.learning_rate_range != RANGE or not given):
        raise PadlError("learning_rates is a list of rates: of one or more, and without learning_rate_range")
    if low > high:
        raise PadlError(f"learning_rate_range={[low, high]} has its larger end first: give [{high:g},{low:g}]")
    tried = given if isinstance(given, tuple) else np.geomspace(low, high, given).tolist()
    if settings.mode == "tuned":
        if settings.learning_rate is not None:
            raise PadlError(
                f"learning_rate={settings.learning_rate:g} is for mode=fixed: learning_rates are tuned over"
            )
        return None, tuple(sorted(set(tried)))
    fixed = found.rate if settings.learning_rate is None else settings.learning_rate
    return fixed, tuple(sorted({*(rate for rate in tried if not np.isclose(rate, fixed, rtol=1e-5, atol=0)), fixed}))


def _parts(wanted: tuple[Any, ...], rates: tuple[float, ...]) -> dict[str, Part]:
    """The optimizers by labels that tell them apart."""
    if not wanted:
        raise PadlError("optimizers=[] compares nothing: name one or more, as optimizers=[gd,adam]")
    found: dict[str, Part] = {}
    for one in wanted:
        given = {"name": one} if isinstance(one, str) else one
        if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
            raise PadlError(f"optimizers: {one!r} must be a name, or a name with numbers as {{name: adam, b1: 0.8}}")
        label = " ".join([given["name"], *(f"{k}={_short(v)}" for k, v in given.items() if k != "name")])
        if label in found:
            raise PadlError(f"optimizers: {label} stands there twice: give one of them other numbers")
        found[label] = _part(given, rates)
    return found


def _part(given: Mapping[str, Any], rates: tuple[float, ...]) -> Part:
    """One optimizer; its learning rate, where it has one, is a number that the comparison sets."""
    entry = names.find("optimizer", given["name"])
    own = entry.hyperparameters.get("learning_rate")
    if own is None:
        return part("optimizer", given)
    if "learning_rate" in given:
        raise PadlError(
            f"optimizers: the learning rate of {entry.name} is learning_rate= (mode=fixed) or learning_rates="
        )
    if not own.traced:
        raise PadlError(
            f"the learning_rate of optimizer '{entry.name}' is no Scalar: without it no rates can be compared"
        )
    for rate in rates:
        own.check(rate, f"learning rate of {entry.name}")
    return part("optimizer", {**given, "learning_rate": rates[0]})


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _starts(settings: Settings, found: Landscape) -> np.ndarray:
    """(S, D): the start, and others drawn in the view."""
    first = found.start if settings.start is None else check_start(settings.start, found, settings.surface, "start")
    low, high = np.array(found.view).T
    others = np.random.default_rng(settings.seed).uniform(low, high, (settings.starts - 1, len(first)))
    return np.concatenate([np.array([first]), others])


def _batch_size(settings: Settings, found: Landscape) -> int | None:
    size = settings.batch_size
    if size in (None, "all"):
        return None
    if not found.rows:
        raise PadlError(f"batch_size={size}: surface '{settings.surface}' has no rows; noise= makes its gradient noisy")
    if size > found.rows:
        raise PadlError(f"batch_size={size} is larger than the {found.rows} rows: at most {found.rows}, or `all`")
    return size


@contextmanager
def one_line_for_rules(plan: Plan) -> Iterator[None]:
    """What a rule raises while it is traced, as one line that names it."""
    try:
        yield
    except Exception as error:
        for label, found in plan.parts.items():
            _blame(plan, label, found, error)
        raise


def _blame(plan: Plan, label: str, found: Part, error: Exception) -> None:
    """Raise a line if it is this optimizer that cannot be traced."""
    try:
        with one_line_for({"optimizer": found}):
            trajectories.trace(plan.landscape, {label: plan.rules[label]}, plan.starts, **plan.options)
    except Exception as own:
        point = "of 1 number" if len(plan.landscape.start) == 1 else f"of {len(plan.landscape.start)} numbers"
        why = own if isinstance(own, PadlError) else one_line(own)
        raise PadlError(f"optimizer '{label}' cannot walk on a point {point}: {why}") from error
