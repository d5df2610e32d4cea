"""Training in less memory: what follows cheaply from something smaller is recomputed in the backward pass, not stored.

Autograd stores what each gradient will need. Between two convolutions stand a batch normalisation and a ReLU, and it
stores the map before them (for the gradient of the normalisation) as well as the map behind them (for those of the
ReLU and of the next convolution), although the second follows from the first. In front of a decoder's filters it
stores the sparse map, which follows from its values and codes.

Inside `save_less(model)`, such a map passes through a Function below. It stores what the map follows from, and its
node in the graph (`grad_fn`) can `recompute` the map. The convolution behind stores the node in place of the map. All
gradients stay the same to the last bit. (torchvision's DenseNet does so with `memory_efficient=True`.)
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function

from segnet_lab.models.decoders import Decoder, Memory
from segnet_lab.models.layers import ConvBN


@contextmanager
def save_less(model: nn.Module) -> Iterator[None]:
    """Forward passes in here store fewer feature maps for the backward pass, which recomputes them.

    `train` does it. In a loop of your own, wrap the forward pass:

    Parameters
    ----------
    model : Module
        A network of the kit, or one that contains its layers and decoders; any other stores what it always does. So
        do one that is compiled, since a compiler decides this by itself, and one with `checkpointing`, which stores
        less still. Do not copy or save it in here.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> model = create_model("segnet_basic", width=0.1).train()
    >>> with save_less(model):
    ...     loss = model(torch.rand(2, 3, 48, 64)).square().mean()
    >>> loss.backward()
    """
    layers = [] if any(map(_decides_by_itself, model.modules())) else list(model.modules())
    for layer in layers:
        if isinstance(layer, ConvBN) and type(layer).forward is ConvBN.forward:
            vars(layer)["forward"] = partial(_conv_bn, layer)
        elif isinstance(layer, Decoder) and layer.recomputed:
            vars(layer)["upsample"] = partial(_upsample, layer)
    try:
        yield
    finally:
        for layer in layers:  # what the class says holds again
            vars(layer).pop("forward", None)
            vars(layer).pop("upsample", None)


def _decides_by_itself(module: nn.Module) -> bool:
    compiled = hasattr(module, "_orig_mod") or module._compiled_call_impl is not None
    return compiled or getattr(module, "checkpointing", False)


def _conv_bn(layer: ConvBN, x: Tensor) -> Tensor:
    """`ConvBN.forward`, storing less."""
    if not _backward_may_follow():
        return ConvBN.forward(layer, x)
    conv, norm = layer.conv, layer.norm
    x = conv(x) if _source(x) is None else _Conv.apply(x, conv.weight, conv.bias, conv)
    if isinstance(norm, nn.BatchNorm2d) and norm.training:
        return _NormReLU.apply(norm(x), x, norm.weight, norm.bias, norm.eps, layer.relu)
    x = norm(x)
    return x.relu() if layer.relu else x


def _upsample(decoder: Decoder, x: Tensor, memory: Memory) -> Tensor:
    """`decoder.upsample`, and how to do it again."""
    upsample = partial(type(decoder).upsample, decoder, memory=memory)
    return _Upsampled.apply(upsample(x), x, upsample) if _backward_may_follow() else upsample(x)


def _backward_may_follow() -> bool:
    return torch.is_grad_enabled() and not torch.compiler.is_compiling()


def _source(x: Tensor) -> Any | None:
    """The node that can recompute x; None for a tensor that came from any other operation."""
    return x.grad_fn if hasattr(x.grad_fn, "recompute") else None


class _NormReLU(Function):
    """y = norm(x), then its ReLU: stores x, as the normalisation does, and not what comes out."""

    @staticmethod
    def forward(y: Tensor, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, relu: bool) -> Tensor:
        return y.relu() if relu else y.detach()  # y as it is would come back as y.view_as(y), whose strides may differ

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, *stored, ctx.eps, ctx.relu = inputs
        ctx.save_for_backward(*stored)
        ctx.recompute, ctx.recomputed = _NormReLU.recompute, None

    @staticmethod
    def recompute(ctx: Any) -> Tensor:
        """Normalise by the statistics of the same batch, without counting them in the running ones again."""
        if ctx.recomputed is not None:
            return ctx.recomputed
        x, weight, bias = ctx.saved_tensors
        y = F.batch_norm(x, None, None, weight, bias, training=True, eps=ctx.eps)
        if ctx.relu:
            y = ctx.recomputed = y.relu_()  # once for the next convolution, once for the gradient below
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.relu:
            grad = torch.ops.aten.threshold_backward(grad, _NormReLU.recompute(ctx), 0)
            ctx.recomputed = None
        return grad, None, None, None, None, None  # the normalisation itself computes those of x, weight and bias


class _Upsampled(Function):
    """y = upsample(x), four times as large as x: stores x, or whatever can recompute x, and not y."""

    @staticmethod
    def forward(y: Tensor, x: Tensor, upsample: Callable[[Tensor], Tensor]) -> Tensor:
        return y.detach()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, x, ctx.upsample = inputs
        ctx.source = _source(x)
        ctx.save_for_backward(x if ctx.source is None else None)
        ctx.recompute = _Upsampled.recompute

    @staticmethod
    def recompute(ctx: Any) -> Tensor:
        (x,) = ctx.saved_tensors
        return ctx.upsample(x if ctx.source is None else ctx.source.recompute(ctx.source))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return grad, None, None


class _Conv(Function):
    """Convolution of a map that its source recomputes: stores the source, not the map."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None, conv: nn.Conv2d) -> Tensor:
        cached = torch.is_autocast_cache_enabled()
        torch.set_autocast_cache_enabled(False)  # a weight that is cast in here has no gradient to offer to others
        try:
            return conv(x)
        finally:
            torch.set_autocast_cache_enabled(cached)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, weight, _, ctx.conv = inputs
        ctx.source = _source(x)
        ctx.save_for_backward(weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        x, conv = ctx.source.recompute(ctx.source), ctx.conv
        gradients = torch.ops.aten.convolution_backward(
            grad,
            x.to(grad.dtype),
            weight.to(grad.dtype),
            bias_sizes=None if conv.bias is None else conv.bias.shape,
            stride=conv.stride,
            padding=conv.padding,
            dilation=conv.dilation,
            transposed=False,
            output_padding=(0, 0),
            groups=conv.groups,
            output_mask=ctx.needs_input_grad[:3],
        )
        return *gradients, None
