"""What is said when a device's memory is full."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from traceback import clear_frames

import torch

from segnet_lab._support.errors import NotPossible

FULL = ("out of memory", "can't allocate memory", "not enough memory")  # in the words of CUDA, MPS and the CPU


@contextmanager
def enough_memory(doing: str, images: Sequence[int], device: torch.device, instead: str) -> Iterator[None]:
    """Say what to do if the memory is full in here.

    Parameters
    ----------
    doing : str
        What needs it, such as "to train on".
    images : (B, 3, H, W)
        The shape of the batch.
    device : torch.device
    instead : str
        What needs less.

    Raises
    ------
    NotPossible
        In place of torch's error. What the failed computation had allocated is free by then.

    Examples
    --------
    >>> with enough_memory("to train on", (12, 3, 360, 480), torch.device("cuda"), "take a smaller batch_size"):
    ...     raise torch.OutOfMemoryError("CUDA out of memory")
    Traceback (most recent call last):
    ...
    segnet_lab...NotPossible: the memory of cuda is too small to train on 12 images of 360x480 at once: take a smaller
    batch_size
    """
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and not any(words in str(error) for words in FULL):
            raise
        clear_frames(error.__traceback__)  # they hold the maps that filled the memory
        many = f"{images[0]} images" if images[0] != 1 else "1 image"
        raise NotPossible(
            f"the memory of {device} is too small {doing} {many} of {images[-2]}x{images[-1]} at once: {instead}"
        ) from None
