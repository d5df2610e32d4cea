"""The three operations of pooling with codes as kernels in Triton, the Python that is compiled for graphics processors.

A kernel is run by thousands of programs at once; each asks for its number and does its own share. A line below handles
all numbers of a share together: `tl.arange(0, 128)` are 128 of them, `tl.load` fetches what as many addresses hold, and
a mask says which of them are really there.

The share of a program is WORDS words of codes. A word holds the codes of a run: RUN windows, four to a byte, that
follow each other in the order of `pooling_codes` (image, row, column, channel). So windows form a tile (RUN, WORDS),
one column a word; every address follows from a window's number and the strides of the maps, whatever their layout.

    RUN    4, or 8 for 16-bit floats where C allows it: a column of channels_last maps is then 16 bytes, one access.
    ASIDE  words side by side of one position, the others being those of its neighbours in the row: for maps in which
           these lie beside each other in memory. 0 where the channels do, and where C is no multiple of RUN, so that
           a run may begin at one position and end at the next: then words are taken as they come.

Arguments of all three: the full-size map, the pooled map and the codes; H and W of the full size; the number of
windows; the strides of both maps; constants that the kernel is compiled for. `pooling_triton` calls them.
"""

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["H", "W", "windows"])
def pool(
    full: tl.tensor, pooled: tl.tensor, codes: tl.tensor, H: tl.tensor, W: tl.tensor, windows: tl.tensor,
    full_b: tl.tensor, full_c: tl.tensor, full_h: tl.tensor, full_w: tl.tensor,
    pooled_b: tl.tensor, pooled_c: tl.tensor, pooled_h: tl.tensor, pooled_w: tl.tensor,
    C: tl.constexpr, RUN: tl.constexpr, WORDS: tl.constexpr, ASIDE: tl.constexpr, RELU: tl.constexpr,
) -> None:  # fmt: skip
    """Read `full`; write the maximum of each window, after a ReLU if RELU, and the codes of the corners."""
    word, here, b, c, i, j = _windows(H, W, windows, C, RUN, WORDS, ASIDE)
    top_left = full + b * full_b + c * full_c + 2 * i * full_h + 2 * j * full_w
    best = tl.load(top_left, mask=here, other=-float("inf"))
    corner = tl.full(best.shape, 0, tl.int32)
    for k in tl.static_range(1, 4):
        inside = here & (2 * i + k // 2 < H) & (2 * j + k % 2 < W)  # beyond an odd edge: -inf, which never wins
        new = tl.load(top_left + k // 2 * full_h + k % 2 * full_w, mask=inside, other=-float("inf"))
        wins = (_wide(new) > _wide(best)) | (_wide(new) != _wide(new))  # a tie is the first one's; nan wins
        best, corner = tl.where(wins, new, best), tl.where(wins, k, corner)
    if RELU:
        best = tl.where(_wide(best) < 0, 0.0, best)
        corner = tl.where(_wide(best) == 0, 0, corner)  # the four tie at zero
    tl.store(pooled + b * pooled_b + c * pooled_c + i * pooled_h + j * pooled_w, best, mask=here)
    packed = tl.reduce(corner << 2 * tl.arange(0, RUN)[:, None], 0, _sum)
    if RUN == 8:
        tl.store(_pairs(codes) + word, packed.to(tl.uint16), mask=word * RUN < windows)
    else:
        tl.store(codes + word, packed.to(tl.uint8), mask=word * RUN < windows)


@triton.jit(do_not_specialize=["H", "W", "windows"])
def unpool(
    full: tl.tensor, pooled: tl.tensor, codes: tl.tensor, H: tl.tensor, W: tl.tensor, windows: tl.tensor,
    full_b: tl.tensor, full_c: tl.tensor, full_h: tl.tensor, full_w: tl.tensor,
    pooled_b: tl.tensor, pooled_c: tl.tensor, pooled_h: tl.tensor, pooled_w: tl.tensor,
    C: tl.constexpr, RUN: tl.constexpr, WORDS: tl.constexpr, ASIDE: tl.constexpr,
) -> None:  # fmt: skip
    """Read `pooled` and `codes`; write each value to its corner of `full`, and 0 to the other three."""
    word, here, b, c, i, j = _windows(H, W, windows, C, RUN, WORDS, ASIDE)
    corner = _corners(codes, word, windows, RUN)
    value = tl.load(pooled + b * pooled_b + c * pooled_c + i * pooled_h + j * pooled_w, mask=here)
    top_left = full + b * full_b + c * full_c + 2 * i * full_h + 2 * j * full_w
    for k in tl.static_range(4):
        inside = here & (2 * i + k // 2 < H) & (2 * j + k % 2 < W)
        tl.store(top_left + k // 2 * full_h + k % 2 * full_w, tl.where(corner == k, value, 0.0), mask=inside)


@triton.jit(do_not_specialize=["H", "W", "windows"])
def pick(
    full: tl.tensor, pooled: tl.tensor, codes: tl.tensor, H: tl.tensor, W: tl.tensor, windows: tl.tensor,
    full_b: tl.tensor, full_c: tl.tensor, full_h: tl.tensor, full_w: tl.tensor,
    pooled_b: tl.tensor, pooled_c: tl.tensor, pooled_h: tl.tensor, pooled_w: tl.tensor,
    C: tl.constexpr, RUN: tl.constexpr, WORDS: tl.constexpr, ASIDE: tl.constexpr,
) -> None:  # fmt: skip
    """Read `codes`, and of `full` the corners that they name; write these to `pooled`."""
    word, here, b, c, i, j = _windows(H, W, windows, C, RUN, WORDS, ASIDE)
    corner = _corners(codes, word, windows, RUN)
    y, x = 2 * i + corner // 2, 2 * j + corner % 2
    inside = here & (y < H) & (x < W)  # codes of another map may name a place beyond an odd edge
    value = tl.load(full + b * full_b + c * full_c + y * full_h + x * full_w, mask=inside, other=0.0)
    tl.store(pooled + b * pooled_b + c * pooled_c + i * pooled_h + j * pooled_w, value, mask=here)


@triton.jit
def _windows(
    H: tl.tensor, W: tl.tensor, windows: tl.tensor,
    C: tl.constexpr, RUN: tl.constexpr, WORDS: tl.constexpr, ASIDE: tl.constexpr,
) -> tuple[tl.tensor, ...]:  # fmt: skip
    """The windows of this program: numbers of their words; which are there; image, channel, row, column in `pooled`."""
    program, rank = tl.program_id(0), tl.arange(0, WORDS)
    if ASIDE:
        positions: tl.constexpr = WORDS // ASIDE
        programs: tl.constexpr = C // RUN // ASIDE  # that share these positions
        position = program // programs * positions + rank % positions
        word = position * (C // RUN) + program % programs * ASIDE + rank // positions
    else:
        word = program * WORDS + rank
    along = tl.arange(0, RUN)[:, None]
    if C % RUN == 0:  # one position a word: fewer divisions
        position, c = (word // (C // RUN))[None, :], (word % (C // RUN) * RUN)[None, :] + along
        here = (word < windows // RUN)[None, :]
    else:
        n = word[None, :] * RUN + along
        position, c, here = n // C, n % C, n < windows
    h, w = (H + 1) // 2, (W + 1) // 2
    row = position // w
    return word, here, row // h, c, row % h, position % w


@triton.jit
def _corners(codes: tl.tensor, word: tl.tensor, windows: tl.tensor, RUN: tl.constexpr) -> tl.tensor:
    """The corners that the codes of these words name: a tile of 0..3."""
    there = word * RUN < windows
    if RUN == 8:
        packed = tl.load(_pairs(codes) + word, mask=there, other=0)
    else:
        packed = tl.load(codes + word, mask=there, other=0)
    return packed.to(tl.int32)[None, :] >> 2 * tl.arange(0, RUN)[:, None] & 3


@triton.jit
def _pairs(codes: tl.tensor) -> tl.tensor:
    """Two bytes as one number, the first in its lower half: the order of memory on all these devices."""
    return codes.to(tl.pointer_type(tl.uint16))


@triton.jit
def _wide(x: tl.tensor) -> tl.tensor:
    """As floats that every device compares: there are some without bfloat16."""
    return x if x.dtype.is_fp64() else x.to(tl.float32)


@triton.jit
def _sum(a: tl.tensor, b: tl.tensor) -> tl.tensor:
    return a + b
