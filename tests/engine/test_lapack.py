"""The threads of LAPACK are shared out among CPU devices, and are as before afterwards."""

import jax
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from padl.engine import lapack, mesh


def threads():
    """How many each of the loaded libraries takes."""
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_each_of_several_devices_has_its_share_of_the_cores_and_at_least_one():
    np.linalg.eigh(np.eye(2))  # loads a library
    device = jax.devices("cpu")[0]
    with threadpool_limits(3, "blas"):
        for count in (2, 100):
            with lapack.shared_out([device] * count):
                assert threads() == {max(1, mesh.cores() // count)}
        with lapack.shared_out([device]):
            assert threads() == {3}
        assert threads() == {3}
