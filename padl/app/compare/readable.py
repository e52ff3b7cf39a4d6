"""Let a comparison show itself: in a few lines, and in pictures. ReadableComparison, readable."""

from dataclasses import dataclass, fields
from typing import Any

from padl.compare import report
from padl.compare.comparison import Comparison
from padl.readable import Card, Readable
from padl.runs.pictures import drawn


@dataclass(frozen=True, repr=False)
class ReadableComparison(Readable, Comparison):
    """A comparison, as `padl.trajectories` returns it."""

    def card(self) -> Card:
        """Say what each optimizer came to."""
        facts = {
            "shown": "each at its own best learning rate" if self.mode == "tuned" else "all at one learning rate",
            "steps": f"{self.steps:,}, seed {self.seed}",
            "starts": str(len(self.starts)),
            "noise": f"{self.noise:g}, of the gradient" if self.noise else "",
        }
        title = f"comparison: {self.landscape.name}"
        return Card(title, facts, report.SUMMARY, report.summary_lines(self), list(report.notes(self)))

    def plot(self, picture: str = "") -> Any:
        """Draw one of the pictures; a matplotlib figure, which a notebook shows.

        Args:
            picture: "paths" of points of one or two numbers, "progress", or "rates" where there are several learning
                rates; "" is the first that there is.

        Raises:
            PadlError: no picture of that name.
        """
        from padl.compare import surface_plots

        return drawn(surface_plots.pictures(self), picture, self.landscape.name)


def readable(comparison: Comparison) -> ReadableComparison:
    """Make a comparison one that shows itself."""
    return ReadableComparison(**{field.name: getattr(comparison, field.name) for field in fields(comparison)})
