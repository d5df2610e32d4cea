"""Weights by name, and starting from another run."""

from torch import nn

from segnet_lab.models.network import EncoderDecoder


def unwrap(model: nn.Module, required: bool = False):
    """The network inside what `torch.compile` or a data-parallel wrapper made."""
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        if required:
            raise ValueError(f"{type(model).__name__} is not trained here: give the network inside it, model.module")
        return unwrap(model.module)
    inner = getattr(model, "_orig_mod", model)
    if required and not isinstance(inner, EncoderDecoder):
        raise ValueError(f"train takes a network from create_model or load_run, not {type(inner).__name__}")
    return inner
