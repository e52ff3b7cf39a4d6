"""A circuit one step at a time, forward and then backward. steps: what happens; gif and html: a file that shows it."""

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from io import StringIO
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import numpy as np

from padl.backprop.drawing.cells import measure
from padl.backprop.drawing.circuit import STYLE, TITLE, figure
from padl.backprop.drawing.labels import (
    LEAVES,
    amount,
    inlined,
    is_sum,
    operands,
    rule_text,
    shortened,
    sign,
    value_text,
)
from padl.backprop.expression import parse
from padl.backprop.graph import Graph, Node
from padl.types import PadlError

PAUSE, LAST = 1400, 4000  # milliseconds that a frame of a GIF stays, and the last one
WIDEST, DPI = 1600, 110  # of a GIF: pixels, dots an inch
NAMED = 6  # inputs in a caption
PALE = 0.4  # how much of the mark's colour is white
COLOURS, WHITE = 128, 248  # of a GIF's palette; how bright a colour is paper


class Step(NamedTuple):
    """One frame more.

    Attributes:
        phase: "inputs", "forward" or "backward". told: what happens, in words. active: the node that it happens at,
            None for the inputs. shown: names of the parts of the figure that appear.
    """

    phase: str
    told: str
    active: int | None
    shown: tuple[str, ...]


def steps(graph: Graph) -> list[Step]:
    """The inputs; each value; the gradient that the result begins with; what each node sends back, from the last on."""
    inside = inlined(graph)
    shown = [node for node in graph if node.number not in inside]
    wires = _wires(graph, shown)
    leaves = [node for node in shown if node.operation in LEAVES]
    gates = [node for node in shown if node.operation not in LEAVES]
    found = [Step("inputs", _inputs(leaves, graph), None, tuple(w for node in leaves for w in wires[node.number]))]
    found += [Step("forward", _forward(graph, node), node.number, tuple(wires[node.number])) for node in gates]
    waiting = {node.number: len(graph.received[node.number]) for node in shown}
    for number in dict.fromkeys(graph.outputs):
        if graph[number].adjoint is not None:
            told = f"the gradient of the result with respect to itself is {amount(graph.seed(number), 'g')}"
            found.append(Step("backward", told, number, (f"gradient-result-{number}",)))
    return found + [_backward(graph, node, waiting) for node in reversed(gates) if _sends(node)]


def captions(graph: Graph, found: Sequence[Step]) -> list[str]:
    """`step 7 of 17, backward: …`."""
    return [f"step {i} of {len(found) - 1}, {step.phase}: {step.told}" for i, step in enumerate(found)]


def gif(graph: Graph, file: Path | str) -> Path:
    """An animation, a frame for each step, each standing for 1.4 seconds.

    Raises:
        PadlError: the graph is too large to draw.
    """
    from matplotlib import rc_context
    from PIL import Image

    found = steps(graph)
    with rc_context(STYLE):
        canvas = figure(graph, title=f"{_formula(graph)}\n.\n.")
        canvas.set_dpi(min(DPI, WIDEST / canvas.get_size_inches()[0]))
        pictures = [Image.fromarray(pixels) for pixels in _frames(canvas, found, captions(graph, found))]
    palette = _palette(pictures[-2])
    flat = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    times = [PAUSE] * (len(flat) - 1) + [LAST]
    flat[0].save(file, format="GIF", save_all=True, append_images=flat[1:], duration=times, loop=0)
    return Path(file)


def html(graph: Graph, file: Path | str) -> Path:
    """One page that needs nothing else: the circuit, a slider, buttons; `steps.html#step=5` opens it at step 5.

    Raises:
        PadlError: the graph is too large to draw.
    """
    found = steps(graph)
    appears = {name: i for i, step in enumerate(found) for name in step.shown}
    active = ["" if step.active is None else f"active-{step.active}" for step in found]
    told = captions(graph, found)
    data = json.dumps({"captions": told, "appears": appears, "active": active})
    drawing, width = _svg(graph)
    page = Template((Path(__file__).parent / "steps.html").read_text(encoding="utf-8"))
    text = page.substitute(
        title=escape(_formula(graph)),
        last=len(found) - 1,
        first=escape(told[0]),
        svg=drawing,
        least=round(width),
        most=round(1.8 * width),
        data=data.replace("<", "\\u003c"),
    )
    Path(file).write_text(text, encoding="utf-8")
    return Path(file)


def _palette(picture: Any) -> Any:
    """The picture's own colours, those near white made the white of paper."""
    few = picture.quantize(COLOURS)
    colours = np.array(few.getpalette()[: 3 * COLOURS]).reshape(-1, 3)
    colours[colours.min(axis=1) >= WHITE] = 255
    few.putpalette(colours.ravel().tolist())
    return few


def _formula(graph: Graph) -> str:
    """What is computed, without the result, which is not known yet at the first step."""
    return ", ".join(graph[n].label or sign(graph, graph[n]) for n in dict.fromkeys(graph.outputs))


def _wires(graph: Graph, shown: Sequence[Node]) -> Mapping[int, list[str]]:
    """{node: the names of the labels that tell its value}."""
    found: dict[int, list[str]] = {node.number: [] for node in shown}
    for node in shown:
        for place, parent in operands(graph, node):
            found[parent].append(f"value-{node.number}-{place}")
    for number in graph.outputs:
        found[number].append(f"value-result-{number}")
    return found


