"""Fully connected CRF: let every pixel hear every other one before it takes its label.

Kraehenbuehl and Koltun 2011, the paper's [62]; it follows DeepLab-LargeFOV in Tables 3 and 4. It needs a model's
softmax P and the image, no training. Two Gaussian kernels say how much pixel i listens to pixel j:

    appearance   exp(-|p_i - p_j|^2 / 2 sa^2  -  |c_i - c_j|^2 / 2 sb^2)    near, and of the same colour
    smoothness   exp(-|p_i - p_j|^2 / 2 sg^2)                               next to each other

with positions p in pixels and colours c in 0..255. Mean field then repeats, ten times or so,

    Q  <-  softmax(log P  +  w1 * appearance Q  +  w2 * smoothness Q),      from Q = P:

a pixel's label gains by what the pixels like it believe (Potts model: different labels cost the same, whichever
they are). Two things are conventions, and are those of Kraehenbuehl's own code, version 2: each kernel is normalised
symmetrically, D^-1/2 K D^-1/2 with D = diag(K 1), so that a weight means the same on a large image as on a small one;
and a pixel hears itself too.

A dense kernel of a 360x480 image has 3 * 10^10 entries. The smoothness kernel is separable; the appearance kernel,
a Gaussian in five dimensions, is applied on a permutohedral lattice (Adams, Baek and Davis 2010) in numpy and sparse
matrices, built once an image. Written here since Kraehenbuehl's C++ has no wheel for Python 3.11 or later (pydensecrf
and its forks compile at installation). Compiled by hand as a peer it took 0.58 s for 360x480, 11 classes and 10
iterations on one core, this module 1.0 s; their labels agreed at 99.0 and 99.2 % of the pixels of two CamVid images.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist
from scipy.special import softmax

from segnet_lab._messages import unknown
from segnet_lab.models.weights import unwrap
from segnet_lab.progress import bar

FILTERINGS = ("lattice", "exact")
SCORES = ("G", "C", "mIoU", "BF")
EXACT_LIMIT = 64 * 64  # pixels: a kernel of 128 MB

# The first round of DeepLab's own search (Chen et al., ICLR 2015); the step of the weight is ours
DEEPLAB_GRID = {
    "appearance_weight": (5, 6, 7, 8, 9, 10),
    "appearance_position_std": (50, 60, 70, 80, 90, 100),
    "appearance_colour_std": (3, 4, 5, 6, 7, 8, 9, 10),
    "smoothness_weight": (3,),
    "smoothness_position_std": (3,),
}

Kernel = Callable[[np.ndarray], np.ndarray]  # (H, W, K) -> (H, W, K), already normalised


@dataclass(frozen=True)
class DenseCRF:
    """Settings of the fully connected CRF.

    The defaults are those released with DeepLab v2 for VGG16 (PASCAL VOC, images of about 375x500), the nearest public
    relative of the paper's DeepLab-LargeFOV-denseCRF. The paper found its own by grid search (Section 4.1) and does
    not print them. Positions count in pixels: at 90x120 take a quarter of what is right at 360x480.

    >>> DenseCRF().scaled(0.25).appearance_position_std
    16.25
    """

    appearance_weight: float = 4.0  # w1
    appearance_position_std: float = 65.0  # sa, pixels
    appearance_colour_std: float = 3.0  # sb, in units of 0..255
    smoothness_weight: float = 2.0  # w2
    smoothness_position_std: float = 2.0  # sg, pixels
    iterations: int = 10  # of mean field; all DeepLab papers

    def __post_init__(self):
        for name in ("appearance_weight", "smoothness_weight", "iterations"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name}={getattr(self, name)}: give a number >= 0")
        for name in ("appearance_position_std", "appearance_colour_std", "smoothness_position_std"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(
                    f"{name}={getattr(self, name)}: give a number > 0; to leave a kernel out, set its weight 0"
                )
        if self.iterations % 1:
            raise ValueError(f"iterations={self.iterations}: give a whole number")

    def scaled(self, factor: float) -> "DenseCRF":
        """The same settings for an image resized by `factor`: the two widths in pixels grow with it."""
        settings = asdict(self)
        for name in ("appearance_position_std", "smoothness_position_std"):
            settings[name] *= factor
        return DenseCRF(**settings)


def dense_crf(probabilities, image, settings: DenseCRF | None = None, filtering: str = "lattice"):
    """Refine a softmax with the fully connected CRF.

    Parameters
    ----------
    probabilities : array or Tensor, (K, H, W)
        A model's softmax: >= 0, sums to 1 over K at every pixel. A class of probability 0 stays at 0.
    image : array or Tensor, (3, H, W)
        The image as it was loaded: uint8, or float in 0..1.
    settings : DenseCRF, optional
        Default: `DenseCRF()`.
    filtering : {"lattice", "exact"}
        "exact" writes the whole H*W x H*W kernel down: what "lattice" approximates. For 64x64 pixels at most.

    Returns
    -------
    refined : like `probabilities`, float32, (K, H, W)
        Sums to 1 over K. `refined.argmax(0)` is the label map. Empty where H or W is 0.

    Raises
    ------
    ValueError
        If the shapes do not fit, the first argument is no softmax or the image is neither uint8 nor in 0..1.

    Notes
    -----
    Section 4.1 and Table 3. Potts compatibility and symmetric normalisation, see the head of this module. Thin and
    small things hear mostly others and may be lost: in Table 3 the class average falls from 62.53 to 60.67 while BF
    rises from 32.77 to 40.79.

    Examples
    --------
    A dark and a bright half; the third pixel is dark, but the model took it for bright.

    >>> image = np.zeros((3, 1, 6), np.uint8)
    >>> image[:, 0, 3:] = 200
    >>> bright = np.array([[[0.1, 0.1, 0.6, 0.9, 0.9, 0.9]]])
    >>> refined = dense_crf(np.concatenate([1 - bright, bright]), image)
    >>> refined.argmax(0)
    array([[0, 0, 0, 1, 1, 1]])
    """
    settings = settings or DenseCRF()
    p = _check_probabilities(probabilities)
    appearance, smoothness = _kernels(_check_image(image, p.shape[1:]), filtering)
    if p.size:
        p = np.moveaxis(_mean_field(np.moveaxis(p, 0, -1), settings, appearance, smoothness), -1, 0)
    refined = np.ascontiguousarray(p)
    return torch.from_numpy(refined).to(probabilities.device) if isinstance(probabilities, torch.Tensor) else refined


class WithDenseCRF(torch.nn.Module):
    """A network followed by the CRF, wherever a network is taken: `evaluate`, `predict`, ...

    DeepLab-LargeFOV-denseCRF of Tables 3 and 4 is `WithDenseCRF(deeplab, settings)`. There is nothing to train and no
    gradient.

    Parameters
    ----------
    network : Module
        Images (B, 3, H, W) of 0..1 to logits, with `num_classes`.
    settings : DenseCRF, optional

    Examples
    --------
    >>> from segnet_lab import create_model, predict
    >>> network = create_model("segnet_basic", width=0.25, seed=0)
    >>> predict(WithDenseCRF(network, DenseCRF().scaled(0.1)), torch.rand(3, 24, 32)).shape
    torch.Size([24, 32])
    """

    def __init__(self, network: torch.nn.Module, settings: DenseCRF | None = None):
        super().__init__()
        self.network, self.settings = unwrap(network), settings or DenseCRF()
        self.num_classes = self.network.num_classes
        self.trained_on = getattr(self.network, "trained_on", None)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images (B, 3, H, W) of 0..1 -> log probabilities (B, K, H, W) after the CRF, float32."""
        with torch.no_grad():
            softmaxes = self.network(images).float().softmax(1)
        return torch.stack([dense_crf(p, x, self.settings) for p, x in zip(softmaxes, images, strict=True)]).log()


