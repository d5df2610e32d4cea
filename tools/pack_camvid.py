"""CamVid for a machine that takes little at a time: `python tools/pack_camvid.py FOLDER OUT [--splits train val]`.

Writes OUT/part1.tar, part2.tar ... of at most 31 MB each. Images become lossless WebP; names and folders stay. There,
`python tools/pack_camvid.py --unpack FOLDER OUT` (or `tar xf` of every part, in any order) makes a set of the
same pixels, which `load_dataset("camvid", root=OUT)` reads.
"""

import argparse
import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image

from segnet_lab import load_dataset
from segnet_lab.data.base import SegmentationDataset

LIMIT = 31e6  # bytes of a part


def pack(root: str | Path, out: Path, splits: tuple[str, ...] = ("train", "val"), limit: float = LIMIT) -> list[Path]:
    """Archives of some splits, none larger than the limit."""
    out.mkdir(parents=True, exist_ok=True)
    parts = []
    files = (file for split in splits for file in files_of(load_dataset("camvid", split, root=root)))
    for number, group in enumerate(in_parts(files, limit), 1):
        parts.append(out / f"part{number}.tar")
        with tarfile.open(parts[-1], "w") as archive:
            for name, content in group:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return parts


def in_parts(files: Iterable[tuple[str, bytes]], limit: float) -> Iterator[list[tuple[str, bytes]]]:
    """As many files as fit into an archive, and the next ones, and the next."""
    limit -= tarfile.RECORDSIZE + 2 * tarfile.BLOCKSIZE  # how an archive ends
    part: list[tuple[str, bytes]] = []
    size = 0
    for name, content in files:
        needed = 2 * tarfile.BLOCKSIZE + len(content)  # a header, and what fills the last block
        if part and size + needed > limit:
            yield part
            part, size = [], 0
        part.append((name, content))
        size += needed
    yield part


def files_of(data: SegmentationDataset) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file: the listing, then image and label after image and label."""
    split = data.split
    stems = [Path(pair.image).stem for pair in data.files]
    lines = (f"/SegNet/CamVid/{split}/{stem}.png /SegNet/CamVid/{split}annot/{stem}.png" for stem in stems)
    yield f"{split}.txt", ("\n".join(lines) + "\n").encode()
    for i, stem in enumerate(stems):
        image, label = map(Image.fromarray, data.raw(i))
        yield f"{split}/{stem}.webp", saved(image, "WEBP", lossless=True, quality=60)
        yield f"{split}annot/{stem}.png", saved(label, "PNG", optimize=True)


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


def unpack(folder: Path, root: Path) -> None:
    """Every part of a folder into one data set."""
    for part in sorted(folder.glob("part*.tar")):
        with tarfile.open(part) as archive:
            archive.extractall(root, filter="data")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where CamVid lies, or its parts")
    parser.add_argument("out", type=Path, help="where to put the parts, or CamVid")
    parser.add_argument("--unpack", action="store_true")
    parser.add_argument("--splits", nargs="+", default=["train", "val"], choices=["train", "val", "test"])
    options = parser.parse_args()
    if options.unpack:
        unpack(options.folder, options.out)
        return
    for part in pack(options.folder, options.out, tuple(options.splits)):
        print(f"{part} {part.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
