"""Write small .wdf files by struct, as Renishaw's description of the blocks has them, for the tests of the reader."""

import struct

import numpy as np

HEADER = "<IIQQ16s12x IIIQQI III24s4H IIQQI f48x32s160s 48x32x32x"
LASER_NM = 532.0
X, Y, Z, TIME = 3, 4, 5, 11
MICRON, FILETIME = 5, 24
RANDOM, COLUMN_MAJOR, ALTERNATING, XY_LINE = 1, 2, 4, 128


def block(name, body):
    return name + struct.pack("<IQ", 0, 16 + len(body)) + body


def wdf_bytes(spectra, axis, origins=(), *, collected=None, kind=3, area=None, axis_unit=1, npoints=None):
    """A file of `spectra` [N, L] in the order of collection.

    origins: (type, unit, values [N]); FILETIME values are in 100 ns. area: (flags, start, step, count) of WMAP.
    """
    count, length = spectra.shape
    header = struct.pack(
        HEADER,
        *(0x31464457, 1, 512, 0, b"u" * 16, 0, 0, npoints or length, count),
        *(count if collected is None else collected, 1, 1, length, len(origins), b"WiRE", 5, 0, 0, 1),
        *(1, kind, 131516758535897429, 131516760842579364, 6, 1e7 / LASER_NM, b"tester", b"made for a test"),
    )
    parts = [header, block(b"DATA", np.asarray(spectra, "<f4").tobytes())]
    parts.append(block(b"YLST", struct.pack("<IIf", 0, 0, 0.0)))
    parts.append(block(b"XLST", struct.pack("<II", 19, axis_unit) + np.asarray(axis, "<f4").tobytes()))
    body = struct.pack("<I", len(origins))
    for datatype, unit, values in origins:
        form = "<Q" if unit == FILETIME else "<f8"
        label = struct.pack("<II16s", datatype | 0x80000000, unit, b"label")
        body += label + np.asarray(values).astype(form).tobytes()
    if origins:
        parts.append(block(b"ORGN", body))
    if area is not None:
        flags, start, step, size = area
        parts.append(block(b"WMAP", struct.pack("<II3f3f3LI", flags, 0, *start, *step, *size, 0)))
    return b"".join(parts)
