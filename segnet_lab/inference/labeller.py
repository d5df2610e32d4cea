"""What every way of labelling images has in common."""

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Labeller(Protocol):
    """From a batch of images to logits or labels: optimized networks, networks with a CRF behind them, any module.

    Examples
    --------
    >>> from segnet_lab import create_model, optimize
    >>> from segnet_lab.inference.dense_crf import WithDenseCRF
    >>> model = create_model("segnet_basic", width=0.1).eval()
    >>> isinstance(optimize(model), Labeller), isinstance(WithDenseCRF(model), Labeller)
    (True, True)
    """

    def __call__(self, image: Tensor, /) -> Tensor:
        """Float images (B, 3, H, W) of 0..1 -> logits (B, K, H, W)."""
        ...

    def labels(self, image: Tensor, /) -> Tensor:
        """Float images (B, 3, H, W) of 0..1 -> the class with the highest logit, (B, H, W) int64."""
        ...
