"""The numbers and colours that stand in a file come out, whatever Pillow shows; what is not exact is refused."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from segnet_lab.data.images import read_rgb
from segnet_lab.data.stored import read_stored
from tests.data.written import png, tiff

ANYWHERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 9))  # rows that end within a byte, too
NUMBERS = np.array([[0, 1, 2], [3, 2, 1]])


def same(path, wanted):
    pixels, palette = read_stored(path)
    assert np.array_equal(pixels, wanted)
    assert np.issubdtype(pixels.dtype, np.integer)
    assert palette is None


@pytest.mark.parametrize("write", [png, tiff])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@ANYWHERE
@given(data=st.data())
def test_grey_of_any_bits_holds_its_numbers(tmp_path, write, bits, data):
    numbers = data.draw(arrays(np.int64, SHAPES, elements=st.integers(0, 2**bits - 1)))
    same(write(tmp_path / "a.png", numbers, bits), numbers)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_numbers_of_a_palette_are_not_scaled(tmp_path, bits):
    numbers = np.arange(2**bits)[None]
    colours = [((7 * n) % 256, 0, 1) for n in range(2**bits)]
    pixels, palette = read_stored(png(tmp_path / "a.png", numbers, bits, "palette", colours))
    assert np.array_equal(pixels, numbers)
    assert np.array_equal(palette[: 2**bits], colours)


@pytest.mark.parametrize("top", [1, 2, 3, 11, 100, 255, 256, 1000, 65535])
@pytest.mark.parametrize("magic", ["P2", "P5"])
def test_pgm_holds_its_numbers_whatever_its_largest(tmp_path, top, magic):
    numbers = np.unique(np.linspace(0, top, 300).round().astype(int))[None]
    head = f"{magic} {numbers.size} 1 {top}\n".encode()
    text = " ".join(map(str, numbers[0])).encode()
    (tmp_path / "a.pgm").write_bytes(
        head + (text if magic == "P2" else numbers.astype(">u2" if top > 255 else "u1").tobytes())
    )
    same(tmp_path / "a.pgm", numbers)


def test_signed_and_long_integers(tmp_path):
    signed, long = np.array([[-1, 0, 100]]), np.array([[0, 70_000, 2**32 - 1]])
    for bits in (8, 16, 32):
        same(tiff(tmp_path / "a.tif", signed, bits, sample_format=2), signed)
    same(tiff(tmp_path / "a.tif", long, 32), long)


def test_modes_of_pillow(tmp_path):
    for mode, wanted in [("L", NUMBERS), ("LA", NUMBERS), ("I", NUMBERS), ("I;16", NUMBERS), ("1", NUMBERS > 0)]:
        image = Image.fromarray(NUMBERS.astype(np.uint8) * (255 if mode == "1" else 1)).convert(mode)
        for name in ("a.tif",) if mode == "I" else ("a.png", "a.tif"):
            image.save(tmp_path / name)
            same(tmp_path / name, wanted)


def test_alpha_is_dropped(tmp_path):
    colours = np.array([[[9, 8, 7], [6, 5, 4]]], np.uint8)
    with_alpha = np.concatenate([colours, [[[0], [77]]]], axis=2)
    same(png(tmp_path / "a.png", with_alpha, 8, "rgb alpha"), colours)
    same(png(tmp_path / "a.png", np.dstack([NUMBERS, NUMBERS * 60]), 8, "grey alpha"), NUMBERS)
    indexed = Image.fromarray(NUMBERS.astype(np.uint8)).convert("LA").convert("PA")
    indexed.putpalette([grey for grey in range(255, -1, -1) for _ in "RGB"])
    indexed.save(tmp_path / "a.tif")
    pixels, palette = read_stored(tmp_path / "a.tif")
    assert np.array_equal(pixels, NUMBERS)
    assert palette[1].tolist() == [254, 254, 254]


def test_transparent_palette_colours_are_colours(tmp_path):
    image = Image.fromarray(NUMBERS.astype(np.uint8))
    image.putpalette([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    for name in ("a.png", "a.gif"):
        image.save(tmp_path / name, transparency=2)
        pixels, palette = read_stored(tmp_path / name)
        assert np.array_equal(palette[pixels], NUMBERS[..., None] * 3 + [1, 2, 3])


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.bmp", "a.tif"])
def test_a_palette_of_256_greys_in_order_is_grey(tmp_path, name):
    image = Image.fromarray(NUMBERS.astype(np.uint8))
    image.putpalette([grey for grey in range(256) for _ in "RGB"])
    image.save(tmp_path / name)
    same(tmp_path / name, NUMBERS)


# ---- 16 bits a channel


@pytest.mark.parametrize(("kind", "channels"), [("rgb", 3), ("rgb alpha", 4)])
@pytest.mark.parametrize("times", [1, 257])  # as it is, and so that 255 becomes 65535
def test_48_bit_colours(tmp_path, kind, channels, times):
    colours = np.random.default_rng(0).integers(0, 256, (5, 7, channels))
    same(png(tmp_path / "a.png", colours * times, 16, kind), colours[..., :3])


def test_48_bit_colours_that_are_no_8_bit_ones(tmp_path):
    path = png(tmp_path / "a.png", [[[255, 0, 256]]], 16, "rgb")
    with pytest.raises(ValueError, match=r"a\.png holds 48-bit RGB.*save it with 8 bits per channel"):
        read_stored(path)


def test_sixteen_bit_grey_with_alpha(tmp_path):
    numbers = np.array([[0, 3, 256, 513, 65535]])
    same(png(tmp_path / "a.png", np.dstack([numbers, numbers[:, ::-1]]), 16, "grey alpha"), numbers)


# ---- upright

TURNED = {  # EXIF orientation -> what upright is
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.T,
    6: lambda x: x[::-1].T,
    7: lambda x: x[::-1, ::-1].T,
    8: lambda x: x.T[::-1],
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("mode", ["L", "P", "RGB", "I;16"])
@pytest.mark.parametrize(("name", "compression"), [("a.png", None), ("a.tif", None), ("a.tif", "tiff_lzw")])
def test_labels_and_images_are_turned_alike(tmp_path, orientation, mode, name, compression):
    exif = Image.Exif()
    exif[274] = orientation
    image = Image.fromarray(NUMBERS.astype(np.uint8)).convert(mode)
    if mode == "P":
        image.putpalette([grey for grey in range(256) for _ in "RGB"])
    path = tmp_path / name
    image.save(path, exif=exif, compression=compression)
    pixels = read_stored(path).pixels
    assert np.array_equal(pixels[..., 0] if mode == "RGB" else pixels, TURNED[orientation](NUMBERS))
    if mode != "I;16":
        assert np.array_equal(read_rgb(path)[..., 0], TURNED[orientation](NUMBERS))


@pytest.mark.parametrize("orientation", TURNED)
def test_labels_of_few_bits_are_turned(tmp_path, orientation):
    same(tiff(tmp_path / "a.tif", NUMBERS, 4, orientation=orientation), TURNED[orientation](NUMBERS))


# ---- refused


def saved(path, mode="RGB", format=None, **options):
    image = Image.fromarray(np.full((8, 8, 3), 40, np.uint8)).convert(mode)
    image.save(path, format, **options)
    return path


def two_pages(path, **options):
    pages = [Image.fromarray(np.full((4, 4), n, np.uint8)) for n in (1, 2)]
    pages[0].save(path, save_all=True, append_images=pages[1:], **options)
    return path


def raw(path, content):
    path.write_bytes(content)
    return path


JPEG = "is compressed as JPEG, which changes pixel values, so it cannot hold labels: save them as PNG in the program"


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda p: saved(p / "a.jpg"), JPEG),
        (lambda p: saved(p / "a.png", format="JPEG"), JPEG),  # by what it is, not by its name
        (lambda p: saved(p / "a.tif", compression="jpeg"), JPEG),
        (lambda p: saved(p / "a.webp", lossless=True), "is compressed as WEBP"),
        (lambda p: saved(p / "a.jp2"), "is compressed as JPEG2000"),
        (lambda p: saved(p / "a.tga"), "is a TGA file; labels are read from PNG, TIFF, BMP, GIF, PPM: save it as PNG"),
        (lambda p: two_pages(p / "a.gif"), "holds 2 images, but a label map is one: save the right one as PNG"),
        (lambda p: two_pages(p / "a.tif"), "holds 2 images"),
        (lambda p: two_pages(p / "a.png"), "holds 2 images"),
        (lambda p: saved(p / "a.tif", "CMYK"), "holds CMYK, which does not give exact numbers or colours"),
        (lambda p: saved(p / "a.tif", "YCbCr"), "holds YCbCr"),
        (lambda p: saved(p / "a.tif", "LAB"), "holds LAB"),
        (lambda p: saved(p / "a.tif", "F"), "holds floats.*save it as 8-bit grey or RGB"),
        (lambda p: tiff(p / "a.tif", NUMBERS, 8, photometric=0), "stores white as 0.*save it as 8-bit grey PNG"),
        (lambda p: tiff(p / "a.tif", NUMBERS, 2, photometric=0), "stores white as 0"),
        (lambda p: raw(p / "a.pgm", b"P1 2 1 0 1"), "stores white as 0"),
        (lambda p: raw(p / "a.pgm", b"P4 2 1 \x40"), "stores white as 0"),
        (lambda p: raw(p / "a.ppm", b"P3 1 1 3 1 2 3"), "holds PPM colours of other than 8 bits a channel"),
        (lambda p: raw(p / "a.ppm", b"P6 1 1 65535 abcdef"), "holds PPM colours of other than 8 bits a channel"),
    ],
)
def test_what_is_not_exact_is_refused_by_name(tmp_path, write, message):
    path = write(tmp_path)
    with pytest.raises(ValueError, match=message) as caught:
        read_stored(path)
    assert str(caught.value).startswith(str(path))


def test_a_png_named_jpg_is_a_png(tmp_path):
    Image.fromarray(NUMBERS.astype(np.uint8)).save(tmp_path / "a.jpg", "PNG")
    same(tmp_path / "a.jpg", NUMBERS)


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    png(tmp_path / "a.png", NUMBERS)
    same("~/a.png", NUMBERS)
