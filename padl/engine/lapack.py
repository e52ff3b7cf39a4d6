"""How many threads LAPACK takes on CPUs, in programs that decompose matrices. few_threads."""

from collections.abc import Iterator, Set
from contextlib import contextmanager

from padl.engine.mesh import cores
from padl.engine.operations import DECOMPOSITIONS
from padl.types import Device

LARGE = 1024**2  # elements of a matrix from which on several threads are taken to be faster: not measured


@contextmanager
def few_threads(operations: Set[str], widest: int, device: Device, count: int = 1) -> Iterator[None]:
    """Let LAPACK take one thread a call in here, or of large matrices the share of the cores that a device has.

    By itself it takes all cores, of which two gain nothing up to matrices of 512 × 512. Calls of two devices wait for
    each other, 2.7 times as long, and beside other work each waits for its second thread: a run with SOAP took 2 to 30
    times as long (scripts/lab_book.md). It holds for the process, and for its NumPy too, until it ends.

    Args:
        operations: names of those of the program. widest: elements of its largest parameter. device, count: what runs
            it, and how many.
    """
    if device.platform != "cpu" or not operations & DECOMPOSITIONS:
        yield
        return
    import scipy.linalg  # noqa: F401 - as JAX does where it calls LAPACK: what is loaded is what can be limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1 if widest < LARGE else max(1, cores() // count), "blas"):
        yield
