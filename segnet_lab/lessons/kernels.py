"""Running a notebook in a kernel: papermill, whose kernel knows that nobody watches and is started again if it dies."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import papermill
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager

from segnet_lab._support.settings import HEADLESS, environment

STARTS = 3  # kernels that start at the same time may pick the same port, and then one dies before its first cell
IOPUB_TIMEOUT = 600  # seconds in which what a cell printed must arrive; nbclient's 4 fail on a busy machine


class HeadlessKernel(AsyncKernelManager):
    """A kernel without progress bars and live widgets; the environment of this process stays as it is."""

    async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]  # as in jupyter_client itself
        """Start it with SEGNET_LAB_HEADLESS=1."""
        await super().start_kernel(**options, env=environment({HEADLESS.name: "1"}))

    def client(self, **options: Any) -> AsyncKernelClient:  # type: ignore[override]  # likewise
        """A client whose queue of unread output has no limit: of thousands of printed lines none is dropped."""
        client = super().client(**options)
        client.context.rcvhwm = 0
        return client


def execute(source: Path, output: Path, given: Mapping[str, object]) -> None:
    """Run a notebook with papermill; again, if the kernel died before its first cell.

    Parameters
    ----------
    source, output : Path
        The notebook, and where the executed copy goes; it is saved while the notebook runs.
    given : dict
        Parameters.

    Raises
    ------
    Exception
        Whatever papermill, nbclient or the kernel raise.
    """

    def once() -> None:
        papermill.execute_notebook(
            source.resolve(),
            output.absolute(),  # papermill changes directories, also under the notebooks beside this one
            given,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            autosave_cell_every=5,
            log_output=False,
            kernel_manager_class=HeadlessKernel,
            extra_arguments=["--IPKernelApp.log_level=50"],  # nothing about TCP, or about being shut down
            iopub_timeout=IOPUB_TIMEOUT,
        )

    with terminate_as_interrupt():
        for left in reversed(range(STARTS)):
            try:
                return once()
            except RuntimeError as error:
                if not left or "died before replying" not in str(error):
                    raise


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """A cluster's SIGTERM becomes Ctrl-C, so that papermill saves what the running cell has printed so far."""

    def interrupt(signal_number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not in the main thread, e.g. in a sweep
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
