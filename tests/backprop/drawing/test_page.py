"""The page of a circuit's steps: what it holds, and what a real browser shows of it."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from padl.backprop import formula, trace
from padl.backprop.drawing import circuit
from padl.backprop.drawing.frames import captions, frames
from padl.backprop.drawing.page import html
from padl.types import PadlError

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
needs_browser = pytest.mark.skipif(not BROWSER, reason="no Chromium is installed")


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
        attributes = dict(attrs)
        self.name = attributes.get("id", self.name)
        if "visibility" in (attributes.get("style") or "") and "id" in attributes:
            self.visible[attributes["id"]] = "visibility: visible" in attributes["style"]

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
    assert data["captions"] == captions(frames(sigmoid))
    assert data["active"][0] == ""
    assert len(data["active"]) == len(data["captions"])


@needs_browser
@pytest.mark.parametrize("step", [0, 5, 17])
def test_a_browser_shows_what_is_known_at_a_step_and_hides_the_rest(sigmoid, page, tmp_path, step):
    browser = browse(page, f"step={step}", tmp_path)
    expected = {name: i <= step for i, frame in enumerate(frames(sigmoid)) for name in frame.appearing}
    active = frames(sigmoid)[step].active
    assert {name: browser.visible[name] for name in expected} == expected
    assert [name for name, shown in browser.visible.items() if name.startswith("active-") and shown] == (
        [] if active is None else [f"active-{active}"]
    )
    assert browser.texts["caption"].strip() == captions(frames(sigmoid))[step]
    assert browser.texts["count"].strip() == f"{step} of 17"


@needs_browser
def test_a_browser_takes_buttons_keys_slider_and_play(page, tmp_path):
    driver = """<script>
      const key = name => dispatchEvent(new KeyboardEvent("keydown", {key: name, cancelable: true}));
      const counts = [];
      const note = () => counts.push(document.getElementById("count").textContent);
      key("ArrowRight"); note(); key("ArrowRight"); key("ArrowLeft"); note();
      key("End"); note(); key("ArrowRight"); note();
      document.getElementById("previous").click(); note(); key("Home"); note();
      const range = document.getElementById("step");
      range.value = 7; range.dispatchEvent(new Event("input")); note(); counts.push(location.hash);
      document.getElementById("next").click(); note();
      document.getElementById("play").click();
      setTimeout(() => { note(); document.title = counts.join("; "); }, 3000);
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


def test_a_graph_too_large_to_draw_has_no_page_either(tmp_path):
    graph = formula("+".join(["x"] * (circuit.MAX_NODES + 1)), x=1)
    with pytest.raises(PadlError, match="too large to draw"):
        html(graph, tmp_path / "never")
