"""Data sets that this kit makes: nothing to download, free to give away, the same pixels on every machine."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from inspect import signature

from segnet_lab._support.errors import InvalidInput, is_number
from segnet_lab.data.base import SegmentationDataset
from segnet_lab.data.cards import Pixels, load_card


class _Generated(SegmentationDataset):
    """Scenes by number from a generator module; each split has its own range of numbers."""

    made_here = True
    painted_by: str  # the module whose `scene` draws them

    def __init__(
        self,
        split: str,
        images: int | None,
        seed: int,
        size: Sequence[int] | None,
        cache: bool,
        scene_options: Mapping[str, object],
    ) -> None:
        card = load_card(self.name)
        options = {"images": images, "seed": seed, **scene_options}
        super().__init__(card, split, card.layout["size"] if size is None else size, cache, options)
        self.images = (card.splits[split] or 0) if images is None else images
        first = card.layout["first_scene"]
        most = first["val"] - first["train"]
        if not (is_number(self.images) and 1 <= self.images <= most):
            raise InvalidInput(f"images={images!r}: give how many scenes {split!r} has, 1 to {most}")
        self.first, self.seed, self.scene_options = first[split], seed, scene_options
        self[0]  # an impossible option is refused here, not in the middle of training

    def __len__(self) -> int:
        return self.images

    def read(self, i: int) -> tuple[Pixels, Pixels]:
        """Scene `i` of the split."""
        scene = import_module(self.painted_by).scene  # imported when the first is drawn, since it takes long
        return scene(self.first + i, seed=self.seed, size=self.size, **self.scene_options)

    @property
    def called(self) -> str:
        """The name, and every option that is not the default."""
        usual, asked = signature(type(self)).parameters, {"seed": self.seed, **self.scene_options}
        others = [f"{name} {value}" for name, value in asked.items() if value != usual[name].default]
        return f"{self.name} ({', '.join(others)})" if others else self.name

    def label_bytes(self, i: int) -> bytes:
        """The options of the scene: with the seed and the number in its name, they determine the label."""
        return repr(self.scene_options).encode()

    def file_name(self, i: int) -> str:
        """The name of the set, the seed and the number of the scene."""
        return f"{self.name}_{self.seed}_{self.first + self._number(i):07d}"


class RoadScenes(_Generated):
    """Road scenes with CamVid's eleven classes, drawn when asked for and then cached.

    Parameters
    ----------
    split : str
        "train", "val" or "test"; no scene is in two of them.
    images : int, optional
        How many scenes the split has; None takes the card's 300 / 60 / 60. `with_split` keeps a number given.
    seed : int
        Each seed gives other scenes.
    clutter : float
        0 (empty street) to 1 (crowded).
    lighting : str
        See `segnet_lab.scenes.roads.scene`.
    size : (H, W), optional
        Scenes are drawn at this size, (96, 128) by default.
    cache : bool

    Examples
    --------
    >>> data = RoadScenes("val", images=3)
    >>> image, label = data[0]
    >>> image.shape, label.shape, label.dtype
    (torch.Size([3, 96, 128]), torch.Size([96, 128]), torch.int64)
    """

    name, painted_by = "roadscenes", "segnet_lab.scenes.roads"

    def __init__(
        self,
        split: str = "train",
        images: int | None = None,
        seed: int = 0,
        clutter: float = 0.5,
        lighting: str = "mixed",
        size: Sequence[int] | None = None,
        cache: bool = True,
    ) -> None:
        super().__init__(split, images, seed, size, cache, {"clutter": clutter, "lighting": lighting})


class Rooms(_Generated):
    """Rooms with SUN RGB-D's 37 classes. See `RoadScenes` for the parameters.

    Examples
    --------
    >>> Rooms("test", images=2)
    <rooms test: 2 images, 96x128, 37 classes>
    """

    name, painted_by = "rooms", "segnet_lab.scenes.rooms"

    def __init__(
        self,
        split: str = "train",
        images: int | None = None,
        seed: int = 0,
        clutter: float = 0.5,
        size: Sequence[int] | None = None,
        cache: bool = True,
    ) -> None:
        super().__init__(split, images, seed, size, cache, {"clutter": clutter})
