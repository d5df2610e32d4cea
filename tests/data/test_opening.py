"""Opening image files: whatever is wrong with one is said by its name, with a way out."""

import io

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from segnet_lab.data.opening import errors_of, open_image
from tests.data.written import tiff


def test_a_truncated_file_is_named(tmp_path):
    path = tmp_path / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"cut\.png is damaged or not an image .*get it again, or save it as PNG"):
        open_image(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + 40 * b"\0"])
def test_a_file_that_is_no_image_is_named(tmp_path, content):
    (tmp_path / "no.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"no\.png is damaged or not an image"):
        open_image(tmp_path / "no.png")


def long_text():
    info = PngImagePlugin.PngInfo()
    info.add_text("x", "A" * 1_100_000, zip=True)  # a megabyte is Pillow's limit
    file = io.BytesIO()
    Image.new("L", (4, 4)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(long_text(), id="a text without end: ValueError of Pillow"),
        pytest.param(b"P6\n32 ", id="a PPM cut in its head"),
        pytest.param(b"P5 2 2 70000 1234", id="a PGM of too large a maximum"),
        pytest.param(b"P2 2 1 9 1 x", id="a PGM of no numbers"),
        pytest.param(b"GIF89a", id="a GIF cut in its head: struct.error or IndexError"),
        pytest.param(b"II*\0\x08\0\0\0\x01\0", id="a TIFF cut in its directory"),
        pytest.param(b"BM" + 60 * b"\xff", id="a BMP of no known head"),
        pytest.param(b"RIFF\x10\0\0\0WEBPVP8X", id="a WebP cut in its head"),
        pytest.param(b"%PDF-1.7", id="a PDF"),
    ],
)
def test_whatever_pillow_raises_names_the_file(tmp_path, content):
    (tmp_path / "no.png").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"no\.png is damaged or not an image \(.+\): get it again, or save it as PNG or JPEG"
    ):
        open_image(tmp_path / "no.png")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(data=st.data())
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow says so where it reads what it can
def test_damaged_files_are_read_or_named(tmp_path, data):
    path = tmp_path / "a.png"
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8))
    image.save(path, data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "PPM", "WEBP"])))
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, min(len(content), 120) - 1), max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        open_image(path)
    except ValueError as error:
        text = str(error)
        assert text.startswith(str(path))


def black_and_white_bmp(path):
    image = Image.fromarray(np.eye(8, dtype=np.uint8))
    image.putpalette([0, 0, 0, 255, 255, 255])  # Pillow writes 8 bits a pixel, and reads 1
    image.save(path, "BMP")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (black_and_white_bmp, "a BMP of 8 bits with a grey palette"),
        (lambda p: tiff(p, np.zeros((2, 3), int), 16, photometric=0), "a TIFF of 16 bits whose white is 0"),
        (
            lambda p: tifffile.imwrite(p, np.zeros((3, 5, 7), np.uint16), photometric="rgb", planarconfig="separate"),
            "a TIFF of 16 bits whose colours are stored in separate planes",
        ),
    ],
)
def test_what_pillow_decodes_wrongly_is_refused(tmp_path, write, message):
    write(tmp_path / "a.png")
    with pytest.raises(ValueError, match=rf"a\.png is {message}, which Pillow decodes wrongly: save it as PNG"):
        open_image(tmp_path / "a.png")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*a\.png"):
        open_image(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match="this is a folder"):
        open_image(tmp_path)


@pytest.mark.parametrize("limit", [10, 20])  # 6 x 5 = 30 pixels: PIL only warns up to twice its limit
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_huge_image_is_refused_with_a_way_out(tmp_path, monkeypatch, limit):
    Image.new("L", (6, 5)).save(tmp_path / "huge.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(ValueError, match=r"huge\.png is larger than the limit .*make it smaller, or.*raise PIL"):
        open_image(tmp_path / "huge.png")


def test_it_is_decoded_and_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise to look right
    Image.fromarray(np.array([[1, 2, 3]], np.uint8)).save(tmp_path / "a.png", exif=exif)
    image = open_image(str(tmp_path / "a.png"))
    assert np.asarray(image).tolist() == [[1], [2], [3]]  # the left pixel comes on top
    assert image.getexif().get(0x0112, 1) == 1


def test_before_sees_the_image_as_it_is_in_the_file(tmp_path):
    Image.new("1", (4, 3)).save(tmp_path / "a.pbm")
    seen = []
    open_image(tmp_path / "a.pbm", lambda image: seen.append((image.format, image.mode, image.tile[0][0])))
    assert seen == [("PPM", "1", "raw")]


def test_an_error_of_ones_own_in_before_is_not_renamed(tmp_path):
    def refuse(image):
        raise KeyError("mine")

    Image.new("L", (4, 3)).save(tmp_path / "a.png")
    with pytest.raises(KeyError, match="mine"):
        open_image(tmp_path / "a.png", refuse)


@pytest.mark.parametrize("error", [OSError("cut"), SyntaxError("cut"), AssertionError(), KeyError("cut")])
def test_errors_of_names_the_file_whatever_is_raised(error):
    with pytest.raises(ValueError, match=r"^a\.png is damaged or not an image \(.+\)"), errors_of("a.png"):
        raise error
