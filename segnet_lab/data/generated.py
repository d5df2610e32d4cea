"""Data sets that this kit makes: nothing to download, free to give away, the same pixels on every machine."""

from importlib import import_module
from inspect import signature

from segnet_lab._support.errors import InvalidInput
from segnet_lab.data.base import SegmentationDataset
from segnet_lab.data.cards import load_card


class _Generated(SegmentationDataset):
    """Scenes by number from a generator module; each split has its own range of numbers."""

    made_here = True

    def __init__(self, split, images, seed, size, cache, scene_options):
        card = load_card(self.name)
        options = {"images": images, "seed": seed, **scene_options}
        super().__init__(card, split, card.layout["size"] if size is None else size, cache, options)
        self.images = card.splits[split] if images is None else images
        first = card.layout["first_scene"]
        most = first["val"] - first["train"]
        if not (isinstance(self.images, int) and 1 <= self.images <= most):
            raise InvalidInput(f"images={images!r}: give how many scenes {split!r} has, 1 to {most}")
        self.first, self.seed, self.scene_options = first[split], seed, scene_options
        self[0]  # an impossible option is refused here, not in the middle of training

    def __len__(self):
        return self.images

    def read(self, i):
        scene = import_module(self.painted_by).scene  # when one is drawn: painting takes long to import
        return scene(self.first + i, seed=self.seed, size=self.size, **self.scene_options)

    @property
    def called(self):
        usual, asked = signature(type(self)).parameters, {"seed": self.seed, **self.scene_options}
        others = [f"{name} {value}" for name, value in asked.items() if value != usual[name].default]
        return f"{self.name} ({', '.join(others)})" if others else self.name

    def label_bytes(self, i):  # with the seed and the number in its name, all that a label is made of
        return repr(self.scene_options).encode()

    def file_name(self, i):
        return f"{self.name}_{self.seed}_{self.first + self._number(i):07d}"


class RoadScenes(_Generated):
    """Road scenes with CamVid's eleven classes, made as needed and then kept in memory.

    Parameters
    ----------
    split : str
        "train", "val" or "test"; their scenes never meet.
    images : int, optional
        How many scenes the split has; None takes the card's 300 / 60 / 60. `with_split` keeps a number given.
    seed : int
        Another seed, other scenes.
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

    def __init__(self, split="train", images=None, seed=0, clutter=0.5, lighting="mixed", size=None, cache=True):
        super().__init__(split, images, seed, size, cache, {"clutter": clutter, "lighting": lighting})


class Rooms(_Generated):
    """Rooms with SUN RGB-D's 37 classes. See `RoadScenes` for the parameters.

    Examples
    --------
    >>> Rooms("test", images=2)
    <rooms test: 2 images, 96x128, 37 classes>
    """

    name, painted_by = "rooms", "segnet_lab.scenes.rooms"

    def __init__(self, split="train", images=None, seed=0, clutter=0.5, size=None, cache=True):
        super().__init__(split, images, seed, size, cache, {"clutter": clutter})
