"""Reading Bruker OPUS files, written by struct as a directory of typed blocks."""

import struct

import numpy as np
import pytest

from deeper_jax.errors import InputError
from deeper_jax.maps import read_map

RAMAN, ABSORBANCE = 10, 4
AXIS = np.linspace(3500.0, 500.0, 5)


def code(first, second, status, data, extension=0):
    """The block type: its parts packed from the lowest bit on, 2, 2, 6, 7, 2 and 3 bits."""
    return first | second << 2 | status << 4 | data << 10 | extension << 19


def parameters(values):
    body = b""
    for name, value in values.items():
        if isinstance(value, str):
            text = value.encode() + b"\0"
            text += b"\0" * (len(text) % 2)
            body += struct.pack("<3sxhh", name.encode(), 2, len(text) // 2) + text
        else:
            kind, form = (0, "<i") if isinstance(value, int) else (1, "<d")
            packed = struct.pack(form, value)
            body += struct.pack("<3sxhh", name.encode(), kind, len(packed) // 2) + packed
    body += b"END\0\0\0\0\0"
    return body + b"\0" * (-len(body) % 4)


def opus_bytes(blocks):
    start, directory, body = 24 + 12 * 40, b"", b""
    for kind, content in blocks:
        content += b"\0" * (-len(content) % 4)
        directory += struct.pack("<3i", kind, len(content) // 4, start + len(body))
        body += content
    header = b"\n\n\xfe\xfe" + struct.pack("<d3i", 920622.0, 24, 40, len(blocks))
    return header + directory.ljust(12 * 40, b"\0") + body


def status(count=1, *, unit="WN", scale=1.0):
    return parameters(
        {"DPF": 1, "NPT": AXIS.size, "FXV": AXIS[0], "LXV": AXIS[-1], "CSF": scale, "DXU": unit, "NSN": count}
    )


def single(spectrum, kind=RAMAN, **settings):
    data = (code(3, 3, 0, kind), np.asarray(spectrum, "<f4").tobytes())
    extra = (code(3, 0, 48, 0), parameters({"RLW": 12738.9, "INS": "SENTERRA", "SNM": "a sample"}))
    return opus_bytes([data, (code(3, 3, 1, kind), status(**settings)), extra])


def series(spectra, times):
    """A block of several spectra, each followed by its record of 152 bytes, the start and end times last."""
    count = len(spectra)
    head = struct.pack("<6i", 0, count, 32, 4 * AXIS.size, 152, 1) + struct.pack("<2i", 0, count - 1)
    body = b""
    for spectrum, time in zip(spectra, times, strict=True):
        record = struct.pack(
            "<8i4d2i7d2i2d", *[0] * 8, *[0.0] * 4, 0, 0, *AXIS[[0, -1]], 0.0, 0.0, 1.0, 0.0, 0.0, 0, 0, time, time
        )
        body += np.asarray(spectrum, "<f4").tobytes() + record
        assert len(record) == 152
    kind = code(3, 3, 0, RAMAN, 2)
    return opus_bytes([(kind, head + body), (code(3, 3, 1, RAMAN, 2), status(count))])


@pytest.mark.parametrize("suffix", ["0", "17"])
def test_one_raman_spectrum(tmp_path, suffix):
    values = np.array([1.5, 2, 3, 4, 5])
    (tmp_path / f"file.{suffix}").write_bytes(single(values, scale=2.0))
    found = read_map(tmp_path / f"file.{suffix}")
    assert found.dims == ("wavenumber",) and found.attrs["title"] == "a sample"
    np.testing.assert_allclose(found.wavenumber, AXIS[::-1])
    np.testing.assert_allclose(found.values, 2 * values[::-1])
    assert found.attrs["instrument"] == "Bruker SENTERRA" and '"laser_nm": 784.997' in found.attrs["metadata"]


def test_series_with_and_without_times(tmp_path):
    spectra = np.arange(15.0).reshape(3, 5)
    (tmp_path / "series.0").write_bytes(series(spectra, [2.0, 3.5, 7.0]))
    found = read_map(tmp_path / "series.0")
    assert found.dims == ("time", "wavenumber")
    np.testing.assert_allclose(found.time, [0, 1.5, 5])
    np.testing.assert_array_equal(found.values, spectra[:, ::-1])
    (tmp_path / "list.0").write_bytes(series(spectra, [0.0, 0.0, 0.0]))
    assert read_map(tmp_path / "list.0").dims == ("spectrum", "wavenumber")


def test_files_without_a_raman_spectrum_and_cut_files(tmp_path):
    (tmp_path / "ir.0").write_bytes(single(np.ones(5), ABSORBANCE))
    with pytest.raises(InputError, match="found a in the OPUS file, expected a Raman spectrum"):
        read_map(tmp_path / "ir.0")
    content = single(np.ones(5))
    for cut in (10, 100, 510, 515):
        (tmp_path / "cut.0").write_bytes(content[:cut])
        with pytest.raises(InputError, match="cut.0"):
            read_map(tmp_path / "cut.0")
