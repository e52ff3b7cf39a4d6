"""Steps forward and backward: their order, their words, the animation, and the page in a real browser."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from padl.backprop.drawing import circuit
from padl.backprop.drawing.frames import captions, gif, html, steps
from padl.backprop.drawing.layout import by_layers
from padl.backprop.formula import formula
from padl.backprop.tracing.trace import trace
from padl.types import PadlError

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
needs_browser = pytest.mark.skipif(not BROWSER, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def sigmoid():
    return formula("1 / (1 + exp(-(w1*x1 + w2*x2 + b)))", w1=2, x1=-1, w2=-3, x2=-2, b=-3)


@pytest.fixture(scope="module")
def page(sigmoid, tmp_path_factory):
    return html(sigmoid, tmp_path_factory.mktemp("page") / "steps.html")


class Shown(HTMLParser):
    """{id: whether it is visible} of what a script has shown or hidden, and the text of every id."""

    def __init__(self, text: str):
        super().__init__()
        self.visible: dict[str, bool] = {}
        self.texts: dict[str, str] = {}
        self.name = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.name = found.get("id", self.name)
        if "visibility" in (found.get("style") or "") and "id" in found:
            self.visible[found["id"]] = "visibility: visible" in found["style"]

    def handle_data(self, data):
        self.texts[self.name] = self.texts.get(self.name, "") + data


def browse(page, fragment: str, tmp_path) -> Shown:
    """The page after its own scripts have run."""
    ran = subprocess.run(
        [BROWSER, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=2000", "--dump-dom",
         f"{page.as_uri()}#{fragment}"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return Shown(ran.stdout)


def test_steps_go_forward_through_every_operation_and_then_backward_through_them(sigmoid):
    found = steps(sigmoid)
    assert [step.phase for step in found] == ["inputs"] + ["forward"] * 8 + ["backward"] * 9
    forward, backward = [s.active for s in found[1:9]], [s.active for s in found[10:]]
    assert forward == sorted(forward)
    assert backward == forward[::-1]
    assert found[9].shown == (f"gradient-result-{sigmoid.outputs[0]}",)


def test_every_number_of_the_picture_appears_at_exactly_one_step(sigmoid):
    for graph in (sigmoid, formula("x*y + x + exp(y)", x=3, y=2)):
        parts = circuit.figure(graph, by_layers).findobj(lambda artist: artist.get_gid() is not None)
        drawn = [p.get_gid() for p in parts if p.get_gid().startswith(("value-", "gradient-", "total-"))]
        appearing = [name for step in steps(graph) for name in step.shown]
        assert sorted(appearing) == sorted(drawn)


def test_a_value_is_there_before_it_is_used_and_a_gradient_before_it_is_passed_on(sigmoid):
    at = {name: i for i, step in enumerate(steps(sigmoid)) for name in step.shown}
    found = {(step.phase, step.active): i for i, step in enumerate(steps(sigmoid))}
    for node in sigmoid:
        for place in range(len(node.parents)):
            if f"value-{node.number}-{place}" in at:
                assert at[f"value-{node.number}-{place}"] < found["forward", node.number]
        for consumer, place, _ in sigmoid.received[node.number] if node.parents else ():
            assert at[f"gradient-{consumer}-{place}"] < found["backward", node.number]


def test_captions_count_the_steps_and_say_what_is_multiplied():
    graph = formula("(x + y) * z", x=-2, y=5, z=-4)
    assert captions(graph, steps(graph)) == [
        "step 0 of 5, inputs: x = -2, y = 5, z = -4",
        "step 1 of 5, forward: x + y = 3",
        "step 2 of 5, forward: (x + y) * z = -12",
        "step 3 of 5, backward: the gradient of the result with respect to itself is 1",
        "step 4 of 5, backward: × sends b · 1 = -4 to x + y; a · 1 = 3 to z",
        "step 5 of 5, backward: + sends 1 · (-4) = -4 to x; 1 · (-4) = -4 to y",
    ]


def test_captions_tell_words_where_the_rule_is_no_formula():
    graph = trace(lambda x: (x * x).sum(), np.ones(3, np.float32))
    assert captions(graph, steps(graph))[-2:] == [
        "step 4 of 5, backward: sum sends |g| 1.73 (1 to each) to its input",
        "step 5 of 5, backward: × sends |g| 1.73 (b) to x; |g| 1.73 (a) to x",
    ]


def test_the_animation_has_a_frame_for_each_step_on_white_paper_and_ends_with_all_shown(sigmoid, tmp_path):
    file = gif(sigmoid, tmp_path / "steps.gif")
    with Image.open(file) as found:
        assert found.n_frames == len(steps(sigmoid))
        assert found.info["loop"] == 0
        ink = []
        for i in range(found.n_frames):
            found.seek(i)
            pixels = np.asarray(found.convert("RGB"))
            assert tuple(pixels[1, 1]) == (255, 255, 255)
            ink.append((pixels[60:] < 200).any(axis=-1).sum())
    assert ink[-1] > ink[0]
    assert file.stat().st_size < 500_000


def test_the_page_needs_nothing_from_outside_and_is_small(page):
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"|url\((?!#)|@import|<link|fetch\(|import\(', text)
    assert not [u for u in re.findall(r"https?://[^\s\"'<>)]+", text) if not u.startswith("http://www.w3.org/")]
    assert page.stat().st_size < 500_000


def test_the_page_names_its_controls_and_respects_who_wants_no_motion(page):
    text = page.read_text(encoding="utf-8")
    for needed in ('lang="en"', 'name="viewport"', 'aria-live="polite"', 'aria-label="next step"', "<noscript>",
                   "prefers-reduced-motion", "<label>"):  # fmt: skip
        assert needed in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_names_in_the_page_are_text_and_never_markup(tmp_path):
    graph = trace(lambda d: d["</script><script>alert(1)</script>"] * 2.0, {"</script><script>alert(1)</script>": 3.0})
    text = html(graph, tmp_path / "odd.html").read_text(encoding="utf-8")
    assert text.count("<script") == 2
    assert "<script>alert" not in text


def test_the_page_holds_the_same_steps_as_the_graph(sigmoid, page):
    data = json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)[1])
    assert data["captions"] == captions(sigmoid, steps(sigmoid))
    assert data["active"][0] == ""
    assert len(data["active"]) == len(data["captions"])


@needs_browser
@pytest.mark.parametrize("step", [0, 5, 17])
def test_a_browser_shows_what_is_known_at_a_step_and_hides_the_rest(sigmoid, page, tmp_path, step):
    found = browse(page, f"step={step}", tmp_path)
    expected = {name: i <= step for i, s in enumerate(steps(sigmoid)) for name in s.shown}
    active = steps(sigmoid)[step].active
    assert {name: found.visible[name] for name in expected} == expected
    assert [name for name, shown in found.visible.items() if name.startswith("active-") and shown] == (
        [] if active is None else [f"active-{active}"]
    )
    assert found.texts["caption"].strip() == captions(sigmoid, steps(sigmoid))[step]
    assert found.texts["count"].strip() == f"{step} of 17"


@needs_browser
def test_a_browser_takes_buttons_keys_slider_and_play(page, tmp_path):
    driver = """<script>
      const key = name => dispatchEvent(new KeyboardEvent("keydown", {key: name, cancelable: true}));
      const told = [];
      const note = () => told.push(document.getElementById("count").textContent);
      key("ArrowRight"); note(); key("ArrowRight"); key("ArrowLeft"); note();
      key("End"); note(); key("ArrowRight"); note();
      document.getElementById("previous").click(); note(); key("Home"); note();
      const range = document.getElementById("step");
      range.value = 7; range.dispatchEvent(new Event("input")); note(); told.push(location.hash);
      document.getElementById("next").click(); note();
      document.getElementById("play").click();
      setTimeout(() => { note(); document.title = told.join("; "); }, 3000);
    </script></body>"""
    driven = tmp_path / "driven.html"
    driven.write_text(page.read_text(encoding="utf-8").replace("</body>", driver), encoding="utf-8")
    ran = subprocess.run(
        [BROWSER, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=4000", "--dump-dom",
         driven.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    title = re.search(r"<title>(.*?)</title>", ran.stdout)[1]
    assert title.split("; ") == [
        "1 of 17", "1 of 17", "17 of 17", "17 of 17", "16 of 17", "0 of 17",
        "7 of 17", "#step=7", "8 of 17", "10 of 17",
    ]  # fmt: skip


def test_a_graph_too_large_to_draw_has_no_steps_either(tmp_path):
    graph = formula("+".join(["x"] * (circuit.MOST + 1)), x=1)
    for write in (gif, html):
        with pytest.raises(PadlError, match="too large to draw"):
            write(graph, tmp_path / "never")
