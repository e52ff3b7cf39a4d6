"""Folders of images: which files are images of which class and side, what is left out, how pixels are read."""

import io
import os

import numpy as np
import pytest
from PIL import Image, features

import padl
from padl.types import PadlError

WHITE, GREY = (255, 255, 255), 128


def picture(value=GREY, mode="RGB"):
    return Image.new(mode, (6, 6), value)


def fill(folder, count=2, value=(40, 90, 160)):
    folder.mkdir(parents=True)
    for i in range(count):
        picture(value).save(folder / f"{i}.png")


@pytest.fixture
def root(tmp_path):
    """Two classes of five images."""
    fill(tmp_path / "r" / "a", 5)
    fill(tmp_path / "r" / "b", 5)
    return tmp_path / "r"


def read(root, **options):
    return padl.task("image_folder", path=str(root), size=4, **options)


def pixels(root, file, **options):
    """The image of a file that sorts first, (4, 4, channels)."""
    assert file.name < "0.png"
    return read(root, **options).rows["inputs"][0]


def said(task, words):
    """The one line that holds these words."""
    (line,) = [line for line in task.said if words in line]
    return line


# Classes and sides


def test_the_images_of_each_class_are_counted_in_one_line(root):
    picture().save(root / "b" / "x.png")
    assert read(root).said == ("11 images of 2 classes: a 5, b 6",)


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Train", "valid", "Test"), ("training", "dev", "testing")]
)
def test_folders_of_sides_are_the_split(tmp_path, names):
    for side, count in zip(names, (4, 3, 2), strict=True):
        fill(tmp_path / side / "cat", count)
        fill(tmp_path / side / "dog", count)
    task = read(tmp_path)
    assert task.about["names"] == ["cat", "dog"]
    for seed in (0, 1):
        split = task.split(seed, {})
        assert [len(split.train), len(split.held_out), len(split.test)] == [8, 6, 4]
        assert set(split.train) == set(range(8))
        assert set(split.test) == set(range(14, 18))
    assert f"{names[0]} 8, {names[1]} 6 held out, {names[2]} 4 to test; task.held_out is not used" in said(
        task, "split"
    )


def test_of_train_and_test_alone_a_share_of_train_is_held_out(tmp_path):
    for side in ("train", "test"):
        fill(tmp_path / side / "cat", 10)
        fill(tmp_path / side / "dog", 10)
    task = read(tmp_path, held_out=0.3)
    split = task.split(0, {})
    assert [len(split.train), len(split.held_out), len(split.test)] == [14, 6, 20]
    assert set(split.test) == set(range(20, 40))
    assert "not used" not in said(task, "the folders are the split")
    with pytest.raises(PadlError, match="which rows test is given"):
        read(tmp_path, test=0.1).split(0, {})


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ("train/cat train/dog val/cat bird", "'train' is a side of a split, and stands beside 'bird'"),
        ("cat dog test", "'test' is a side of a split, and stands beside 'cat'"),
        ("cat train/x", "'train' is a side of a split, and stands beside 'cat'"),
        ("train/cat train/dog", "holds train: give it train, val and test, or"),
        ("val/cat test/cat", "holds test, val: give it train"),
        ("train/cat train/dog val/cat valid/cat", "once each"),
        ("train/cat train/dog val/cat val/bird", "'val' has class 'bird', which 'train' has not"),
        ("train/cat train/dog test", "'test' has no class folder"),
        ("train/cat val/cat", "1 class folders in 'train', needs two"),
    ],
)
def test_folders_that_are_no_clear_split_are_refused(tmp_path, folders, message):
    for name in folders.split():
        fill(tmp_path / name)
    with pytest.raises(PadlError, match=message):
        read(tmp_path)


def test_a_side_without_images_is_refused(tmp_path):
    for name in ("train/cat", "train/dog"):
        fill(tmp_path / name)
    (tmp_path / "val" / "cat").mkdir(parents=True)
    with pytest.raises(PadlError, match="no image in the class folders of 'val'"):
        read(tmp_path)


