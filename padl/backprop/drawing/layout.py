"""Where the boxes of a drawing lie: by graphviz if that is installed, else by layers in plain Python. lay_out.

Both go from the left to the right, and both give the same for the same graph every time.
"""

import shutil
import subprocess
from collections.abc import Sequence

from padl.backprop.drawing.geometry import Box, Layout
from padl.backprop.drawing.graphviz_layout import by_graphviz
from padl.backprop.drawing.layered_layout import by_layers


def lay_out(boxes: Sequence[Box], parents: Sequence[Sequence[int]]) -> Layout:
    """Lay out boxes by graphviz if it is installed and succeeds, else by layers.

    Args:
        boxes: in an order in which parents stand before children.
        parents: for each box the numbers of its operands' boxes, one for each of its ports.
    """
    if shutil.which("dot"):
        try:
            return by_graphviz(boxes, parents)
        except (OSError, subprocess.SubprocessError, ValueError, KeyError):
            pass  # an installation that does not work is as none
    return by_layers(boxes, parents)
