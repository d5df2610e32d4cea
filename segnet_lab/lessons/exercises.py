"""Exercises that check themselves, and whose "not yet" teaches.

    answer = ...                       # the student replaces the dots
    check("bytes", answer, 691_200, mistakes={5_529_600: "That is bits. Eight of them make a byte."})

An exercise that nobody has answered yet prints so and continues: a notebook with open questions still runs.
"""

from collections.abc import Callable, Mapping
from types import EllipsisType

import numpy as np

from segnet_lab._support.errors import InvalidInput


def check(
    name: str,
    answer: object,
    expected: object,
    *,
    mistakes: Mapping[object, str] | None = None,
    hint: str = "",
    because: str = "",
    rtol: float | None = None,
) -> bool:
    """Compare an answer with the right one and say something useful.

    Parameters
    ----------
    name : str
        Shown in front of the verdict.
    answer : number, text, list, array, Tensor or ...
        `...` means: not answered yet.
    expected : same
        nan is answered by nan only, True and False by a truth value only.
    mistakes : dict, optional
        A common wrong answer -> what to think about. These are compared before the tolerance is applied.
    hint : str
        For every other wrong answer.
    because : str
        Shown with the right answer: why it is right.
    rtol : float, optional
        Relative tolerance; without it whole numbers are exact (a count, a number of bytes) and others within 0.1 %.

    Returns
    -------
    bool

    Examples
    --------
    >>> check("bits", 4, 2, mistakes={4: "Four corners, but two bits tell four things apart."})
    bits: not yet. Four corners, but two bits tell four things apart.
    False
    >>> check("bits", 2, 2, because="2 ** 2 corners")
    bits: right. 2 ** 2 corners
    True
    """
    if answer is ...:
        print(f"{name}: not answered yet. Replace the dots and run the cell again.")
        return False
    made = [lesson for wrong, lesson in (mistakes or {}).items() if same(answer, wrong, rtol)]
    if same(answer, expected, 0.0) or (not made and same(answer, expected, rtol)):
        print(f"{name}: right. {because}".rstrip())
        return True
    print(f"{name}: not yet. {made[0] if made else hint}".rstrip())
    return False


def check_function(
    name: str,
    function: Callable[..., object] | EllipsisType | None,
    cases: list[tuple[object, ...]],
    right: Callable[..., object],
    *,
    hint: str = "",
    rtol: float | None = None,
) -> bool:
    """Try a student's function on cases and show the first on which it differs from the right one.

    Parameters
    ----------
    name : str
    function : callable, or ... or None while there is none
    cases : list of tuples of arguments
    right : callable
        The right function.
    hint : str
    rtol : float, optional
        As for `check`.

    Examples
    --------
    >>> check_function("double", lambda x: x + x, [(1,), (5,)], lambda x: 2 * x)
    double: right, on 2 cases.
    True
    >>> check_function("double", lambda x: x * x, [(2,), (5,)], lambda x: 2 * x, hint="Twice, not squared.")
    double: not yet. For (5,) it gives 25, expected 10. Twice, not squared.
    False
    """
    if function is ... or function is None:
        print(f"{name}: not answered yet. Replace the dots and run the cell again.")
        return False
    for arguments in cases:
        expected = right(*arguments)
        try:
            answer = function(*arguments)
        except Exception as error:
            print(f"{name}: not yet. For {arguments} it stops with {type(error).__name__}: {error}. {hint}".rstrip())
            return False
        if answer is None or answer is ...:
            print(f"{name}: not answered yet. It returns nothing; {hint or 'replace the dots.'}")
            return False
        if not same(answer, expected, rtol):
            print(f"{name}: not yet. For {arguments} it gives {answer}, expected {expected}. {hint}".rstrip())
            return False
    print(f"{name}: right, on {len(cases)} cases.")
    return True


def same(a: object, b: object, rtol: float | None = None) -> bool:
    """Whether an answer is what was expected: text without regard to case, numbers within a tolerance.

    Parameters
    ----------
    a, b : number, text, list, array, Tensor or anything that can be compared
        Lists and arrays must have the same shape. Nothing (None) is no number.
    rtol : float, optional
        Relative to b; without it, 0 where b is a whole number or an array of them, else 0.001.

    Examples
    --------
    >>> same(1001, 1000), same(1000.9, 1000.0), same(1001, 1000, rtol=0.01), same([2, 1], (2, 1)), same(" Pole", "pole")
    (False, True, True, True, True)
    """
    if isinstance(a, str) or isinstance(b, str):
        return str(a).strip().lower() == str(b).strip().lower()
    try:
        a, b = _numbers(a), _numbers(b)
    except (TypeError, ValueError):  # a set, a dict, rows of different lengths
        return bool(np.all(a == b))
    if a.shape != b.shape or (a.dtype == bool) != (b.dtype == bool):
        return False
    rtol = (0.0 if b.dtype.kind in "bui" else 1e-3) if rtol is None else rtol
    return bool(np.allclose(a, b.astype(float), rtol=rtol, atol=1e-9 if rtol else 0.0, equal_nan=True))


def _numbers(value: object) -> np.ndarray:
    array = np.asarray(value.detach() if hasattr(value, "detach") else value)
    if array.dtype.kind not in "buif":
        raise InvalidInput(f"{value!r} is no number and holds none")
    return array
