"""Explorers of trained networks: one short function each, over a plain function of `segnet_lab.figures`.

    explore_sparse_maps(sl.load_run(path).model, image)

Each gives an `Explorer`, whose controls and place a program may set as well as a person. `runs` is a set of runs by
name ("roadscenes"), or a dict of networks, of this kit or any modules from images to logits; `image` anything that
`predict` takes, shown as the network sees it: at the size of its training; `data` a data set, which has the names and
colours of the classes. Without it, networks are shown what they were validated on, by their runs' records; a module of
your own has none, so give the data. What is wrong is said in the widget; in batch runs it is raised.
"""

import math
import os
from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import ParamSpec

import ipywidgets as w
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from segnet_lab._support.errors import EXPECTED, InvalidInput, is_number
from segnet_lab._support.progress import headless
from segnet_lab.data.base import DataSet, SegmentationDataset, as_dataset
from segnet_lab.data.class_counts import ClassCounts, count_classes
from segnet_lab.data.images import ImageSource, read_image
from segnet_lab.figures import balance, compared, inside
from segnet_lab.figures.scene import Scene
from segnet_lab.inference.mc_dropout import draw_samples, summarise
from segnet_lab.inference.predict import input_size, predict
from segnet_lab.metrics import boundary_map
from segnet_lab.metrics.conventions import TOLERANCE
from segnet_lab.metrics.matching import tolerance_pixels
from segnet_lab.models import EncoderDecoder
from segnet_lab.models.wrapped import unwrap
from segnet_lab.probe.receptive_fields import places
from segnet_lab.probe.tracing import trace
from segnet_lab.runs.provenance import check_classes
from segnet_lab.runs.recipe import BALANCINGS
from segnet_lab.training.losses import PUBLISHED_CAMVID_WEIGHTS, class_weights
from segnet_lab.widgets.explorer import Explorer
from segnet_lab.widgets.picker import ImagePicker
from segnet_lab.widgets.trained_networks import SHOWN, Networks, Runs, with_images

Place = tuple[int, ...]  # (row, column) of the pixel that was chosen, or ()
OWN = "own weights"
ROWS = (48, 64, 96, 128, 192, 256, 360)  # of images, for networks to look at a picture of your own
LEAST, MOST, STEP = -2, 1.5, 0.02  # powers of ten that a weight can be set to; a step is 5 percent


Arguments = ParamSpec("Arguments")


