"""Time and memory on an accelerator: `python benchmarks/gpu.py [--minutes 4] [--device cuda] [--size H W] [--out DIR]`.

The most important rows come first, and each is written to DIR/gpu.jsonl as soon as it is measured; when the minutes
are over it ends. What fails is a row with its error, and the next one is measured. `--device cpu --size 48 64`
rehearses all of it with small networks.

Times: the calls of a group take turns, several calls a turn, between two events of the device; `ratio` is the median,
over the turns, of a call's time against the first one's of the same turn. `alone` is the time of a call captured in a
CUDA graph: what the device needs, without Python. `share` is how near it comes to a copy of the same map, counted in
the bytes that must be moved: of a 2x2 window four values, their maximum and two bits, 10.25 bytes in bfloat16.
`peak_mb`: the most that torch had allocated during a call, less what it had before the network was made. Networks have
fresh weights: time and memory do not depend on them.
"""

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, time

import psutil
import torch
import torch.nn.functional as F
from torch import Tensor

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
from naive import NaiveSegNet  # noqa: E402

from segnet_lab import create_model, optimize, paper, pooling, pooling_triton  # noqa: E402
from segnet_lab._support.devices import autocast  # noqa: E402
from segnet_lab.models.recompute import save_less  # noqa: E402
from segnet_lab.probe.costs import costs  # noqa: E402
from segnet_lab.training.losses import cross_entropy  # noqa: E402

CLASSES, BATCH, MAPS = 11, 12, 64  # Table 1's batch; SegNet-Basic's feature maps
LAST = {torch.channels_last: "channels_last", torch.contiguous_format: "contiguous"}
TABLE_6 = [paper.NAMES[network] for network in paper.table(6)["network"]]
Call = Callable[[], object]
Row = dict[str, object]


