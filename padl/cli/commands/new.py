"""`padl new`: the first files of a plugin, and what to do with them."""

from pathlib import Path

from padl.cli.options import Options
from padl.runs.exit_codes import DONE

OPTIONS = Options(
    "new",
    usage=["KIND NAME [--into FOLDER]"],
    about="Write a plugin to begin with: a file NAME.py and its test, or a package. They\n"
    "work as they are; what to do next is printed.",
    examples=["padl new optimizer lookback", "padl new loss soft_edge --into plugins", "padl new package lookback"],
)
OPTIONS.add_argument("kind", metavar="KIND", help="optimizer, loss, model, task, schedule, objective or package")
OPTIONS.add_argument("name", metavar="NAME", help="letters, digits and _; it is how the plugin is chosen")
OPTIONS.add_value("--into", "FOLDER", "where to write; the current folder where not given", "--into takes one folder")


def run(arguments: list[str]) -> int:
    """Write the files, and print their names and the commands to go on with."""
    given = OPTIONS.read(arguments)
    from padl.app.new_plugin import DROP_INS, PACKAGE, new_drop_in, new_package, unknown_kind
    from padl.cli.formatting import print_line

    folder = Path(given.into or ".")
    if given.kind == PACKAGE:
        made = new_package(given.name, folder)
    elif given.kind in DROP_INS:
        made = new_drop_in(given.kind, given.name, folder)
    else:
        raise unknown_kind(given.kind)
    for file in made.files:
        print_line(f"wrote {file}")
    print_line("\nnext:")
    for step in made.steps:
        print_line(f"  {step}")
    return DONE
