"""Listing files as people and programs write them."""

import codecs
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segnet_lab.data.images import IMAGE_SUFFIXES
from segnet_lab.data.listings import Files, columns, is_litter, normal, read_listing


def listed(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [(line.image, line.label) for line in read_listing(path)]


# ---- one column, two columns


@pytest.mark.parametrize(
    ("line", "image", "label"),
    [
        ("a0", "a0", None),
        ("  town/a0.PNG  ", "town/a0.PNG", None),
        ("my cat", "my cat", None),
        ("my cat (1).jpg", "my cat (1).jpg", None),
        ("cat's.png", "cat's.png", None),
        ('"x.png y.png"', "x.png y.png", None),
        ("images/a0.png labels/a0.png", "images/a0.png", "labels/a0.png"),
        ("a.jpg,a_L.png", "a.jpg", "a_L.png"),
        ("a.jpg; a_L.png", "a.jpg", "a_L.png"),
        ("my cat.jpg my cat_L.png", "my cat.jpg", "my cat_L.png"),
        ("my cat\tits label", "my cat", "its label"),
        ('"my cat" "its label"', "my cat", "its label"),
        ('a.png "its label.png"', "a.png", "its label.png"),
        (
            r"C:\My data\train\a.png C:\My data\trainannot\a.png",
            "C:/My data/train/a.png",
            "C:/My data/trainannot/a.png",
        ),
        ("/CamVid/val/v.png /CamVid/valannot/v.png", "/CamVid/val/v.png", "/CamVid/valannot/v.png"),
    ],
)
def test_a_line_is_an_image_or_an_image_and_its_label(tmp_path, line, image, label):
    assert listed(tmp_path / "train.txt", f"{line}\n") == [(image, label)]


def test_empty_lines_and_comments_are_skipped_and_lines_numbered_as_in_the_file(tmp_path):
    (tmp_path / "train.txt").write_text("# by day\n\na0\n   \n  # by night\nb0\n")
    assert [(line.number, line.image) for line in read_listing(tmp_path / "train.txt")] == [(3, "a0"), (6, "b0")]


@pytest.mark.parametrize("content", ["", "\n\n", "# nothing yet\n"])
def test_a_listing_of_nothing(tmp_path, content):
    assert listed(tmp_path / "train.txt", content) == []


@pytest.mark.parametrize("line", ["a.png b.png c.png", "a\tb\tc", '""', "/", "town/", "..", "./", '"a" ""'])
def test_a_line_that_names_nothing_or_too_much(tmp_path, line):
    with pytest.raises(ValueError, match=r"train\.txt, line 2: expected an image, or an image and its label, got "):
        listed(tmp_path / "train.txt", f"a0\n{line}\n")


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("a0", "a0"),
        ("a0.png x.png", "a0.png y.png"),
        ("town/a0", r"town\a0"),
        ("m\u00fcll", "mu\u0308ll"),
    ],
)
def test_an_image_that_stands_there_twice(tmp_path, first, again):
    with pytest.raises(ValueError, match=r"train\.txt, line 3: '.*' is already in line 1"):
        listed(tmp_path / "train.txt", f"{first}\nb0\n{again}\n")


# ---- encodings


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + "a0\r\nmüll\r\n".encode(),
        "a0\r\nmüll\r\n".encode("utf-16"),
        codecs.BOM_UTF16_BE + "a0\nmüll".encode("utf-16-be"),
        "a0\rmüll\r".encode(),
        unicodedata.normalize("NFD", "a0\nmüll\n").encode(),
    ],
    ids=["BOM", "UTF-16", "UTF-16 BE", "CR", "NFD"],
)
def test_encodings_and_line_endings(tmp_path, content):
    assert listed(tmp_path / "train.txt", content) == [("a0", None), ("müll", None)]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "cp437"])
def test_another_encoding_names_the_file_and_the_line(tmp_path, encoding):
    with pytest.raises(ValueError, match=r"train\.txt is not UTF-8 .*line 2"):
        listed(tmp_path / "train.txt", "a0\nkätzchen\n".encode(encoding))


# ---- properties

_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters='"#/\\,;'), min_size=1)


