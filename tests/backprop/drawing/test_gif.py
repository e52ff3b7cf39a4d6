"""The animation of a circuit's steps."""

import numpy as np
import pytest
from PIL import Image

from padl.backprop import formula
from padl.backprop.drawing import circuit
from padl.backprop.drawing.animation import gif
from padl.backprop.drawing.frames import frames
from padl.types import PadlError


def test_the_animation_has_a_frame_for_each_step_on_white_paper_and_ends_with_all_shown(sigmoid, tmp_path):
    file = gif(sigmoid, tmp_path / "steps.gif")
    with Image.open(file) as animation:
        assert animation.n_frames == len(frames(sigmoid))
        assert animation.info["loop"] == 0
        ink = []
        for i in range(animation.n_frames):
            animation.seek(i)
            pixels = np.asarray(animation.convert("RGB"))
            assert tuple(pixels[1, 1]) == (255, 255, 255)
            ink.append((pixels[60:] < 200).any(axis=-1).sum())
    assert ink[-1] > ink[0]
    assert file.stat().st_size < 500_000


def test_a_graph_too_large_to_draw_has_no_animation_either(tmp_path):
    graph = formula("+".join(["x"] * (circuit.MAX_NODES + 1)), x=1)
    with pytest.raises(PadlError, match="too large to draw"):
        gif(graph, tmp_path / "never")
