"""Animate a comparison as a race: a GIF, and an MP4 where ffmpeg is there. The ground is drawn once. write."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from padl.compare.comparison import Comparison
from padl.compare.plot_style import COLOURS, styles
from padl.compare.surface_ground import tracks
from padl.compare.surface_stage import GREYS, STAR, stage
from padl.runs.pictures import own_style
from padl.types import PadlError

FRAMES = 90  # at most, without the last one's rest
SLOWING = 2.0  # frame k of n shows step T (k/n)^2: early steps one at a time, late ones many together
SHORTEST, LONGEST, RACE = 0.07, 0.25, 6.0  # seconds: of a frame, and of the race if that fits between them
REST = 1.0  # seconds, of the last frame
DOTS = 100  # an inch
TAIL = 8  # the last step in so many is drawn strongly
MIXED = (0.2, 0.35, 0.5, 0.65, 0.8)  # of the GIF's colours: shares of a path's colour on the ground
SHADES = 32  # of grey
HEAD = {"mec": "white", "mew": 0.9, "ls": "none"}


@own_style()
def write(comparison: Comparison, folder: Path) -> list[Path]:
    """Write race.gif, and race.mp4 where the program ffmpeg is found.

    Raises:
        PadlError: ffmpeg is there and fails.
    """
    steps = moments(comparison.steps)
    seconds = float(np.clip(RACE / len(steps), SHORTEST, LONGEST))
    pictures = list(frames(comparison, steps))
    files = [folder / "race.gif"]
    _gif(pictures, seconds, files[0])
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg:
        files.append(folder / "race.mp4")
        _mp4(ffmpeg, pictures, seconds, files[1])
    return files


def moments(steps: int) -> np.ndarray:
    """Return the steps that have a frame, the first and the last among them."""
    return np.unique(np.round(steps * np.linspace(0, 1, FRAMES) ** SLOWING).astype(int))


def frames(comparison: Comparison, steps: Sequence[int] | np.ndarray) -> Iterator[np.ndarray]:
    """Draw a picture (height, width, 3) of bytes for each of the steps."""
    figure, axes = stage(comparison)
    figure.set_dpi(DOTS)
    runners = [
        _Runner(axes[label], tracks(comparison, label), look) for label, look in styles(list(comparison.paths)).items()
    ]
    first = next(iter(axes.values()))
    clock = first.text(0.015, 0.985, "", transform=first.transAxes, va="top", fontsize=9, zorder=9, animated=True,
                       bbox={"fc": "white", "ec": "none", "alpha": 0.85, "pad": 2})  # fmt: skip
    figure.canvas.draw()
    ground = figure.canvas.copy_from_bbox(figure.bbox)
    for step in steps:
        figure.canvas.restore_region(ground)
        clock.set_text(f"step {step} of {comparison.steps}")
        for runner in runners:
            runner.draw(step)
        first.draw_artist(clock)
        yield np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


class _Runner:
    """One optimizer's artists: for each start a head and the whole way so far, for the first a tail too.

    A track (S, T + 1, 2) that turns to NaN has no head from there on.
    """

    def __init__(self, axes: Any, track: np.ndarray, look: dict[str, Any]):
        def line(**more):
            return axes.plot([], [], animated=True, **look | more)[0]

        self.axes, self.track = axes, track
        self.ways = [line(marker="", lw=0.7 if s else 1.0, alpha=0.3 if s else 0.55) for s in range(len(track))]
        self.tail = line(marker="", ls="-", lw=2.2)
        self.heads = [line(ms=5 if s else 10, **HEAD) for s in range(len(track))]

    def draw(self, step: int) -> None:
        until = self.track[:, : step + 1]
        since = max(0, step - max(5, self.track.shape[1] // TAIL))
        self.tail.set_data(*until[0, since:].T)
        for way, head, points in zip(self.ways, self.heads, until, strict=True):
            way.set_data(*points.T)
            head.set_data(*points[-1:].T)
        for artist in (*self.ways, self.tail, *self.heads[::-1]):
            self.axes.draw_artist(artist)


def palette() -> np.ndarray:
    """Mix the GIF's colours, (at most 256, 3) bytes: those of paths, pure and on light and dark ground, and greys.

    A palette made from the frames has little but the ground in it, and makes paths of two colours look the same.
    """
    from matplotlib.colors import to_rgb

    pure = np.array([to_rgb(colour) for colour in (*COLOURS, STAR["mfc"])])
    bright, dark = (np.array(to_rgb(grey)) for grey in GREYS)
    grounds, shares = np.array([bright, (bright + dark) / 2, dark]), np.array(MIXED)[:, None, None, None]
    mixed = (shares * pure[:, None] + (1 - shares) * grounds).reshape(-1, 3)
    slope, greys = np.linspace(bright, dark, SHADES), np.linspace(np.zeros(3), np.ones(3), SHADES)
    return np.round(255 * np.concatenate([pure, mixed, slope, greys])).astype(np.uint8)


def _gif(pictures: Sequence[np.ndarray], seconds: float, file: Path) -> None:
    """All frames in the same colours: then what stands still is the same in all, and is stored once."""
    from PIL import Image

    colours = Image.new("P", (1, 1))
    colours.putpalette(palette().tobytes())
    first, *others = [Image.fromarray(p).quantize(palette=colours, dither=Image.Dither.NONE) for p in pictures]
    times = [round(1000 * seconds)] * len(others) + [round(1000 * REST)]
    first.save(file, save_all=True, append_images=others, duration=times, loop=0, optimize=True)


def _mp4(ffmpeg: str, pictures: Sequence[np.ndarray], seconds: float, file: Path) -> None:
    """With an even number of dots on each side, as players want it."""
    height, width = (n // 2 * 2 for n in pictures[0].shape[:2])
    rest = [pictures[-1]] * round(REST / seconds)
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{1 / seconds:.4f}", "-i", "-"]
    command = [ffmpeg, "-y", "-loglevel", "error", *raw, "-pix_fmt", "yuv420p", str(file)]
    with tempfile.TemporaryFile() as log:
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        with suppress(BrokenPipeError), program.stdin as pipe:  # pyright: ignore[reportOptionalContextManager]
            for picture in (*pictures, *rest):
                pipe.write(picture[:height, :width].tobytes())
        if program.wait():
            log.seek(0)
            why = log.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise PadlError(f"{ffmpeg} did not write {file}: {why[-1]}; mend it, or take it off the PATH to go without")
