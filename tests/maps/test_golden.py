"""Every real file reads as it did before the readers were last rewritten, but for those whose reading was wrong."""

import json
from pathlib import Path

import pytest
from maps_golden import summary
from paths import SHARED

from deeper_jax.maps import read_map

FILES = SHARED / "data"
GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())
# Kept where they were read, and read rightly; test_field.py holds the values of the others.
WRONG_BEFORE = {
    "field/handheld_columns.csv",
    "field/id_column.csv",
    "field/jitter.csv",
    "field/jitter_5x6.csv",
    "field/spc_label_nm.spc",
    "field/spc_pixel_axis.spc",
    "field/trailing_empty_columns.csv",
    "field/xy_pairs.csv",
    "field/xy_pairs_differ.csv",
}
READ = [name for name, found in GOLDEN.items() if "error" not in found and name not in WRONG_BEFORE]


@pytest.mark.skipif(not FILES.is_dir(), reason="the real files of ../shared are not here")
@pytest.mark.parametrize("name", READ)
def test_a_file_reads_as_before(name):
    path, _, entry = name.partition("#")
    found, before = summary(FILES / path, read_map, int(entry) if entry else None), GOLDEN[name]
    assert {key: found[key] for key in found if key not in ("axis", "coords", "sum")} == {
        key: before[key] for key in before if key not in ("axis", "coords", "sum")
    }
    assert found["axis"] == pytest.approx(before["axis"], rel=1e-8)
    assert found["sum"] == pytest.approx(before["sum"], rel=1e-8)
    assert found["coords"].keys() == before["coords"].keys()
    for name, (total, units) in before["coords"].items():
        assert found["coords"][name] == [pytest.approx(total, rel=1e-8), units]
