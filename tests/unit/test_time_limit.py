"""A call that may never return is waited for only for a limited time."""

from __future__ import annotations

import threading

import pytest

from airflow_spark_pipeline.time_limit import within


@pytest.mark.parametrize("result", [None, False, 7, "text"])
def test_the_result_of_the_call_is_returned(result: object) -> None:
    assert within(60.0, lambda: result) is result


@pytest.mark.parametrize("error", [ValueError("wrong"), OSError(5, "gone"), TimeoutError("its own limit")])
def test_the_error_of_the_call_is_raised(error: Exception) -> None:
    def fails() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        within(60.0, fails)
    assert raised.value is error


def test_a_call_that_exceeds_its_time_limit_is_named_and_does_not_keep_the_process_alive() -> None:
    end, threads = threading.Event(), list[threading.Thread]()

    def hangs() -> None:
        threads.append(threading.current_thread())
        end.wait()

    with pytest.raises(TimeoutError, match=r"^the store: no answer within 0\.5 s$"):
        within(0.5, hangs, "the store")
    assert [(thread.name, thread.daemon, thread.is_alive()) for thread in threads] == [("the store", True, True)]
    end.set()
    threads[0].join(60)
