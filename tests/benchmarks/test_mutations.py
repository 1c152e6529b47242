"""Damaged files of every format, in a small number: `python -m benchmarks.mutations` tries thousands."""

import resource
import shutil

import numpy as np
import pytest

from benchmarks.mutations import DAMAGES, mutate, outcome, seed_files
from deeper_jax.maps.registry import FORMATS, format_of

EACH = 8


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    return [path for path in seed_files(tmp_path_factory.mktemp("seeds")) if path.suffix != ".wip"]


def test_the_files_are_of_every_format_and_whole(seeds):
    assert {format_of(path).name for path in seeds} == {form.name for form in FORMATS} - {"WITec project"}
    assert {outcome(path) for path in seeds} == {"read"}


def test_every_damage_changes_the_bytes_and_the_same_generator_the_same():
    data = bytes(range(256)) * 8
    for damage in DAMAGES:
        changed = [bytearray(data), bytearray(data)]
        for copy in changed:
            damage(copy, np.random.default_rng(3))
        assert changed[0] == changed[1] != data
    assert mutate(data, np.random.default_rng(1)) == mutate(data, np.random.default_rng(1)) != data
    assert mutate(b"", np.random.default_rng(1)) == b""


@pytest.mark.timeout(120)
def test_a_damaged_file_is_read_or_refused_in_silence(seeds, tmp_path, capfd):
    """No other exception, no hang, nothing printed and no more than half a gigabyte."""
    for seed in seeds:
        shutil.copy(seed, tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rng, faults = np.random.default_rng(0), []
    for seed in seeds:
        whole, damaged = seed.read_bytes(), tmp_path / seed.name
        for _ in range(EACH):
            damaged.write_bytes(mutate(whole, rng))
            found = outcome(damaged)
            faults += [] if found in ("read", "refused") else [f"{seed.name}: {found}"]
        damaged.write_bytes(whole)
    assert faults == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 19
    assert capfd.readouterr() == ("", "")
