"""Pooling with codes as three operators of torch: the gradient of each is another one, and none keeps more than codes.

An operator is a step that torch takes as it stands. So eager and under `torch.compile` the fastest way of
`pooling_fast` does the work, and what autograd keeps for the gradient is the packed codes: two bits a window.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, library

from segnet_lab import pooling_fast, pooling_triton
from segnet_lab._support import compiled
from segnet_lab.pooling_codes import packed_bytes, pooled_size
from segnet_lab.pooling_fast import COMPILED, INTEGER, Backend, empty_map, in_bands
from segnet_lab.pooling_triton import TRITON

COMPILED_FROM = 2**18  # elements of a full-size map: it takes longer than a millisecond. Loading numba takes a second


def fastest(plain: Backend, x: Tensor, elements: int) -> Backend:
    """The fastest way to work on `x`; a new one is a `Backend` of its own and a line in here.

    Parameters
    ----------
    plain : Backend
        Torch operations, for every device.
    x : Tensor
        A full-size or a pooled map: its device and dtype matter.
    elements : int
        Of the full-size map.
    """
    if x.device.type != "cpu":
        return TRITON if pooling_triton.available(x, elements) else plain
    if elements >= COMPILED_FROM and type(x) is Tensor and x.element_size() in INTEGER and compiled.available():
        return COMPILED
    return in_bands(plain) if elements > pooling_fast.BAND else plain


def operators(plain: Backend) -> Backend:
    """`plain` as operators: differentiable, with faster ways to the same result.

    Parameters
    ----------
    plain : Backend
        Torch operations. `torch.export` goes through them, so that an exported network holds nothing of ours.

    Returns
    -------
    Backend
        `segnet_lab::max_pool_2x2`, `segnet_lab::max_unpool_2x2` and `segnet_lab::pick_2x2`.
    """

    @library.custom_op("segnet_lab::max_pool_2x2", mutates_args=())
    def pool(x: Tensor, relu: bool) -> tuple[Tensor, Tensor]:
        return fastest(plain, x, x.numel()).pool(x, relu)

    @library.custom_op("segnet_lab::max_unpool_2x2", mutates_args=())
    def unpool(values: Tensor, codes: Tensor, size: Sequence[int]) -> Tensor:
        return fastest(plain, values, 4 * values.numel()).unpool(values, codes, size)

    @library.custom_op("segnet_lab::pick_2x2", mutates_args=())
    def pick(x: Tensor, codes: Tensor) -> Tensor:
        return fastest(plain, x, x.numel()).pick(x, codes)

    # What comes out, in shape, dtype and memory format: all that a compiler has to know
    @pool.register_fake
    def _(x: Tensor, relu: bool) -> tuple[Tensor, Tensor]:
        values = empty_map(x, pooled_size(x.shape[-2:]))
        return values, x.new_empty(packed_bytes(values.numel()), dtype=torch.uint8)

    @unpool.register_fake
    def _(values: Tensor, codes: Tensor, size: Sequence[int]) -> Tensor:
        return empty_map(values, size)

    @pick.register_fake
    def _(x: Tensor, codes: Tensor) -> Tensor:
        return empty_map(x, pooled_size(x.shape[-2:]))

    # The gradients
    def remember_pooling(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        (x, relu), (values, codes) = inputs, output
        ctx.size = tuple(x.shape[-2:])
        ctx.save_for_backward(codes, values if relu else None)  # the next convolution keeps the values in any case
        ctx.mark_non_differentiable(codes)

    def remember_codes(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.size = tuple(inputs[0].shape[-2:])
        ctx.save_for_backward(inputs[1])

    def pool_backward(ctx: Any, grad: Tensor, _: None) -> tuple[Tensor, None]:
        codes, after_relu = ctx.saved_tensors
        if after_relu is not None:
            grad = torch.ops.aten.threshold_backward(grad, after_relu, 0)
        return unpool(grad, codes, ctx.size), None

    def unpool_backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return pick(grad, *ctx.saved_tensors), None, None

    def pick_backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return unpool(grad, *ctx.saved_tensors, ctx.size), None

    pool.register_autograd(pool_backward, setup_context=remember_pooling)
    unpool.register_autograd(unpool_backward, setup_context=remember_codes)
    pick.register_autograd(pick_backward, setup_context=remember_codes)
    return Backend(pool, unpool, pick)
