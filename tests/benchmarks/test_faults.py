"""The campaign of faults in its small form: `python -m benchmarks.faults` tries thousands, and kills processes."""

import random

import pytest

from benchmarks import fault_checkpoints, fault_files, hostile_files
from benchmarks.faults import kinds, run, table


def failures(outcomes) -> list[str]:
    found = list(outcomes)
    assert found
    return [f"{kind}: {words}" for kind, survived, words in found if not survived]


def test_what_fails_is_counted_and_shown_with_what_repeats_it(tmp_path):
    outcomes = [("kill", True, ""), ("kill", False, "seed 3, number 7")]
    found = run({"kills": (1, iter(outcomes)), "stops": (1, iter([("stop", True, "")]))}, 60)
    printed = table(found)
    assert "| kill | 2 | 1 | 1 |" in printed and "| stop | 1 | 1 | 0 |" in printed
    assert printed.endswith("- kill: seed 3, number 7")
    assert len(kinds(tmp_path, 0)) == 10


@pytest.mark.parametrize("how", fault_checkpoints.DAMAGES)
def test_every_damage_spoils_a_file(how, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    fault_checkpoints.damage(path, how, random.Random(0))
    assert not path.exists() or path.read_bytes() != bytes(100)


def test_hostile_files_are_refused_and_named(tmp_path, monkeypatch):
    monkeypatch.setattr(hostile_files, "_BOMB", 300 << 20)
    assert failures(fault_files.hostile(tmp_path)) == []


def test_mutated_weights_are_refused_or_as_they_were(tmp_path):
    assert failures(fault_files.mutated_weights(tmp_path / "weights", 60, 0)) == []


def test_mutated_files_are_enhanced_or_refused(tmp_path):
    assert failures(fault_files.mutated_enhance(tmp_path, 30, 0)) == []


def test_damaged_checkpoints_are_passed_over_by_name(tmp_path):
    assert failures(fault_checkpoints.damaged_checkpoints(tmp_path, random.Random(1), 2)) == []
