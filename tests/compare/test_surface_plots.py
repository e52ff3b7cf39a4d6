"""The pictures of a comparison and its race: that they show what there is, legibly, and stand what diverges."""

import shutil
from dataclasses import replace
from itertools import combinations

import jax.numpy as jnp
import numpy as np
import pytest

from padl.compare import animation, plot_style, surface_captions, surface_ground, surface_plots
from padl.compare.comparison import Chosen, Comparison, Trajectory
from padl.compare.surface_progress import falls_early, progress
from padl.compare.surface_rates import rates
from padl.surfaces.landscape import Landscape
from padl.types import PadlError

RATES = np.array([0.01, 0.1, 0.5, 3.0])  # the last one diverges
BOWL = Landscape(
    "bowl, κ = 4", lambda p: 0.5 * (p[0] ** 2 + 4 * p[1] ** 2), (2.0, 1.0), (-9, -9), (9, 9), ((-3, 3), (-2, 2)),
    ((0.0, 0.0),), 0.0,
)  # fmt: skip
LINE = Landscape("line", lambda p: jnp.abs(p[0] - 0.5), (2.0,), (-9,), (9,), ((-3, 3),), ((0.5,),), 0.0, axes=("x",))
STEPS = 60


def path(momentum=0.0, starts=1, rates=RATES, dimensions=2, work=1):
    """Heavy ball on the bowl, by hand."""
    first = np.array([[2.0, 1.0], [-1.5, 1.2], [0.5, -1.0]])[:starts, :dimensions]
    scale = np.array([1.0, 4.0])[:dimensions]
    p = np.repeat(first[None], len(rates), 0)
    rate, velocity, points = np.asarray(rates)[:, None, None], np.zeros_like(p), [p]
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            velocity = momentum * velocity - rate * scale * p
            p = np.where(np.abs(p) < 1e15, p + velocity, np.nan)
            points.append(p)
        points = np.stack(points, 2)
        losses = 0.5 * (scale * points**2).sum(-1)
    return Trajectory(np.asarray(rates), points, losses, np.sqrt((points**2).sum(-1)), work)


def chosen(path, rate=1, goal=0.04):
    at = path.losses[rate] <= goal
    return Chosen(rate, True, None, np.where(at.any(-1), at.argmax(-1), np.nan))


def comparison(paths, shown=None, landscape=BOWL, noise=0.0):
    choices = {label: chosen(p, (shown or {}).get(label, 1)) for label, p in paths.items()}
    starts = next(iter(paths.values())).points[0, :, 0]
    return Comparison(landscape, starts, STEPS, 3, noise, "tuned", 0.04, paths, choices)


TWO = comparison({"gd": path(), "momentum": path(0.5)})
LOST = comparison({"gd": path(starts=3), "momentum": path(0.5, starts=3)}, {"momentum": 3})
LABELS = ["gd", "adam b1=0.8 b2=0.99 eps=1e-06", "momentum momentum=0.99", *(f"rule {i}" for i in range(7))]
TEN = comparison({label: path(0.08 * i, starts=2) for i, label in enumerate(LABELS)}, {"rule 3": 3}, noise=0.5)
ONE = comparison({k: path(0.1, 2, dimensions=1) for k in ("gd", "adam b1=0.8", "sign", "rms")}, landscape=LINE)
WORK = comparison({"gd": path(work=500), "sgd": path(0.2, work=20)}, landscape=replace(BOWL, rows=500))


def words(figure):
    """(text, its box in dots) of all that is written in a figure and seen."""
    from matplotlib.text import Text

    figure.canvas.draw()
    along = [axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis)]
    kept = {t.label1 for axis in along for t in (*axis.get_major_ticks(), *axis.get_minor_ticks())}
    drawn = {t.label1 for axis in along for t in axis._update_ticks()}  # not those outside the limits, which are kept
    shown = lambda text: text.get_visible() and (text.axes is None or text.axes.get_visible())  # noqa: E731
    texts = [t for t in figure.findobj(Text) if shown(t) and t.get_text().strip() and t not in kept - drawn]
    (legend,) = figure.legends  # one box with its lines and markers
    in_legend = set(legend.findobj(Text))
    return [(t.get_text(), t.get_window_extent()) for t in texts if t not in in_legend] + [
        ("legend", legend.get_window_extent())
    ]


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize(
    ("picture", "shown"),
    [
        (surface_plots.paths, TEN),
        (progress, TEN),
        (rates, TEN),
        (surface_plots.paths, ONE),
        (progress, WORK),
    ],
    ids=["paths", "progress", "rates", "one_coordinate", "rows"],
)
def test_no_two_words_overlap_and_none_leaves_the_picture(picture, shown):
    figure = picture(shown)
    texts = words(figure)
    wide, high = figure.bbox.width, figure.bbox.height
    assert [t for t, b in texts if b.x0 < -1 or b.y0 < -1 or b.x1 > wide + 1 or b.y1 > high + 1] == []
    inside = [(text, box.padded(-1)) for text, box in texts]
    assert len(texts) > 10
    assert [(a, b) for (a, one), (b, other) in combinations(inside, 2) if one.overlaps(other)] == []