@given(st.lists(_NAMES.filter(lambda name: name.strip(" .")), min_size=1, max_size=4, unique=True))
def test_quoted_names_are_one_column_each(names):
    assert columns(" ".join(f'"{name} 1.png"' for name in names)) == [f"{name} 1.png" for name in names]


@given(_NAMES)
def test_normal_names_stay(name):
    assert normal(normal(name)) == normal(name)


# ---- files by name


@pytest.fixture
def tree(trees):
    for name in ("a0.png", "town/b0.JPG", "town/c0.png", "city/c0.png", "x (1).png"):
        (trees.root / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (trees.root / "images" / name).write_bytes(b"")
    return trees.root


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a0", "images/a0.png"),
        ("a0.png", "images/a0.png"),
        ("a0.jpg", "images/a0.png"),  # the suffix may have changed since
        ("./a0.png", "images/a0.png"),
        ("images/a0.png", "images/a0.png"),
        ("{name}/images/a0.png", "images/a0.png"),
        ("{root}/images/a0.png", "images/a0.png"),
        ("/home/somebody/photos/a0.png", "images/a0.png"),
        ("D:/photos/town/c0.png", "images/town/c0.png"),
        ("b0", "images/town/b0.JPG"),
        ("town/c0", "images/town/c0.png"),
        ("x (1)", "images/x (1).png"),
        ("more/d0.png", "more/d0.png"),
        ("../{name}/more/d0.png", "more/d0.png"),
    ],
)
def test_what_a_listing_may_call_a_file(tree, trees, name, file):
    trees.photo("more/d0.png")
    found = Files(tree / "images").find(name.format(root=tree.as_posix(), name=tree.name), tree)
    assert found.resolve() == (tree / file).resolve()


@pytest.mark.parametrize(
    "name", ["z9", "village/a0.png", "images/village/a0", "/home/somebody/z9.png", "a", "~nobody/a"]
)
def test_what_is_no_name_of_a_file(tree, name):
    files = Files(tree / "images")
    assert files.find(name, tree) is None
    assert f"unknown image of {tree / 'images'} {name!r}" in files.unknown(name)


def test_a_name_that_may_be_two_files(tree, trees):
    with pytest.raises(ValueError, match=r"'c0' may be city/c0\.png or town/c0\.png in .*images: write the whole name"):
        Files(tree / "images").find("c0", tree)
    trees.photo("images/a0.jpg")
    files = Files(tree / "images")
    with pytest.raises(ValueError, match=r"'a0' may be a0\.jpg or a0\.png"):
        files.find("a0", tree)
    assert files.find("a0.jpg", tree).name == "a0.jpg"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_composed_and_decomposed_names_are_one(trees, form):
    path = trees.photo(f"images/{unicodedata.normalize(form, 'straße/müll')}.png")
    files = Files(trees.root / "images")
    for listed_as in ("NFC", "NFD"):
        assert files.find(normal(unicodedata.normalize(listed_as, "straße/müll")), trees.root) == path


def test_litter_is_never_data(trees):
    for name in (
        "._a.png",
        ".DS_Store",
        "Thumbs.db",
        "desktop.ini",
        "__MACOSX/a.png",
        ".thumbnails/a.png",
        "notes.txt",
    ):
        trees.text(f"images/{name}", "")
        assert is_litter(name.split("/")[0]) == (name != "notes.txt")
    with pytest.raises(FileNotFoundError, match=r"no image in .*images: expected \.png"):
        Files(trees.root / "images")
    trees.photo("images/x (1).png")
    assert list(Files(trees.root / "images").names.values()) == ["x (1)"]


def test_every_suffix_in_either_case(trees):
    for suffix in IMAGE_SUFFIXES:
        trees.text(f"images/small{suffix[1:]}{suffix}", "")
        trees.text(f"images/large{suffix[1:]}{suffix.upper()}", "")
    assert len(Files(trees.root / "images").names) == 2 * len(IMAGE_SUFFIXES)


def test_a_link_that_leads_back_ends(trees):
    trees.photo("images/a.png")
    (trees.root / "images" / "again").symlink_to(trees.root / "images", target_is_directory=True)
    assert list(Files(trees.root / "images").names.values()) == ["a"]
