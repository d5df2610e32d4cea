"""What there is to touch, in words: for the classroom, and for docs/widgets.md."""

from pathlib import Path
from typing import NamedTuple

PREVIEWS = Path(__file__).parent / "previews"  # made by tools/pictures.py


class Exhibit(NamedTuple):
    """A widget: what it shows and something to try, both in Markdown."""

    name: str
    title: str
    shows: str
    tries: str
    code: str  # how to open one, given `runs` (the name of a set), `model`, `data`, `image`, `label`

    @property
    def picture(self) -> Path:
        """What it looks like, a PNG."""
        return PREVIEWS / f"{self.name}.png"


EXHIBITS = (
    Exhibit(
        "playground",
        "Pooling-index playground",
        "Paint a small map and watch it being pooled, packed into codes, upsampled and made dense, in two ways.",
        "choose the preset *noise*, decode B by *bilinear*, and let both kernels *learn it here*: which error is "
        "smaller, at how many bytes? Then the same with *smooth ramp*.",
        "Playground()",
    ),
    Exhibit(
        "sparse_maps",
        "What a decoder stage sees",
        "Codes, sparse and dense maps of every stage of a trained network; a clicked pixel is followed through all.",
        "click the edge of a car and move through the stages: in which does its window stop being all zero?",
        "explore_sparse_maps(model, image)",
    ),
    Exhibit(
        "decoders",
        "Two ways of decoding",
        "Two networks that differ in their decoder alone, on one image, and where only one of them is right.",
        "find an image on which bilinear interpolation gets more pixels right than pooling indices. Where do they lie?",
        "explore_decoders(runs)",
    ),
    Exhibit(
        "predictions",
        "Predictions, worst first",
        "Image, truth and what every network says of it, sorted by the score you choose.",
        "sort by mIoU, then by BF: is the worst image the same one? Press *errors*.",
        "explore_predictions(runs)",
    ),
    Exhibit(
        "boundary_f1",
        "Boundary F1",
        "The boundary of a class in a prediction and in the truth: which pixels match, within what tolerance?",
        "compare *moved* with *ragged*: which of them does mIoU forgive, and which BF?",
        "explore_boundary_f1(label, data)",
    ),
    Exhibit(
        "class_balance",
        "Class balancing",
        "A dial for the weight of each class, and the share of the loss that it gets.",
        "set the weights so that poles get a tenth of the loss, then choose *median_frequency*.",
        "explore_class_balance(data)",
    ),
    Exhibit(
        "receptive_field",
        "What a pixel sees",
        "How much of the image a pixel of any layer can see, and which part of it matters.",
        "go from `conv1` to `logits`, and compare how much a pixel *can* see with the square that holds half of its "
        "gradient.",
        "explore_receptive_field(model, image)",
    ),
    Exhibit(
        "uncertainty",
        "What a network does not know",
        "A network with dropout answers several times; where do the answers disagree?",
        "take two samples, then twelve: where do they go on disagreeing, and does *entropy* light up anywhere else?",
        "explore_uncertainty(model, image, data)",
    ),
    Exhibit(
        "own_image",
        "Try your own image",
        "A picture from the disk or from the camera, labelled by every network.",
        "drop a photograph of a street on it, then one of a kitchen; then change at what size the networks look at it.",
        "explore_own_image(runs)",
    ),
)