def test_three_pictures_are_written_and_no_rates_where_there_is_one_rate(tmp_path):
    files = surface_plots.draw(TWO, tmp_path)
    assert [f.name for f in files] == ["paths.png", "progress.png", "rates.png"]
    assert all(f.read_bytes().startswith(b"\x89PNG") for f in files)
    single = comparison(
        {"gd": path(rates=RATES[1:2]), "plain": path(rates=RATES[1:2])._replace(rates=None)}, {"gd": 0, "plain": 0}
    )
    (tmp_path / "single").mkdir()
    assert [f.name for f in surface_plots.draw(single, tmp_path / "single")] == ["paths.png", "progress.png"]


def test_the_title_says_surface_mode_steps_starts_noise_and_seed():
    assert surface_captions.title(TEN) == (
        "bowl, κ = 4, tuned: each at the best of 4 learning rates\n60 steps, 2 starts, gradient noise σ = 0.5, seed 3"
    )
    assert surface_captions.title(replace(TWO, mode="fixed")) == (
        "bowl, κ = 4, fixed learning rate 0.1 for all\n60 steps, one start, no gradient noise, seed 3"
    )
    assert "batches of 20 of 500 rows, seed 3" in surface_captions.title(WORK)


def test_an_entry_says_the_rate_and_the_steps_or_what_went_wrong():
    rates, one = path(), np.array([7.0])
    entry = lambda p, rate, reached: surface_captions.entry("gd", p, Chosen(rate, True, None, reached))  # noqa: E731
    assert entry(rates, 1, one) == "gd (0.1): 7 steps"
    assert entry(rates, 1, np.array([1.0])) == "gd (0.1): 1 step"
    assert entry(rates, 1, np.array([np.nan])) == "gd (0.1): not reached"
    assert entry(rates, 3, one) == "gd (3): diverged"
    assert entry(path(starts=3), 1, np.array([7.0, np.nan, 9.0])) == "gd (0.1): reached from 2 of 3 starts"
    assert entry(path(rates=RATES[1:2])._replace(rates=None), 0, one) == "gd: 7 steps"
    some = path(starts=3)
    some.losses[1, 0, -1] = np.nan
    assert entry(some, 1, np.full(3, 7.0)) == "gd (0.1): diverged from 1 of 3 starts"


def test_every_optimizer_has_a_path_from_every_start_and_the_minimum_a_star():
    figure = surface_plots.paths(LOST)
    lines = figure.axes[0].lines
    tracks = [line for line in lines if len(line.get_xdata()) == STEPS + 1]
    assert len(tracks) == 2 * 3
    np.testing.assert_array_equal(sorted({len(line.get_xdata()) for line in tracks}), [STEPS + 1])
    assert [line.get_xydata().tolist() for line in lines if line.get_marker() == "*"] == [[[0.0, 0.0]]]
    assert legend_of(figure)[-3:] == ["start", "lowest point", "diverged: leaves the picture"]


def test_a_path_that_diverges_neither_widens_the_view_nor_the_axes():
    (left, right), (low, high) = surface_ground.view(LOST)
    assert (left, right, low, high) == (-3, 3, -2, 2)
    panel = progress(LOST).axes[0]
    assert panel.get_ylim()[1] < 20
    crosses = [line for line in surface_plots.paths(LOST).axes[0].lines if line.get_marker() == "x"]
    assert len(crosses) == 3
    for line in crosses:  # on the border, where it left for good
        (at,) = line.get_xydata()
        assert np.isclose(np.abs(at), [3, 2]).any()
        assert (np.abs(at) <= [3 + 1e-9, 2 + 1e-9]).all()


def test_the_view_is_widened_by_a_quarter_at_most():
    far = path()
    far.points[1, 0, 5] = 1e6, 2.2
    (left, right), (low, high) = surface_ground.view(comparison({"gd": far}))
    assert (left, right, low) == (-3, 3, -2)
    assert high == pytest.approx(2.2 + 0.04 * 4)


def test_a_path_that_ends_outside_is_marked_hollow_on_the_border():
    away = path()
    away.points[1, 0, -1] = 30.0, 0.0
    figure = surface_plots.paths(comparison({"gd": away}))
    assert "hollow: ends outside the picture" in legend_of(figure)
    (hollow,) = [line for line in figure.axes[0].lines if np.isclose(line.get_xdata()[-1:], 3).any()]
    assert hollow.get_markerfacecolor() == "white"


