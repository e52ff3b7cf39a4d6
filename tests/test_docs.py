"""The pages of docs/ are true: their Python runs, and comes to what they say."""

import pytest
from markdown_blocks import ROOT, dead_links, run_python

PAGES = sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_links_is_there(page):
    assert not dead_links(page)


def test_the_page_on_things_from_python_runs_and_its_three_objectives_come_to_what_it_says():
    one_device = {"padl.train(": "padl.train(devices=1, ", "padl.sweep(": "padl.sweep(devices=1, "}
    page = run_python("docs/from_python.md", {"steps=100,": "steps=5,", "steps=100)": "steps=5)", **one_device})
    assert page["walks"].landscape.minima[0] == pytest.approx((1.0, -2.0), abs=1e-2)
    assert [row["model"] for row in page["found"].rows] == ["linear", "linear", "small hidden=4", "small hidden=4"]
    assert page["equation"].summary["final"]["error"] < 0.002  # of 5 seeds the largest is 0.00065
    assert page["duel"].summary["final"]["distance"] < 0.5  # of 5 seeds the largest is 0.30; untrained 1.65
    assert page["policy"].summary["final"]["regret"] < 0.003  # of 5 seeds the largest is 0.0012
