"""Work done ahead by other threads: the results of `map`, in its order, and never more of it than was asked for."""

import threading
from contextvars import ContextVar

import pytest

from segnet_lab._support.ahead import ahead

ROOM = ContextVar("room", default="outside")


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_results_of_map_in_its_order(workers):
    first = threading.Event()

    def work(i):
        if i == 0 and workers > 1:
            assert first.wait(10)  # the first is ready last
        first.set()
        return i * i

    assert list(ahead(work, range(20), workers)) == [i * i for i in range(20)]
    assert list(ahead(work, [], workers)) == []


def test_no_more_is_read_than_one_item_beside_those_of_the_workers():
    read = []

    def items():
        for i in range(100):
            read.append(i)
            yield i

    results = ahead(str, items(), 3)
    assert next(results) == "0"
    assert read == [0, 1, 2, 3]
    results.close()
    assert read == [0, 1, 2, 3]


def test_one_worker_never_meets_itself():
    busy = threading.Lock()

    def work(i):
        assert busy.acquire(blocking=False)
        busy.release()
        return i

    assert len(list(ahead(work, range(50), 1))) == 50


def test_an_error_comes_where_its_result_would_have():
    results = ahead(lambda i: 1 // (3 - i), range(10), 2)
    assert [next(results), next(results), next(results)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threading.active_count() == len([t for t in threading.enumerate() if "ahead" not in t.name])


def test_context_variables_of_the_caller_hold_in_the_threads():
    token = ROOM.set("inside")
    try:
        assert set(ahead(lambda _: ROOM.get(), range(8), 2)) == {"inside"}
    finally:
        ROOM.reset(token)