def grid_search(
    samples: Iterable[tuple],
    grid: Mapping[str, Sequence[float]],
    *,
    num_classes: int,
    ignore_index: int | None = None,
    score: str = "mIoU",
) -> pd.DataFrame:
    """Try every combination of CRF settings, as Section 4.1 does "on a subset of the training set".

    Parameters
    ----------
    samples : iterable of (probabilities (K, H, W), image (3, H, W), label (H, W))
        As for `dense_crf`; a generator will do, each sample is looked at once.
    grid : mapping of a field of `DenseCRF` to the values to try
        Fields that are left out keep their default; `{}` tries the default alone. `DEEPLAB_GRID` has 288 combinations:
        pick from it.
    num_classes, ignore_index
        As for `segnet_lab.metrics.SegmentationScores`.
    score : {"G", "C", "mIoU", "BF"}
        The best by this score comes first.

    Returns
    -------
    table : DataFrame
        One row a combination: the fields of `DenseCRF` and G, C, mIoU, BF (fractions of 1). The model's own scores,
        without the CRF, are the row with iterations = 0; it is always there.

    Raises
    ------
    ValueError
        If there is no sample, or `grid` or `score` holds an unknown name.

    Examples
    --------
    >>> image = np.zeros((3, 2, 4), np.uint8)
    >>> image[:, :, 2:] = 200
    >>> label = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1]])
    >>> bright = np.array([[0.1, 0.6, 0.9, 0.9], [0.1, 0.1, 0.9, 0.9]])
    >>> table = grid_search([(np.stack([1 - bright, bright]), image, label)],
    ...                     {"appearance_weight": [0.1, 4]}, num_classes=2, ignore_index=255, score="G")
    >>> table[["appearance_weight", "iterations", "G"]]
       appearance_weight  iterations      G
    0                4.0          10  1.000
    1                0.1          10  0.875
    2                4.0           0  0.875
    """
    from segnet_lab.metrics import SegmentationScores  # here, since torchmetrics takes a second to import

    if score not in SCORES:
        raise ValueError(unknown("score", score, SCORES))
    candidates = _candidates(grid)
    scores = [SegmentationScores(num_classes=num_classes, ignore_index=ignore_index) for _ in candidates]
    seen = 0
    for probabilities, image, label in bar(samples, description="images"):
        seen += 1
        p = _check_probabilities(probabilities)
        kernels = _kernels(_check_image(image, p.shape[1:]), "lattice")
        for settings, scored in zip(candidates, scores, strict=True):  # neighbours in this order share their lattice
            refined = _mean_field(np.moveaxis(p, 0, -1), settings, *kernels)
            scored.update(torch.from_numpy(refined.argmax(axis=-1)), torch.as_tensor(label))
    if not seen:
        raise ValueError("grid_search got no sample: give at least one (probabilities, image, label)")

    rows = []
    for settings, scored in zip(candidates, scores, strict=True):
        result = scored.compute()
        rows.append(asdict(settings) | {name: float(result[name]) for name in SCORES})
    return pd.DataFrame(rows).sort_values(score, ascending=False, kind="stable", ignore_index=True)


