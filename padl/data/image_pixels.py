"""Read image files of many kinds as arrays of one form, and tell what was done to them.

read_all, suffixes: of files. describe, check, input_shape: of how they are read.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from padl import files
from padl.types import DOMAINS, PadlError, printable

# Whatever the suffix; others are not tried, since for some of them (EPS) Pillow starts programs.
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM", "QOI")
LARGEST_IMAGE = 2**29  # bytes of a file
ORIENTATION = 0x0112  # the EXIF tag; 1 is upright
VERSION = 1  # of a description
CHANNELS = {"grey": 1, "rgb": 3}
SAID = {
    "transparent": "with transparent pixels: laid over white",
    "frames": "of several pages or frames: the first is used",
    "turned": "turned as their EXIF orientation says",
}


class Pixels(NamedTuple):
    """An image as it is trained on.

    Attributes:
        array: (size, size, channels) uint8. done: keys of `SAID`.
    """

    array: np.ndarray
    done: list[str]


def read_all(images: Sequence[Path], size: int, colour: str, root: Path) -> tuple[np.ndarray, list[str]]:
    """Read images, each resized (bilinear; its proportions are not kept).

    Args:
        size: pixels of a side. colour: "grey" or "rgb". root: that names are told below.

    Returns:
        (n, size, size, channels) uint8, and lines of what was done to some of them.

    Raises:
        PadlError: a file that cannot be read, by its name, or has more than 8 bits in a channel.
    """
    all_read = [read(file, size, "L" if colour == "grey" else "RGB") for file in images]
    lines = []
    for what, words in SAID.items():
        some = [file for file, pixels in zip(images, all_read, strict=True) if what in pixels.done]
        if some:
            first = printable(str(some[0].relative_to(root)))
            lines.append(f"{len(some):,} of {len(images):,} images {words} ({first}{' ...' if len(some) > 1 else ''})")
    return np.stack([pixels.array for pixels in all_read]), lines


def describe(size: int, colour: str) -> dict[str, Any]:
    """Describe how images become inputs, so that later ones are read alike; JSON can hold it."""
    return {"version": VERSION, "size": size, "colour": colour}


def check(description: Any) -> None:
    """Raise PadlError where this is none as `describe` makes it."""
    known = isinstance(description, dict) and description.get("version") == VERSION
    size, colour = (description.get(key) if known else None for key in ("size", "colour"))
    if type(size) is not int or size not in DOMAINS["size"] or colour not in tuple(CHANNELS):
        raise PadlError(f"it does not say how images are read, in the words of version {VERSION}")


def input_shape(description: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape of an image that is read by a description."""
    return description["size"], description["size"], CHANNELS[description["colour"]]


def read(file: Path, size: int, mode: str) -> Pixels:
    """Read one image in Pillow's mode "L" or "RGB"; see `read_all`."""
    from PIL import Image, UnidentifiedImageError

    name = printable(str(file))
    try:
        with files.open_regular(file, LARGEST_IMAGE) as handle, Image.open(handle, formats=_formats()) as opened:
            if opened.mode.startswith(("I", "F")):
                raise PadlError(f"{name}: {opened.mode} pixels have more than 8 bits: convert it, scaled to 0 .. 255")
            return _pixels(opened, size, mode)
    except PadlError:
        raise
    except UnidentifiedImageError as error:
        raise PadlError(f"{name}: not an image of {', '.join(_formats())}: convert or remove it") from error
    except Exception as error:  # what Pillow's readers raise for hostile bytes is of many kinds
        why = getattr(error, "strerror", None) or error
        raise PadlError(f"{name}: not a readable image ({why}): repair or remove it") from error


def _pixels(opened: Any, size: int, mode: str) -> Pixels:
    from PIL import Image, ImageOps

    done = {
        "frames": getattr(opened, "is_animated", False),
        "turned": opened.getexif().get(ORIENTATION, 1) in range(2, 9),
    }
    image = ImageOps.exif_transpose(opened)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        done["transparent"] = (np.asarray(layer)[..., 3] < 255).any()
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    image = image.convert(mode).resize((size, size), Image.Resampling.BILINEAR)
    return Pixels(np.asarray(image).reshape(size, size, -1), [what for what, was in done.items() if was])


@lru_cache(maxsize=1)
def _formats() -> tuple[str, ...]:
    """Those of FORMATS that this Pillow reads."""
    from PIL import Image

    Image.init()
    return tuple(form for form in FORMATS if form in Image.OPEN)


@lru_cache(maxsize=1)
def suffixes() -> frozenset[str]:
    """Return the endings, in lower case, of files that hold such images."""
    from PIL import Image

    readable = (*_formats(), "MPO")  # which begins with a JPEG
    return frozenset(suffix for suffix, form in Image.registered_extensions().items() if form in readable)
