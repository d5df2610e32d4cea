"""The pooling-index playground: paint a small map and watch it being pooled, packed, upsampled and made dense.

The arithmetic on screen runs in the browser (`playground.js`), so it answers at once and goes on without a kernel,
even as a single HTML file. Python holds the state, and its results for comparison with `segnet_lab.pooling`.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import anywidget
import numpy as np
import numpy.typing as npt
import traitlets as t

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab.widgets.sources import script, style

DECODERS = (  # how a lane upsamples; the same names as in playground.js
    "pooling_indices",  # SegNet: back to where the maximum was
    "fixed_indices",  # always top-left
    "replication",
    "bilinear",
    "learnt_deconvolution",  # 4x4, stride 2: the middle of FCN's 8x8, which its bilinear initialisation fills
    "whole_map_added",  # SegNet-Basic-EncoderAddition: indices, kernel, then the whole input is added
)
SIZES = (4, 16)  # fewest and most rows and columns of an input
LARGEST = 1e6  # keeps every sum on screen finite

_COPY_DOWN = [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]  # rebuilds the pole, where the codes are known
_BILINEAR = [[a * b for a in (0.25, 0.75, 0.75, 0.25)] for b in (0.25, 0.75, 0.75, 0.25)]
_THIN_POLE = [[9.0 if c == 2 + r // 2 else 0.0 for c in range(8)] for r in range(8)]


Rows = list[list[float]]


class Map(t.TraitType[Rows, npt.ArrayLike]):
    """A small map of numbers; takes any 2-D array and keeps it as a list of rows."""

    def __init__(self, least: int, most: int, default: Rows) -> None:
        super().__init__(default)
        self.least, self.most = least, most

    def validate(self, obj: t.HasTraits, value: npt.ArrayLike) -> Rows:
        """The rows of a map that may be shown."""
        return _rows(value, self.least, self.most, self.name)


class MapPair(t.TraitType[list[Rows], Sequence[npt.ArrayLike]]):
    """One square map for each of the two lanes, A and B."""

    def __init__(self, side: int, default: Rows) -> None:
        super().__init__([default, default])
        self.side = side

    def validate(self, obj: t.HasTraits, value: Sequence[npt.ArrayLike]) -> list[Rows]:
        """The rows of two maps that may be shown."""
        if len(value) != 2:
            raise InvalidInput(f"{self.name} holds one entry per lane, A and B: give 2, not {len(value)}")
        return [_rows(one, self.side, self.side, self.name) for one in value]


def _result(help: str) -> t.List[object]:
    return t.List(read_only=True, help=help).tag(sync=True)


class Playground(anywidget.AnyWidget):
    """Pooling-index decoding to touch (Section 3, Fig. 3): one input, two ways of decoding side by side.

    Parameters
    ----------
    values : (H, W) array-like, 4 <= H, W <= 16, default a thin, leaning pole
        The input, finite numbers up to a million in size.
    decoders : two names out of `DECODERS`
        How lanes A and B upsample. Default: pooling indices against a fixed index.
    kernels : two (3, 3) array-likes
        Makes each lane's upsampled map dense, as `F.conv2d(..., padding=1)`. Default: copy from the cell above.
    deconvolutions : two (4, 4) array-likes
        The kernel of `learnt_deconvolution`, as `F.conv_transpose2d(..., stride=2, padding=1)`; begins as bilinear.
    step : int, 1..7
        How far the guided tour has come: input, pool, codes, pack, upsample, dense, compare (default: all is shown).
    code_view : "arrows", "numbers" or "bits"
    brush : float
        What the pointer paints.
    storage_size : (C, H, W)
        The maps whose storage is counted beside this grid's; default the first stage of SegNet-Basic.

    Attributes
    ----------
    pooled, corners : list of rows, (ceil(H/2), ceil(W/2))
        The maximum of each window, and its corner 0..3.
    codes : list of int
        The corners packed four a byte: equal to `segnet_lab.pooling.max_pool_2x2(x)[1]`.
    upsampled, dense, error : two lists of rows, (H, W)
        What each lane makes, and dense - input. All results come from the browser: empty until the widget is shown.

    Raises
    ------
    ValueError
        If a map is empty, too large, holds nan or infinity, or a name is not known.

    Examples
    --------
    >>> playground = Playground(values=[[1, 5, 0, 0], [2, 3, 0, 7], [0, 0, 4, 4], [0, 0, 4, 4]])
    >>> playground.decoders = ["pooling_indices", "bilinear"]
    >>> playground
    Playground of 4x4: pooling_indices against bilinear
    >>> Playground(values=[[1.0, float("nan"), 0, 0]] * 4)
    Traceback (most recent call last):
    segnet_lab...InvalidInput: values holds nan at row 0, column 1: give finite numbers up to
    1e+06, e.g. through np.nan_to_num
    """

    _esm = script("playground.js")
    _css = style("playground.css")

    values = Map(*SIZES, _THIN_POLE).tag(sync=True)
    decoders = t.List(t.Unicode(), ["pooling_indices", "fixed_indices"]).tag(sync=True)
    kernels = MapPair(3, _COPY_DOWN).tag(sync=True)
    deconvolutions = MapPair(4, _BILINEAR).tag(sync=True)
    step = t.Int(7, min=1, max=7).tag(sync=True)
    code_view = t.Enum(("arrows", "numbers", "bits"), "arrows").tag(sync=True)
    brush = t.Float(9.0, min=-LARGEST, max=LARGEST).tag(sync=True)
    storage_size = t.List(t.Int(min=1), [64, 360, 480], minlen=3, maxlen=3).tag(sync=True)

    pooled = _result("the maximum of each window")
    corners = _result("its corner, 0..3")
    codes = _result("the corners, four a byte")
    upsampled = _result("one map a lane")
    dense = _result("one map a lane")
    error = _result("dense - input, one map a lane")

    @classmethod
    def from_array(
        cls, array: npt.ArrayLike, at: tuple[int, int] = (0, 0), size: tuple[int, int] = (8, 8), **state: object
    ) -> "Playground":
        """A playground on a patch of a larger map: a channel of a feature map, a grey image.

        Parameters
        ----------
        array : (H, W) array-like
            Numpy, torch or lists. Its values are taken as they are.
        at : (row, column)
            The patch's top-left cell.
        size : (h, w), 4..16

        Examples
        --------
        >>> Playground.from_array(np.arange(600.0).reshape(20, 30), at=(2, 3), size=(4, 5)).values[0]
        [63.0, 64.0, 65.0, 66.0, 67.0]
        """
        whole = _array(array, "array")
        (row, column), (h, w) = at, size
        if row < 0 or column < 0 or row + h > whole.shape[0] or column + w > whole.shape[1]:
            raise InvalidInput(
                f"a patch of {h}x{w} at row {row}, column {column} leaves the array of {whole.shape[0]}x"
                f"{whole.shape[1]}: choose another `at` or `size`"
            )
        return cls(values=whole[row : row + h, column : column + w], **state)

    def __repr__(self) -> str:
        h, w = len(self.values), len(self.values[0])
        return f"Playground of {h}x{w}: {' against '.join(self.decoders)}"  # no address, so notebooks do not change

    @t.validate("decoders")
    def _known_decoders(self, proposal: t.Bunch) -> list[str]:
        names: list[str] = proposal["value"]
        if len(names) != 2:
            raise InvalidInput(f"decoders holds one name per lane, A and B: give 2, not {len(names)}")
        for name in names:
            if name not in DECODERS:
                raise InvalidInput(unknown("decoder", name, DECODERS))
        return names


def write_playground_html(path: str | Path) -> Path:
    """Write the playground as one HTML file that works from disk, without a network or an installation.

    Parameters
    ----------
    path : str or Path
        Where to write it; folders are made, a file that is there is replaced.

    Returns
    -------
    path : Path

    Examples
    --------
    >>> import tempfile
    >>> write_playground_html(Path(tempfile.mkdtemp()) / "playground.html").name
    'playground.html'
    """
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(playground_page(), encoding="utf-8")
    return file


def playground_page(
    title: str = "Pooling-index playground",
    line: str = "What SegNet's decoder remembers of its encoder: two bits for each 2×2 window.",
    below: str = "",
    css: str = "",
) -> str:
    """The playground as the text of an HTML page that needs no other file; its address remembers what was chosen.

    Parameters
    ----------
    title, line : str
        The page's title, and what it is about, in HTML.
    below : str
        HTML of what follows the playground.
    css : str
        For what follows.

    Returns
    -------
    str

    Examples
    --------
    >>> page = playground_page("Demo", below="<p>seen below</p>")
    >>> page.index("<h1>Demo</h1>") < page.index('id="playground"') < page.index("seen below")
    True
    """
    state = {name: trait.default() for name, trait in Playground.class_traits(sync=True).items() if name in _CHOICES}
    page = (Path(__file__).parent / "playground.html").read_text(encoding="utf-8")
    for mark, text in {
        "/* css */": f"{style('playground.css')}{css}",
        "/* module */": script("playground.js"),
        "/* state */": json.dumps(state),
        "<!-- title -->": title,
        "<!-- line -->": line,
        "<!-- below -->": below,
    }.items():
        page = page.replace(mark, text)
    return page


_CHOICES = ("values", "decoders", "kernels", "deconvolutions", "step", "code_view", "brush", "storage_size")


def _array(value: npt.ArrayLike, name: str | None) -> npt.NDArray[np.float64]:
    """A 2-D float array out of whatever a user has."""
    if hasattr(value, "detach"):  # a torch tensor, perhaps of a graph or an accelerator
        value = value.detach().cpu().float().numpy()
    array = np.asarray(value, dtype=float)
    if array.ndim != 2:
        raise InvalidInput(
            f"{name} must be one map (H, W), got shape {array.shape}: choose a channel, e.g. features[0, 3] "
            "or image[..., 0]"
        )
    return array


def _rows(value: npt.ArrayLike, least: int, most: int, name: str | None) -> Rows:
    array = _array(value, name)
    if not all(least <= n <= most for n in array.shape):
        room = f"{least} to {most}" if least < most else str(least)
        raise InvalidInput(
            f"{name} of {array.shape[0]}x{array.shape[1]} does not fit: give {room} rows and columns"
            + (", or cut a patch with Playground.from_array" if least < most else "")
        )
    wrong = np.argwhere(~(np.abs(array) <= LARGEST))
    if len(wrong):
        r, c = wrong[0]
        raise InvalidInput(
            f"{name} holds {array[r, c]:g} at row {r}, column {c}: give finite numbers up to {LARGEST:g}, "
            "e.g. through np.nan_to_num"
        )
    rows: Rows = array.tolist()
    return rows