# --------------------------------------------------------------------------------------------------
# Mean field and its two kernels. Inside, a class runs fastest: (H, W, K).


def _mean_field(p: np.ndarray, settings: DenseCRF, appearance, smoothness) -> np.ndarray:
    messages: list[tuple[float, Kernel]] = []
    if settings.iterations and settings.appearance_weight:
        kernel = appearance(settings.appearance_position_std, settings.appearance_colour_std)
        messages.append((settings.appearance_weight, kernel))
    if settings.iterations and settings.smoothness_weight:
        messages.append((settings.smoothness_weight, smoothness(settings.smoothness_position_std)))

    p = np.ascontiguousarray(p)
    with np.errstate(divide="ignore"):
        log_p = np.log(p)  # -inf keeps a class of probability 0 out, whatever the others say
    q = p
    for _ in range(int(settings.iterations)):
        energy = log_p.copy()
        for weight, kernel in messages:
            energy += np.float32(weight) * kernel(q)
        q = softmax(energy, axis=-1)
    return q


def _kernels(image: np.ndarray, filtering: str):
    """Two functions that make the kernels of one image (H, W, 3) from their standard deviations."""
    if filtering not in FILTERINGS:
        raise ValueError(unknown("filtering", filtering, FILTERINGS))
    h, w = image.shape[:2]
    if filtering == "exact" and h * w > EXACT_LIMIT:
        raise ValueError(
            f"the exact kernel of {h}x{w} pixels has {(h * w) ** 2:,} entries: "
            f"take at most {EXACT_LIMIT} pixels, or filtering='lattice'"
        )
    positions = np.stack(np.meshgrid(np.arange(h), np.arange(w), indexing="ij"), axis=-1)

    @lru_cache(maxsize=1)
    def appearance(position_std: float, colour_std: float) -> Kernel:
        features = np.concatenate([positions / position_std, image / colour_std], axis=-1).reshape(h * w, 5)
        return _normalised(_on_pixels(Permutohedral(features) if filtering == "lattice" else _exact(features)), (h, w))

    @lru_cache(maxsize=1)
    def smoothness(position_std: float) -> Kernel:
        if filtering == "exact":
            return _normalised(_on_pixels(_exact((positions / position_std).reshape(h * w, 2))), (h, w))
        stds = (position_std, position_std, 0)  # rows, columns, not across classes
        # beyond 5 standard deviations the Gaussian is below 4e-6
        return _normalised(lambda q: gaussian_filter(q, stds, mode="constant", truncate=5), (h, w))

    return appearance, smoothness


