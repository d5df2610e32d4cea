"""Softmaxes and pictures of any size, for tests of the CRF."""

import numpy as np
import torch


def softmax(seed, shape, sharpness=1.0):
    logits = sharpness * torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return logits.softmax(dim=0).numpy()


def picture(seed, h, w):
    """Coloured blobs and some noise, (3, h, w) uint8: near pixels are alike, as in a photograph."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:h, :w]
    waves = [
        128 + 90 * np.sin(y / rng.uniform(2, 9) + rng.uniform(0, 6)) * np.cos(x / rng.uniform(2, 9)) for _ in range(3)
    ]
    return (np.stack(waves) + rng.normal(0, 4, (3, h, w))).clip(0, 255).astype(np.uint8)
