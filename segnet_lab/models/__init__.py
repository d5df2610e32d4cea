"""Networks: `create_model(name)` for any name in `list_models()`."""

from segnet_lab.models.create import create_model, list_models, register_model
from segnet_lab.models.from_runs import load_run
from segnet_lab.models.memory import Remembered, storage_multiplier
from segnet_lab.models.network import Config, EncoderDecoder
from segnet_lab.models.variants import NETWORKS

__all__ = [
    "NETWORKS",
    "Config",
    "EncoderDecoder",
    "Remembered",
    "create_model",
    "list_models",
    "load_run",
    "register_model",
    "storage_multiplier",
]