def test_a_train_may_be_a_thing(tmp_path):
    for name in ("bus", "train"):
        fill(tmp_path / name)
    assert read(tmp_path).about["names"] == ["bus", "train"]


# What is left out


@pytest.mark.parametrize(
    "hidden",
    [
        "a/.ipynb_checkpoints/0-checkpoint.png", "a/@eaDir/0.png", "a/.0.png", "a/._0.png", "__MACOSX/a/._0.png",
        ".cache/a/0.png", "a/deep/.x/0.png", "b/Thumbs.db", "b/.DS_Store", "desktop.ini",
    ],
)  # fmt: skip
def test_hidden_files_are_left_out_at_every_level(root, hidden):
    file = root / hidden
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\0\5\26\7 no image")  # as macOS writes beside each file
    task = read(root)
    assert task.about["names"] == ["a", "b"]
    assert len(task.rows["labels"]) == 10
    assert said(task, "hidden").startswith("left out: 1 hidden files or folders (")


def test_files_that_are_not_read_are_told_by_their_endings(root):
    for name in ("a/1.heic", "a/2.HEIC", "b/notes.txt", "README"):
        (root / name).write_bytes(b"what it is")
    line = said(read(root), "ending")
    assert line.startswith("left out, as no image by its ending that PADL reads: 2 .heic, ")
    assert "1 .txt" in line
    assert "1 without one" in line


def test_a_class_of_unreadable_endings_alone_says_which(root):
    (root / "c").mkdir()
    (root / "c" / "1.heic").write_bytes(b"")
    with pytest.raises(PadlError, match=r"no image in the folder of class 'c', but 1 \.heic"):
        read(root)


def test_images_in_no_class_and_folders_that_are_links_are_told(root):
    picture().save(root / "loose.png")
    (root / "a" / "more").symlink_to(root / "b")
    task = read(root)
    assert len(task.rows["labels"]) == 10
    assert said(task, "no class") == "left out: 1 images in no class folder (loose.png)"
    assert said(task, "links") == "left out: 1 folders that are links (a/more)"


def test_a_folder_that_cannot_be_read_is_named(root, monkeypatch):
    def refused(folder):
        raise PermissionError(13, os.strerror(13), str(folder))

    monkeypatch.setattr("pathlib.Path.iterdir", refused)
    with pytest.raises(PadlError, match=r"r cannot be read \(Permission denied\)"):
        read(root)


# Pixels


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("!.jfif", "JPEG"), ("!.JPG", "JPEG"), ("!.avif", "AVIF"), ("!.PNG", "PNG"), ("!.jp2", "JPEG2000"),
        ("!.ppm", "PPM"), ("!.dib", "DIB"), ("!.tiff", "TIFF"), ("!.webp", "WEBP"), ("!.gif", "GIF"),
    ],
)  # fmt: skip
def test_other_endings_of_images_are_read(root, name, form):
    if form == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    picture((0, 200, 0)).save(root / "a" / name, form)
    task = read(root)
    assert len(task.rows["labels"]) == 11
    np.testing.assert_allclose(task.rows["inputs"][0, 0, 0], (0, 200, 0), atol=4)  # what a lossy format makes of it


def test_the_transparent_colour_of_a_palette_is_not_trained_on(root):
    image = Image.new("P", (6, 6), 0)
    image.putpalette([255, 0, 255, 10, 20, 30])
    image.paste(1, (0, 0, 6, 3))
    image.save(root / "a" / "!.png", transparency=0)
    found = pixels(root, root / "a" / "!.png")
    np.testing.assert_array_equal(found[0, 0], (10, 20, 30))
    np.testing.assert_array_equal(found[-1, 0], WHITE)
    assert said(read(root), "transparent") == "1 of 11 images with transparent pixels: laid over white (a/!.png)"


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("RGBA", (255, 0, 255, 0), WHITE),
        ("RGBA", (100, 0, 0, 128), (177, 127, 127)),  # 128/255 of it over white
        ("LA", (0, 0), WHITE),
        ("LA", (100, 255), (100, 100, 100)),
    ],
)
@pytest.mark.parametrize("colour", ["rgb", "grey"])
def test_transparency_is_laid_over_white(root, mode, value, expected, colour):
    picture(value, mode).save(root / "a" / "!.png")
    found = pixels(root, root / "a" / "!.png", colour=colour)
    luma = np.dot(expected, (0.299, 0.587, 0.114))  # ITU-R BT.601
    np.testing.assert_allclose(found[0, 0], expected if colour == "rgb" else [luma], atol=1)
    transparent = [line for line in read(root).said if "transparent" in line]
    assert bool(transparent) == (value[-1] < 255)


