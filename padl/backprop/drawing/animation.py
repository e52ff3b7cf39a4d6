"""A circuit's frames as an animation. gif(graph, file)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from padl.backprop.drawing.cells import measure
from padl.backprop.drawing.circuit import STYLE, figure
from padl.backprop.drawing.frames import Frame, captions, formula_text, frames
from padl.backprop.graph import Graph
from padl.runs.pictures import own_style

PAUSE, LAST = 1400, 4000  # milliseconds that a frame stays, and the last one
WIDEST, DPI = 1600, 110  # pixels at most, dots an inch
PALE = 0.4  # how much of the mark's colour is white
COLOURS, WHITE = 128, 248  # of the palette; how bright a colour is paper
CAPTION = 9  # size of type, in points
HIDDEN_AT_FIRST = ("value-", "gradient-", "total-", "title-1", "title-2", "active-")


def gif(graph: Graph, file: Path | str) -> Path:
    """Write an animation, a frame for each step, each standing for 1.4 seconds; return its path.

    Raises:
        PadlError: the graph is too large to draw.
    """
    from PIL import Image

    shown = frames(graph)
    with own_style(STYLE):
        canvas = figure(graph, title=f"{formula_text(graph)}\n.\n.")  # two lines for the caption
        canvas.set_dpi(min(DPI, WIDEST / canvas.get_size_inches()[0]))
        images = [Image.fromarray(pixels) for pixels in _pixels(canvas, shown)]
    palette = _palette(images[-2])
    images = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    times = [PAUSE] * (len(images) - 1) + [LAST]
    images[0].save(file, format="GIF", save_all=True, append_images=images[1:], duration=times, loop=0)
    return Path(file)


def _palette(image: Any) -> Any:
    """The image's own colours, those near white made the white of paper."""
    reduced = image.quantize(COLOURS)
    colours = np.array(reduced.getpalette()[: 3 * COLOURS]).reshape(-1, 3)
    colours[colours.min(axis=1) >= WHITE] = 255
    reduced.putpalette(colours.ravel().tolist())
    return reduced


def _pixels(canvas: Any, shown: Sequence[Frame]) -> list[np.ndarray]:
    """Draw each frame, height × width × 3. Only what a frame adds is drawn anew."""
    axes, surface = canvas.axes[0], canvas.canvas
    parts = {artist.get_gid(): artist for artist in canvas.findobj(lambda artist: artist.get_gid() is not None)}
    for name, part in parts.items():
        part.set_visible(not name.startswith(HIDDEN_AT_FIRST))
    surface.draw()
    pixels = []
    for frame, caption in zip(shown, captions(shown), strict=True):
        for name in (name for name in frame.appearing if name in parts):
            _add(axes, parts[name])
        without_caption = surface.copy_from_bbox(canvas.bbox)
        _set_caption(canvas, parts, caption)
        for line in ("title-1", "title-2"):
            _add(axes, parts[line])
        pixels.append(_marked(np.asarray(surface.buffer_rgba())[..., :3], parts.get(f"active-{frame.active}")))
        surface.restore_region(without_caption)
    return pixels


def _add(axes: Any, part: Any) -> None:
    part.set_visible(True)
    axes.draw_artist(part)


def _marked(pixels: np.ndarray, mark: Any) -> np.ndarray:
    """Copy a frame, with the paper bright and the ink unchanged where the active node is."""
    pixels = pixels.copy()
    if mark is not None:
        (left, low), (right, high) = np.round(mark.get_window_extent().get_points()).astype(int)
        patch = pixels[len(pixels) - high : len(pixels) - low, left:right]
        patch[...] = patch * (PALE + (1 - PALE) * np.array(mark.get_facecolor()[:3]))
    return pixels


def _set_caption(canvas: Any, parts: Mapping[str, Any], caption: str) -> None:
    """Write two lines, each as long as fits."""
    width = 72 * canvas.get_size_inches()[0] - 16
    lines = [""]
    for word in caption.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if measure(longer, CAPTION) > width and len(lines) < 2:
            lines.append(word)
        else:
            lines[-1] = longer
    while measure(lines[-1], CAPTION) > width:
        lines[-1] = f"{lines[-1][:-2]}…"
    for i, line in enumerate([*lines, ""][:2], start=1):
        parts[f"title-{i}"].set_text(line.replace("$", r"\$"))
