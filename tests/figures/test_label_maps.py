"""Label maps in the colours of their data set."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba

from segnet_lab.figures import label_maps
from segnet_lab.figures.label_maps import colourise, legend, name_what_occurs, occurring, overlay

PALETTE = np.array([[128, 128, 128], [128, 64, 128], [0, 200, 40]], np.uint8)
DATA = SimpleNamespace(class_names=("Sky", "Road", "Pole"), palette=PALETTE, ignore_index=255)
IMAGE = np.full((3, 2, 3), 0.5)
LABEL = np.array([[0, 1, 2], [255, 1, 0]])


def names(figure):
    return [t.get_text() for t in figure.legends[0].get_texts()]


def pixels(axes):
    return np.asarray(axes.images[0].get_array()).tolist()


def test_colours_of_classes_and_black_void():
    expected = [[[128, 128, 128], [128, 64, 128], [0, 200, 40]], [[0, 0, 0], [128, 64, 128], [128, 128, 128]]]
    assert colourise(LABEL, PALETTE, 255).tolist() == expected
    assert colourise(torch.tensor(LABEL), PALETTE.tolist(), 255).tolist() == expected
    assert colourise(np.zeros((0, 3), int), PALETTE).shape == (0, 3, 3)


@pytest.mark.parametrize(
    ("label", "ignore", "message"),
    [
        ([[3]], None, r"label 3 has no colour: labels are 0..2; pass ignore_index if it is void"),
        ([[-1]], 255, r"label -1 has no colour: labels are 0..2 or void 255"),
        ([[255]], None, "label 255 has no colour"),
    ],
)
def test_labels_without_a_colour_are_refused(label, ignore, message):
    with pytest.raises(ValueError, match=message):
        colourise(label, PALETTE, ignore)


@pytest.mark.parametrize(("opacity", "pixel"), [(0, [128, 128, 128]), (1, [0, 200, 40]), (0.25, [96, 146, 106])])
def test_overlays_mix(opacity, pixel):
    # a grey of 127.5 under (0, 200, 40): 127.5 + 0.25 * (0 - 127.5) = 95.6, 145.6, 105.6
    assert overlay(IMAGE, LABEL, PALETTE, 255, opacity)[0, 2].tolist() == pixel
    assert overlay(IMAGE, LABEL, PALETTE, 255, opacity)[1, 0].tolist() == [128, 128, 128]  # void shows the image


def test_an_overlay_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"an image of \(2, 3\) and labels of \(1, 1\) do not match"):
        overlay(IMAGE, [[0]], PALETTE)


def test_legends_name_what_is_asked_for():
    for classes, expected in (
        (None, ["Sky", "Road", "Pole", "void"]),
        ([2, 0], ["Pole", "Sky"]),
        ([1, 255], ["Road", "void"]),
        (iter([1, 255]), ["Road", "void"]),
    ):
        figure = plt.figure()
        legend(figure, DATA, classes)
        assert names(figure) == expected
        plt.close(figure)


def test_a_legend_has_the_colours_of_its_classes():
    figure = plt.figure()
    legend(figure, DATA)
    swatches = figure.legends[0].get_patches()
    assert [patch.get_facecolor() for patch in swatches] == [
        *[(*(colour / 255), 1.0) for colour in PALETTE],
        to_rgba("black"),
    ]
    plt.close(figure)


@pytest.mark.parametrize(("count", "expected"), [(11, 12), (12, 2)])
def test_of_many_classes_only_those_that_occur_are_named(count, expected):
    many = SimpleNamespace(
        class_names=[f"class {i}" for i in range(count)], palette=np.zeros((count, 3), np.uint8), ignore_index=255
    )
    figure = plt.figure()
    name_what_occurs(figure, many, [[[3, 3]], torch.tensor([[255]])])
    assert len(names(figure)) == expected
    plt.close(figure)


def test_what_occurs_is_sorted():
    assert occurring([LABEL, [[7]]]) == [0, 1, 2, 7, 255]
    assert occurring([]) == []


def test_maps_beside_their_image():
    figure = label_maps.beside(IMAGE, {"truth": LABEL, "prediction": np.ones((2, 3), int)}, DATA)
    assert [axes.get_title("left") for axes in figure.axes] == ["image", "truth", "prediction"]
    assert pixels(figure.axes[1])[0][2] == [0, 200, 40]
    assert pixels(figure.axes[2])[1][0] == [128, 64, 128]
    assert names(figure) == ["Sky", "Road", "Pole", "void"]
    with pytest.raises(ValueError, match=r"truth is of size \(1, 1\), the image of \(2, 3\): resize one of them"):
        label_maps.beside(IMAGE, {"truth": [[0]]}, DATA)


class Five(list):
    class_names, palette, ignore_index, split = DATA.class_names, PALETTE, 255, "val"


def test_a_contact_sheet_puts_labels_below_their_images():
    data = Five(SimpleNamespace(image=torch.full((3, 2, 3), i / 10), label=torch.tensor(LABEL)) for i in range(5))
    figure = label_maps.contact_sheet(data, [4, 0, 2], columns=2)
    assert len(figure.axes) == 2 * 2 * 2
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles == ["val 4", "val 0", "", "", "val 2", "", "", ""]
    assert pixels(figure.axes[0])[0][0] == pytest.approx([0.4] * 3)
    assert pixels(figure.axes[2])[0][1] == [128, 64, 128]
    assert not figure.axes[5].images  # there is no fourth image
    with pytest.raises(ValueError, match="a contact sheet of no images"):
        label_maps.contact_sheet(data, [])
    with pytest.raises(IndexError):
        label_maps.contact_sheet(data, [5])
