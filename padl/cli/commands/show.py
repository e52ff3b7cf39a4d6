"""`padl show`: the card of a registered name, or a picture of losses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from padl.cli.options import Options
from padl.runs.exit_codes import DONE

OPTIONS = Options(
    "show",
    usage=["NAME", "LOSS [LOSS ...] --plot FILE", "LOSS [ARGUMENT=A,B ...] --plot FILE"],
    about="Explain an optimizer, loss, model, task or schedule: its formula, its arguments\n"
    "with their ranges, its paper. With --plot, draw losses and their gradients.",
    examples=["padl show adam", "padl show huber --plot huber.png delta=0.5,1,2", "padl show mae huber --plot two.svg"],
)
OPTIONS.add_argument("words", metavar="NAME", nargs="*", help="as in 'padl list'; of a picture also ARGUMENT=A,B")
OPTIONS.add_value(
    "--plot",
    metavar="FILE",
    about="draw into this file, .png, .svg or .pdf",
    refusal="--plot takes one file, .png, .svg or .pdf: padl show huber --plot huber.png",
)


def run(arguments: list[str]) -> int:
    """Print the card of the name that the words say, or draw the losses."""
    options = OPTIONS.read(arguments)
    if options.plot is None:
        _print_card(options.words)
    else:
        _plot(options.words, Path(options.plot))
    return DONE


def _print_card(words: Sequence[str]) -> None:
    if len(words) != 1 or "=" in words[0]:
        OPTIONS.error("padl show takes one name: padl show adam; a loss is drawn by padl show huber --plot FILE")
    from padl.cli.cards import print_card

    print_card(words[0])


def _plot(words: Sequence[str], file: Path) -> None:
    from padl.app import plot_loss
    from padl.cli.formatting import print_line
    from padl.cli.hydra.arguments import read_hyperparameters

    if file.suffix not in plot_loss.SUFFIXES:
        OPTIONS.error(f"--plot {file}: the file must end in {', '.join(plot_loss.SUFFIXES)}")
    if not file.parent.is_dir():
        OPTIONS.error(f"--plot {file}: there is no folder {file.parent}")
    losses = [_loss(word) for word in words if "=" not in word]
    settings = [word for word in words if "=" in word]
    if not losses:
        OPTIONS.error("padl show --plot FILE draws a loss: which one? padl show huber --plot huber.png")
    if len(losses) > 1 and settings:
        OPTIONS.error(f"{settings[0]} is for one loss, and {len(losses)} are drawn: leave it out, or draw one")
    print_line(f"{file}: {plot_loss.plot(losses, read_hyperparameters(settings), file)}")


def _loss(name: str) -> Any:
    """The entry of a loss."""
    from padl.cli.cards import entries_called

    entries = entries_called(name)
    losses = [entry for entry in entries if entry.kind == "loss"]
    if not losses:
        OPTIONS.error(f"--plot draws losses, and '{name}' is of kind '{entries[0].kind}' ('padl list loss' shows them)")
    return losses[0]
