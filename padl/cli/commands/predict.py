"""`padl predict`: predict new rows of a table, or new images, with the model of a run."""

import sys
from pathlib import Path

from padl.cli.options import Options
from padl.runs.exit_codes import DONE

OPTIONS = Options(
    "predict",
    usage=["FOLDER TABLE [--final] [--out FILE]", "FOLDER IMAGES [--final] [--out FILE]"],
    about="Predict the rows of a table (text, Parquet, Arrow) or the images of a folder,\n"
    "with the model of a run. Write a CSV file with a line for each, in their order:\n"
    "the class by name with all probabilities, or each number in its own unit, dates\n"
    "as dates. If the rows have the target too, a line says how good that is.",
    examples=[
        "padl predict runs/20260131-120000-csv-adam-3f2a1c new.csv",
        "padl predict runs/20260131-120000-csv-adam-3f2a1c new.parquet --out - | head",
        "padl predict runs/20260131-120000-image_folder-adam-3f2a1c photos",
    ],
)
OPTIONS.add_argument(
    "words", metavar="FOLDER ROWS", nargs="*", help="the folder of a run; a table, a folder of images, or one image"
)
OPTIONS.add_value(
    "--out",
    "FILE",
    "the CSV file, or - for standard output; predictions-NAME.csv in the run folder if not given; never overwrites",
    "--out takes one file, or - for standard output: padl predict FOLDER new.csv --out new-predicted.csv",
)
OPTIONS.add_argument("--best", action="store_true", help="the parameters with the best evaluation (the default)")
OPTIONS.add_argument("--final", action="store_true", help="the final parameters")


def run(arguments: list[str]) -> int:
    """Predict the rows that the words name, say on standard error what they come to, and print which file has them."""
    options = OPTIONS.read(arguments)
    if len(options.words) != 2 or not all(word.strip() for word in options.words):
        OPTIONS.error("padl predict takes the folder of one run, and a table or images: padl predict runs/... new.csv")
    if options.best and options.final:
        OPTIONS.error("--best and --final are different parameters: give one")
    from padl.app.exporting import check_new
    from padl.app.flags import differences_from_record
    from padl.app.predicting import predict
    from padl.cli.formatting import print_line
    from padl.cli.predictions import csv_of, lines
    from padl.runs import writing
    from padl.runs.sink import warn

    folder, rows = Path(options.words[0]), options.words[1]
    out = folder / f"predictions-{Path(rows).absolute().stem}.csv" if options.out is None else Path(options.out)
    if options.out != "-" and folder.is_dir():
        check_new(out)
    found = predict(folder, rows, "final" if options.final else "best")
    for line in [*found.notes, *differences_from_record(folder), *lines(found)]:
        warn(line)
    if options.out == "-":
        sys.stdout.write(csv_of(found))
        sys.stdout.flush()
    else:
        writing.write(out, csv_of(found).encode(), durable=False)
        print_line(str(out))
    return DONE
