"""Early stopping: after which evaluation a run is good enough, or gets no better. EarlyStopping, check."""

import math
from collections.abc import Iterable, Mapping

from padl.app.settings import StopSettings
from padl.types import Criterion, PadlError


class EarlyStopping:
    """Decides after each evaluation of a run whether it ends there.

    Args:
        settings: `stop.*`. criterion: the metric that decides, and which way it is better.

    Attributes:
        reason: why the run ends, in words; "" while it goes on.
    """

    def __init__(self, settings: StopSettings, criterion: Criterion):
        self.settings, self.criterion = settings, criterion
        self.reason = ""
        self._step, self._best, self._since = 0, math.nan, 0  # of the last evaluation; the best; evaluations after it

    def ends(self, step: int, value: float) -> bool:
        """Tell whether the run ends after this step, where the metric has this value; asked again, the same."""
        if step > self._step and not self.reason:
            self._step = step
            self._since = 0 if self._is_better(value) else self._since + 1
            self._best = self._best if self._since else value
            self.reason = self._why(value)
        return bool(self.reason)

    def replay(self, rows: Iterable[Mapping[str, float]]) -> None:
        """Take the evaluations that a run has in its rows."""
        metric = f"eval/{self.criterion.metric}"
        for row in rows:
            if metric in row:
                self.ends(int(row["step"]), row[metric])

    def _is_better(self, value: float) -> bool:
        gain = value - self._best if self.criterion.direction == "max" else self._best - value
        return math.isfinite(value) and not gain <= self.settings.min_change  # the first one is: its gain is NaN

    def _why(self, value: float) -> str:
        metric, target, patience = f"eval/{self.criterion.metric}", self.settings.target, self.settings.patience
        reaches = float.__ge__ if self.criterion.direction == "max" else float.__le__
        if target is not None and reaches(value, target):
            return f"stopped at step {self._step:,}: {metric} {value:.6g} reached stop.target={target:g}"
        if patience is not None and self._since >= patience:
            least = f" by more than {self.settings.min_change:g}" if self.settings.min_change else ""
            count = "1 evaluation" if patience == 1 else f"{patience:,} evaluations"
            return f"stopped at step {self._step:,}: no better {metric}{least} in {count}"
        return ""


def early_stopping(settings: StopSettings, criterion: Criterion) -> EarlyStopping | None:
    """Make what `stop.*` asks for; None where it asks for nothing."""
    return None if settings == StopSettings() else EarlyStopping(settings, criterion)


def check(settings: StopSettings, steps: int, eval_every: int) -> None:
    """Check that `stop.*` can end a run early.

    Args:
        steps, eval_every: of the run.

    Raises:
        PadlError: it has no evaluation before its last step, or too few; or something else makes no sense.
    """
    patience, target = settings.patience, settings.target
    if settings.min_change and patience is None:
        raise PadlError(f"stop.min_change={settings.min_change:g} says what stop.patience counts as better: give both")
    if target is not None and not math.isfinite(target):
        raise PadlError(f"stop.target={target} must be a number that the metric can reach")
    # With patience p at the earliest after evaluation p + 1, as the first is better than none; the last ends it anyway.
    needed = {"target": 2, "patience": (patience or 0) + 2}
    evaluations = -(-steps // eval_every)
    for name, least in needed.items():
        value = getattr(settings, name)
        if value is not None and evaluations < least:
            raise PadlError(
                f"stop.{name}={value:g} cannot end this run early: that takes {least:,} evaluations, and {steps:,} "
                f"steps with eval_every={eval_every} have {evaluations:,}; a smaller eval_every gives more"
            )
