"""Exercises that check themselves, and whose "not yet" teaches.

    answer = ...                       # the student replaces the dots
    check("bytes", answer, 691_200, mistakes={5_529_600: "That is bits. Eight of them make a byte."})

An exercise that nobody has answered yet prints so and goes on: a notebook with open questions still runs.
"""

from collections.abc import Callable, Mapping

import numpy as np


def check(
    name: str,
    answer: object,
    expected: object,
    *,
    mistakes: Mapping[object, str] | None = None,
    hint: str = "",
    because: str = "",
    rtol: float = 1e-3,
) -> bool:
    """Compare an answer with the right one and say something useful.

    Parameters
    ----------
    name : str
        Shown in front of the verdict.
    answer : number, text, list, array, Tensor or ...
        `...` means: not answered yet.
    expected : same
    mistakes : dict, optional
        A wrong answer that one meets often -> what to think about.
    hint : str
        For every other wrong answer.
    because : str
        Shown with the right answer: why it is right.
    rtol : float
        Relative tolerance of numbers.

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
    if _same(answer, expected, rtol):
        print(f"{name}: right. {because}".rstrip())
        return True
    said = next((lesson for wrong, lesson in (mistakes or {}).items() if _same(answer, wrong, rtol)), hint)
    print(f"{name}: not yet. {said}".rstrip())
    return False


def check_function(
    name: str, function: Callable | None, cases: list[tuple], right: Callable, *, hint: str = "", rtol: float = 1e-4
) -> bool:
    """Try a student's function on cases and show the first on which it differs from the right one.

    Parameters
    ----------
    name : str
    function : callable or ...
    cases : list of tuples of arguments
    right : callable
        The right function.
    hint : str

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
        if not _same(answer, expected, rtol):
            print(f"{name}: not yet. For {arguments} it gives {answer}, expected {expected}. {hint}".rstrip())
            return False
    print(f"{name}: right, on {len(cases)} cases.")
    return True


def _same(a: object, b: object, rtol: float) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return str(a).strip().lower() == str(b).strip().lower()
    try:
        a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    except (TypeError, ValueError):
        return a == b
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=rtol, atol=1e-9, equal_nan=True))
