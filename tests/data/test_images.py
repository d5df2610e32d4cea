"""Images of every kind become float32 (3, H, W) in 0..1; what cannot be read is named."""

import io

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from segnet_lab.data.images import read_image, read_rgb

RGB = np.array([[[0, 51, 255], [255, 255, 0]]], np.uint8)  # 1 x 2; 51 / 255 = 0.2
WANTED = torch.tensor([[[0.0, 1.0]], [[0.2, 1.0]], [[1.0, 0.0]]])
GREY = np.array([[0, 51, 255]], np.uint8)
WANTED_GREY = torch.tensor([[0.0, 0.2, 1.0]]).expand(3, 1, 3)


def is_image(x, wanted):
    assert x.dtype == torch.float32
    assert x.is_contiguous()
    torch.testing.assert_close(x, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (RGB, WANTED),
        (RGB / 255, WANTED),
        (RGB.astype(np.uint16) * 257, WANTED),  # 255 * 257 = 65535
        (Image.fromarray(RGB), WANTED),
        (torch.from_numpy(RGB).permute(2, 0, 1), WANTED),
        (torch.from_numpy(RGB).permute(2, 0, 1) / 255, WANTED),
        (GREY, WANTED_GREY),
        (GREY[..., None], WANTED_GREY),
        (torch.from_numpy(GREY), WANTED_GREY),
        (torch.from_numpy(GREY)[None], WANTED_GREY),
        (np.array([[False, True]]), torch.tensor([[0.0, 1.0]]).expand(3, 1, 2)),
    ],
)
def test_arrays_and_tensors(source, wanted):
    is_image(read_image(source), wanted)


def test_bfloat16_tensors_of_another_device_form():
    x = torch.rand(3, 4, 5).bfloat16()
    is_image(read_image(x), x.float())


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_files_of_colour_modes(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.fromarray(RGB).convert(mode).save(path)
    is_image(read_image(path), WANTED)
    assert np.array_equal(read_rgb(path), RGB)


def test_grey_files_become_three_equal_channels(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    is_image(read_image(tmp_path / "a.png"), WANTED_GREY)
    is_image(read_image(Image.fromarray(GREY).convert("LA")), WANTED_GREY)


def test_sixteen_bit_files_are_scaled_not_cut_off(tmp_path):
    Image.fromarray(np.array([[0, 13107, 65535]], np.uint16)).save(tmp_path / "a.png")  # 13107 / 65535 = 0.2
    is_image(read_image(tmp_path / "a.png"), WANTED_GREY)
    assert read_rgb(tmp_path / "a.png")[0, :, 0].tolist() == [0, 51, 255]


def test_sixteen_bit_in_a_32_bit_image():
    is_image(read_image(Image.fromarray(np.array([[0, 13107, 65535]], np.int32))), WANTED_GREY)
    with pytest.raises(ValueError, match="32-bit values up to 70000: save it with 8 or 16 bits"):
        read_image(Image.fromarray(np.array([[0, 70000]], np.int32)))


def test_transparent_pixels_show_white_paper(tmp_path):
    # black at alpha 204 / 255 = 0.8 over white: 0.2; fully transparent red: white
    pixels = np.array([[[0, 0, 0, 204], [255, 0, 0, 0]]], np.uint8)
    wanted = torch.tensor([0.2, 1.0]).expand(3, 1, 2)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for source in (pixels, pixels / 255, Image.fromarray(pixels), tmp_path / "a.png"):
        is_image(read_image(source), wanted)


def test_a_transparent_palette_colour_is_white(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), mode=None).convert("P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.save(tmp_path / "a.png", transparency=0)
    assert read_image(tmp_path / "a.png")[:, 0].T.tolist() == [[1, 1, 1], [0, 0, 1]]


def test_a_phone_held_sideways(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise to look right
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    is_image(read_image(tmp_path / "a.png"), WANTED.permute(0, 2, 1))  # the left pixel comes on top


def test_one_pixel(tmp_path):
    Image.new("RGB", (1, 1), (255, 0, 51)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").flatten().tolist() == pytest.approx([1, 0, 0.2])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((2, 3, 4, 3), np.uint8), r"shape \(2, 3, 4, 3\).*give one image of the batch, x\[0\]"),
        (np.zeros((3, 4, 5), np.uint8), r"shape \(3, 4, 5\), expected \(H, W\) or \(H, W, 1, 3 or 4\)"),
        (torch.zeros(5, 6, 3), r"shape \(5, 6, 3\), expected \(H, W\) or \(1, 3 or 4, H, W\)"),
        (np.zeros((0, 5, 3), np.uint8), "H, W >= 1"),
        (np.zeros((4, 5), np.int64), "holds int64: give uint8"),
        (np.array([[0.0, 255.0]]), "floats from 0 to 255, expected 0..1: divide by 255"),
        (np.array([[-1.0, 1.0]]), "floats from -1 to 1, expected 0..1: scale it"),
        (np.array([[0.0, np.nan]]), "floats from nan to nan"),
        (np.array([[0.0, np.inf]]), "floats from 0 to inf"),
        (torch.zeros(3, 4, 5, dtype=torch.float8_e4m3fn), "tensor with float8_e4m3fn: give a dense one of uint8"),
        (torch.zeros(3, 4, 5, dtype=torch.float8_e5m2), "tensor with float8_e5m2"),
        (torch.zeros(3, 4, 5, dtype=torch.complex64), "tensor with complex64"),
        (torch.zeros(3, 4, 5, dtype=torch.int64), "tensor with int64"),
        (torch.zeros(3, 4, 5).to_sparse(), "tensor with sparse_coo"),
        (torch.zeros(3, 4, 5, device="meta"), r"tensor with no values \(meta\)"),
    ],
)
def test_what_is_no_image_is_named(source, message):
    with pytest.raises(ValueError, match=message):
        read_image(source)


@pytest.mark.filterwarnings("ignore:.*(deprecated|beta state):UserWarning")
def test_quantised_and_compressed_tensors_are_named():
    quantised = torch.quantize_per_tensor(torch.zeros(3, 4, 5), 1.0, 0, torch.quint8)
    with pytest.raises(ValueError, match="tensor with quint8: give a dense one of uint8"):
        read_image(quantised)
    with pytest.raises(ValueError, match="tensor with sparse_csr"):
        read_image(torch.zeros(4, 5).to_sparse_csr())


def test_a_rounding_error_above_one_is_forgiven():
    assert read_image(np.array([[1 + 1e-6, -1e-6]])).tolist() == [[[1, 0]]] * 3


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_that_lie_one_after_another(tmp_path, planar):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    stored = pixels.transpose(2, 0, 1) if planar == "separate" else pixels
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
    assert np.array_equal(read_rgb(tmp_path / "a.tif"), pixels)


def test_a_file_of_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    Image.fromarray(RGB).save(tmp_path / "a.png")
    is_image(read_image("~/a.png"), WANTED)
    assert np.array_equal(read_rgb("~/a.png"), RGB)
    with pytest.raises(FileNotFoundError, match=r"no file .*b\.png"):
        read_image("~/b.png")
    with pytest.raises(FileNotFoundError, match="no file ~nobody_of_this_name"):
        read_image("~nobody_of_this_name/a.png")


def test_a_damaged_pil_image_is_named(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(tmp_path / "a.png")
    image = Image.open(io.BytesIO((tmp_path / "a.png").read_bytes()[:2000]))
    with image, pytest.raises(ValueError, match="the image is damaged"):
        read_image(image)
