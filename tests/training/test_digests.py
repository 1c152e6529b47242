"""Digests of arrays, against NumPy, on one device and split over eight."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deeper_jax.training.digests import digests
from deeper_jax.training.sharding import data_mesh, place, state_shardings

SHAPES = [(), (7,), (3, 5, 2), (64, 48), (16, 9, 17)]


def numpy_digest(array: np.ndarray) -> str:
    bits = np.frombuffer(array.tobytes(), f"<u{min(array.dtype.itemsize, 4)}").astype(np.uint64)
    low = np.uint64(0xFFFFFFFF)
    x = (bits + np.arange(bits.size, dtype=np.uint64) * np.uint64(0x9E3779B9)) & low
    x = ((x ^ (x >> np.uint64(16))) * np.uint64(0x85EBCA6B)) & low
    x = ((x ^ (x >> np.uint64(13))) * np.uint64(0xC2B2AE35)) & low
    x ^= x >> np.uint64(16)
    y = (x * np.uint64(0x27D4EB2F)) & low
    y ^= y >> np.uint64(15)
    return f"{array.dtype}{list(array.shape)} {int(x.sum()) % 2**32:08x}{int(y.sum()) % 2**32:08x}"


@pytest.fixture(scope="module")
def tree() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {f"float {shape}": rng.normal(size=shape).astype(np.float32) for shape in SHAPES}
    arrays |= {f"int {shape}": rng.integers(-(2**31), 2**31, shape).astype(np.int32) for shape in SHAPES}
    arrays["half"] = rng.normal(size=(5, 3)).astype(jnp.bfloat16)
    arrays["special"] = np.array([0.0, -0.0, np.nan, np.inf, 1e-45], np.float32)
    return arrays


def test_digests_equal_those_of_numpy_on_one_device_and_on_eight(tree):
    expected = {name: numpy_digest(array) for name, array in tree.items()}
    assert digests(tree) == digests(jax.device_put(tree)) == expected
    for split in (False, True):
        shardings = state_shardings(tree, data_mesh(), split=split)
        assert digests(place(tree, shardings)) == expected
    assert any(not sharding.is_fully_replicated for sharding in shardings.values())


def test_every_flipped_bit_every_exchange_and_pairs_of_signs_change_it():
    array = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)
    bits, found = array.view(np.uint32), [digests({"": array})[""]]
    for place_ in np.ndindex(*array.shape):
        for bit in range(32):
            bits[place_] ^= np.uint32(1 << bit)
            found.append(digests({"": array})[""])
            bits[place_] ^= np.uint32(1 << bit)
    for rows in ([1, 0, 2, 3], [0, 3, 2, 1]):
        found.append(digests({"": array[rows]})[""])
    # The signs of two elements: the highest bit of a sum, where what is only multiplied cancels.
    for first in range(23):
        other = array.copy()
        other.reshape(-1)[[first, first + 1]] *= -1
        found.append(digests({"": other})[""])
    assert len(set(found)) == len(found)
