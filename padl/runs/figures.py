"""A matplotlib figure that shows itself in a notebook. Picture.

Imported where something is drawn: matplotlib takes its time.
"""

import io
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from padl.runs.pictures import own_style


class Picture(Figure):
    """A figure that knows nothing of pyplot and needs no display; arguments as of matplotlib's `Figure`.

    A notebook shows it as the last value of a cell. `savefig("x.png")` writes it.
    """

    def __init__(self, **options: Any):
        super().__init__(**options)
        FigureCanvasAgg(self)

    @own_style()
    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, format="png")
        return content.getvalue()
