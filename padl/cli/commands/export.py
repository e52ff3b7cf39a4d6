"""`padl export`: write a trained model for other programs."""

from pathlib import Path

from padl.cli.options import Options
from padl.runs.exit_codes import DONE

OPTIONS = Options(
    "export",
    usage=["FOLDER --to safetensors [--final] [--out FILE]", "FOLDER --to jax [--final] [--out FILE]"],
    about="Write the trained model of a run into a file that can be read without PADL.\n"
    "safetensors: the parameters by name, with a description in the metadata.\n"
    "jax: the function from inputs to outputs, serialised by jax.export, for any\n"
    "number of rows. A .json file beside it describes inputs and outputs.",
    examples=[
        "padl export runs/20260131-120000-digits-adam-3f2a1c --to safetensors",
        "padl export runs/20260131-120000-digits-adam-3f2a1c --to jax --out digits.jax",
    ],
)
OPTIONS.add_argument("folders", metavar="FOLDER", nargs="*", help="of one run")
OPTIONS.add_value("--to", "FORMAT", "safetensors or jax", "--to takes one format, safetensors or jax")
OPTIONS.add_value(
    "--out",
    "FILE",
    "to write, instead of model.safetensors or model.jax in the run folder; never over one that is there",
    "--out takes one file: padl export FOLDER --to jax --out model.jax",
)
OPTIONS.add_argument("--final", action="store_true", help="the final parameters, not those with the best evaluation")


def run(arguments: list[str]) -> int:
    """Export the model of the run whose folder the words name, and print which file it is in."""
    options = OPTIONS.read(arguments)
    if len(options.folders) != 1 or not options.folders[0].strip() or options.to is None:
        OPTIONS.error("padl export takes the folder of one run and a format: padl export runs/... --to safetensors")
    if options.out == "-":
        OPTIONS.error("padl export writes a file: --out takes its name, and no -")
    from padl.app.exporting import export
    from padl.cli.formatting import print_line

    folder, which = Path(options.folders[0]), "final" if options.final else "best"
    print_line(str(export(folder, options.to, options.out, which)))
    return DONE