def _normalised(kernel: Kernel, size: tuple[int, int]) -> Kernel:
    """D^-1/2 K D^-1/2, D the row sums of K: a factor on K falls out."""
    root = 1 / np.sqrt(kernel(np.ones((*size, 1), np.float32)))
    return lambda q: root * kernel(root * q)


def _on_pixels(points: Kernel) -> Kernel:
    return lambda q: points(q.reshape(-1, q.shape[-1])).reshape(q.shape)


def _exact(features: np.ndarray) -> Kernel:
    kernel = np.exp(-0.5 * cdist(features, features, "sqeuclidean")).astype(np.float32)
    return lambda values: kernel @ values


class Permutohedral:
    """Gaussian filter of unit standard deviation over N points in D dimensions, in time linear in N.

    The space is cut into simplices, all of one shape, whose corners form a lattice. Each point gives its values to
    the D + 1 corners around it (splat); neighbouring corners mix along D + 1 directions (blur); each point reads its
    corners again (slice). Only corners that some point touches exist. Adams, Baek and Davis 2010, "Fast
    high-dimensional filtering using the permutohedral lattice".

    Parameters
    ----------
    features : ndarray, (N, D)
        Points, in units of the Gaussian's standard deviation along each axis.

    Notes
    -----
    Approximates `exp(-|f_i - f_j|^2 / 2)` up to one factor for all pairs. Measured on three CamVid images with the
    default colour width of 3, normalised, relative L2 against the exact filter: 6 to 7 % at 90x120, 3 to 5 % at
    360x480; 2 to 3 % with a colour width of 10. Where points lie far apart it is worse (18 % in a test), since the
    blur passes only through corners that some point touches.

    Examples
    --------
    Two points at one place and a far one: the near ones share, the far one is alone.

    >>> lattice = Permutohedral(np.array([[0.0, 0.0], [0.0, 0.0], [50.0, 50.0]]))
    >>> mixed = lattice(np.array([[1.0], [0.0], [3.0]], np.float32))
    >>> bool(mixed[0] == mixed[1]), bool(mixed[0] > 0)
    (True, True)
    >>> alone = lattice(np.array([[0.0], [0.0], [3.0]], np.float32))
    >>> bool(mixed[2] == alone[2])
    True
    """

    def __init__(self, features: np.ndarray):
        origin, rank, weights = _enclosing_simplex(features)
        n, d = features.shape

        # A corner has integer coordinates that sum to 0, so D of the D + 1 name it, and mixed radix packs them into one
        # integer; a step on the lattice is then a fixed difference of keys.
        low = origin[:, :d].min(axis=0) - 2 * (d + 1)
        span = origin[:, :d].max(axis=0) - low + 2 * (d + 1)
        radix = [1, *itertools.accumulate(map(int, span), lambda a, b: a * b)]
        if radix.pop() >= 2**63:
            reach = np.ptp(features, axis=0).max()
            raise ValueError(f"features reach over {reach:.0f} standard deviations: take larger standard deviations")
        radix = np.array(radix, np.int64)
        keys = np.empty((n, d + 1), np.int64)
        for k in range(d + 1):  # corner k of the simplex: +k, and a whole D + 1 less along the last k axes by rank
            keys[:, k] = (origin[:, :d] - low + k) @ radix - (d + 1) * ((rank[:, :d] > d - k) @ radix)
        corners, at = np.unique(keys, return_inverse=True)

        m = len(corners)
        rows = np.arange(0, n * (d + 1) + 1, d + 1)
        self._slice = sp.csr_array((weights.astype(np.float32).ravel(), at.ravel(), rows), shape=(n, m))
        self._splat = self._slice.T.tocsr()
        directions = [radix.sum() - (d + 1) * r for r in radix] + [radix.sum()]
        self._blurs = [_blur(corners, step) for step in directions]

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Filter (N, K) float32 values: splat, blur, slice."""
        on_lattice = self._splat @ values
        for blur in self._blurs:
            on_lattice = blur @ on_lattice
        return self._slice @ on_lattice


def _enclosing_simplex(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each point the simplex around it: a corner (N, D+1), the order of the axes, and the corners' weights."""
    d = features.shape[1]
    lifted = features @ _hyperplane(d).T  # (N, D+1), sums to 0
    origin = np.rint(lifted / (d + 1)).astype(np.int64)  # nearest point whose coordinates are multiples of D + 1 ...
    excess = origin.sum(axis=1, keepdims=True)
    rank = np.argsort(np.argsort(-(lifted - origin * (d + 1)), axis=1, kind="stable"), axis=1) + excess
    wrap = (rank < 0).astype(np.int64) - (rank > d)  # ... brought back to sum 0 where rounding changed it most
    rank += wrap * (d + 1)
    origin = (origin + wrap) * (d + 1)

    inside = np.empty_like(lifted)
    np.put_along_axis(inside, rank, (lifted - origin) / (d + 1), axis=1)  # by falling size
    weights = np.empty_like(lifted)  # barycentric
    weights[:, 0] = 1 - inside[:, 0] + inside[:, d]
    weights[:, 1:] = (inside[:, :-1] - inside[:, 1:])[:, ::-1]
    return origin, rank, weights


