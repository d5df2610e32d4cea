"""Looking inside a network: what a pixel can see, every map that an image makes, whether it is SegNet."""

from segnet_lab.probe.conformance import Conformance, Deviation, conformance
from segnet_lab.probe.receptive_fields import (
    MeasuredField,
    ReceptiveField,
    measured_receptive_field,
    places,
    receptive_field,
)
from segnet_lab.probe.tracing import Decoded, Encoded, Trace, WindowStep, code_histogram, trace, window_path

__all__ = [
    "Conformance",
    "Decoded",
    "Deviation",
    "Encoded",
    "MeasuredField",
    "ReceptiveField",
    "Trace",
    "WindowStep",
    "code_histogram",
    "conformance",
    "measured_receptive_field",
    "places",
    "receptive_field",
    "trace",
    "window_path",
]
