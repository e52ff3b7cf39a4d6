"""`padl backprop`: a formula as a circuit of values and gradients; a model layer by layer."""

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from padl.cli.options import Options
from padl.runs.exit_codes import DONE

if TYPE_CHECKING:
    from padl.app.step_graph import StepGraph

SETTING = re.compile(r"[+~]{0,2}[\w./@]+=(?!=)")  # KEY=VALUE
HOW = 'padl backprop "(x + y) * z" x=-2 y=5 z=-4, or padl backprop model=mlp task=digits'
OPTIONS = Options(
    "backprop",
    usage=["FORMULA [X=1 ...]", "[KEY=VALUE ...]", "FOLDER [--allow path]"],
    about="Draw a formula as a graph of values and gradients. Or say where the gradients of\n"
    "a model vanish, explode or turn into NaN: before training, after steps=N of it,\n"
    "or at the best parameters of a run.",
    examples=[
        'padl backprop "(x + y) * z" x=-2 y=5 z=-4 --steps',
        "padl backprop task=digits model.widths=[64,64,64] steps=100",
        "padl backprop runs/20260131-120000-digits-adam-3f2a1c --out pictures",
    ],
)
OPTIONS.add_argument(
    "words",
    metavar="WORD",
    nargs="*",
    help="a formula and the values of its variables; or the words of padl train; or the folder of a run",
)
OPTIONS.add_argument("--steps", action="store_true", help="also show the backward pass a node at a time")
OPTIONS.add_value(
    "--out",
    metavar="FOLDER",
    about="write the pictures here, not into a new folder of runs/",
    refusal="--out takes one folder: --out pictures",
)
OPTIONS.add_allow_path()


class BackpropRequest(NamedTuple):
    """What a command line asks for.

    Attributes:
        formula: "" for a model. settings: words KEY=VALUE. run: the folder of a run, None where none is given.
        steps: whether to show one step at a time. out: the folder to write to, None for a new one.
        allow: names of what the folder of the run may do.
    """

    formula: str
    settings: list[str]
    run: Path | None
    steps: bool
    out: Path | None
    allow: list[str]


def run(arguments: list[str]) -> int:
    """Trace what the words say, print it, and write its pictures.

    Raises:
        PadlError: an unknown option, a formula that cannot be read, a variable without a number, a configuration that
            cannot be composed, a folder that cannot be written.
    """
    request = read(arguments)
    from padl.app.step_graph import at_best
    from padl.cli.backprop_report import print_formula, print_model
    from padl.cli.hydra.app import TaskFunction, compose_and_call
    from padl.runs.console import Working

    how = {"out": request.out, "steps": request.steps}
    if request.formula:
        print_formula(request.formula, _values(request.settings), **how)
    elif request.run:
        with Working("tracing"):
            step = at_best(request.run, request.allow)
        print_model(step, **how)
    else:
        compose_and_call(request.settings, TaskFunction(lambda config: print_model(_at_step(config), **how)))
    return DONE


def _at_step(config: dict[str, Any]) -> "StepGraph":
    """The graph of a step, with a sign of life until it is there."""
    from padl.app.step_graph import at_step
    from padl.runs.console import Working

    steps = config.get("steps")
    with Working(f"training {steps:,} steps, and tracing the next" if isinstance(steps, int) else "tracing"):
        return at_step(config)


def read(arguments: Sequence[str]) -> BackpropRequest:
    """Read the words after `padl backprop`; raises PadlError for those that do not go together."""
    if "-m" in arguments or "--multirun" in arguments:
        OPTIONS.error("padl backprop looks at one model: leave -m out")
    negated = [word for word in arguments if re.match(r"-(?!-|h$)", word)]  # a formula, as -x * y, is no option
    options = OPTIONS.read([word for word in arguments if word not in negated])
    words = [*negated, *options.words]
    settings = [word for word in words if SETTING.match(word)]
    runs = [Path(word) for word in words if os.path.isfile(Path(word) / "config.yaml")]  # False for too long a name
    formulas = [word for word in words if not SETTING.match(word) and Path(word) not in runs]
    if len(formulas) > 1:
        OPTIONS.error(f"padl backprop takes one formula, {len(formulas)} are given: put it in quotes, as in {HOW}")
    if runs and len(words) > 1:
        OPTIONS.error(f"{runs[0]} is a run, which says everything itself: leave the other words out")
    if options.allow and not runs:
        OPTIONS.error("--allow is for the folder of a run: leave it out")
    if not words or not all(word.strip() for word in words):
        OPTIONS.error(f"padl backprop takes a formula and its values, or the words of padl train: {HOW}")
    return BackpropRequest(
        formula=formulas[0] if formulas else "",
        settings=settings,
        run=runs[0] if runs else None,
        steps=options.steps,
        out=Path(options.out) if options.out else None,
        allow=[options.allow] if options.allow else [],
    )


def _values(settings: Sequence[str]) -> dict[str, float]:
    """x=-2 -> {"x": -2.0}."""
    values: dict[str, float] = {}
    for word in settings:
        name, _, number = word.partition("=")
        if name in values:
            OPTIONS.error(f"{name} is given twice, {values[name]:g} and {number}: leave one out")
        try:
            values[name] = float(number)
        except ValueError:
            OPTIONS.error(f"{word}: '{number}' is no number, give one as {name}=-2.5")
        if not math.isfinite(values[name]):
            OPTIONS.error(f"{word}: give a finite number")
    return values
