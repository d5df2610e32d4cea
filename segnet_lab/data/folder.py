"""A user's own images and label maps."""

from pathlib import Path

from segnet_lab.data.cards import SPLITS, Card, read_card
from segnet_lab.data.images import IMAGE_SUFFIXES
from segnet_lab.data.ondisk import FileDataset, Pair, missing_split


class Folder(FileDataset):
    """Images and label maps of your own, with a small card beside them.

        my_images/
            card.yaml           classes, colours and void: copy datasets/folder/card.yaml
            images/cat_01.jpg
            labels/cat_01.png   grey (numbers are classes) or in the colours of the card
            train.txt val.txt   optional: one name a line. Without any of them all images are "train"

    See `FileDataset` for the parameters; `root` is needed.

    Examples
    --------
    >>> data = Folder("train", root="my_images", size=(180, 240))                  # doctest: +SKIP
    """

    name = "folder"

    @classmethod
    def find(cls, root):
        if root is None:
            raise ValueError("data set 'folder' needs root=, the folder that holds your card.yaml, images and labels")
        return Path(root)

    @classmethod
    def read_card(cls, root: Path) -> Card:
        return read_card(root / "card.yaml")

    @classmethod
    def pairs(cls, root: Path, split: str, card: Card) -> list[Pair]:
        folders = [root / card.layout.get(key, key) for key in ("images", "labels")]
        images, labels = map(_by_stem, folders)
        names = cls._names(root, split, card, images)
        return [Pair(images.get(n, folders[0] / n), labels.get(n, folders[1] / f"{n}.png")) for n in names]

    @classmethod
    def _names(cls, root, split, card, images) -> list[str]:
        listing = {s: root / card.layout.get("listing", "{split}.txt").format(split=s) for s in SPLITS}
        present = [s for s in SPLITS if listing[s].is_file()]
        if not present and split == "train":
            return sorted(images)
        if split not in present:
            raise missing_split(cls.name, card.title, split, root, listing[split].name, present or ["train (all)"])
        lines = listing[split].read_text(encoding="utf-8").splitlines()
        return [_without_suffix(line.strip()) for line in lines if line.strip()]


def _by_stem(folder: Path) -> dict[str, Path]:
    """{"cat_01": images/cat_01.jpg}; two files of one name would be a guess."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: create it, or name another one under `layout` in card.yaml")
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):
            if path.stem in found:
                raise ValueError(
                    f"{folder} holds {found[path.stem].name} and {path.name}: rename one, names must differ"
                )
            found[path.stem] = path
    if not found:
        raise FileNotFoundError(f"no image in {folder}: wanted are {', '.join(IMAGE_SUFFIXES)}")
    return found


def _without_suffix(name: str) -> str:
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in IMAGE_SUFFIXES else name
