"""How to train: one frozen dataclass, the paper's values beside it."""

from dataclasses import dataclass, fields

from segnet_lab._messages import unknown
from segnet_lab.losses import BALANCINGS

PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Recipe:
    """The recipe of Section 3.2: stochastic gradient descent at a fixed rate, every image once an epoch.

    >>> Recipe(epochs=3, learning_rate=0.01).learning_rate
    0.01
    """

    epochs: int = 12  # the paper: "until the training loss converges", some hundreds on CamVid
    learning_rate: float = 0.1  # Section 3.2 for the Basic networks; 1e-3 for the VGG16 ones (Section 4)
    momentum: float = 0.9
    weight_decay: float = 5e-4  # the authors' solver files; the paper is silent
    batch_size: int = 12  # Table 1; 5 for roads and 4 for indoor scenes in Section 4
    balancing: str = "median_frequency"  # see losses.class_weights; "natural" in Tables 3 and 4
    seed: int = 0  # of the shuffling and the dropout; create_model has its own for the weights
    evaluate_every: int = 1  # epochs; the paper: 1000 iterations, 33 epochs of CamVid
    precision: str = "auto"  # bfloat16 where the device computes it fast, else float32
    checkpointing: bool = False  # make activations again in the backward pass: less memory, more time

    def __post_init__(self):
        for name in ("epochs", "batch_size", "evaluate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: give at least 1")
        for name in ("learning_rate", "momentum", "weight_decay"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}={getattr(self, name)}: give a number >= 0")
        if self.balancing not in BALANCINGS:
            raise ValueError(unknown("balancing", self.balancing, BALANCINGS))
        if self.precision not in PRECISIONS:
            raise ValueError(unknown("precision", self.precision, PRECISIONS))

    @classmethod
    def from_dict(cls, settings: dict) -> "Recipe":
        """A recipe from a saved run; a setting this version does not know is refused by name."""
        names = [f.name for f in fields(cls)]
        for name in settings:
            if name not in names:
                raise ValueError(unknown("recipe setting", name, names))
        return cls(**settings)