class Bench:
    """A device, the sizes, and the time that is left."""

    def __init__(self, device: str, size: tuple[int, int], minutes: float, now: Callable[[], float] = perf_counter):
        self.device, self.size, self.now = torch.device(device), size, now
        self.end = now() + 60 * minutes
        self.cuda = self.device.type == "cuda"
        rehearsal = self.device.type == "cpu"
        self.batch, self.width = (2, 0.1) if rehearsal else (BATCH, 1.0)
        self.copies: dict[tuple[int, ...], float] = {}  # bytes a second that copying a map of this shape and type moves

    def over(self) -> bool:
        return self.now() >= self.end

    def wait(self) -> None:
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)

    def images(self, batch: int, layout=torch.channels_last) -> Tensor:
        return torch.rand(batch, 3, *self.size, device=self.device).contiguous(memory_format=layout)

    # ------------------------------------------------------------------------ time

    def timer(self, call: Call, calls: int) -> Callable[[], float]:
        """Start a turn of so many calls; what is given waits for its end and says how many ms one took."""
        if not self.cuda:
            self.wait()
            start = perf_counter()
            for _ in range(calls):
                call()
            self.wait()
            taken = 1e3 * (perf_counter() - start) / calls
            return lambda: taken
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(calls):
            call()
        end.record()
        end.synchronize()
        return lambda: start.elapsed_time(end) / calls

    def compare(self, group: str, calls: dict[str, Call], turns: int = 7, **facts: object) -> list[Row]:
        """A row for each call, its time in ms; the ratio is to the first."""
        rows, works, repeats = [], {}, {}
        for name, call in calls.items():
            try:
                for _ in range(3):  # kernels are chosen or compiled
                    call()
                ms = self.timer(call, 1)()
                works[name], repeats[name] = call, max(1, min(50, round(5 / ms)))
            except Exception as error:
                rows.append({"group": group, "name": name} | failure(error))
        taken: dict[str, list[float]] = {name: [] for name in works}
        for turn in range(turns):
            if turn and self.over():
                break
            for name, call in works.items():
                taken[name].append(self.timer(call, repeats[name])())
        first = next(iter(taken.values()), [])
        for name, times in taken.items():
            row = {"group": group, "name": name, "unit": "ms"} | spread(times) | facts
            rows.append(row | {"ratio": round(median(t / f for t, f in zip(times, first, strict=True)), 3)})
        return rows

    def alone(self, call: Call, calls: int = 10) -> float:
        """Ms of a call in a CUDA graph."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(calls):
                call()
        graph.replay()
        return median(self.timer(graph.replay, 5)() / calls for _ in range(5))

    # ------------------------------------------------------------------------ memory

    def allocated(self) -> float:
        return torch.cuda.memory_allocated(self.device) / 1e6 if self.cuda else 0.0

    def peak(self, call: Call, before: float) -> dict[str, float]:
        """MB at the peak of a call, beside what there was before."""
        if not self.cuda:
            return {}
        self.wait()
        torch.cuda.reset_peak_memory_stats(self.device)
        call()
        self.wait()
        return {"peak_mb": round(torch.cuda.max_memory_allocated(self.device) / 1e6 - before, 1)}


# ---------------------------------------------------------------------------- what is measured


def machine(bench: Bench) -> Iterator[Row]:
    """Card, driver, versions; then what a copy moves."""
    about = {"torch": torch.__version__, "python": platform.python_version(), "device": str(bench.device)}
    about |= {"triton": version_of("triton"), "numba": version_of("numba"), "size": list(bench.size)}
    about |= {"batch": bench.batch, "date": datetime.now(UTC).strftime("%Y-%m-%d")}
    if bench.cuda:
        card = torch.cuda.get_device_properties(bench.device)
        about |= {"card": card.name, "memory_gb": round(card.total_memory / 1e9, 1), "cuda": torch.version.cuda}
        about |= {"processors": card.multi_processor_count, "capability": f"{card.major}.{card.minor}"}
        about["driver"] = said_by("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
        about["tf32"] = torch.backends.cudnn.allow_tf32
        one = torch.zeros(1, device=bench.device).view(1, 1, 1, 1)
        about["pooling"] = "Triton" if pooling_triton.available(one, 1) else "torch"
    else:
        yield {"group": "not measured", "name": "alone, peak_mb", "error": "measured on CUDA only"}
    yield {"group": "machine", "name": about.get("card", platform.processor() or platform.machine())} | about
    for shape in stages(bench):
        for dtype in (torch.bfloat16, torch.float32):
            yield from copying(bench, shape, dtype)


def copying(bench: Bench, shape: tuple[int, ...], dtype: torch.dtype) -> list[Row]:
    x = torch.randn(shape, device=bench.device).to(dtype).contiguous(memory_format=torch.channels_last)
    y = torch.empty_like(x)
    (row,) = bench.compare("copy of a map", {titled(shape, dtype): lambda: y.copy_(x)})
    if "error" not in row:
        ms = row["median"]
        if bench.cuda:
            row["alone"] = ms = bench.alone(lambda: y.copy_(x))
        bench.copies[(*shape, x.element_size())] = rate = 2 * x.nbytes / (ms / 1e3)
        row["gb_per_s"] = round(rate / 1e9, 1)
    return [row]


def operators(dtype: torch.dtype, layout: torch.memory_format) -> Callable[[Bench], Iterator[Row]]:
    """Pooling, pooling behind a ReLU, unpooling and reading at the corners, beside torch's with int64 indices."""

    def measure(bench: Bench) -> Iterator[Row]:
        for shape in stages(bench):
            x = torch.randn(shape, device=bench.device).to(dtype).contiguous(memory_format=layout)
            for what, (ours, torchs) in pairs(x).items():
                calls = {"torch, int64 indices": torchs, "kit, 2-bit codes": ours}
                group = f"{what}, {titled(shape, dtype)} {LAST[layout]}"
                for row in bench.compare(group, calls):
                    yield row | moved(bench, row, calls[row["name"]], x)

    return measure


def compiled_operators(bench: Bench) -> Iterator[Row]:
    """The same under torch.compile, in bfloat16."""
    shape = stages(bench)[0]
    x = torch.randn(shape, device=bench.device).to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
    for what, (ours, torchs) in pairs(x, torch.compile).items():
        calls = {"torch, int64 indices, compiled": torchs, "kit, 2-bit codes, compiled": ours}
        for row in bench.compare(f"{what}, {titled(shape, x.dtype)} channels_last, compiled", calls):
            yield row | moved(bench, row, calls[row["name"]], x)


def pairs(x: Tensor, form: Callable[[Callable], Callable] = lambda function: function) -> dict[str, tuple[Call, Call]]:
    """Ours and torch's way to do each thing with a map, in that form."""
    size = x.shape[-2:]
    values, codes = pooling.max_pool_2x2(x)
    _, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    pool, relu_pool = form(pooling.max_pool_2x2), form(pooling.relu_max_pool_2x2)
    unpool, pick = form(pooling.max_unpool_2x2), form(pooling.OPERATORS.pick)
    torch_pool = form(lambda x: F.max_pool2d(x, 2, ceil_mode=True, return_indices=True))
    torch_relu_pool = form(lambda x: F.max_pool2d(x.relu(), 2, ceil_mode=True, return_indices=True))
    torch_unpool = form(lambda v, i: F.max_unpool2d(v, i, 2, output_size=size))
    torch_pick = form(lambda x, i: x.flatten(2).gather(2, i.flatten(2)).view(i.shape))
    return {
        "pool": (lambda: pool(x), lambda: torch_pool(x)),
        "unpool": (lambda: unpool(values, codes, size), lambda: torch_unpool(values, indices)),
        "pool behind a ReLU": (lambda: relu_pool(x), lambda: torch_relu_pool(x)),
        "pick": (lambda: pick(x, codes), lambda: torch_pick(x, indices)),
    }


