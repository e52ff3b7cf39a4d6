"""`padl show huber --plot huber.png delta=0.5,1,2`: value and gradient of losses, drawn along their view."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from padl.cli.commands.show import found, shown
from padl.compare import loss_curves
from padl.compare.loss_curves import MOST, Curve
from padl.losses.plot_axes import RESIDUAL, View
from padl.registry import Entry, StaticPartial, check
from padl.types import PadlError, one_line

SUFFIXES = (".png", ".svg", ".pdf")
GRAMMAR = "a hyperparameter is given as delta=1, or delta=0.5,1,2"


def plot(words: Sequence[str], file: Path) -> str:
    """Draw what the words name: losses, or one loss and values of its hyperparameters. Returns the picture's title.

    Raises:
        PadlError: a word is no loss or no hyperparameter of it, a value is outside its domain, more than one
            hyperparameter has several values, the losses have no axis in common, or the file cannot be written.
    """
    _check_file(file)
    entries = [_loss(word) for word in words if "=" not in word]
    settings = [word for word in words if "=" in word]
    if not entries:
        raise PadlError("padl show --plot FILE draws a loss: which one? padl show huber --plot huber.png")
    if len(entries) > 1 and settings:
        raise PadlError(f"{settings[0]} is for one loss, and {len(entries)} are drawn: leave it out, or draw one")
    given, listed = _read(settings, entries[0])
    title, curves = _losses(entries) if len(entries) > 1 else _one(entries[0], given, listed)
    _check_finite(curves)
    try:
        loss_curves.draw(_view(entries[0]), curves, title, file)
    except OSError as error:
        raise PadlError(f"{file} cannot be written: {error.strerror}") from error
    return title


def _check_file(file: Path) -> None:
    if file.suffix not in SUFFIXES:
        raise PadlError(f"--plot {file}: the file must end in {', '.join(SUFFIXES)}")
    if not file.parent.is_dir():
        raise PadlError(f"--plot {file}: there is no folder {file.parent}")


def _loss(name: str) -> Entry:
    entries = found(name)
    loss = next((entry for entry in entries if entry.kind == "loss"), None)
    if loss is None:
        raise PadlError(
            f"--plot draws losses, and '{name}' is of kind '{entries[0].kind}' ('padl list loss' shows them)"
        )
    return loss


def _view(entry: Entry) -> View:
    view = entry.traits.get("view", RESIDUAL if entry.traits.get("targets") == "values" else None)
    if not isinstance(view, View):
        raise PadlError(
            f"loss '{entry.name}' from {entry.origin} does not say along what to draw it: "
            "@loss(view=padl.losses.plot_axes.View(label, low, high, arguments)) does"
        )
    return view


def _read(settings: Sequence[str], entry: Entry) -> tuple[dict[str, Any], str | None]:
    """({hyperparameter: value or, of one, a list of them}, the name of that one), in the grammar of `padl train`."""
    read = dict(map(_word, settings))
    if len(read) < len(settings):
        raise PadlError(f"{' '.join(settings)} gives one hyperparameter twice")
    several = [key for key, values in read.items() if len(values) > 1]
    if len(several) > 1:
        raise PadlError(f"{' and '.join(several)} have several values each: one hyperparameter at a time can")
    for key, values in read.items():
        for value in values:
            check({key: value}, entry.hyperparameters, where="", owner=f"loss '{entry.name}'")
        if len(values) > MOST:
            raise PadlError(f"{key} has {len(values)} values, more than the {MOST} curves that can be told apart")
    listed = several[0] if several else None
    return {key: values if key == listed else values[0] for key, values in read.items()}, listed


def _word(word: str) -> tuple[str, list[Any]]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import QuotedString, Transformer
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(word)
        key, value = override.key_or_group, override.value()
        values = list(override.sweep_iterator(Transformer.identity)) if override.is_sweep_override() else [value]
    except (HydraException, ValueError) as error:
        raise PadlError(f"{word} cannot be read: {GRAMMAR}") from error
    if key != word.partition("=")[0]:
        raise PadlError(f"{word} cannot be read: {GRAMMAR}")
    return key, [v.text if isinstance(v, QuotedString) else v for v in values]


def _losses(entries: Sequence[Entry]) -> tuple[str, list[Curve]]:
    """Several losses with their defaults, along the view that they share."""
    if len(entries) > MOST:
        raise PadlError(f"{len(entries)} losses are more than the {MOST} curves that can be told apart")
    first = _view(entries[0])
    for entry in entries[1:]:
        if _view(entry) is not first:
            raise PadlError(
                f"'{entries[0].name}' is drawn along \"{first.label}\" and '{entry.name}' along "
                f'"{_view(entry).label}": one picture has one axis'
            )
    curves = [curve for entry in entries for curve in _curves(entry, [{}], [_title(entry, {})])]
    return ", ".join(entry.name for entry in entries), curves


def _one(entry: Entry, given: Mapping[str, Any], listed: str | None) -> tuple[str, list[Curve]]:
    """One loss, a curve for each value of the listed hyperparameter."""
    if listed is None:
        title = _title(entry, given)
        return title, _curves(entry, [given], [title])
    settings = [{**given, listed: value} for value in given[listed]]
    labels = [f"{listed} = {shown(value)}" for value in given[listed]]
    return _title(entry, given, without=listed), _curves(entry, settings, labels)


def _title(entry: Entry, given: Mapping[str, Any], without: str | None = None) -> str:
    """The loss with its numbers: those that are data, and what was given."""
    told = {key: given.get(key, h.default) for key, h in entry.hyperparameters.items() if h.traced or key in given}
    parts = [f"{k} = {shown(v)}" for k, v in told.items() if k != without and (v is not None or k in given)]
    return ", ".join([entry.name, *parts])


def _curves(entry: Entry, settings: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> list[Curve]:
    """A curve for each setting; those of one program in one compilation."""
    programs: dict[StaticPartial, list[int]] = {}
    split = [entry.split(setting) for setting in settings]
    for i, (choice, _) in enumerate(split):
        programs.setdefault(choice, []).append(i)
    curves: dict[int, Curve] = {}
    for choice, members in programs.items():
        traced = {key: np.array([split[i][1][key] for i in members]) for key in split[members[0]][1]}
        try:
            values, gradients = loss_curves.sample(choice, _view(entry), traced)
        except PadlError:
            raise
        except Exception as error:  # a stranger's code
            raise PadlError(f"loss '{entry.name}' from {entry.origin} fails: {one_line(error)}") from error
        curves |= {i: Curve(labels[i], v, g) for i, v, g in zip(members, values, gradients, strict=True)}
    return [curves[i] for i in range(len(settings))]


def _check_finite(curves: Sequence[Curve]) -> None:
    for curve in curves:
        if not (np.isfinite(curve.value) & np.isfinite(curve.gradient)).any():
            raise PadlError(f"{curve.label}: the loss is nowhere finite along the axis it is drawn on")
