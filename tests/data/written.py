"""PNG and TIFF files written byte by byte: kinds that Pillow cannot write, as other programs do."""

import struct
import zlib

import numpy as np

PNG_KINDS = {"grey": (0, 1), "rgb": (2, 3), "palette": (3, 1), "grey alpha": (4, 2), "rgb alpha": (6, 4)}


def png(path, pixels, bits=8, kind="grey", palette=None):
    """A PNG of 1 to 16 bits a channel; `pixels` (H, W) or (H, W, channels), `palette` a list of colours."""
    colour_type, channels = PNG_KINDS[kind]
    pixels = np.asarray(pixels)
    height, width = pixels.shape[:2]
    assert pixels.size == height * width * channels
    chunks = [_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))]
    if palette is not None:
        chunks.append(_chunk(b"PLTE", bytes(value for colour in palette for value in colour)))
    rows = b"".join(b"\0" + row for row in packed(pixels, bits))
    chunks += [_chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def tiff(path, pixels, bits=8, photometric=1, sample_format=1, orientation=1):
    """An uncompressed TIFF of one strip, little-endian; `photometric` 0 has white as 0, `sample_format` 2 is signed."""
    pixels = np.asarray(pixels)
    height, width = pixels.shape
    data = b"".join(packed(pixels, bits, "<"))
    names = (256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 339)
    values = (width, height, bits, 1, photometric, 8, orientation, 1, height, len(data), sample_format)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in zip(names, values, strict=True))
    directory = struct.pack("<H", len(names)) + entries + struct.pack("<I", 0)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + directory)
    return path


def packed(pixels, bits, order=">"):
    """The bytes of each row: samples one after another, a row filled up to whole bytes."""
    for row in pixels.reshape(len(pixels), -1):
        if bits >= 8:
            yield row.astype(f"{order}i{bits // 8}" if row.min() < 0 else f"{order}u{bits // 8}").tobytes()
        else:
            yield np.packbits((row[:, None] >> np.arange(bits)[::-1]) & 1).tobytes()


def _chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
