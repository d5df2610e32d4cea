"""What a network costs: weights, multiply-adds, time, memory, and what it must remember for its decoder (Table 6).

Counts are exact and hold anywhere. Times and memory are measured on the model's own device: compare them within one
table, made by one call of `compare_costs`. The paper's were taken with Caffe on an NVIDIA Titan.
"""

import copy
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypedDict

import cloudpickle
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import segnet_lab
from segnet_lab._support.devices import autocast, compute_dtype, device_of
from segnet_lab._support.errors import InvalidInput, NotPossible
from segnet_lab._support.settings import PYTHONPATH, environment
from segnet_lab.models import EncoderDecoder
from segnet_lab.models.build import build, find_network
from segnet_lab.models.network import Config
from segnet_lab.models.recompute import save_less
from segnet_lab.models.variants import Network
from segnet_lab.models.wrapped import unwrap

MB = 1e6  # bytes, as the paper counts: 29.4 million weights are its 117 MB
Shape = tuple[int, int, int, int]  # (B, 3, H, W) of the images


@dataclass(frozen=True)
class Costs:
    """Costs of one network for a batch of images; nan where nothing was measured."""

    network: str
    batch: int
    height: int
    width: int
    parameters: int  # all, learnt or not
    multiply_adds: int  # of convolutions and transposed convolutions, zero padding included, forward
    remembered_mb: float  # for the decoder, as this kit keeps it: codes in 2 bits, maps in float32
    remembered_mb_float32: float  # the same with codes as float32 masks, Caffe's way
    remembered_mb_int64: float  # the same with codes as int64 indices, torch's way
    model_size_mb: float  # weights and batch-norm statistics in a safetensors file
    device: str
    precision: str
    forward_ms: float = math.nan  # in evaluation mode, without gradients
    backward_ms: float = math.nan  # the backward pass alone, in training mode
    inference_memory_mb: float = math.nan  # peak beside the weights
    training_memory_mb: float = math.nan  # peak beside the weights: maps, gradients, momentum


def costs(
    model: EncoderDecoder,
    height: int,
    width: int,
    batch: int = 1,
    *,
    repeats: int = 10,
    precision: str = "auto",
    measure: bool = True,
) -> Costs:
    """Count and measure what a network costs.

    Parameters
    ----------
    model : EncoderDecoder
        From `create_model`; neither its weights nor its mode change. Measured on its device.
    height, width : int
        Of the images, >= 1.
    batch : int
        Images at a time. All figures are for the batch, except parameters and model size. The paper's Table 6 has 1
        for times and inference memory, 4 for training memory.
    repeats : int
        Passes to take the median time of, after two for warming up. The paper took 10.
    precision : str
        "auto", "float32", "bfloat16" or "float16", see `devices.compute_dtype`.
    measure : bool
        False gives what is computed at once and leaves nan for times and memory.

    Returns
    -------
    Costs
        A frozen dataclass; times in milliseconds, memory in MB of 10^6 bytes. Memory is the peak beside the weights:
        of what torch allocates on an accelerator; on a CPU of the resident set of a fresh process, above what it
        held after building and a pass to warm up. Training memory is that of a step as `train` takes it, by SGD with
        momentum.
        It is nan on Windows, where Python cannot ask for it, and on an accelerator that does not count (MPS).

    Raises
    ------
    ValueError
        No network of this kit; a size, batch or number of repeats below 1.
    RuntimeError
        The fresh process failed, for instance for lack of memory.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> c = costs(create_model("segnet_basic"), 360, 480, measure=False)
    >>> c.parameters, c.multiply_adds
    (1416075, 59188838400)
    >>> c.remembered_mb, c.remembered_mb_float32, c.remembered_mb_int64
    (0.91824, 14.69184, 29.38368)
    """
    return _costs([model], _Asked((batch, 3, height, width), repeats, precision, measure))[0]


def compare_costs(
    models: Sequence[EncoderDecoder],
    height: int,
    width: int,
    batch: int = 1,
    *,
    repeats: int = 10,
    precision: str = "auto",
    measure: bool = True,
) -> pd.DataFrame:
    """Costs of several networks, a row each, timed in turns so that their ratios hold on a busy machine.

    Parameters
    ----------
    models : sequence of EncoderDecoder
        At least one; all are in memory at a time. The rest is as in `costs`.

    Returns
    -------
    DataFrame
        Index: name of the network. Columns: the other fields of `Costs`.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> models = [create_model(name) for name in ("segnet_basic", "fcn_basic")]
    >>> compare_costs(models, 360, 480, measure=False)[["parameters", "remembered_mb"]]
                  parameters  remembered_mb
    network
    segnet_basic     1416075        0.91824
    fcn_basic         645868        2.49480
    """
    if isinstance(models, str | os.PathLike | nn.Module | Mapping):
        raise InvalidInput(f"models={models!r:.60}: give a list of networks, such as [create_model('segnet_basic')]")
    if not models:
        raise InvalidInput("no models to compare: give a list of at least one")
    compared = _costs(models, _Asked((batch, 3, height, width), repeats, precision, measure))
    return pd.DataFrame(map(asdict, compared)).set_index("network")


