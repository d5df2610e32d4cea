"""What a decoder class has to say of itself: nothing about it is left to guess. See `decoders` for what each means."""

from typing import TYPE_CHECKING

from segnet_lab._support.errors import InvalidInput

if TYPE_CHECKING:
    from segnet_lab.models.decoders import Decoder

DECLARED = ("label", "remembers", "low_memory", "upsample", "rows_below")
REMEMBERED = ("codes", "entering", "features")
LOW_MEMORY = ("rows", "whole map", "refused")


def check_declarations(cls: type["Decoder"]) -> None:
    """Refuse a decoder class that does not say all of itself, or says what cannot be.

    Raises
    ------
    ValueError
        Names what is missing or wrong.
    """
    name = cls.__name__
    if unsaid := [what for what in DECLARED if not _says(cls, what)]:
        raise InvalidInput(
            f"{name} does not say its {', '.join(unsaid)}: a decoder with an upsampling of its own says "
            f"{', '.join(DECLARED)}; segnet_lab.models.decoders explains them"
        )
    if own := [method for method in ("forward", "remember") if method in vars(cls)]:
        raise InvalidInput(
            f"{name} has a {own[0]} of its own, which low_memory=True and probe.trace would not follow: "
            "write upsample, combine or reduced instead"
        )
    if not isinstance(cls.label, str) or not cls.label:
        raise InvalidInput(f"{name}.label is {cls.label!r}: say in a few words what it does")
    if not isinstance(cls.remembers, tuple) or not {*cls.remembers} <= {*REMEMBERED}:
        raise InvalidInput(f"{name}.remembers is {cls.remembers!r}: give a tuple of names out of {REMEMBERED}")
    if {"entering", "features"} <= {*cls.remembers}:
        raise InvalidInput(f"{name} remembers both maps of its stage, entering and features: take one of them")
    if cls.low_memory not in LOW_MEMORY:
        raise InvalidInput(f"{name}.low_memory is {cls.low_memory!r}: give one of {LOW_MEMORY}")


def _says(cls: type["Decoder"], what: str) -> bool:
    """Whether a class says it: itself, if it upsamples in its own way; else it may inherit what it says."""
    said = vars(cls).get(what) if "upsample" in vars(cls) else getattr(cls, what, None)
    return said is not None and not getattr(said, "__isabstractmethod__", False)
