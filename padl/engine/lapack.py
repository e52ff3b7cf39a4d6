"""How many threads LAPACK takes where several CPU devices decompose matrices at once. shared_out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from padl.engine.mesh import cores
from padl.types import Device


@contextmanager
def shared_out(devices: Sequence[Device]) -> Iterator[None]:
    """Give the LAPACK calls of each of several CPU devices their share of the cores, one at least.

    Without it each call takes all cores, and those of two devices wait for each other: eigh of 256² took 2.7 times as
    long on two quiet cores, and up to 15 times beside other work (scripts/lab_book.md). It holds for the process.
    """
    if len(devices) < 2 or devices[0].platform != "cpu":
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(max(1, cores() // len(devices)), "blas"):
        yield