def test_one_colour_that_stands_for_transparent_is_laid_over_white(root):
    picture((1, 2, 3)).save(root / "a" / "!.png", transparency=(1, 2, 3))
    np.testing.assert_array_equal(pixels(root, root / "a" / "!.png")[0, 0], WHITE)


@pytest.mark.parametrize(("mode", "value"), [("CMYK", (0, 255, 255, 0)), ("YCbCr", (76, 85, 255)), ("P", 0)])
def test_colours_of_other_models_are_red_where_they_are_red(root, mode, value):
    image = picture(value, mode)
    if mode == "P":
        image.putpalette([254, 0, 0])
    image.save(root / "a" / "!.tif")
    np.testing.assert_allclose(pixels(root, root / "a" / "!.tif")[0, 0], (254, 0, 0), atol=2)


def test_a_bitmap_is_black_and_white(root):
    picture(1, "1").save(root / "a" / "!.png")
    np.testing.assert_array_equal(pixels(root, root / "a" / "!.png")[0, 0], WHITE)


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_more_than_eight_bits_are_refused(root, mode):
    picture(1000, mode).save(root / "a" / "!.tif")
    with pytest.raises(PadlError, match=r"a/!\.tif: .* pixels have more than 8 bits"):
        read(root)


@pytest.mark.parametrize("name", ["!.tif", "!.gif"])
def test_several_pages_or_frames_are_told_and_the_first_is_used(root, name):
    first, *others = (picture((value, value, value)) for value in (20, 120, 220))
    first.save(root / "a" / name, save_all=True, append_images=others)
    np.testing.assert_array_equal(pixels(root, root / "a" / name)[0, 0], (20, 20, 20))
    words = f"1 of 11 images of several pages or frames: the first is used (a/{name})"
    assert said(read(root), "pages") == words


def test_an_image_is_turned_as_its_exif_orientation_says(root):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image = picture((0, 0, 0))
    image.paste(WHITE, (0, 3, 6, 6))  # the lower half, which is the left one when it is turned
    image.save(root / "a" / "!.png", exif=exif)
    found = pixels(root, root / "a" / "!.png", colour="grey")
    assert (found[:, 0] == 255).all()
    assert (found[:, -1] == 0).all()
    assert said(read(root), "EXIF") == "1 of 11 images turned as their EXIF orientation says (a/!.png)"


def test_a_program_of_another_format_is_not_read_whatever_its_ending(root):
    text = io.BytesIO()
    picture().save(text, "EPS")
    (root / "a" / "!.png").write_bytes(text.getvalue())
    with pytest.raises(PadlError, match=r"a/!\.png: not an image of PNG, JPEG, .*: convert or remove it"):
        read(root)


def test_lines_of_the_images_stand_in_the_summary(root):
    run = padl.train(task={"name": "image_folder", "path": str(root), "size": 4}, model="linear", steps=2, devices=1)
    assert run.summary["notes"] == ["10 images of 2 classes: a 5, b 5"]
    assert run.summary["rows"] == {"train": 8, "held_out": 2}


def test_a_folder_of_sides_is_trained_held_out_and_tested(tmp_path):
    for side in ("train", "val", "test"):
        fill(tmp_path / side / "dark", 3, (20, 20, 20))
        fill(tmp_path / side / "light", 3, (220, 220, 220))
    task = {"name": "image_folder", "path": str(tmp_path), "size": 4}
    run = padl.train(task=task, model="linear", steps=20, devices=1)
    assert run.summary["rows"] == {"train": 6, "held_out": 6, "test": 6}
    assert run.summary["test"]["final"]["accuracy"] == 1.0