def _hyperplane(d: int) -> np.ndarray:
    """(D+1, D): orthogonal axes of the plane where coordinates sum to 0, scaled so that the blur has unit deviation."""
    axes = np.triu(np.ones((d + 1, d)))
    axes[np.arange(1, d + 1), np.arange(d)] = -np.arange(1, d + 1)
    return axes / np.linalg.norm(axes, axis=0) * (d + 1) * np.sqrt(2 / 3)


def _blur(corners: np.ndarray, step: int) -> sp.csr_array:
    """(M, M): a quarter from each of the two neighbours that exist along one direction, a half from the corner."""
    m = len(corners)
    at = np.minimum(np.searchsorted(corners, corners + step), m - 1)
    found = corners[at] == corners + step
    quarter = np.full(np.count_nonzero(found), 0.25, np.float32)
    ahead = sp.csr_array((quarter, (np.flatnonzero(found), at[found])), shape=(m, m))
    half = sp.csr_array(sp.diags(np.full(m, 0.5, np.float32)))
    return (half + ahead + ahead.T).tocsr()


# --------------------------------------------------------------------------------------------------
# What comes in


def _candidates(grid: Mapping[str, Sequence[float]]) -> list[DenseCRF]:
    names = [f.name for f in fields(DenseCRF)]
    for name in grid:
        if name not in names:
            raise ValueError(unknown("setting of DenseCRF", name, names))
    found = [DenseCRF(**dict(zip(grid, values, strict=True))) for values in itertools.product(*grid.values())]
    unique = dict.fromkeys([*found, DenseCRF(iterations=0)])
    return sorted(unique, key=lambda c: (c.appearance_position_std, c.appearance_colour_std))


def _numpy(x) -> np.ndarray:
    if isinstance(x, torch.Tensor):
        x = x.detach().cpu()
        return (x.float() if x.is_floating_point() else x).numpy()  # numpy knows no bfloat16
    return np.asarray(x)


def _check_probabilities(probabilities) -> np.ndarray:
    p = _numpy(probabilities)
    if p.ndim != 3 or p.shape[0] == 0:
        raise ValueError(f"expected probabilities (K, H, W), got shape {p.shape}: give one image's softmax at a time")
    p = p.astype(np.float32)
    total = p.sum(axis=0)
    # bfloat16 softmax misses 1 by up to about 0.5 %; nan fails both comparisons
    if not ((p >= 0).all() and (abs(total - 1) < 0.01).all()):
        raise ValueError(
            f"expected probabilities >= 0 that sum to 1 at every pixel, got values in {p.min()}..{p.max()} and sums in "
            f"{total.min()}..{total.max()}: pass logits.softmax(dim=0)"
        )
    return p / total


def _check_image(image, size: tuple[int, int]) -> np.ndarray:
    """(3, H, W) uint8 or 0..1 -> (H, W, 3) float, 0..255."""
    image = _numpy(image)
    if image.shape != (3, *size):
        raise ValueError(
            f"probabilities of {size[0]}x{size[1]} need an image (3, {size[0]}, {size[1]}), got {image.shape}"
        )
    image = np.moveaxis(image, 0, -1)
    if image.dtype == np.uint8:
        return image.astype(np.float64)
    if image.dtype.kind != "f" or not ((image >= 0) & (image <= 1)).all():
        raise ValueError(
            f"expected an image of uint8, or of floats in 0..1, got {image.dtype} in "
            f"{image.min()}..{image.max()}: pass it as it was loaded, before any normalisation"
        )
    return image * 255.0
