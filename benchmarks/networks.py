"""Time and memory of SegNet-Basic and SegNet at 360x480, against the same networks in plain PyTorch (naive.py).

    python benchmarks/run.py networks training pooling image_sizes remembered agreement [--quick] [--threads N]

Times: all forms of a network take turns (A B C A B C ...), so that what else the machine does hits all of them; a ratio
is the median, over rounds, of a form's time against the naive one's of the same round. Memory: every form in a process
of its own; the highest resident set while it works, less that after importing torch and the kit. The weights are in it,
what making them took is not; numba is in it where a form loads it, and named beside it. glibc gives freed maps back to
the system (MALLOC_MMAP_THRESHOLD_, for all forms alike), so that a peak is what a form needs, not the holes in a heap.
Networks have fresh weights: time and memory do not depend on them.
"""

import ctypes
import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from segnet_lab import create_model, load_run, optimize, pooling, pooling_fast
from segnet_lab._support import compiled
from segnet_lab._support.devices import autocast
from segnet_lab._support.folders import shipped
from segnet_lab.models.recompute import save_less
from segnet_lab.probe.allocations import still_allocated
from segnet_lab.results.run_data import data_of
from segnet_lab.training.losses import cross_entropy

sys.path.insert(0, str(Path(__file__).parent))
from naive import NaiveSegNet

SIZE, CLASSES = (360, 480), 11
BATCH = {"segnet_basic": 4, "segnet": 2}  # of a training step
MEGA = 1e6

# ---------------------------------------------------------------------------- the forms that are compared

INFERENCE = {  # name: (precision, low_memory); the first of each group is what the others are compared with
    "naive": None,
    "optimize float32": ("float32", False),
    "optimize (default)": ("auto", False),
    "optimize bfloat16": ("bfloat16", False),
    "low memory float32": ("float32", True),
    "low memory (default)": ("auto", True),
    "low memory bfloat16": ("bfloat16", True),
}
FLOAT32 = ("optimize float32", "low memory float32")
TRAINING = {  # name: (naive network, bfloat16, channels_last, checkpointing)
    "naive": (True, False, False, False),
    "naive bfloat16 channels_last": (True, True, True, False),
    "kit float32": (False, False, True, False),
    "kit (default)": (False, True, True, False),
    "kit checkpointing": (False, True, True, True),
}
USE_NUMBA = ("optimize float32", "optimize (default)", "optimize bfloat16", "kit float32", "kit (default)")


def inference_form(network: str, form: str):
    """A callable, images to logits."""
    model = create_model(network, CLASSES, seed=0).eval()
    if INFERENCE[form] is None:
        return NaiveSegNet(model).eval()
    precision, low_memory = INFERENCE[form]
    return optimize(model, precision, low_memory=low_memory)


def training_form(network: str, form: str, batch: int):
    """A callable that takes one training step."""
    naive, bfloat16, channels_last, checkpointing = TRAINING[form]
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = create_model(network, CLASSES, seed=0).train()
    model.checkpointing = checkpointing
    model = (NaiveSegNet(model) if naive else model).to(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)
    images = _images(batch).contiguous(memory_format=layout)
    labels = torch.randint(0, CLASSES, (batch, *SIZE), generator=torch.Generator().manual_seed(1))

    def step():
        optimizer.zero_grad()
        with compiled.switched_off(when=checkpointing):  # as `train` does
            with autocast(torch.device("cpu"), torch.bfloat16 if bfloat16 else torch.float32), save_less(model):
                logits = model(images)
            loss = F.cross_entropy(logits.float(), labels) if naive else cross_entropy(logits, labels)
            loss.backward()
        optimizer.step()

    return step


# ---------------------------------------------------------------------------- what is measured


# Each function takes `quick`, for fewer rounds, and gives rows: `group`, `name`, `unit`, `median`, `low`, `high`
# (quartiles), `runs`, and `ratio` to the first of the group.


def inference(quick: bool = False) -> list[dict]:
    """One image through each form: time, share of what the machine can do, memory."""
    rows = machine_limit()
    limits = {row["name"]: row["median"] for row in rows}
    image = _images(1)
    for network in BATCH:
        forms = {name: inference_form(network, name) for name in INFERENCE}
        with torch.inference_mode():
            calls = {name: lambda form=form: form(image) for name, form in forms.items()}
            timed = compare(f"inference time, {network}", calls, 2 if quick else 7)
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            forms["naive"](image)
        # Products and sums of the convolutions, as the direct way counts them; how near they come to the machine's
        # matrix product. A form that needs fewer of them may come past it.
        for row in timed:
            row["gflops"] = round(counter.get_total_flops() / row["median"] / 1e6, 1)
            limit = limits["float32" if row["name"] in ("naive", *FLOAT32) else "bfloat16"]
            row["share_of_gemm"] = round(row["gflops"] / limit, 3)
        rows += timed
        del forms, calls
        rows += memory_of(f"inference memory, {network}", network, "inference", list(INFERENCE))
    return rows


