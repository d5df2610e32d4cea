"""The classical way: a random forest on hand-made features, pixel by pixel. What Table 2 compares SegNet with.

The methods of Table 2's upper rows give every pixel a class from a vector of features that somebody thought of -
colour, edges, texture at several scales, the place in the image - and a forest or boosted trees; a CRF then smooths
the noisy result. This is the same recipe in a few lines of scikit-image and scikit-learn, not a rebuild of any one of
those methods (they add structure from motion, depth, superpixels or object detectors). Its probabilities go through the
same scores and the same `segnet_lab.inference.dense_crf.dense_crf` as a network's.

There is no file format for a forest: train it again, which takes seconds and gives the same forest for the same seed.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from skimage.color import rgb2lab
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor

from segnet_lab._support.errors import InvalidInput
from segnet_lab.data.base import DataSet

# Smallest and largest Gaussian as a share of the image height, so that one forest serves every image size:
# 0.5 to 30 px at 90x120, 2 to 120 px at 360x480, each twice the last.
FINEST, COARSEST, SCALES = 1 / 180, 1 / 3, 7

FEATURE_NAMES = (  # in the order of features()
    *(
        f"{kind} of {channel}, scale {scale}"
        for channel in ("lightness", "green-red", "blue-yellow")
        for scale in range(SCALES)
        for kind in ("mean", "edge", "texture 1", "texture 2")
    ),
    "row",
    "column",
)


def features(image: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Hand-made features of every pixel: smoothed colour, edge strength and texture at seven scales, and position.

    Parameters
    ----------
    image : array or Tensor, float (3, H, W), 0..1
        RGB; H and W >= 2.

    Returns
    -------
    x : ndarray, float32, (H, W, 86)
        Named by `FEATURE_NAMES`. Colours are CIE L*a*b* / 100, "edge" is the Sobel magnitude, "texture" the eigenvalues
        of the Hessian; lengths count in image heights. Row and column run from 0 to 1.

    Raises
    ------
    ValueError
        If `image` is not (3, H, W), float in 0..1, with H, W >= 2.

    Examples
    --------
    >>> x = features(np.full((3, 4, 6), 1.0))  # white: lightness 1, no edge anywhere
    >>> x.shape, float(x[2, 3, FEATURE_NAMES.index("mean of lightness, scale 0")].round(3))
    ((4, 6, 86), 1.0)
    >>> x[:, 0, FEATURE_NAMES.index("row")].round(2)
    array([0.  , 0.33, 0.67, 1.  ], dtype=float32)
    """
    image = np.asarray(image, dtype=np.float32)
    if image.ndim != 3 or len(image) != 3 or min(image.shape) < 2 or not ((image >= 0) & (image <= 1)).all():
        raise InvalidInput(
            f"expected an RGB image (3, H, W) of floats in 0..1, H and W >= 2, got shape {image.shape}"
            + (f" with values in {image.min()}..{image.max()}" if image.size else "")
        )
    lab = rgb2lab(image, channel_axis=0) / 100
    h, w = image.shape[1:]
    local = multiscale_basic_features(
        np.moveaxis(lab, 0, -1),
        sigma_min=h * FINEST,
        sigma_max=h * COARSEST,
        num_sigma=SCALES,
        channel_axis=-1,
    )
    local[..., 1::4] *= h  # derivatives by the image height rather than by the pixel, for the same reason as the scales
    local[..., 2::4] *= h**2
    local[..., 3::4] *= h**2
    row, column = np.meshgrid(np.linspace(0, 1, h), np.linspace(0, 1, w), indexing="ij")
    return np.concatenate([local, row[..., None], column[..., None]], axis=-1, dtype=np.float32)


@dataclass(frozen=True)
class PixelForest:
    """A random forest that names the class of a pixel from its `features`. Made by `train_forest`."""

    forest: RandomForestClassifier
    class_names: tuple[str, ...]

    def predict_proba(self, image: npt.ArrayLike) -> Tensor:
        """Share of the trees' votes for each class.

        Parameters
        ----------
        image : array or Tensor, float (3, H, W), 0..1
            Of any size >= 2x2, not only the training images'.

        Returns
        -------
        probabilities : Tensor, float32, (K, H, W)
            Sums to 1 over K. A class that was not in the training pixels has probability 0.
        """
        x = features(image)
        h, w, f = x.shape
        votes = self.forest.predict_proba(x.reshape(h * w, f))
        probabilities = torch.zeros(len(self.class_names), h, w)
        probabilities[self.forest.classes_] = torch.from_numpy(votes.T.reshape(-1, h, w)).float()
        return probabilities


def train_forest(
    data: DataSet, images: int = 60, pixels_per_class: int = 40, trees: int = 50, seed: int = 0
) -> PixelForest:
    """Train a random forest on some pixels of some images, balanced by class.

    Parameters
    ----------
    data : SegmentationDataset
        From `segnet_lab.load_dataset`. Void pixels are left out.
    images : int
        How many images, evenly spaced over `data`; all of them if it has fewer.
    pixels_per_class : int
        How many pixels of each class to draw at random from each image; what is still uneven, since a class is
        not in every image, is evened out by class weights.
    trees : int
    seed : int
        Of the draw and of the forest: the same seed gives the same forest.

    Returns
    -------
    forest : PixelForest

    Raises
    ------
    ValueError
        If a number is below 1, or no image has a labelled pixel.

    Notes
    -----
    Balanced classes gain class average and cost global accuracy, as median frequency balancing does (Section 3.3).

    CamVid at 90x120, defaults: 7 s on one core, an image takes 0.07 s, validation G 0.674, C 0.593, mIoU 0.383; with
    `dense_crf` at `DenseCRF().scaled(0.25)` 0.713, 0.571, 0.395. All 367 images: 59 s, mIoU 0.446. The validation clip
    lies between training images of the same drive, which is kind to colour and position.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> class Halves(list):  # dark above, bright below
    ...     class_names, ignore_index = ("dark", "bright"), 255
    >>> image = torch.zeros(3, 8, 8)
    >>> image[:, 4:] = 0.9
    >>> label = (image[0] > 0.5).long()
    >>> forest = train_forest(Halves([SimpleNamespace(image=image, label=label)]), trees=10)
    >>> bool((forest.predict_proba(image).argmax(0) == label).all())
    True
    """
    for name, value in (("images", images), ("pixels_per_class", pixels_per_class), ("trees", trees)):
        if value < 1:
            raise InvalidInput(f"{name}={value}: give at least 1")

    rng = np.random.default_rng(seed)
    xs, ys = [], []
    for i in np.linspace(0, len(data) - 1, min(images, len(data))).round().astype(int):
        sample = data[int(i)]
        x, label = features(sample.image), np.asarray(sample.label)
        for c in np.setdiff1d(label, data.ignore_index):
            pixels = rng.permutation(np.argwhere(label == c))[:pixels_per_class]
            xs.append(x[pixels[:, 0], pixels[:, 1]])
            ys.append(np.full(len(pixels), c))
    if not xs:
        raise InvalidInput(f"no labelled pixel in {min(images, len(data))} images: there is nothing to learn from")

    forest = RandomForestClassifier(trees, min_samples_leaf=4, class_weight="balanced", random_state=seed, n_jobs=-1)
    forest.fit(np.concatenate(xs), np.concatenate(ys))
    forest.set_params(n_jobs=1)  # several threads would add the votes up in any order: not the same bits twice
    return PixelForest(forest, tuple(data.class_names))
