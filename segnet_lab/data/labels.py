"""The classes that the numbers and colours of a label file mean on the card of its data set."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from segnet_lab._support.errors import InvalidInput
from segnet_lab.data.cards import Card, Colour, Pixels
from segnet_lab.data.stored import Stored

Numbers = Mapping[int, int]  # number in a file -> class index
Colours = Mapping[Colour, int]  # colour in a file -> class index

GREYS = np.arange(256, dtype=np.uint8)[:, None].repeat(3, axis=1)


def classes_of(stored: Stored, numbers: Numbers, colours: Colours, path: str | Path, card: Card) -> Pixels:
    """The label map of what a file stores; the parameters and errors are those of `read_label`."""
    pixels, palette = stored
    if palette is not None:
        return _by_colour_or_number(pixels, palette, True, numbers, colours, path, card)
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        return _by_colour_or_number(pixels[..., 0], GREYS, False, numbers, colours, path, card)
    return translate(pixels, numbers if pixels.ndim == 2 else colours, path, card)


def translate(values: np.ndarray, table: Numbers | Colours, path: str | Path, card: Card) -> Pixels:
    """Turn the numbers or colours of a label file into class indices.

    Parameters
    ----------
    values : array, (H, W) of any integer, or (H, W, 3) uint8
    table : mapping
        Number, or colour (R, G, B), to class index 0..255.
    path : str or Path
        Named in the error.
    card : Card
        Named in the error.

    Returns
    -------
    label : array, uint8, (H, W)

    Raises
    ------
    ValueError
        A value that is not in the table, never silently a class.

    Examples
    --------
    >>> from segnet_lab.data.cards import load_card
    >>> colours = np.array([[[128, 64, 128], [0, 0, 0]]], np.uint8)
    >>> card = load_card("camvid")
    >>> translate(colours, card.indices_by_colour, "a.png", card)  # Road, void
    array([[ 3, 11]], dtype=uint8)
    """
    if not table:
        here, there = ("in colour", "are grey numbers") if values.ndim == 3 else ("grey", "are in colour (RGB)")
        raise InvalidInput(f"{path} is {here}, but the labels of {card.title} {there}")
    keys = np.array(list(table), np.int64)
    numbers = values
    if values.ndim == 3:
        numbers, keys = _code(values), _code(keys)
    order = keys.argsort()
    place = np.searchsorted(keys[order], numbers).clip(max=len(keys) - 1)
    wrong = keys[order][place] != numbers
    if wrong.any():
        raise InvalidInput(_unknown_label(values, wrong, table, path, card))
    return np.array(list(table.values()), np.uint8)[order][place]


# --------------------------------------------------------------------------------------------------
# Files that give each pixel a number and a colour.


def _by_colour_or_number(
    pixels: Pixels,
    palette: Pixels,
    indexed: bool,
    numbers: Numbers,
    colours: Colours,
    path: str | Path,
    card: Card,
) -> Pixels:
    """A label map with a palette, or (not `indexed`) grey in RGB, whose numbers are its grey values."""
    shown: dict[int, Colour] = {n: tuple(palette[n].tolist()) for n in np.unique(pixels).tolist()}
    readings = {"colour": {n: colours[c] for n, c in shown.items() if c in colours}}
    if indexed:
        readings["palette number"] = {n: numbers[n] for n in shown if n in numbers}
    greys = {n: c[0] for n, c in shown.items() if len(set(c)) == 1}
    if not set(greys.values()) <= {0, 255}:  # black and white alone do not look like numbers
        readings["grey value"] = {n: numbers[v] for n, v in greys.items() if v in numbers}

    whole = {what: reading for what, reading in readings.items() if len(reading) == len(shown)}
    classes = {n: index for n, index in readings["colour"].items() if index != card.void_index}
    if not indexed and "colour" in whole and not classes:
        return translate(pixels, whole["colour"], path, card)  # an RGB file of void's colour: nothing is labelled
    if whole:
        # Void is mostly black, with which any palette may begin: if no other colour is on the card, it says nothing.
        _check_same(shown, {"colour": classes, **whole}, path, card)
        return translate(pixels, next(iter(whole.values())), path, card)
    if indexed and not classes:
        return translate(pixels, numbers, path, card)
    return translate(palette[pixels], colours, path, card)


def _check_same(shown: dict[int, Colour], readings: dict[str, dict[int, int]], path: str | Path, card: Card) -> None:
    names = [*card.class_names, *["void"] * 256]
    for n, colour in shown.items():
        said = {what: reading[n] for what, reading in readings.items() if n in reading}
        if len(set(said.values())) > 1:
            values = {"colour": colour, "palette number": n, "grey value": colour[0]}
            ways = " and ".join(f"{names[index]} by their {what} {values[what]}" for what, index in said.items())
            raise InvalidInput(
                f"{path} can be read in more than one way: some pixels are {ways}. Save it in RGB if the colours are "
                f"right, in 8-bit grey if the numbers are, or let the colours on {card.path} agree with the numbers"
            )


# --------------------------------------------------------------------------------------------------


def _code(colours: np.ndarray) -> npt.NDArray[np.int64]:
    """Each colour (..., 3) as one number."""
    r, g, b = np.moveaxis(colours.astype(np.int64), -1, 0)
    return (r << 16) | (g << 8) | b


def _unknown_label(
    values: np.ndarray, wrong: npt.NDArray[np.bool_], table: Numbers | Colours, path: str | Path, card: Card
) -> str:
    row, column = (int(i) for i in np.argwhere(wrong)[0])
    value = values[row, column].tolist()
    here = f"at row {row}, column {column} ({int(wrong.sum())} such pixels)"
    if values.ndim == 3:
        colours = [c for c in table if isinstance(c, tuple)]
        near = min(colours, key=lambda c: sum((a - b) ** 2 for a, b in zip(c, value, strict=True)))
        return (
            f"{path}: colour {tuple(value)} {here} is not among the {len(table)} on the card of {card.title}; the "
            f"nearest is {near}. If the file was resized, take the original; else add the class to {card.path}"
        )
    numbers = {n: index for n, index in table.items() if isinstance(n, int)}
    void_numbers = {n for n, index in numbers.items() if index == card.void_index}
    known, void = (", ".join(_ranges(some)) for some in (set(numbers), void_numbers))
    return (
        f"{path}: label value {value} {here} is not on the card of {card.title}, which knows {known} "
        f"(void: {void}). Correct the file, or say in {card.path} what all the numbers mean, in a table such as "
        f"`ids: {{{value}: {card.class_names[0]}, 0: Void}}`"
    )


def _ranges(numbers: set[int]) -> list[str]:
    """Runs of numbers in words: {0, 1, 2, 5} -> ["0 to 2", "5"]."""
    starts, ends = (sorted(n for n in numbers if n + step not in numbers) for step in (-1, 1))
    return [f"{a} to {b}" if b > a else str(a) for a, b in zip(starts, ends, strict=True)]