def _said_in_the_widget(explore: Callable[Arguments, Explorer]) -> Callable[Arguments, Explorer]:
    """What is wrong with the arguments becomes the message of an empty explorer."""

    @wraps(explore)
    def explorer(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Explorer:
        try:
            return explore(*args, **kwargs)
        except EXPECTED as error:
            if headless():
                raise
            return Explorer(_raising(error), {})

    return explorer


def _raising(error: Exception) -> Callable[..., Scene]:
    def draw(place: Place) -> Scene:
        raise error

    return draw


# ------------------------------------------------------------------------------------------- inside one network


@_said_in_the_widget
def explore_sparse_maps(model: EncoderDecoder, image: ImageSource) -> Explorer:
    """Codes, sparse and dense maps of every decoder stage; click a pixel to follow its window through all of them.

    Parameters
    ----------
    model : EncoderDecoder
        Any network that decodes; trained ones have more to tell.
    image : path, PIL image, array or Tensor
        As `predict` takes it.

    Raises
    ------
    ValueError
        No network of the kit, or one that has no decoder.
    """
    network = unwrap(model, required=True)
    found = trace(network, _as_seen_by(network, image))
    stages = [d.stage for d in found.decoders]
    if not stages:
        raise InvalidInput(
            f"{network.config.name} has no decoder, so nothing is unpooled: take segnet_basic, for example"
        )
    channels = max(e.features.shape[1] for e in found.encoders if e.stage in stages)
    controls = {
        "view": w.Dropdown(options=inside.SPARSE_MAP_VIEWS, description="show"),
        "stage": w.SelectionSlider(options=sorted(stages), description="stage"),
        "channel": w.IntSlider(max=channels - 1, description="channel"),
    }

    def draw(place: Place, view: str, stage: int, channel: int) -> Scene:
        return inside.sparse_maps(found, stage, channel, view, place)

    return Explorer(draw, controls)


@_said_in_the_widget
def explore_receptive_field(model: EncoderDecoder, image: ImageSource) -> Explorer:
    """Click a pixel to see how much of the image it can depend on, and how much of that it does.

    Parameters
    ----------
    model : EncoderDecoder
    image : path, PIL image, array or Tensor

    Raises
    ------
    ValueError
        No network of the kit, or no image.
    """
    network = unwrap(model, required=True)
    seen, names = _as_seen_by(network, image), places(network)
    deepest = next((name for name in reversed(names) if name.startswith("pool")), names[-1])  # 106 in the paper
    controls = {"where": w.Dropdown(options=names, value=deepest, description="pixel of")}

    def draw(place: Place, where: str) -> Scene:
        return inside.what_a_pixel_sees(network, seen, where, place)

    return Explorer(draw, controls)


@_said_in_the_widget
def explore_uncertainty(model: nn.Module, image: ImageSource, data: DataSet, most: int = 12) -> Explorer:
    """The samples of a network with dropout, one beside the other, and where they disagree.

    Parameters
    ----------
    model : Module
        With dropout, such as `bayesian_segnet_basic`.
    image : path, PIL image, array or Tensor
    data : DataSet
        Names and colours of the classes.
    most : int
        How many samples there are to choose from.

    Raises
    ------
    ValueError
        No network, one without dropout, no image, or a data set of other classes.
    """
    model, data, most = unwrap(model), as_dataset(data, SHOWN), _at_least_one("most", most)
    check_classes(model, data)
    seen = _as_seen_by(model, image)
    drawn = list(draw_samples(model, seen, most))
    labels = [p.argmax(0) for p in drawn]
    controls = {
        "count": w.IntSlider(min(8, most), min=1, max=most, description="samples"),
        "measure": w.Dropdown(options=["variance", "entropy", "mutual_information"], description="measure"),
    }

    def draw(place: Place, count: int, measure: str) -> Scene:
        return inside.samples(seen, labels[:count], summarise(drawn[:count]), measure, data)

    return Explorer(draw, controls, chooses=False)


# ------------------------------------------------------------------------------------- networks beside each other


@_said_in_the_widget
def explore_predictions(runs: Runs = "roadscenes", data: DataSet | None = None, images: int = 24) -> Explorer:
    """Image, truth and the prediction of every network, the worst images first (Figs. 4 and 5).

    Parameters
    ----------
    runs : str or dict
    data : DataSet, optional
        The default is the validation split of the runs.
    images : int
        How many of its images to sort.

    Raises
    ------
    ValueError
        Neither the name of a set nor networks, as `Networks` says; no images to look at.
    """
    networks = Networks(runs, data)
    images = min(_at_least_one("images", images), len(with_images(networks.data)))
    controls = {
        "sort_by": w.Dropdown(options=list(networks.models), description="worst of"),
        "score": w.Dropdown(options=["mIoU", "BF", "G", "C"], description="by"),
        "rank": w.IntSlider(1, min=1, max=images, description="rank"),
        "errors": w.ToggleButton(description="errors"),
    }

    def draw(place: Place, sort_by: str, score: str, rank: int, errors: bool) -> Scene:
        number = networks.worst_first(sort_by, score, images)[rank - 1]
        image, truth = networks.data[number]
        scene = compared.predictions(image, truth, networks.all_judged(number), networks.data, errors)
        note = f"Image {number} of {networks.data.split}, number {rank} of {images} from the worst. {scene.note}"
        return scene._replace(note=note)

    return Explorer(draw, controls, chooses=False)


@_said_in_the_widget
def explore_decoders(runs: Runs = "roadscenes", data: DataSet | None = None) -> Explorer:
    """Two ways of decoding on one image, and where only one of them is right.

    Parameters
    ----------
    runs : str or dict
    data : DataSet, optional
        The default is the validation split of the runs.

    Raises
    ------
    ValueError
        Neither the name of a set nor networks, as `Networks` says; no images to look at.
    """
    networks = Networks(runs, data)
    names, count = list(networks.models), len(with_images(networks.data))
    a = "segnet_basic" if "segnet_basic" in names else names[0]
    controls = {
        "number": w.IntSlider(max=count - 1, description="image"),
        "a": w.Dropdown(options=names, value=a, description="A"),
        "b": w.Dropdown(options=names, value=next((b for b in names if b != a), a), description="B"),
    }

    def draw(place: Place, number: int, a: str, b: str) -> Scene:
        judged = {name: networks.judged(name, number) for name in (a, b)}
        image, truth = networks.data[number]
        return compared.two_predictions(image, truth, a, b, judged, networks.data)

    return Explorer(draw, controls, chooses=False)


@_said_in_the_widget
def explore_own_image(runs: Runs = "roadscenes", data: DataSet | None = None) -> Explorer:
    """A picture from disk or from the camera, segmented by several networks: the authors' web demo in a notebook.

    Networks look at it in its own shape, with as many pixels as the images of their training, or another number.

    Parameters
    ----------
    runs : str or dict
    data : DataSet, optional
        Names and colours of the classes, and the picture that is there at the beginning: its first image.

    Raises
    ------
    ValueError
        Neither the name of a set nor networks, as `Networks` says.
    """
    networks, picker = Networks(runs, data), ImagePicker()
    start, name = _first_image(networks)
    height, width = networks.size() or (start.height, start.width)
    sizes = {rows: (rows, max(1, round(rows * width / height))) for rows in sorted({*ROWS, height})}

    @lru_cache(maxsize=8)
    def predicted(name: str, picture: bytes, rows: int) -> tuple[Tensor, dict[str, compared.Prediction]]:
        image = read_image(_of_area(picker.image() or start, *sizes[rows]))
        labels = {n: predict(networks.fast(n), image, size="own").numpy() for n in networks.models}
        return image, {n: compared.Prediction(label, {}) for n, label in labels.items()}

    def draw(place: Place, size: int) -> Scene:
        image, predictions = predicted(picker.name, picker.picture, size)
        scene = compared.predictions(image, None, predictions, networks.classes)
        seen = f"{picker.name or name}, seen at {image.shape[1]}×{image.shape[2]}."
        return scene._replace(note=f"{seen} {networks.learnt_from()}")

    options = [
        (f"{h}×{w}" + (", as in training" if h == height and networks.size() else ""), h) for h, w in sizes.values()
    ]
    size = w.Dropdown(options=options, value=height, description="pixels")
    explorer = Explorer(draw, {"size": size}, above=[picker], chooses=False)
    picker.observe(explorer.redraw, "picture")
    return explorer


def _first_image(networks: Networks) -> tuple[Image.Image, str]:
    """What is there before a picture was chosen, and its name."""
    try:
        return _picture(networks.data), "an image of the data set"
    except (ValueError, OSError, IndexError):  # not there, or the data set is empty
        networks.classes  # noqa: B018  (an error that another picture does not cure)
        return Image.new("RGB", (networks.size() or (96, 128))[::-1], "grey"), "no picture yet: choose one"


def _picture(data: DataSet) -> Image.Image:
    """The first image of a data set, at its own size where the data set can give that."""
    if isinstance(data, SegmentationDataset):
        return Image.fromarray(data.raw(0)[0])
    return Image.fromarray((255 * data[0].image).round().byte().permute(1, 2, 0).numpy())


def _of_area(picture: Image.Image, height: int, width: int) -> Image.Image:
    """The whole picture, in its own shape, with as many pixels as height x width."""
    scale = math.sqrt(height * width / (picture.height * picture.width))
    size = [max(1, round(n * scale)) for n in picture.size]
    return picture.convert("RGB").resize(size, Image.Resampling.BILINEAR, reducing_gap=3)


def _at_least_one(name: str, value: int) -> int:
    if not is_number(value) or value < 1:
        raise InvalidInput(f"{name}={value!r}: give a whole number of at least 1")
    return int(value)


def _as_seen_by(model: nn.Module, given: ImageSource) -> Tensor:
    """(3, H, W) at the size at which the network looks at it."""
    image = read_image(given)
    own = image.shape[1], image.shape[2]
    size = input_size(model, own)
    if size == own:
        return image
    return F.interpolate(image[None], size, mode="bilinear", antialias=True)[0].clamp(0, 1)


# --------------------------------------------------------------------------------------------- scores and losses


@_said_in_the_widget
def explore_boundary_f1(
    target: npt.ArrayLike | Tensor,
    data: DataSet,
    predictions: Mapping[str, npt.ArrayLike | Tensor] | None = None,
) -> Explorer:
    """The boundary of a class in a prediction and in the truth, and which pixels match at what tolerance.

    Parameters
    ----------
    target : (H, W) integers
        The truth.
    data : DataSet
    predictions : dict, name -> (H, W), optional
        Shown before three made-up ones on which mIoU and BF disagree.

    Raises
    ------
    ValueError
        No label map, labels that are no classes of the data, a truth that is void everywhere, or a prediction of
        another size.
    """
    data = as_dataset(data, SHOWN)
    truth = _label_map("target", target, data)
    predictions = {} if predictions is None else predictions
    if not isinstance(predictions, Mapping):
        raise InvalidInput(f"predictions: give them by name, {{name: label map}}, not {type(predictions).__name__}")
    given = {str(name): _label_map(str(name), label, data) for name, label in predictions.items()}
    height, width = truth.shape
    for name, label in given.items():
        if label.shape != truth.shape:
            size = "{}x{}".format(*label.shape)
            raise InvalidInput(f"{name} has {size}, the truth has {height}x{width}: give predictions of the same image")
    examples = {**given, **compared.made_up_predictions(truth, data.ignore_index)}
    present = [c for c in np.unique(truth).tolist() if c != data.ignore_index]
    if not present:
        raise InvalidInput("the truth is void everywhere, so it has no boundary: take another image")
    longest = max(present, key=lambda c: boundary_map(truth, c).sum())
    paper = round(tolerance_pixels(TOLERANCE, height, width), 1)
    controls = {
        "prediction": w.Dropdown(options=list(examples), description="prediction"),
        "cls": w.Dropdown(options=[(data.class_names[c], c) for c in present], value=longest, description="class"),
        "pixels": w.FloatSlider(paper, min=0, max=10, step=0.1, readout_format=".1f", description="tolerance"),
        "matching": w.ToggleButtons(options=[("one to one", "one_to_one"), ("by distance", "distance")]),
    }

    def draw(place: Place, prediction: str, cls: int, pixels: float, matching: str) -> Scene:
        tolerance = pixels if pixels >= 1 else 0  # no two pixels lie less than 1 apart; below 1 would mean a share
        return compared.boundaries(examples[prediction], truth, cls, data, tolerance, matching)

    return Explorer(draw, controls, chooses=False)


def _label_map(name: str, given: npt.ArrayLike | Tensor, data: DataSet) -> npt.NDArray[np.int64]:
    """(H, W) integers, each a class of the data or void."""
    if isinstance(given, str | os.PathLike):
        raise InvalidInput(f"{name} is a name, {str(given)!r}: give a label map, such as data[0].label")
    try:
        label = np.asarray(None if hasattr(given, "num_classes") or hasattr(given, "label") else given)
    except (ValueError, TypeError):  # a pair of tensors, for example
        label = np.asarray(None)
    if label.dtype == object:
        raise InvalidInput(f"{name} is a {type(given).__name__}: give a label map, such as data[0].label")
    if label.ndim != 2 or not label.size or label.dtype.kind not in "iub":
        raise InvalidInput(
            f"{name} holds {label.dtype} of shape {label.shape}: give (H, W) integers, such as data[0].label"
        )
    wrong = np.setdiff1d(label, [*range(data.num_classes), data.ignore_index])
    if wrong.size:
        raise InvalidInput(
            f"{name} holds label {wrong[0]}, {data.name} has classes 0..{data.num_classes - 1} and void "
            f"{data.ignore_index}: give labels of the same classes"
        )
    return label.astype(np.int64)


@_said_in_the_widget
def explore_class_balance(data: DataSet, counts: ClassCounts | None = None) -> Explorer:
    """A dial for the weight of each class, and the share of the loss that it gets (Section 3.2).

    Parameters
    ----------
    data : DataSet
    counts : ClassCounts, optional
        Of the data set; counted if not given.

    Raises
    ------
    ValueError
        No data set, one without images, or counts of other classes.
    """
    data = with_images(as_dataset(data, SHOWN))
    counts = count_classes(data) if counts is None else counts
    if not isinstance(counts, ClassCounts):
        raise InvalidInput(f"counts is a {type(counts).__name__}: give count_classes(data), or leave it out")
    if len(counts.pixels) != data.num_classes:
        raise InvalidInput(
            f"counts of {len(counts.pixels)} classes, {data.name} has {data.num_classes}: leave them out"
        )
    names = [name for name in BALANCINGS if name != "published" or data.num_classes == len(PUBLISHED_CAMVID_WEIGHTS)]
    presets = {name: _weights(name, data, counts) for name in ["natural", *names]}
    dialled = {
        name: [10 ** (STEP * round(math.log10(weight) / STEP)) for weight in weights]
        for name, weights in presets.items()
    }
    dials = {
        f"class_{c}": w.FloatLogSlider(1, min=LEAST, max=MOST, step=STEP, description=name, readout_format=".2f")
        for c, name in enumerate(data.class_names)
    }
    number, preset, bars = w.IntSlider(max=len(data) - 1, description="image"), w.Dropdown(), w.HTML()
    preset.options, preset.description = [*presets, OWN], "weights"

    def draw(place: Place, number: int, **dialled_now: float) -> Scene:
        weights = list(dialled_now.values())
        preset.value = next((name for name in presets if np.allclose(dialled[name], weights)), OWN)
        weights = presets.get(preset.value, weights)  # exact, where dials have steps
        bars.value = balance.loss_share_bars(counts.pixels, weights, data)
        image, label = data[number]
        return balance.class_weight_map(image, label, weights, data)

    def take(change: Mapping[str, str]) -> None:
        if change["new"] != OWN:
            explorer.set(**dict(zip(dials, dialled[change["new"]], strict=True)))

    explorer = Explorer(draw, {"number": number, **dials}, beside=True, above=[preset], below=[bars], chooses=False)
    preset.observe(take, "value")
    return explorer


def _weights(balancing: str, data: DataSet, counts: ClassCounts) -> list[float]:
    """Weights of a recipe, within the range of the dials."""
    found = class_weights(balancing, data, counts)
    weights = torch.ones(data.num_classes) if found is None else found
    clipped: list[float] = weights.clip(10**LEAST, 10**MOST).tolist()
    return clipped