def _sends(node: Node) -> list[int]:
    """The places that it sends a gradient to."""
    return [place for place, gradient in enumerate(node.sent) if gradient is not None]


def _called(graph: Graph, node: Node) -> str:
    return shortened(node.label, 32) or sign(graph, node)


def _inputs(leaves: Sequence[Node], graph: Graph) -> str:
    told = [f"{_called(graph, node)} = {value_text(node)}" for node in leaves if node.operation == "input"]
    return ", ".join([*told[:NAMED], "…"] if len(told) > NAMED else told) or "there are none"


def _forward(graph: Graph, node: Node) -> str:
    return f"{_called(graph, node)} = {value_text(node)}"


def _backward(graph: Graph, node: Node, waiting: dict[int, int]) -> Step:
    """What a node sends, and which sums that completes."""
    places = _sends(node)
    parts, shown = [], []
    for place in places:
        parent = graph[node.parents[place]]
        to = _called(graph, parent) if len(operands(graph, node)) > 1 else "its input"
        parts.append(f"{_product(graph, node, place)} to {to}")
        shown.append(f"gradient-{node.number}-{place}")
        waiting[parent.number] -= 1
        if not waiting[parent.number] and is_sum(graph, parent):
            shown.append(f"total-{parent.number}")
    return Step("backward", f"{sign(graph, node)} sends {'; '.join(parts)}", node.number, tuple(shown))


def _product(graph: Graph, node: Node, place: int) -> str:
    """`-1 / x² · 1 = -0.5344`; the rule in brackets where it is no formula or stands for arrays."""
    rules = re.findall(r"∂\w: (.*?)(?=, ∂|$)", node.rule) or [node.rule]
    sends = _sends(node)
    rule = rules[min(sends.index(place), len(rules) - 1)] if len(sends) > 1 else rules[-1]
    sent = amount(node.sent[place], "g")
    if not node.shape and node.adjoint is not None and _is_formula(rule):
        factor = f"({rule})" if " + " in rule or " - " in rule else rule
        times = amount(node.adjoint)
        return f"{rule_text(graph, factor)} · {f'({times})' if times.startswith('-') else times} = {sent}"
    return f"{sent} ({rule_text(graph, rule)})" if rule else sent


def _is_formula(rule: str) -> bool:
    try:
        return bool(rule and parse(rule))
    except PadlError:
        return False


def _frames(canvas: Any, found: Sequence[Step], told: Sequence[str]) -> list[np.ndarray]:
    """The pixels of each step, height × width × 3. Only what a step adds is drawn anew."""
    axes, surface = canvas.axes[0], canvas.canvas
    parts = {artist.get_gid(): artist for artist in canvas.findobj(lambda artist: artist.get_gid() is not None)}
    for name, part in parts.items():
        part.set_visible(not name.startswith(("value-", "gradient-", "total-", "title-1", "title-2", "active-")))
    surface.draw()
    frames = []
    for step, caption in zip(found, told, strict=True):
        for name in (name for name in step.shown if name in parts):
            _add(axes, parts[name])
        without_caption = surface.copy_from_bbox(canvas.bbox)
        _caption(canvas, parts, caption)
        for line in ("title-1", "title-2"):
            _add(axes, parts[line])
        frames.append(_marked(np.asarray(surface.buffer_rgba())[..., :3], parts.get(f"active-{step.active}")))
        surface.restore_region(without_caption)
    return frames


def _add(axes: Any, part: Any) -> None:
    part.set_visible(True)
    axes.draw_artist(part)


def _marked(pixels: np.ndarray, mark: Any) -> np.ndarray:
    """A copy, with the paper bright and the ink unchanged where the active node is."""
    pixels = pixels.copy()
    if mark is not None:
        (left, low), (right, high) = np.round(mark.get_window_extent().get_points()).astype(int)
        patch = pixels[len(pixels) - high : len(pixels) - low, left:right]
        patch[...] = patch * (PALE + (1 - PALE) * np.array(mark.get_facecolor()[:3]))
    return pixels


def _caption(canvas: Any, parts: Mapping[str, Any], caption: str) -> None:
    """Two lines, each as long as fits."""
    room = 72 * canvas.get_size_inches()[0] - 16
    lines = [""]
    for word in caption.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if measure(longer, 9) > room and len(lines) < 2:
            lines.append(word)
        else:
            lines[-1] = longer
    while measure(lines[-1], 9) > room:
        lines[-1] = f"{lines[-1][:-2]}…"
    for i, line in enumerate([*lines, ""][:2], start=1):
        parts[f"title-{i}"].set_text(line.replace("$", r"\$"))


def _svg(graph: Graph) -> tuple[str, float]:
    """(the circuit as an element of a page, its width in points), with everything in it that a step shows."""
    from matplotlib import rc_context

    with rc_context(STYLE):
        canvas = figure(graph, title=_formula(graph))
        for artist in canvas.findobj(lambda artist: (artist.get_gid() or "").startswith("active-")):
            artist.set_visible(True)
        out = StringIO()
        canvas.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    width, height = 72 * canvas.get_size_inches()
    below_title = f'<svg viewBox="0 {TITLE} {width:g} {height - TITLE:g}" aria-hidden="true">'
    return re.sub(r"<svg [^>]*>", below_title, text, count=1), width