def test_a_line_leaves_a_box_where_geometry_says():
    low, high = np.array([-1.0, -1.0]), np.array([1.0, 1.0])
    leaves = lambda a, b: surface_plots.leaves(np.array(a), np.array(b), low, high).tolist()  # noqa: E731
    assert leaves([0.0, 0.0], [4.0, 2.0]) == [1.0, 0.5]
    assert leaves([0.5, 0.0], [0.5, -3.0]) == [0.5, -1.0]
    assert leaves([1.0, 0.0], [5.0, 0.0]) == [1.0, 0.0]
    assert leaves([0.3, 0.2], [np.nan, np.nan]) == [0.3, 0.2]


def test_contours_are_evenly_spaced_in_the_logarithm_where_heights_span_decades():
    log = surface_ground.levels(np.geomspace(1e-4, 1e3, 10_000))
    assert log[0] <= 2e-4
    assert log[-1] >= 1e3
    np.testing.assert_allclose(np.diff(np.log10(log)), np.diff(np.log10(log))[0])
    assert len(log) < 25
    linear = surface_ground.levels(np.linspace(20, 80, 1000))
    np.testing.assert_allclose(np.diff(linear), np.diff(linear)[0])
    assert np.isfinite(surface_ground.levels(np.zeros(4))).all()


def test_the_ground_is_the_height_above_the_floor():
    (x, y), gap = surface_ground.ground(replace(BOWL, floor=-2.0, rows=7), ((-3, 3), (-2, 2)))
    assert gap.shape == (surface_ground.COARSE, surface_ground.COARSE)
    np.testing.assert_allclose(gap, 0.5 * (x[None] ** 2 + 4 * y[:, None] ** 2) + 2.0, rtol=1e-6)


def test_progress_is_logarithmic_and_has_a_panel_for_rows_where_work_differs():
    gap, distance = progress(TWO).axes
    assert gap.get_yscale() == distance.get_yscale() == "log"
    three = progress(WORK).axes
    assert [panel.get_xlabel() for panel in three] == ["step", "step", "rows of data looked at"]
    ends = {line.get_label(): line.get_xdata()[-1] for line in three[2].lines if len(line.get_xdata()) > 2}
    assert ends == {"gd": 500 * STEPS, "sgd": 20 * STEPS}


def test_early_steps_are_seen_where_most_happens_in_them():
    quick, slow = 10.0 ** -np.minimum(np.arange(101), 8.0), 10.0 ** -np.linspace(0, 8, 101)
    assert falls_early({"quick": quick[None]})
    assert not falls_early({"slow": slow[None]})
    assert not falls_early({"still": np.ones((1, 101))})


def test_a_gap_of_zero_is_drawn_at_the_smallest_one_and_the_axis_says_so():
    exact = path()
    exact.losses[1, 0, 30:] = 0.0
    panel = progress(comparison({"gd": exact})).axes[0]
    (line,) = [line for line in panel.lines if line.get_label() == "gd"]
    smallest = exact.losses[1, 0][exact.losses[1, 0] > 0].min()
    np.testing.assert_allclose(line.get_ydata()[30:], smallest)
    assert "less than" in panel.get_ylabel()
    assert panel.get_ylim()[0] < smallest
    assert "less than" not in progress(comparison({"gd": path()})).axes[0].get_ylabel()


def test_the_line_is_the_mean_over_starts_and_the_goal_is_dotted_and_in_sight():
    panel = progress(LOST).axes[0]
    (line,) = [line for line in panel.lines if line.get_label() == "gd"]
    np.testing.assert_allclose(line.get_ydata(), LOST.paths["gd"].losses[1].mean(0), rtol=1e-12)
    goals = [line.get_ydata()[0] for line in panel.lines if list(line.get_ydata()) == [0.04, 0.04]]
    assert goals == [0.04]
    assert panel.get_ylim()[0] < 0.04 < panel.get_ylim()[1]
    assert len(panel.collections) == 2  # a band each


