"""A circuit's frames as one page of HTML. html(graph, file)."""

import json
import re
from html import escape
from io import StringIO
from pathlib import Path
from string import Template

from padl.backprop.drawing.circuit import STYLE, TITLE, figure
from padl.backprop.drawing.frames import captions, formula_text, frames
from padl.backprop.graph import Graph
from padl.runs.pictures import own_style

TEMPLATE = Path(__file__).parent / "steps.html"


def html(graph: Graph, file: Path | str) -> Path:
    """Write one page that needs nothing else: the circuit, a slider, buttons; return its path.

    `steps.html#step=5` opens it at step 5.

    Raises:
        PadlError: the graph is too large to draw.
    """
    shown = frames(graph)
    texts = captions(shown)
    appears = {name: i for i, frame in enumerate(shown) for name in frame.appearing}
    active = ["" if frame.active is None else f"active-{frame.active}" for frame in shown]
    data = json.dumps({"captions": texts, "appears": appears, "active": active})
    svg, width = _svg(graph)
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(formula_text(graph)),
        last=len(shown) - 1,
        first=escape(texts[0]),
        svg=svg,
        least=round(width),
        most=round(1.8 * width),
        data=data.replace("<", "\\u003c"),  # inside of a <script>
    )
    Path(file).write_text(text, encoding="utf-8")
    return Path(file)


def _svg(graph: Graph) -> tuple[str, float]:
    """(the circuit as an element of a page, its width in points), with everything in it that a frame shows."""
    with own_style(STYLE):
        canvas = figure(graph, title=formula_text(graph))
        for artist in canvas.findobj(lambda artist: (artist.get_gid() or "").startswith("active-")):
            artist.set_visible(True)
        out = StringIO()
        canvas.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    width, height = 72 * canvas.get_size_inches()
    below_title = f'<svg viewBox="0 {TITLE} {width:g} {height - TITLE:g}" aria-hidden="true">'
    return re.sub(r"<svg [^>]*>", below_title, text, count=1), width
