"""`padl diff`: how far two optimizers part on the same gradients, and why."""

import json
from typing import Any

from padl.cli.options import Options
from padl.runs.exit_codes import DONE

OPTIONS = Options(
    "diff",
    usage=["NAME OTHER [--steps N] [--json]"],
    about="Let two optimizers follow the same gradients, and print how far they part, step\nby step, and why.",
    examples=["padl diff adam@torch adam@keras", "padl diff adamw adamw,decay_kind=cautious --steps 20"],
)
OPTIONS.add_argument("one", metavar="NAME", help="an optimizer, as it is or as a library computes it: adam@keras")
OPTIONS.add_argument("other", metavar="OTHER", help="another one, or the same otherwise")
OPTIONS.add_value("--steps", "N", "how many steps; 10 where not given", "--steps takes a whole number, 1 or more")
OPTIONS.add_argument("--json", action="store_true", help="print all of it as JSON")


def run(arguments: list[str]) -> int:
    """Print how far they part."""
    given = OPTIONS.read(arguments)
    from padl.app.optimizer_difference import STEPS, difference

    steps = STEPS if given.steps is None else given.steps
    if not str(steps).isdigit():
        OPTIONS.error("--steps takes a whole number, 1 or more")
    found = difference(given.one, given.other, int(steps))
    if given.json:
        print(json.dumps(_plain(found), indent=1))
    else:
        _print(found)
    return DONE


def _plain(found: Any) -> dict[str, Any]:
    sides = [{"given": s.given, "config": dict(s.config), "reasons": list(s.reasons)} for s in found.sides]
    return {
        "sides": sides,
        "first": found.first,
        "updates": found.updates.tolist(),
        "apart": found.apart.tolist(),
    }


def _print(found: Any) -> None:
    from rich import box
    from rich.table import Table

    from padl.cli.formatting import print_line
    from padl.coercion import written
    from padl.runs.console import Output

    one, other = found.sides
    steps = len(found.updates)
    rows, *columns = found.shape
    where = f"of a {rows}x{columns[0]} matrix" if columns else f"in {rows} coordinates"
    print_line(
        f"{one.given} and {other.given} on the same gradients: {steps} step{'s' * (steps > 1)} {where}, seed 0",
        style="bold",
    )
    for side in found.sides:
        print_line(f"{side.given}: {'; '.join(side.reasons) or 'as in its paper'}")
    for name, (value, another) in found.settings.items():
        print_line(f"{name}: {written(value)} and {written(another)}")
    for side, own in zip(found.sides, found.own_settings, strict=True):
        if own:
            print_line(f"{side.given} alone: {', '.join(f'{name}={written(value)}' for name, value in own.items())}")
    if found.first is None:
        print_line("they do not part: every update is the same, but for rounding in float64")
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    for column in ("step", "updates differ by", "points are apart by"):
        table.add_column(column, justify="right")
    for step, (update, apart) in enumerate(zip(found.updates, found.apart, strict=True), start=1):
        table.add_row(str(step), _percent(update), _percent(apart))
    Output().print(table)
    print_line(
        "updates differ by: of the larger one, in the coordinate where that is most; points are apart by: of the longer"
        " way from the start"
    )


def _percent(share: float) -> str:
    """`12 %`, `3e-06 %`."""
    return f"{100 * share:.3g} %"