def test_rates_are_on_two_logarithmic_axes_with_a_row_for_each_optimizer():
    good = replace(TWO, chosen={k: choice._replace(good=(0.1, 0.5)) for k, choice in TWO.chosen.items()})
    rows, panel = rates(good).axes
    assert panel.get_xscale() == panel.get_yscale() == rows.get_xscale() == "log"
    assert [label.get_text() for label in rows.get_yticklabels()] == ["gd", "momentum"]
    crosses = [line.get_xydata().tolist() for line in rows.lines if line.get_marker() == "x"]
    assert crosses == [[[3.0, 0.0]], [[3.0, 1.0]]]
    thick = [line.get_xdata().tolist() for line in rows.lines if line.get_linewidth() > 4]
    assert thick == [[0.1, 0.5]] * 2
    (gd,) = [line for line in panel.lines if len(line.get_xdata()) == 4 and line.get_marker() == "o"]
    np.testing.assert_allclose(gd.get_ydata()[:3], TWO.paths["gd"].losses[:3, 0, -1])
    assert np.isnan(gd.get_ydata()[3])
    big = [line.get_xdata()[0] for line in panel.lines if line.get_markersize() > 8 and len(line.get_xdata()) == 1]
    assert big == [0.1, 0.1]  # at 0.5 the steeper direction, of curvature 4, is at the edge of stability


def test_the_one_rate_of_all_is_drawn_in_the_fixed_mode():
    figure = rates(replace(TWO, mode="fixed"))
    for panel in figure.axes:
        assert [0.1, 0.1] in [list(line.get_xdata()) for line in panel.lines]
    assert "learning rate of the other pictures" in legend_of(figure)


def test_an_optimizer_without_a_learning_rate_is_a_level_line():
    bare = path(rates=RATES[1:2])._replace(rates=None)
    mixed = comparison({"gd": path(), "bare": bare}, {"bare": 0})
    rows, panel = rates(mixed).axes
    assert "has no learning rate" in [text.get_text() for text in rows.texts]
    assert [bare.losses[0, 0, -1]] * 2 in [list(line.get_ydata()) for line in panel.lines]


def test_over_one_coordinate_each_optimizer_has_a_curve_of_its_own():
    figure = surface_plots.paths(ONE)
    assert [panel.get_title() for panel in figure.axes if panel.get_visible()] == list(surface_captions.named(ONE))
    for panel, label in zip(figure.axes, ONE.paths, strict=False):
        courses = [line for line in panel.lines if len(line.get_xdata()) == STEPS + 1]
        assert len(courses) == 2
        assert {float(line.get_ydata()[-1]) for line in courses} == set(ONE.paths[label].losses[1, :, -1].tolist())


def test_all_can_diverge():
    lost = comparison({"gd": path(starts=2), "momentum": path(0.5, starts=2)}, {"gd": 3, "momentum": 3})
    for picture in (surface_plots.paths, progress, rates):
        assert "gd (3): diverged" in legend_of(picture(lost))


def test_moments_are_all_early_steps_and_few_late_ones():
    steps = animation.moments(500)
    assert steps[0] == 0
    assert steps[-1] == 500
    assert len(steps) <= 100
    assert (np.diff(np.diff(steps)) >= -1).all()
    assert set(range(6)) <= set(steps.tolist())
    assert animation.moments(20).tolist() == list(range(21))


def test_the_race_is_a_looping_gif_whose_last_frame_stays_a_second(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setattr(shutil, "which", lambda name: None)
    (file,) = animation.write(LOST, tmp_path)
    with Image.open(file) as image:
        times = []
        for frame in range(image.n_frames):  # pyright: ignore[reportAttributeAccessIssue]
            image.seek(frame)
            times.append(image.info["duration"])
        assert image.info["loop"] == 0
    assert len(times) == len(animation.moments(STEPS))
    assert times[-1] == 1000
    assert set(times[:-1]) <= set(range(50, 251))
    assert file.stat().st_size < 3e6


def test_frames_move_only_what_moves():
    early, late = animation.frames(LOST, [0, STEPS])
    changed = np.argwhere((early != late).any(-1))
    assert len(changed)
    assert changed[:, 0].min() > 0.05 * early.shape[0]  # not the title
    assert changed[:, 0].max() < 0.8 * early.shape[0]  # not the legend


def test_the_gif_has_every_colour_of_a_path():
    from matplotlib.colors import to_rgb

    colours = animation.palette().tolist()
    assert len(colours) <= 255
    assert all([round(255 * x) for x in to_rgb(colour)] in colours for colour in plot_style.COLOURS)


def test_an_mp4_is_written_where_ffmpeg_is_and_its_failure_is_one_line(tmp_path):
    pictures = [np.full((21, 31, 3), shade, np.uint8) for shade in (0, 128)]
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg:
        animation._mp4(ffmpeg, pictures, 0.1, tmp_path / "race.mp4")
        assert b"ftyp" in (tmp_path / "race.mp4").read_bytes()[:16]
    false = tmp_path / "ffmpeg"
    false.write_text("#!/bin/sh\necho no such encoder >&2\nexit 1\n")
    false.chmod(0o755)
    with pytest.raises(PadlError, match=r"did not write .*no such encoder; mend it"):
        animation._mp4(str(false), pictures, 0.1, tmp_path / "race.mp4")
