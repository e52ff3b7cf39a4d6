"""Draw value and gradient of losses along the axis that each says it is looked at on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from padl.coercion import written
from padl.compare import loss_curves
from padl.compare.loss_curves import MOST, Curve
from padl.losses.plot_axes import RESIDUAL, View
from padl.registry import Entry, StaticPartial, check
from padl.types import PadlError, one_line

SUFFIXES = (".png", ".svg", ".pdf")


def plot(losses: Sequence[Entry], values: Mapping[str, Sequence[Any]], file: Path) -> str:
    """Draw several losses, or one loss at values of its hyperparameters.

    Args:
        losses: one or more. values: of one loss, {hyperparameter: its values}; one of them may have several.
        file: in a folder that exists; its ending is one of `SUFFIXES`.

    Returns:
        The title of the picture.

    Raises:
        PadlError: a name is no hyperparameter of the loss, a value is outside its domain, more than one hyperparameter
            has several values, the losses have no axis in common, or the file cannot be written.
    """
    title, curves = _several_losses(losses) if len(losses) > 1 else _one_loss(losses[0], values)
    _check_finite(curves)
    try:
        loss_curves.draw(_view(losses[0]), curves, title, file)
    except OSError as error:
        raise PadlError(f"{file} cannot be written: {error.strerror}") from error
    return title


def _several_losses(losses: Sequence[Entry]) -> tuple[str, list[Curve]]:
    """Several losses with their defaults, along the view that they share."""
    if len(losses) > MOST:
        raise PadlError(f"{len(losses)} losses are more than the {MOST} curves that can be told apart")
    first = _view(losses[0])
    for loss in losses[1:]:
        if _view(loss) is not first:
            raise PadlError(
                f"'{losses[0].name}' is drawn along \"{first.label}\" and '{loss.name}' along "
                f'"{_view(loss).label}": one picture has one axis'
            )
    curves = [curve for loss in losses for curve in _curves(loss, [{}], [_title(loss, {})])]
    return ", ".join(loss.name for loss in losses), curves


def _one_loss(loss: Entry, values: Mapping[str, Sequence[Any]]) -> tuple[str, list[Curve]]:
    """One loss, a curve for each value of the hyperparameter that has several."""
    varied = _varied(values)
    _check_values(loss, values)
    fixed = {name: its_values[0] for name, its_values in values.items() if name != varied}
    title = _title(loss, fixed, without=varied)
    if varied is None:
        return title, _curves(loss, [fixed], [title])
    settings = [{**fixed, varied: value} for value in values[varied]]
    return title, _curves(loss, settings, [f"{varied} = {written(value)}" for value in values[varied]])


def _varied(values: Mapping[str, Sequence[Any]]) -> str | None:
    """The hyperparameter that has several values, None where none has."""
    names = [name for name, its_values in values.items() if len(its_values) > 1]
    if len(names) > 1:
        raise PadlError(f"{' and '.join(names)} have several values each: one hyperparameter at a time can")
    return names[0] if names else None


def _check_values(loss: Entry, values: Mapping[str, Sequence[Any]]) -> None:
    for name, its_values in values.items():
        for value in its_values:
            check({name: value}, loss.hyperparameters, where="", owner=f"loss '{loss.name}'")
        if len(its_values) > MOST:
            raise PadlError(f"{name} has {len(its_values)} values, more than the {MOST} curves that can be told apart")


def _view(loss: Entry) -> View:
    view = loss.traits.get("view", RESIDUAL if loss.traits.get("targets") == "values" else None)
    if not isinstance(view, View):
        raise PadlError(
            f"loss '{loss.name}' from {loss.origin} does not say along what to draw it: "
            "@loss(view=padl.losses.plot_axes.View(label, low, high, arguments)) does"
        )
    return view


def _title(loss: Entry, setting: Mapping[str, Any], without: str | None = None) -> str:
    """The loss with its numbers: those that are data, and those that were set."""
    shown = {
        name: setting.get(name, hyperparameter.default)
        for name, hyperparameter in loss.hyperparameters.items()
        if name != without and (hyperparameter.traced or name in setting)
    }
    parts = [f"{name} = {written(value)}" for name, value in shown.items() if value is not None or name in setting]
    return ", ".join([loss.name, *parts])


def _curves(loss: Entry, settings: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> list[Curve]:
    """A curve for each setting; those of one program in one compilation."""
    programs: dict[StaticPartial, list[int]] = {}
    split = [loss.split(setting) for setting in settings]
    for i, (program, _) in enumerate(split):
        programs.setdefault(program, []).append(i)
    curves: dict[int, Curve] = {}
    for program, members in programs.items():
        traced = {name: np.array([split[i][1][name] for i in members]) for name in split[members[0]][1]}
        try:
            values, gradients = loss_curves.sample(program, _view(loss), traced)
        except PadlError:
            raise
        except Exception as error:  # a stranger's code
            raise PadlError(f"loss '{loss.name}' from {loss.origin} fails: {one_line(error)}") from error
        curves |= {i: Curve(labels[i], v, g) for i, v, g in zip(members, values, gradients, strict=True)}
    return [curves[i] for i in range(len(settings))]


def _check_finite(curves: Sequence[Curve]) -> None:
    for curve in curves:
        if not (np.isfinite(curve.value) & np.isfinite(curve.gradient)).any():
            raise PadlError(f"{curve.label}: the loss is nowhere finite along the axis it is drawn on")
