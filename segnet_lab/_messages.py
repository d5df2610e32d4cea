"""Error messages that help."""

from collections.abc import Iterable
from difflib import get_close_matches


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """Say what was not recognised, what may have been meant, and what there is.

    >>> unknown("model", "segnet_basics", ["segnet", "segnet_basic"])
    "unknown model 'segnet_basics'. Did you mean 'segnet_basic'? Known: segnet, segnet_basic"
    """
    known = list(known)
    close = get_close_matches(str(name), known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"unknown {kind} {name!r}.{hint} Known: {', '.join(known)}"
