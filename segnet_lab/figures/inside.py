"""Scenes from inside one network: what a channel remembers, what a pixel sees, what dropout samples say."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab.data.base import Labelled
from segnet_lab.data.images import ImageSource, read_image
from segnet_lab.figures.scene import Mark, Picture, Scene, classes, codes, numbers, photo
from segnet_lab.inference.mc_dropout import Uncertainty
from segnet_lab.models import EncoderDecoder
from segnet_lab.probe.receptive_fields import measured_receptive_field, receptive_field
from segnet_lab.probe.tracing import Encoded, Trace, WindowStep, window_path

ARROWS = "↖↗↙↘"  # of the codes 0..3
SPARSE_MAP_VIEWS = ("one stage", "codes of all stages", "sparse maps of all stages", "dense maps of all stages")


def sparse_maps(
    trace: Trace, stage: int = 1, channel: int = 0, view: str = SPARSE_MAP_VIEWS[0], place: Sequence[int] = ()
) -> Scene:
    """What one channel of a network remembers, and what its decoder makes of it (Section 3, Fig. 3).

    Parameters
    ----------
    trace : Trace
        From `probe.trace`.
    stage : int
        1 is next to the image; in view "one stage".
    channel : int
        0-based; a map with fewer channels shows its last one.
    view : one of SPARSE_MAP_VIEWS
    place : (row, column) of the image, optional
        Its window is outlined in every map, and followed through all stages in the note.

    Returns
    -------
    Scene
        A cell that the decoder left empty is pale, and so is the code of an all-zero window.

    Raises
    ------
    ValueError
        No such stage or view, or a place outside of the image.
    """
    decoders = {d.stage: d for d in trace.decoders}
    encoders = {e.stage: e for e in trace.encoders if e.stage in decoders}
    if stage not in decoders:
        raise InvalidInput(f"no decoder belongs to stage {stage}: there are {', '.join(map(str, sorted(decoders)))}")
    if view not in SPARSE_MAP_VIEWS:
        raise InvalidInput(unknown("view", view, SPARSE_MAP_VIEWS))
    steps = {step.stage: step for step in window_path(trace, *place)} if len(place) else {}

    def placed(picture: Picture, of: int, pooled: bool = False) -> Picture:
        """A map in its geometry, with the window that was asked for outlined."""
        before, after = _cells(trace, of)
        if of in steps:
            side = 1 if pooled else after // before
            picture = picture._replace(marks=(_window(steps[of], side),))
        return picture._replace(scale=after if pooled else before)

    def features_of(s: int) -> Picture:
        return placed(numbers(f"encoder {s}: features", _channel(encoders[s].features, channel)), s)

    def codes_of(s: int) -> Picture:
        pooled, corners = _channel(encoders[s].pooled, channel), encoders[s].corners
        if corners is None:
            return placed(numbers(f"encoder {s}: no 2×2 pooling", pooled), s, pooled=True)
        return placed(codes(f"encoder {s}: codes", _channel(corners, channel), zero=pooled == 0), s, pooled=True)

    def sparse_of(s: int) -> Picture:
        upsampled = _channel(decoders[s].upsampled, channel)
        return placed(numbers(f"decoder {s}: upsampled", upsampled, empty=upsampled == 0), s)

    def dense_of(s: int) -> Picture:
        return placed(numbers(f"decoder {s}: dense", _channel(decoders[s].dense, channel)), s)

    if view == SPARSE_MAP_VIEWS[0]:
        maps = [make(stage) for make in (features_of, codes_of, sparse_of, dense_of)]
    else:
        make = dict(zip(SPARSE_MAP_VIEWS[1:], (codes_of, sparse_of, dense_of), strict=True))[view]
        maps = [make(s) for s in sorted(encoders)]
    image = photo("image", trace.image[0])
    if steps:
        image = image._replace(marks=(_window(steps[stage], _cells(trace, stage)[1]),))
    return Scene((image, *maps), _path_in_words(trace, steps, channel) if steps else _codes_in_words(encoders, channel))


def _channel(maps: Tensor, channel: int) -> np.ndarray:
    return maps[0, min(channel, maps.shape[1] - 1)].numpy()


def _cells(trace: Trace, stage: int) -> tuple[int, int]:
    """Image pixels on a side of one cell, before and after the pooling of a stage."""
    before, after = (2 ** sum(e.corners is not None for e in trace.encoders if e.stage < s) for s in (stage, stage + 1))
    return before, after


def _window(step: WindowStep, side: int) -> Mark:
    """Outline of a window in a map that has `side` cells for each of its rows."""
    return Mark(side * step.window_row, side * step.window_column, side, side)


def _path_in_words(trace: Trace, steps: Mapping[int, WindowStep], channel: int) -> str:
    said = []
    for e in trace.encoders:
        step = steps[e.stage]
        if e.corners is None:
            said.append(f"stage {e.stage} does not pool 2×2")
            continue
        window = 0, min(channel, e.pooled.shape[1] - 1), step.window_row, step.window_column
        code, value = int(e.corners[window]), float(e.pooled[window])
        what = "all zero, so" if value == 0 else f"{value:.3g}"
        said.append(f"stage {e.stage}: {what} {ARROWS[code]}")
    row, column = steps[1].row, steps[1].column
    return f"row {row}, column {column}, channel {channel}   " + "   ".join(said)


def _codes_in_words(encoders: Mapping[int, Encoded], channel: int) -> str:
    said = []
    for stage, e in sorted(encoders.items()):
        if e.corners is not None:
            alive = _channel(e.pooled, channel) != 0
            shares = np.bincount(_channel(e.corners, channel)[alive], minlength=4) / max(alive.sum(), 1)
            of_them = " ".join(f"{arrow} {share:.0%}" for arrow, share in zip(ARROWS, shares, strict=True))
            said.append(f"stage {stage}: {of_them}" if alive.any() else f"stage {stage}: all zero")
    return f"Codes of channel {channel} where a window is not all zero   " + "   ".join(said)


def what_a_pixel_sees(
    model: EncoderDecoder, image: ImageSource, where: str = "logits", place: Sequence[int] = ()
) -> Scene:
    """How much of an image one pixel of a feature map depends on: at most, by arithmetic; in fact, by its gradient.

    Parameters
    ----------
    model : EncoderDecoder
    image : path, PIL image, array or Tensor
        As `predict` takes it.
    where : str
        One of `probe.places(model)`.
    place : (row, column) of the image, optional
        The pixel of the map lies over it. The default is the middle of the image.

    Returns
    -------
    Scene
        The image, and the gradient by its square root, both with the box of the theoretical field.
    """
    image = read_image(image)
    field = receptive_field(model, where)
    row, column = place or (n // 2 for n in image.shape[-2:])
    at = row // field.stride, column // field.stride
    measured = measured_receptive_field(model, where, image, *at)
    middle = [(n + 0.5) * field.stride for n in at]
    top, left = (max(0, math.floor(m - field.size / 2)) for m in middle)
    bottom, right = (min(n, math.ceil(m + field.size / 2)) for m, n in zip(middle, image.shape[-2:], strict=True))
    box = Mark(top, left, bottom - top, right - left)
    pixel = Mark(at[0] * field.stride, at[1] * field.stride, field.stride, field.stride)
    gradient = measured.gradient.numpy()
    half = _side_of_half(gradient, [math.floor(m) for m in middle])
    note = (
        f"{where}[{at[0]}, {at[1]}] can see at most {field.size}×{field.size} pixels. This one depends on "
        f"{measured.height}×{measured.width}; the middle {half}×{half} hold half of its gradient."
    )
    marks = (box, pixel)
    strength = numbers("|gradient|, square root", np.sqrt(gradient), empty=gradient == 0, marks=marks)
    return Scene((photo("image", image, marks=marks), strength), note)


def _side_of_half(gradient: np.ndarray, middle: list[int]) -> int:
    """Side of the smallest square around a pixel that holds half of the gradient."""
    rows, columns = np.indices(gradient.shape)
    distance = np.maximum(abs(rows - middle[0]), abs(columns - middle[1]))
    held = np.bincount(distance.ravel(), gradient.ravel()).cumsum()
    return 2 * int(np.searchsorted(held, held[-1] / 2)) + 1


def samples(
    image: Tensor | ArrayLike, drawn: Sequence[Tensor | ArrayLike], found: Uncertainty, measure: str, data: Labelled
) -> Scene:
    """Bayesian SegNet: the label maps of some forward passes with dropout, their mean, and where they disagree.

    Parameters
    ----------
    image : float (3, H, W), 0..1
    drawn : list of label maps (H, W)
        The samples.
    found : Uncertainty
        Of the same samples.
    measure : {"variance", "entropy", "mutual_information"}
    data : Labelled
    """
    values = getattr(found, measure)
    pictures = [photo("image", image), classes(f"mean of {len(drawn)}", found.label, data)]
    pictures.append(numbers(measure.replace("_", " "), values, signed=False))
    pictures += [classes(f"sample {n}", label, data) for n, label in enumerate(drawn, 1)]
    agree = np.all([np.asarray(label) == np.asarray(drawn[0]) for label in drawn], axis=0)
    note = f"All {len(drawn)} samples agree on {agree.mean():.1%} of the pixels."
    return Scene(tuple(pictures), note)
