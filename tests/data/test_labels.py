"""A label file becomes the classes that it means on its card, or an error; never other classes."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from segnet_lab.data import load_dataset
from segnet_lab.data.cards import load_card, read_card
from segnet_lab.data.images import read_label
from tests.data.written import png, tiff

CARD = load_card("camvid")
LABEL = np.array([[0, 3, 11], [10, 5, 5]], np.uint8)
COLOURS = np.vstack([CARD.palette, CARD.void_colour]).astype(np.uint8)
BLACK, WHITE = (0, 0, 0), (255, 255, 255)

# Background and void are black and white; Cat and Dog have each other's number as their grey.
GREY_COLOURS = """
classes:
  - Background: [0, 0, 0]
  - Cat: [2, 2, 2]
  - Dog: [1, 1, 1]
  - Cow: [96, 96, 96]
void: {index: 255, colour: [255, 255, 255]}
"""
EXAMPLE = """
classes:
  - Background: [96, 96, 96]
  - Cat: [255, 128, 0]
  - Dog: [0, 128, 255]
void: {index: 255, colour: [0, 0, 0]}
"""
BACKGROUND, CAT, DOG = (96, 96, 96), (255, 128, 0), (0, 128, 255)
CITYSCAPES = EXAMPLE + "ids: {0: Void, 7: Background, 8: Background, 33: Dog, 1000: Cat}\n"


@pytest.fixture
def card(trees):
    return read_card(trees.text("card.yaml", EXAMPLE))


def indexed(path, numbers, *palette):
    return png(path, np.asarray(numbers), 8, "palette", palette)


def same(path, card, wanted):
    label = read_label(path, card)
    assert label.dtype == np.uint8
    assert np.array_equal(label, wanted)


# ---- numbers and colours


@pytest.mark.parametrize("mode", ["L", "P", "LA", "I;16"])
def test_numbers_are_classes(tmp_path, mode):
    image = Image.fromarray(LABEL)
    if mode == "P":
        image.putpalette(list(range(255, -1, -1)) * 3)  # colours that are none of the card's
    image.convert(mode).save(tmp_path / "a.png")
    same(tmp_path / "a.png", CARD, LABEL)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_are_classes(tmp_path, mode):
    image = Image.fromarray(COLOURS[LABEL]).convert(mode)
    if mode == "RGBA":
        image.putalpha(100)  # alpha says nothing about the class
    image.save(tmp_path / "a.png")
    same(tmp_path / "a.png", CARD, LABEL)


def test_48_bit_colours_are_classes(tmp_path):
    for times in (1, 257):
        same(png(tmp_path / "a.png", COLOURS[LABEL].astype(int) * times, 16, "rgb"), CARD, LABEL)


def test_few_bits_are_not_other_classes(tmp_path):
    # Pillow shows 1 of 0..3 as 85 and 1 of 0..15 as 17, and 17 is a class of rooms
    for bits in (2, 4):
        same(png(tmp_path / "a.png", [[0, 1, 2]], bits), load_card("rooms"), [[0, 1, 2]])


def test_an_unknown_number_names_file_number_pixel_and_the_way_out(trees):
    path = trees.png("bad.png", [[0, 1], [12, 12]])
    with pytest.raises(ValueError, match=r"bad\.png: label value 12 at row 1, column 0 \(2 such") as caught:
        read_label(path, CARD)
    assert "knows 0 to 11 (void: 11). Correct the file, or say in" in str(caught.value)
    assert "`ids: {12: Sky, 0: Void}`" in str(caught.value)


@pytest.mark.parametrize(
    ("number", "bits", "form"), [(-1, 8, 2), (-30_000, 16, 2), (70_000, 32, 1), (2**32 - 1, 32, 1)]
)
def test_negative_and_giant_numbers_are_named(tmp_path, number, bits, form):
    path = tiff(tmp_path / "a.tif", [[0, number]], bits, sample_format=form)
    with pytest.raises(ValueError, match=rf"label value {number} at row 0, column 1 "):
        read_label(path, CARD)


def test_an_unknown_colour_names_file_colour_and_pixel(trees):
    path = trees.png("bad.png", [[[128, 64, 128], [128, 64, 129]]])
    with pytest.raises(ValueError, match=r"bad\.png: colour \(128, 64, 129\) at row 0, column 1 \(1 such") as caught:
        read_label(path, CARD)
    assert "nearest is (128, 64, 128)" in str(caught.value)


def test_tables_may_be_given(tmp_path):
    grey, colour = png(tmp_path / "grey.png", [[7]]), png(tmp_path / "colour.png", [[[7, 8, 9]]], 8, "rgb")
    shown = indexed(tmp_path / "indexed.png", [[0]], (7, 8, 9))
    assert read_label(grey, CARD, numbers={7: 3}, colours={}).tolist() == [[3]]
    assert read_label(colour, CARD, numbers={}, colours={(7, 8, 9): 3}).tolist() == [[3]]
    assert read_label(shown, CARD, numbers={}, colours={(7, 8, 9): 3}).tolist() == [[3]]
    with pytest.raises(ValueError, match=r"grey\.png is grey, but the labels of CamVid are in colour \(RGB\)"):
        read_label(grey, CARD, numbers={}, colours={(7, 8, 9): 3})
    with pytest.raises(ValueError, match=r"colour\.png is in colour, but the labels of CamVid are grey numbers"):
        read_label(colour, CARD, numbers={7: 3}, colours={})


# ---- what the card says about numbers


def test_void_may_be_zero(trees):
    card = read_card(trees.text("card.yaml", EXAMPLE.replace("255, colour", "0, colour")))
    same(trees.png("a.png", [[0, 1, 2, 3]]), card, [[card.void_index, 0, 1, 2]])
    assert card.void_index == 3
    with pytest.raises(ValueError, match=r"label value 4 .*knows 0 to 3 \(void: 0\)"):
        read_label(trees.png("a.png", [[4]]), card)
    same(trees.png("a.png", [[BLACK, CAT]]), card, [[3, 1]])


def test_ids_map_numbers_to_classes(trees):
    card = read_card(trees.text("card.yaml", CITYSCAPES))
    same(trees.png("a.png", [[0, 7, 8, 33, 255]]), card, [[255, 0, 0, 2, 255]])
    same(png(trees.root / "a.png", [[1000, 33]], 16), card, [[1, 2]])
    with pytest.raises(
        ValueError, match=r"label value 1 at row 0, column 1 .*knows 0, 7 to 8, 33, 255, 1000 \(void: 0, 2"
    ):
        read_label(trees.png("a.png", [[0, 1]]), card)


def test_a_class_of_several_colours(trees):
    card = read_card(trees.text("card.yaml", EXAMPLE.replace("[255, 128, 0]", "[[255, 128, 0], [9, 9, 8]]")))
    same(trees.png("a.png", [[CAT, (9, 9, 8), DOG]]), card, [[1, 1, 2]])


# ---- a palette


def test_a_palette_of_the_cards_colours_counts_by_colour(tmp_path, card):
    # numbers 3, 5 and 9 are none of the card's
    palette = [WHITE] * 3 + [DOG, WHITE, CAT, WHITE, WHITE, WHITE, BLACK]
    same(indexed(tmp_path / "a.png", [[3, 5, 9]], *palette), card, [[2, 1, 255]])


def test_a_palette_of_other_colours_counts_by_number(tmp_path, card):
    same(indexed(tmp_path / "a.png", [[0, 1, 2]], (1, 2, 3), (128, 0, 0), (0, 128, 0)), card, [[0, 1, 2]])
    # black, void's colour on this card, comes first in the palettes of most programs, such as Pascal VOC's
    same(indexed(tmp_path / "a.png", [[0, 1, 2]], BLACK, (128, 0, 0), (0, 128, 0)), card, [[0, 1, 2]])
    same(indexed(tmp_path / "a.png", [[0, 1]], BLACK, WHITE), card, [[0, 1]])


def test_colour_and_number_may_agree(tmp_path, card):
    same(indexed(tmp_path / "a.png", [[0, 1, 2]], BACKGROUND, CAT, DOG), card, [[0, 1, 2]])
    same(indexed(tmp_path / "a.png", [[0, 1, 2]], BACKGROUND, (1, 2, 3), DOG), card, [[0, 1, 2]])  # one of no class


def test_colours_that_no_pixel_has_do_not_count(tmp_path, card):
    same(indexed(tmp_path / "a.png", [[0, 0]], (1, 2, 3), BACKGROUND, CAT), card, [[0, 0]])


@pytest.mark.parametrize(
    ("numbers", "palette", "message"),
    [
        ([[0, 1]], [CAT, BACKGROUND], r"Cat by their colour \(255, 128, 0\) and Background by their palette number 0"),
        ([[0, 1]], [BACKGROUND, BLACK], r"void by their colour \(0, 0, 0\) and Cat by their palette number 1"),
        ([[0]], [BLACK], r"void by their colour \(0, 0, 0\) and Background by their palette number 0"),
        ([[0, 1]], [(1, 2, 3), DOG], r"Dog by their colour .* and Cat by their palette number 1"),  # some of the card's
        # greys: a program may have put the greys in use into a palette
        ([[0, 1]], [(0, 0, 0), (2, 2, 2)], "Cat by their palette number 1 and Dog by their grey value 2"),
        ([[0, 1]], [(2, 2, 2), (1, 1, 1)], "Background by their palette number 0 and Dog by their grey value 2"),
    ],
)
def test_a_palette_that_can_be_read_in_two_ways_is_refused(tmp_path, card, numbers, palette, message):
    path = indexed(tmp_path / "two.png", numbers, *palette)
    with pytest.raises(
        ValueError, match=r"two\.png can be read in more than one way: some pixels are " + message
    ) as caught:
        read_label(path, card)
    assert "Save it in RGB if the colours are right, in 8-bit grey if the numbers are" in str(caught.value)


def test_a_palette_that_cannot_be_read_is_named(tmp_path, card):
    with pytest.raises(ValueError, match=r"label value 3 at row 0, column 0"):
        read_label(indexed(tmp_path / "a.png", [[3]], *[(1, 2, 3)] * 4), card)
    with pytest.raises(ValueError, match=r"colour \(1, 2, 3\) at row 0, column 1"):
        read_label(indexed(tmp_path / "a.png", [[3, 4]], *[CAT] * 4, (1, 2, 3)), card)


@pytest.mark.parametrize("suffix", [".png", ".gif", ".bmp", ".tif"])
@pytest.mark.parametrize("name", ["camvid", "folder", "rooms"])
def test_a_colour_label_made_indexed_is_right_or_refused(tmp_path, suffix, name):
    card = load_card(name)
    wanted = np.indices((8, 9)).sum(0) % card.num_classes
    path = tmp_path / f"a{suffix}"
    Image.fromarray(card.palette[wanted]).quantize(card.num_classes).save(path)
    try:
        label = read_label(path, card)
    except ValueError as error:
        label = None
        text = str(error)
        assert text.startswith(f"{path} can be read in more than one way")
    assert label is None or np.array_equal(label, wanted)


def test_palettes_of_labelling_programs_fit_the_example_card(tmp_path):
    # Pascal VOC's palette, which these programs write: black is Background on that card, in every kind of file
    card = load_card("folder")
    voc = [BLACK, (128, 0, 0), (0, 128, 0), *[(9, 9, 9)] * 252, (224, 224, 192)]
    same(indexed(tmp_path / "a.png", [[0, 1, 2, 255]], *voc), card, [[0, 1, 2, 255]])
    same(indexed(tmp_path / "a.png", [[0, 0]], *voc), card, [[0, 0]])
    same(png(tmp_path / "a.png", [[BLACK, (0, 128, 0)]], 8, "rgb"), card, [[0, 2]])
    same(png(tmp_path / "a.png", [[BLACK, BLACK]], 8, "rgb"), card, [[0, 0]])


# ---- grey in RGB


def test_numbers_in_rgb(tmp_path, card):
    same(png(tmp_path / "a.png", [[[n] * 3 for n in (0, 1, 2, 255)]], 8, "rgb"), card, [[0, 1, 2, 255]])
    same(png(tmp_path / "a.png", [[[2] * 3]], 8, "rgb"), card, [[2]])


def test_grey_colours_of_the_card_in_rgb(tmp_path, card):
    same(png(tmp_path / "a.png", [[BLACK, BACKGROUND]], 8, "rgb"), card, [[255, 0]])
    same(png(tmp_path / "a.png", [[BLACK, BLACK]], 8, "rgb"), card, [[255, 255]])  # a colour label of nothing


@pytest.mark.parametrize(
    ("greys", "message"),
    [
        ([0, 1, 2], r"Dog by their colour \(1, 1, 1\) and Cat by their grey value 1"),
        ([2], r"Cat by their colour \(2, 2, 2\) and Dog by their grey value 2"),
        ([2, 3], r"Cat by their colour \(2, 2, 2\) and Dog by their grey value 2"),  # 3 is the number of Cow
    ],
)
def test_grey_in_rgb_that_can_be_read_in_two_ways_is_refused(trees, greys, message):
    card = read_card(trees.text("card.yaml", GREY_COLOURS))
    path = png(trees.root / "two.png", [[[n] * 3 for n in greys]], 8, "rgb")
    with pytest.raises(ValueError, match=r"two\.png can be read in more than one way: some pixels are " + message):
        read_label(path, card)


def test_black_and_white_are_no_numbers(tmp_path, card):
    # a mask of a drawing program: read as numbers, all that is marked would be void
    with pytest.raises(ValueError, match=r"colour \(255, 255, 255\) at row 0, column 1 .* is not among the 4"):
        read_label(png(tmp_path / "a.png", [[BLACK, WHITE]], 8, "rgb"), card)


# ---- a folder of one's own


@pytest.mark.parametrize(
    ("text", "write"),
    [
        (CITYSCAPES, lambda path: png(path, [[7, 33], [0, 0]])),
        (EXAMPLE.replace("255, colour", "0, colour"), lambda path: png(path, [[1, 3], [0, 0]], 2)),
        (EXAMPLE, lambda path: indexed(path, [[9, 7], [8, 8]], *[WHITE] * 7, DOG, BLACK, BACKGROUND)),
        (EXAMPLE, lambda path: png(path, np.array([[BACKGROUND, DOG], [BLACK, BLACK]]) * 257, 16, "rgb")),
    ],
)
def test_a_folder_loads_such_labels(trees, text, write):
    trees.text("card.yaml", text)
    trees.photo("images/a.png", (2, 2))
    (trees.root / "labels").mkdir()
    write(trees.root / "labels/a.png")
    data = load_dataset("folder", root=trees.root)
    void = data.ignore_index
    assert data[0].label.tolist() == [[0, 2], [void, void]]
    assert void not in range(data.num_classes)


# ---- any map in any form


def stored_as(draw, path, label, card):
    """Write a label map in one of the forms that files have; by number or by colour as the card says them."""
    number, colour = (
        {index: draw(st.sampled_from([v for v, i in table.items() if i == index])) for index in set(table.values())}
        for table in (card.indices, card.indices_by_colour)
    )
    used = np.unique(label).tolist()
    numbers = np.vectorize(number.get)(label)
    colours = np.array([colour.get(i, BLACK) for i in range(256)])[label]
    bits = [b for b in (1, 2, 4, 8, 16) if numbers.max() < 2**b]
    form = draw(
        st.sampled_from(["grey", "tiff", "rgb", "rgb48", "palette of classes", "palette", "grey in rgb", "grey alpha"])
    )
    if form == "grey":
        return png(path, numbers, draw(st.sampled_from(bits)))
    if form == "tiff":
        return tiff(path, numbers, draw(st.sampled_from(bits)))
    if form == "grey alpha":
        return png(path, np.dstack([numbers, numbers]), draw(st.sampled_from(bits[-1:])), form)
    if form == "rgb":
        return png(path, colours, 8, "rgb")
    if form == "rgb48":
        return png(path, colours * draw(st.sampled_from([1, 257])), 16, "rgb")
    if form == "grey in rgb":
        assume(8 in bits and not set(numbers.ravel()) <= {0, 255})  # these are colours
        return png(path, numbers[..., None].repeat(3, axis=2), 8, "rgb")
    if form == "palette of classes":  # any number, each with the colour of its class
        place = dict(zip(used, draw(st.permutations(range(16)))[: len(used)], strict=True))
        palette = [draw(st.sampled_from([*colour.values()])) for _ in range(16)]
        for index, n in place.items():
            palette[n] = colour[index]
        return png(path, np.vectorize(place.get)(label), 4 if draw(st.booleans()) else 8, "palette", palette)
    assume(8 in bits)  # numbers of the card, shown in any colours, some of them the card's
    any_colour = st.sampled_from([*colour.values(), BLACK, WHITE, (1, 2, 3), (200, 0, 0), (2, 1, 0)])
    return png(path, numbers, 8, "palette", [draw(any_colour) for _ in range(256)])


@pytest.mark.parametrize("text", [EXAMPLE, GREY_COLOURS, CITYSCAPES, EXAMPLE.replace("255, colour", "0, colour")])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_any_map_in_any_form_is_read_as_it_is_or_refused_by_name(trees, text, data):
    card = read_card(trees.text("card.yaml", text))
    indices = sorted({*card.indices.values()})
    label = data.draw(
        arrays(np.uint8, st.tuples(st.integers(1, 3), st.integers(1, 4)), elements=st.sampled_from(indices))
    )
    path = stored_as(data.draw, trees.root / "a.png", label, card)
    try:
        got = read_label(path, card)
    except ValueError as error:
        got, text = label, str(error)
        assert text.startswith(str(path))
    assert np.array_equal(got, label)
