"""The names of `segnet_lab`, which are imported when they are first used, for editors and type checkers."""

from segnet_lab import data as data
from segnet_lab import figures as figures
from segnet_lab import metrics as metrics
from segnet_lab import models as models
from segnet_lab import paper as paper
from segnet_lab import pooling as pooling
from segnet_lab import probe as probe
from segnet_lab import results as results
from segnet_lab import widgets as widgets
from segnet_lab._support.errors import SegNetLabError as SegNetLabError
from segnet_lab.data import load_dataset as load_dataset
from segnet_lab.inference.fast import optimize as optimize
from segnet_lab.inference.mc_dropout import predict_with_uncertainty as predict_with_uncertainty
from segnet_lab.inference.predict import predict as predict
from segnet_lab.models.create import create_model as create_model
from segnet_lab.models.create import list_models as list_models
from segnet_lab.models.create import register_model as register_model
from segnet_lab.models.from_runs import list_weights as list_weights
from segnet_lab.models.from_runs import load_run as load_run
from segnet_lab.models.imagenet import load_imagenet as load_imagenet
from segnet_lab.models.start import start_from as start_from
from segnet_lab.probe.costs import compare_costs as compare_costs
from segnet_lab.probe.costs import costs as costs
from segnet_lab.runs.recipe import Recipe as Recipe
from segnet_lab.training import losses as losses
from segnet_lab.training.evaluation import evaluate as evaluate
from segnet_lab.training.loop import train as train

__version__: str
__all__: list[str]