def training(quick: bool = False) -> list[dict]:
    """One step of SGD with momentum: time and memory."""
    rows = []
    for network, batch in BATCH.items():
        steps = {name: training_form(network, name, batch) for name in TRAINING}
        rows += compare(f"training step time, {network}, batch {batch}", steps, 1 if quick else 5)
        del steps
        rows += memory_of(f"training step memory, {network}, batch {batch}", network, "training", list(TRAINING))
    return rows


def machine_limit() -> list[dict]:
    """GFLOP/s of a 2048 x 2048 matrix product: what the hardware gives at best."""
    rows = []
    for dtype in (torch.float32, torch.bfloat16):
        a = torch.randn(2048, 2048).to(dtype)
        times = _times({"": lambda a=a: a @ a}, 9)[""]
        rates = [2 * 2048**3 / 1e9 / t for t in times]
        rows.append(_row("matrix product", str(dtype).removeprefix("torch."), "GFLOP/s", rates))
    return rows


def pooling_pair(quick: bool = False) -> list[dict]:
    """Pooling and unpooling of 64 maps."""
    torch_alone = pooling_fast.in_bands(pooling.PLAIN)
    rows = []
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.randn(1, 64, *SIZE).to(dtype)
        lasting = x.contiguous(memory_format=torch.channels_last)

        def torch_pair(x):
            values, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
            return F.max_unpool2d(values, indices, 2, output_size=x.shape[-2:])

        def codes_pair(x):
            values, codes = pooling.max_pool_2x2(x)
            return pooling.max_unpool_2x2(values, codes, x.shape[-2:])

        def pure_pair(x):
            values, codes = torch_alone.pool(x, False)
            return torch_alone.unpool(values, codes, x.shape[-2:])

        calls = {
            "torch, indices": lambda: torch_pair(x),  # noqa: B023 - called before x changes
            "torch, indices, channels_last": lambda: torch_pair(lasting),  # noqa: B023
            "codes by torch, channels_last": lambda: pure_pair(lasting),  # noqa: B023
            "codes by numba, channels_last": lambda: codes_pair(lasting),  # noqa: B023
        }
        name = str(dtype).removeprefix("torch.")
        with torch.inference_mode():
            rows += compare(f"pool and unpool 64 x 360 x 480, {name}", calls, 6 if quick else 20)
    return rows


def image_sizes(quick: bool = False) -> list[dict]:
    """How time and memory of SegNet-Basic grow with the image; ratios are to 90 x 120."""
    sizes = [(90, 120), (180, 240), (360, 480), (720, 960)]
    rows = []
    for form in ("optimize (default)", "low memory (default)"):
        fast = inference_form("segnet_basic", form)
        images = {size: torch.rand(1, 3, *size) for size in sizes}
        with torch.inference_mode():
            calls = {f"{h}x{w}": lambda image=image: fast(image) for (h, w), image in images.items()}  # noqa: B023
            rows += compare(f"time by image size, segnet_basic, {form}", calls, 2 if quick else 7)
    peaks = [fresh_process("segnet_basic", "inference", "low memory (default)", size)[0] for size in sizes]
    for (h, w), peak in zip(sizes, peaks, strict=True):
        row = _row("memory by image size, segnet_basic, low memory (default)", f"{h}x{w}", "MB", [peak])
        rows.append(row | {"ratio": round(peak / peaks[0], 3)})
    return rows


def remembered(quick: bool = False) -> list[dict]:
    """Bytes of pooling indices or codes in a training graph, one image, by looking at every saved tensor; beside it all
    bytes that the allocator still holds after the forward pass.
    """
    rows = []
    for network in BATCH:
        for name, naive in (("naive, int64 indices", True), ("kit, 2-bit codes", False)):
            model = create_model(network, CLASSES, seed=0).train()
            model, saved = (NaiveSegNet(model) if naive else model), {}

            def note(t, saved=saved, kind=torch.int64 if naive else torch.uint8):
                if t.dtype == kind:
                    saved[t.data_ptr()] = t.nbytes
                return t

            with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t), save_less(model):
                held = still_allocated(lambda model=model: model(_images(1))).bytes
            row = _row(f"indices kept for the backward pass, {network}", name, "MB", [sum(saved.values()) / MEGA])
            ratio = round(row["median"] / (rows[-1] if not naive else row)["median"], 5)
            rows.append(row | {"ratio": ratio, "all_held_MB": round(held / MEGA, 1)})
    return rows


