"""Synthetic concrete, cracked or sound: no camera saw it. stroke, surface, distractors, fissure, draw, photographs.

Every picture is drawn from random numbers. It holds concrete (clouds of grey, sand, aggregate, air holes) under uneven
light, seen by a camera of random exposure, contrast, sharpness and noise. A cracked one also holds a crack: a thin
dark line that turns slowly and zigzags around the aggregate, swells and thins, fades, and may branch.

Both classes hold the same distractors, equally often, so none of them tells the label: formwork joints, stains with
drips, scratches, shadow edges, trowel arcs. On a sound surface they are the hard negatives: thin and dark, but smooth.

Places, lengths and widths are fractions of the frame's side, so a scene looks alike at every size it is drawn at.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

SMALLEST = 16  # pixels; below, a crack's zigzag is finer than the pixels that would show it


# Lines: everything thin is a path of headings, dabbed with a round brush.


def path(size: int, headings: np.ndarray) -> np.ndarray:
    """The points (n, 2), rows first, passed on the way from the origin by half a pixel along each heading (n,)."""
    return np.cumsum(np.stack([np.sin(headings), np.cos(headings)], axis=1), axis=0) * 0.5 / size


def arc(size: int, middle: np.ndarray, heading: float, length: float, curvature: float = 0.0) -> np.ndarray:
    """The points of a circle's arc, or of a straight line, around its middle; curvature is in radians per frame."""
    points = path(size, heading + curvature * np.linspace(-length / 2, length / 2, int(2 * size * length) + 1))
    return points - points[len(points) // 2] + middle


def stroke(size: int, points: np.ndarray, width: np.ndarray | float, ink: np.ndarray | float = 1.0) -> np.ndarray:
    """How much of each pixel is covered, 0 to 1, by a brush of this width that dabs at each of the points (n, 2)."""
    centres = points * size - 0.5
    radii = np.hypot(1.0, np.broadcast_to(width, len(points)) * size) / 2  # no lens shows a line thinner than a pixel
    reach = int(np.ceil(radii.max() + 1))
    patch = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1).T
    pixels = np.rint(centres).astype(int)[:, None] + patch
    distances = np.linalg.norm(pixels - centres[:, None], axis=-1)
    cover = np.clip(radii[:, None] + 0.5 - distances, 0, 1) * np.broadcast_to(ink, len(points))[:, None]
    inside = ((pixels >= 0) & (pixels < size)).all(axis=-1)
    canvas = np.zeros((size, size))
    np.maximum.at(canvas, tuple(pixels[inside].T), cover[inside])
    return canvas


# The surface: reflectance, around 1.


def gaussian(field: np.ndarray, deviation: float, **options: Any) -> np.ndarray:
    """SciPy's Gaussian filter, imported with the first picture: it takes longer to import than many a run to start."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(field, deviation, **options)


def clouds(rng: np.random.Generator, size: int, slope: float) -> np.ndarray:
    """Noise of mean 0 and deviation 1 whose amplitude falls as frequency to the power -slope: 0 is sand, 2 is fog."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(size, size))) * frequency**-slope, s=(size, size))
    return field / field.std()


def aggregate(rng: np.random.Generator, size: int) -> np.ndarray:
    """Stones in the cement: patches of one scale, -1 to 1, with soft borders."""
    grain = gaussian(rng.normal(size=(size, size)), np.hypot(0.4, rng.uniform(0.005, 0.025) * size), mode="wrap")
    return np.tanh(1.5 * grain / grain.std())


def pores(rng: np.random.Generator, size: int) -> np.ndarray:
    """Air holes: dark discs, most of them tiny, each with a light rim on the side that faces the light."""
    count = rng.integers(2, 25)
    middles, widths = rng.uniform(size=(count, 2)), np.minimum(rng.lognormal(-4.3, 0.6, count), 0.08)
    depth, angle = rng.uniform(0.2, 0.7, count), rng.uniform(0, 2 * np.pi)
    rim = middles + 0.4 * widths[:, None] * [np.sin(angle), np.cos(angle)]
    hole = stroke(size, middles, widths, depth)
    return 0.4 * np.maximum(stroke(size, rim, widths, depth) - hole, 0) - hole