class _Asked(NamedTuple):
    """What `costs` and `compare_costs` are asked for of each network."""

    shape: Shape
    repeats: int
    precision: str
    measure: bool


def _costs(models: Sequence[nn.Module], asked: _Asked) -> list[Costs]:
    batch, _, height, width = asked.shape
    for name, value in {"height": height, "width": width, "batch": batch, "repeats": asked.repeats}.items():
        if value < 1:
            raise InvalidInput(f"{name}={value}: it has to be at least 1")
    networks = [unwrap(model, required=True) for model in models]
    counted = [_count(network, asked.shape, asked.precision) for network in networks]
    if not asked.measure:
        return counted
    with torch.random.fork_rng():  # noise for images, dropout
        times = _times(networks, asked)
        memory = [peak_memory(network, asked.shape, asked.precision) for network in networks]
    return [replace(c, **t, **m) for c, t, m in zip(counted, times, memory, strict=True)]


class _Times(TypedDict):
    forward_ms: float
    backward_ms: float


class Peaks(TypedDict):
    """Peak memory beside the weights, in MB."""

    inference_memory_mb: float
    training_memory_mb: float


# ---------------------------------------------------------------------------------------------- counting


def _count(model: EncoderDecoder, shape: Shape, precision: str) -> Costs:
    batch, _, height, width = shape
    kept, device = model.memory(height, width), device_of(model)
    return Costs(
        network=model.config.name,
        batch=batch,
        height=height,
        width=width,
        parameters=sum(p.numel() for p in model.parameters()),
        multiply_adds=multiply_adds(model, shape),
        remembered_mb=batch * sum(r.bytes for r in kept) / MB,
        remembered_mb_float32=batch * sum(r.bytes_float32 for r in kept) / MB,
        remembered_mb_int64=batch * sum(r.bytes_int64 for r in kept) / MB,
        model_size_mb=sum(t.nbytes for t in model.state_dict().values()) / MB,
        device=str(device),
        precision=str(compute_dtype(device, precision)).removeprefix("torch."),
    )


def multiply_adds(model: EncoderDecoder, shape: Shape) -> int:
    """Multiply-adds of the convolutions in one forward pass, counted by torch on tensors without data.

    >>> from segnet_lab import create_model
    >>> multiply_adds(create_model("bilinear_interpolation"), (1, 3, 1, 1))  # 4 x conv 7x7, then the classifier
    612224
    """
    with torch.device("meta"):
        twin, image = build(model.config).eval(), torch.empty(shape)  # not a copy, which would have the model's hooks
    with FlopCounterMode(display=False) as counter:
        twin(image)
    return counter.get_total_flops() // 2  # a multiplication and an addition


# ---------------------------------------------------------------------------------------------- time


def _times(models: Sequence[EncoderDecoder], asked: _Asked) -> list[_Times]:
    """Medians of the repeats; each repeat goes once through all models."""
    runs = [_Passes(copy.deepcopy(model), asked.shape, asked.precision) for model in models]
    rounds = [[(run.time(run.infer), run.time_backward()) for run in runs] for _ in range(2 + asked.repeats)]
    medians: list[_Times] = []
    for of_one in zip(*rounds[2:], strict=True):  # in the first two, caches fill and kernels are chosen
        forward, backward = (1e3 * statistics.median(seconds) for seconds in zip(*of_one, strict=True))
        medians.append({"forward_ms": forward, "backward_ms": backward})
    return medians


class _Passes:
    """Forward and backward passes of one model over one batch of noise."""

    def __init__(self, model: EncoderDecoder, shape: Shape, precision: str) -> None:
        self.model = model
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch knows it; as in training
        self.device = device_of(model)
        self.dtype = compute_dtype(self.device, precision)
        self.images = torch.rand(shape, device=self.device).contiguous(memory_format=torch.channels_last)

    def infer(self) -> None:
        self.model.eval()
        with torch.inference_mode(), autocast(self.device, self.dtype):
            self.model(self.images)

    def loss(self) -> Tensor:
        self.model.train()
        with autocast(self.device, self.dtype), save_less(self.model):  # as training does
            logits: Tensor = self.model(self.images)
            return logits.float().square().mean()

    def time_backward(self) -> float:
        loss = self.loss()
        seconds = self.time(loss.backward)
        self.model.zero_grad(set_to_none=True)
        return seconds

    def time(self, function: Callable[[], object]) -> float:
        self._wait()
        start = time.perf_counter()
        function()
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)


# ---------------------------------------------------------------------------------------------- memory