def agreement(quick: bool = False) -> list[dict]:
    """Share of pixels whose class is the one of the float32 network: every run with committed weights, 20 images."""
    rows = []
    for file in sorted(shipped("results").glob("*/*/best.safetensors")):
        try:
            data = data_of(file.parent)
        except FileNotFoundError as missing:  # data that one has to fetch oneself
            print(f"  {file.parent.name}: {missing}", file=sys.stderr)
            continue
        model, _, _ = load_run(file.parent)
        images = torch.stack([data[i].image for i in range(min(len(data), 5 if quick else 20))])
        with torch.inference_mode():
            expected = model(images).argmax(1)
            for form, options in INFERENCE.items():
                if options is not None:
                    precision, low_memory = options
                    same = (optimize(model, precision, low_memory=low_memory).labels(images) == expected).float()
                    shares = (100 * same.mean((1, 2))).tolist()
                    rows.append(
                        _row(f"agreement with float32, {file.parent.parent.name}/{file.parent.name}", form, "%", shares)
                    )
    return rows


# ---------------------------------------------------------------------------- how


def compare(group: str, calls: dict, rounds: int) -> list[dict]:
    """Rows of times in ms; ratios to the first, round by round."""
    times = _times(calls, rounds)
    first = next(iter(times.values()))
    rows = []
    for name, taken in times.items():
        row = _row(group, name, "ms", [1000 * t for t in taken])
        rows.append(row | {"ratio": round(median(t / f for t, f in zip(taken, first, strict=True)), 3)})
        print(f"  {group}: {name}  {row['median']} ms  {rows[-1]['ratio']}", file=sys.stderr, flush=True)
    return rows


def _times(calls: dict, rounds: int) -> dict[str, list[float]]:
    times = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            start = perf_counter()
            call()
            if turn:  # the first brings code and memory in
                times[name].append(perf_counter() - start)
    return times


def _row(group: str, name: str, unit: str, values: list[float]) -> dict:
    low, _, high = quantiles(values, n=4) if len(values) > 1 else 3 * values
    numbers = {"median": median(values), "low": low, "high": high}
    return (
        {"group": group, "name": name, "unit": unit}
        | {k: round(v, 3) for k, v in numbers.items()}
        | {"runs": len(values)}
    )


def memory_of(group: str, network: str, kind: str, forms: list[str]) -> list[dict]:
    rows = []
    for form in forms:
        peak, numba = fresh_process(network, kind, form, SIZE)
        row = _row(group, form, "MB", [peak]) | {"of_it_numba": round(numba, 1)}
        rows.append(row | {"ratio": round(peak / (rows[0]["median"] if rows else peak), 3)})
        print(f"  {group}: {form}  {peak:.0f} MB, {numba:.0f} numba  {rows[-1]['ratio']}", file=sys.stderr, flush=True)
    return rows


def fresh_process(network: str, kind: str, form: str, size: tuple[int, int]) -> tuple[float, float]:
    """MB at the peak of one inference or training step, in a process that does nothing else; MB of it for numba."""
    task = json.dumps({"network": network, "kind": kind, "form": form, "size": size})
    command = [sys.executable, __file__, task, str(torch.get_num_threads())]
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(2**20)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"measuring {task} failed:\n{done.stderr}")
    return tuple(json.loads(done.stdout))


def _worker(task: dict) -> tuple[float, float]:
    imported = _memory("VmRSS")
    if task["form"] in USE_NUMBA and compiled.available():  # load it now
        pooling_fast.COMPILED.pool(torch.zeros(1, 1, 2, 2), False)
    numba = _memory("VmRSS") - imported
    if task["kind"] == "inference":
        form, images = inference_form(task["network"], task["form"]), torch.rand(1, 3, *task["size"])
        call = torch.inference_mode()(lambda: form(images))
    else:
        call = training_form(task["network"], task["form"], BATCH[task["network"]])
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # give back what making the weights took
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    call()
    call()  # a second training step has the momentum, too
    return _memory("VmHWM") - imported, numba


def _memory(key: str) -> float:
    """MB of this process, from Linux."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024 / MEGA


def _images(batch: int) -> torch.Tensor:
    return torch.rand(batch, 3, *SIZE, generator=torch.Generator().manual_seed(0))


if __name__ == "__main__":  # the fresh process
    torch.set_num_threads(int(sys.argv[2]))
    print(json.dumps(_worker(json.loads(sys.argv[1]))))