def surface(rng: np.random.Generator, size: int) -> np.ndarray:
    """Bare concrete: clouds of grey, fine sand, aggregate and air holes."""
    mottle = rng.uniform(0.02, 0.08) * clouds(rng, size, rng.uniform(0.8, 1.6))
    sand = rng.uniform(0.01, 0.04) * clouds(rng, size, 0.2)
    stones = rng.uniform(0, 0.05) * aggregate(rng, size)
    return (1 + mottle + sand + stones) * (1 + pores(rng, size))


# Distractors: each returns the change of brightness it makes, as a fraction, -1 to 1.


def halfplane(rng: np.random.Generator, size: int) -> np.ndarray:
    """The signed distance of each pixel to a straight line through the frame, at any angle."""
    angle, through = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.85, 2)
    y, x = (np.mgrid[:size, :size] + 0.5) / size - through[:, None, None]
    return y * np.cos(angle) + x * np.sin(angle)


def joint(rng: np.random.Generator, size: int) -> np.ndarray:
    """A formwork joint: a dark line, dead straight, of one width, from edge to edge."""
    points = arc(size, rng.uniform(0.1, 0.9, 2), rng.uniform(0, np.pi), length=2.8)
    return -rng.uniform(0.2, 0.7) * stroke(size, points, rng.uniform(0.004, 0.03))


def stain(rng: np.random.Generator, size: int) -> np.ndarray:
    """A damp patch with ragged soft borders, and up to three drips that run down from it."""
    middle = rng.uniform(0.1, 0.9, 2)
    y, x = (np.mgrid[:size, :size] + 0.5) / size - middle[:, None, None]
    blob = np.exp(-(y**2 + x**2) / rng.uniform(0.08, 0.25) ** 2 + 0.5 * clouds(rng, size, 1.6))
    damp = np.clip(blob, 0, 1)
    for _ in range(rng.integers(4)):
        length = rng.uniform(0.2, 0.7)
        points = arc(size, middle + np.array([length / 2, rng.normal(0, 0.1)]), np.pi / 2 + rng.normal(0, 0.04), length)
        drip = stroke(size, points, rng.uniform(0.01, 0.05), np.linspace(1, 0, len(points)))
        damp = np.maximum(damp, gaussian(drip, 0.01 * size))
    return -rng.uniform(0.15, 0.45) * damp


def scratches(rng: np.random.Generator, size: int) -> np.ndarray:
    """One to four short strokes, thin, straight or hardly bent, all lighter or all darker than the surface."""
    tone = rng.choice([-1, 1]) * rng.uniform(0.15, 0.5)
    marks = np.zeros((size, size))
    for _ in range(rng.integers(1, 5)):
        points = arc(size, rng.uniform(size=2), rng.uniform(0, np.pi), rng.uniform(0.15, 0.6), rng.normal(0, 0.5))
        marks = np.maximum(marks, stroke(size, points, 0.004, rng.uniform(0.5, 1)))
    return tone * marks


def shadow(rng: np.random.Generator, size: int) -> np.ndarray:
    """The shadow of a straight edge over one side of the frame; its border is sharp or soft."""
    return -rng.uniform(0.15, 0.5) / (1 + np.exp(np.clip(halfplane(rng, size) / rng.uniform(0.005, 0.06), -50, 50)))


def trowel(rng: np.random.Generator, size: int) -> np.ndarray:
    """The sweep of a trowel: concentric faint arcs, some lighter and some darker than the surface."""
    middle, heading, radius = rng.uniform(0.1, 0.9, 2), rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.2)
    outwards = np.array([-np.cos(heading), np.sin(heading)])
    marks = np.zeros((size, size))
    for offset in np.cumsum(rng.uniform(0.03, 0.12, rng.integers(1, 5))):
        points = arc(size, middle + offset * outwards, heading, rng.uniform(0.4, 1.5), 1 / (radius + offset))
        marks += rng.uniform(-0.45, 0.25) * stroke(size, points, rng.uniform(0.004, 0.02))
    return np.clip(marks, -0.6, 0.6)


DISTRACTORS = (joint, stain, scratches, shadow, trowel)


# The crack, the camera, the picture.