def peak_memory(model: EncoderDecoder, shape: Shape, precision: str) -> Peaks:
    """Peak memory of an inference pass and of a training step, beside the weights; on a CPU in a fresh process.

    Parameters
    ----------
    model : EncoderDecoder
    shape : (B, 3, H, W)
        Of the images.
    precision : str
        As in `compare_costs`.

    Returns
    -------
    Peaks
        A dict of inference_memory_mb and training_memory_mb, as in `Costs`.

    Raises
    ------
    RuntimeError
        The process ended with an error; the message says which.
    """
    device = device_of(model)
    if device.type != "cpu":
        return _peaks(copy.deepcopy(model), shape, precision, _Allocated(device))
    row = find_network(model.config.name)
    task = _Task(model.config, row, model.checkpointing, shape, precision, torch.get_num_threads())
    paths = [str(Path(segnet_lab.__file__).parent.parent), *sys.path, PYTHONPATH.get()]
    surroundings = environment(
        {
            PYTHONPATH.name: os.pathsep.join(filter(None, paths)),
            "MALLOC_MMAP_THRESHOLD_": "65536",  # glibc: what is freed goes back to the system at once
            "MALLOC_TRIM_THRESHOLD_": "65536",
        }
    )
    command = [sys.executable, "-c", f"from {__name__} import measure_in_fresh_process as go; go()"]
    done = subprocess.run(command, input=cloudpickle.dumps(task), env=surroundings, capture_output=True)  # noqa: S603
    if done.returncode:
        last_line = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        reason = last_line or f"the process ended with code {done.returncode}"
        raise NotPossible(
            f"could not measure the memory of {model.config.name} for a batch of {shape[0]} images of "
            f"{shape[2]}x{shape[3]} ({reason}): if memory is short, take a smaller batch or image, or measure=False"
        )
    return json.loads(done.stdout)


class _Task(NamedTuple):
    """What the fresh process builds and measures. It gets the row, since it does not know registered networks."""

    config: Config
    row: Network
    checkpointing: bool
    shape: Shape
    precision: str
    threads: int


def measure_in_fresh_process() -> None:
    """Read a task from stdin, print its peaks as JSON."""
    task: _Task = cloudpickle.load(sys.stdin.buffer)
    torch.set_num_threads(task.threads)
    model = build(task.config, task.row)
    model.checkpointing = task.checkpointing
    print(json.dumps(_peaks(model, task.shape, task.precision, _Resident())))


def _peaks(model: EncoderDecoder, shape: Shape, precision: str, meter: "_Allocated | _Resident") -> Peaks:
    warm = _Passes(model, shape if meter.resets else (1, 3, 64, 64), precision)
    warm.infer()  # libraries set themselves up, kernels are chosen or compiled
    warm.loss().backward()
    model.zero_grad(set_to_none=True)
    del warm
    meter.start()
    passes = _Passes(model, shape, precision)
    passes.infer()
    inference = meter.peak_mb()
    momentum = [torch.zeros_like(p) for p in model.parameters() if p.requires_grad]  # SGD has it from its second step
    passes.loss().backward()
    training = meter.peak_mb()
    del momentum
    return {"inference_memory_mb": inference, "training_memory_mb": training}


class _Allocated:
    """Peak of what torch allocates on an accelerator."""

    resets = True

    def __init__(self, device: torch.device) -> None:
        self.device, self.module = device, torch.get_device_module(device)
        self.counts = hasattr(self.module, "max_memory_allocated")  # CUDA, ROCm, XPU; not MPS

    def start(self) -> None:
        if self.counts:
            self.module.reset_peak_memory_stats(self.device)
            self.base = self.module.memory_allocated(self.device)

    def peak_mb(self) -> float:
        return (self.module.max_memory_allocated(self.device) - self.base) / MB if self.counts else math.nan


class _Resident:
    """Peak of the memory that this process holds."""

    resets = os.access("/proc/self/clear_refs", os.W_OK)  # Linux

    def start(self) -> None:
        if self.resets:
            Path("/proc/self/clear_refs").write_text("5")  # the largest resident set starts anew, see proc(5)
        self.base, _ = _resident_bytes()

    def peak_mb(self) -> float:
        return (_resident_bytes()[1] - self.base) / MB


def _resident_bytes() -> tuple[float, float]:
    """Resident set of this process now, and the largest it was; nan where Python cannot ask for it (Windows)."""
    if platform.system() == "Linux":  # not getrusage: its maximum begins with that of the process that started this
        lines = Path("/proc/self/status").read_text().splitlines()
        sizes = dict(line.split(":", 1) for line in lines)
        now, peak = (1024 * float(sizes[key].split()[0]) for key in ("VmRSS", "VmHWM"))
        return now, peak
    try:
        import resource
    except ModuleNotFoundError:
        return math.nan, math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    return peak, peak