def moved(bench: Bench, row: Row, call: Call, x: Tensor) -> Row:
    """The bytes that must be moved, and how near a call comes to a copy's rate."""
    b, c, h, w = x.shape
    windows = b * c * (-(-h // 2)) * (-(-w // 2))
    must = (x.numel() + windows) * x.element_size() + windows / 4
    found: Row = {"bytes": round(must)}
    if "error" in row:
        return found
    ms = row["median"]
    if bench.cuda:
        try:
            ms = bench.alone(call)
            found["alone"] = round(ms, 4)
        except Exception as error:
            found["alone_error"] = failure(error)["error"]
    if rate := bench.copies.get((*x.shape, x.element_size())):
        found["share"] = round(must / (ms / 1e3) / rate, 3)
    return found


FORMS = {  # of a network: (naive, dtype, layout, compiled, checkpointing); the first is what others are compared with
    "naive float32": (True, torch.float32, torch.contiguous_format, False, False),
    "naive bfloat16 channels_last": (True, torch.bfloat16, torch.channels_last, False, False),
    "kit bfloat16": (False, torch.bfloat16, torch.channels_last, False, False),
    "kit float32": (False, torch.float32, torch.channels_last, False, False),
    "kit checkpointing": (False, torch.bfloat16, torch.channels_last, False, True),
    "naive compiled": (True, torch.bfloat16, torch.channels_last, True, False),
    "kit compiled": (False, torch.bfloat16, torch.channels_last, True, False),
}
EAGER = [name for name, form in FORMS.items() if not form[3]]
COMPILED = ["naive bfloat16 channels_last", "kit bfloat16", *(name for name, form in FORMS.items() if form[3])]


def training(network: str, names: list[str]) -> Callable[[Bench], Iterator[Row]]:
    """One step of SGD with momentum."""

    def measure(bench: Bench) -> Iterator[Row]:
        group = f"training step, {network}, batch {bench.batch}"
        makers = {name: lambda name=name: step(bench, network, name) for name in names}
        yield from with_memory(bench, group, makers)

    return measure


def inference(network: str, batch: int, names: list[str]) -> Callable[[Bench], Iterator[Row]]:
    """Images to logits; the kit's forms are those of `optimize`."""

    def measure(bench: Bench) -> Iterator[Row]:
        size = 1 if batch == 1 else bench.batch
        group = f"inference, {network}, batch {size}"
        makers = {name: lambda name=name: infer(bench, network, name, size) for name in names}
        yield from with_memory(bench, group, makers)

    return measure


def with_memory(bench: Bench, group: str, makers: dict[str, Callable[[], Call]]) -> Iterator[Row]:
    """Peak memory of each form, alone on the device; then their times, in turns."""
    made, peaks = {}, {}
    for name, maker in makers.items():
        if bench.over():
            break
        try:
            before = bench.allocated()
            call = maker()
            for _ in range(2):  # after the first step there is the momentum
                call()
            peaks[name] = bench.peak(call, before)
            made[name] = call
        except Exception as error:
            yield {"group": group, "name": name} | failure(error)
    for row in bench.compare(group, made, 5):
        yield row | peaks[row["name"]]


def step(bench: Bench, network: str, form: str) -> Call:
    """A callable that takes one training step."""
    naive, dtype, layout, compiled, checkpointing = FORMS[form]
    model = create_model(network, CLASSES, width=bench.width, seed=0).to(bench.device).train()
    model.checkpointing = checkpointing
    model = (NaiveSegNet(model) if naive else model).to(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)
    images = bench.images(bench.batch, layout)
    labels = torch.randint(0, CLASSES, (bench.batch, *bench.size), device=bench.device)
    run = torch.compile(model) if compiled else model

    def call() -> None:
        optimizer.zero_grad()
        with autocast(bench.device, dtype), save_less(run):
            logits = run(images)
        loss = F.cross_entropy(logits.float(), labels) if naive else cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()

    return call


def infer(bench: Bench, network: str, form: str, batch: int) -> Call:
    """A callable that gives logits."""
    naive, dtype, layout, compiled, _ = FORMS[form]
    model = create_model(network, CLASSES, width=bench.width, seed=0).to(bench.device).eval()
    images = bench.images(batch, layout)
    if naive:
        model = NaiveSegNet(model).eval().to(memory_format=layout)
    elif not compiled:
        model = optimize(model, str(dtype).removeprefix("torch."))
    run = torch.compile(model) if compiled else model

    @torch.inference_mode()
    def call() -> object:
        with autocast(bench.device, dtype if naive or compiled else torch.float32):
            return run(images)

    return call


def table_6(bench: Bench) -> Iterator[Row]:
    """What the paper's networks cost: times and inference memory of one image, training memory of four, in float32."""
    for name in TABLE_6:
        try:
            model = create_model(name, width=bench.width, seed=0).to(bench.device)
            one = costs(model, *bench.size, precision="float32", repeats=10 if bench.cuda else 1)
            four = costs(model, *bench.size, 4, precision="float32", repeats=1)
        except Exception as error:
            yield {"group": "table 6", "name": name} | failure(error)
            continue
        row = {"forward_ms": one.forward_ms, "backward_ms": one.backward_ms, "model_size_mb": one.model_size_mb}
        row |= {"inference_memory_mb": one.inference_memory_mb, "training_memory_mb": four.training_memory_mb}
        yield {"group": "table 6", "name": name} | {k: round(v, 3) for k, v in row.items()}


BF16, HALF, FLOAT = torch.bfloat16, torch.float16, torch.float32
PARTS: dict[str, Callable[[Bench], Iterator[Row]]] = {  # the most important first
    "machine": machine,
    "operators, bfloat16": operators(BF16, torch.channels_last),
    "training, segnet_basic": training("segnet_basic", EAGER),
    "training, segnet": training("segnet", EAGER),
    "inference, segnet_basic, 12": inference("segnet_basic", BATCH, EAGER[:4]),
    "inference, segnet_basic, 1": inference("segnet_basic", 1, EAGER[:4]),
    "inference, segnet, 12": inference("segnet", BATCH, EAGER[:4]),
    "inference, segnet, 1": inference("segnet", 1, EAGER[:4]),
    "operators, float32": operators(FLOAT, torch.channels_last),
    "operators, float16": operators(HALF, torch.channels_last),
    "operators, bfloat16 contiguous": operators(BF16, torch.contiguous_format),
    "table 6": table_6,
    "compiled operators": compiled_operators,
    "compiled training, segnet_basic": training("segnet_basic", COMPILED),
    "compiled inference, segnet_basic": inference("segnet_basic", BATCH, COMPILED),
    "operators, float32 contiguous": operators(FLOAT, torch.contiguous_format),
    "compiled training, segnet": training("segnet", COMPILED),
    "compiled inference, segnet": inference("segnet", BATCH, COMPILED),
}

# ---------------------------------------------------------------------------- how


def measure(bench: Bench, write: Callable[[Row], None], parts: dict[str, Callable] = PARTS) -> None:
    """Part after part until the time is over; each row is written as soon as it is known."""
    for name, part in parts.items():
        if bench.over():
            write({"group": "not measured", "name": name, "error": "no time was left"})
            continue
        try:
            for row in part(bench):
                write(row)
                if bench.over():
                    break
        except Exception as error:
            write({"group": name, "name": "", **failure(error)})
        if bench.cuda:
            torch.cuda.empty_cache()
        torch.compiler.reset()


def stages(bench: Bench) -> list[tuple[int, ...]]:
    """Shapes of the maps that SegNet-Basic's four stages pool: 360x480, 180x240, 90x120, 45x60."""
    h, w = bench.size
    shapes = []
    for _ in range(4):
        shapes.append((bench.batch, MAPS, h, w))
        h, w = pooling.pooled_size((h, w))
    return shapes


def titled(shape: tuple[int, ...], dtype: torch.dtype) -> str:
    return f"{'x'.join(map(str, shape))} {str(dtype).removeprefix('torch.')}"


def spread(values: list[float]) -> Row:
    low, _, high = quantiles(values, n=4) if len(values) > 1 else 3 * values
    numbers = {"median": median(values), "low": low, "high": high}
    return {name: round(value, 4) for name, value in numbers.items()} | {"turns": len(values)}


def failure(error: Exception) -> Row:
    """The beginning of what an error says."""
    return {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"[:400]}


def version_of(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def said_by(*command: str) -> str | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip() or None
    except OSError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, nargs=2, default=(360, 480), metavar=("H", "W"))
    parser.add_argument("--out", type=Path, default=HERE.parent / "results" / "benchmarks", help="folder of gpu.jsonl")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    imported = time() - psutil.Process().create_time()  # importing torch is in the time, too
    bench = Bench(options.device, tuple(options.size), options.minutes - imported / 60)
    with (options.out / "gpu.jsonl").open("w", encoding="utf-8") as file:

        def write(row: Row) -> None:
            line = json.dumps({"at": round(60 * options.minutes - (bench.end - bench.now()), 1)} | row)
            print(line, file=file, flush=True)
            print(line, flush=True)

        measure(bench, write)


if __name__ == "__main__":
    main()