def wander(rng: np.random.Generator, size: int, heading: float, length: float) -> np.ndarray:
    """The points of a crack on its way from the origin: a slow random turn, and a kink wherever it meets a stone."""
    count, step = int(2 * size * length) + 1, 0.5 / size
    turn = np.cumsum(rng.normal(0, 1.2 * np.sqrt(step), count))  # about 1.2 radians over one frame, at any size
    stones = np.cumsum(rng.uniform(size=count) < step / 0.06)  # one every 0.06 frames
    return path(size, heading + turn + rng.normal(0, 0.6, count + 1)[stones])


def gape(rng: np.random.Generator, size: int, points: np.ndarray, width: float) -> np.ndarray:
    """The mark of a crack along these points: it swells and thins; its borders are rough, its ends fine and faint."""
    count, reach = len(points), 0.1 * size  # in steps: 0.05 frames
    unit = np.sqrt(2 * np.sqrt(np.pi) * reach)  # gives smoothed white noise deviation 1; dividing by std() may explode
    swell = unit * gaussian(rng.normal(size=count), reach)
    taper = np.sqrt(np.sin(np.pi * (np.arange(count) + 0.5) / count))
    return stroke(size, points, width * taper * np.exp(0.3 * swell + 0.2 * rng.normal(size=count)), taper)


def fissure(rng: np.random.Generator, size: int) -> np.ndarray:
    """A crack through the frame, with up to two branches; as a change of brightness, like the distractors."""
    heading, length, width = rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 1.6), rng.uniform(0.007, 0.022)
    trunk = wander(rng, size, heading, length)
    trunk += rng.uniform(0.2, 0.8, 2) - trunk[len(trunk) // 2]
    mark = gape(rng, size, trunk, width)
    for _ in range(rng.choice(3, p=[0.6, 0.3, 0.1])):
        fork = trunk[int(rng.uniform(0.2, 0.8) * len(trunk))]
        aside = heading + rng.choice([-1, 1]) * rng.uniform(0.4, 1.1)
        branch = fork + wander(rng, size, aside, length * rng.uniform(0.2, 0.5))
        mark = np.maximum(mark, gape(rng, size, branch, 0.6 * width))
    return -rng.uniform(0.5, 0.95) * mark


def camera(rng: np.random.Generator, size: int) -> Callable[[np.ndarray], np.ndarray]:
    """A camera with its light: what turns reflectance into grey in [0, 1]."""
    slope, fall, blur = rng.uniform(0, 0.5), rng.uniform(0, 0.3), rng.uniform(0.2, 0.6)
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5
    light = (1 + slope * halfplane(rng, size)) * (1 - fall * (y**2 + x**2))
    exposure, contrast, grey = rng.uniform(0.4, 0.75), rng.uniform(0.7, 1.4), rng.uniform(0.4, 0.6)
    noise = rng.uniform(0.005, 0.025) * rng.normal(size=(size, size))

    def expose(scene: np.ndarray) -> np.ndarray:
        seen = exposure * gaussian(scene * light, blur)
        return np.clip(grey + contrast * (seen - exposure) + noise, 0, 1).astype(np.float32)

    return expose


def draw(rng: np.random.Generator, size: int, *, crack: bool, distractors: bool = True) -> np.ndarray:
    """One picture, float32 (size, size), grey in [0, 1].

    The crack is drawn last, so that from one seed the two classes differ in the crack alone.
    """
    if size < SMALLEST:
        raise ValueError(f"a picture of {size} pixels cannot show a crack; ask for a size of {SMALLEST} or more")
    scene, expose = surface(rng, size), camera(rng, size)
    for distractor in DISTRACTORS if distractors else ():
        if rng.uniform() < 0.3:
            scene *= 1 + distractor(rng, size)
    return expose(scene * (1 + fissure(rng, size)) if crack else scene)


def photographs(count: int, size: int, seed: int, *, hard_negatives: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Pictures, uint8 (count, size, size, 1), and labels, int32 (count,): 1 = cracked, half of each, in random order.

    Equal arguments give equal pictures. Without `hard_negatives`, neither class holds distractors.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count, dtype=np.int32) % 2)
    pictures = np.empty((count, size, size, 1), np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        picture[..., 0] = np.rint(255 * draw(rng, size, crack=bool(label), distractors=hard_negatives))
    return pictures, labels
