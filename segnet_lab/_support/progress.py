"""One progress bar, or plain lines where nobody watches."""

import os

from tqdm.auto import tqdm


def headless() -> bool:
    """True in batch runs (SEGNET_HEADLESS=1, set by our runner) and in CI: no bars, no live widgets."""
    return os.environ.get("SEGNET_HEADLESS") == "1" or "CI" in os.environ


def bar(iterable=None, *, total: int | None = None, description: str = "", show: bool = True) -> tqdm:
    """A tqdm bar that leaves nothing behind; silent when headless.

    The notebook's bars ignore TQDM_DISABLE, so the switch has to be passed by hand.
    """
    return tqdm(iterable, total=total, desc=description, leave=False, disable=not show or headless())
