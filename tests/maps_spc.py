"""Write small .spc files by struct, as the public header file SPC.H lays them out, for the tests of the reader."""

import struct

import numpy as np

AXIS = np.array([300.0, 200.5, 150.0, 100.25])
PRECISION_16, MULTI, RANDOM, ORDERED, OWN_AXES, X_VALUES = 1, 4, 8, 16, 64, 128
SECONDS, MINUTES, MICROMETRES, MILLIMETRES, NANOMETRES, RAMAN = 4, 5, 2, 29, 3, 13


def spc_bytes(
    spectra,
    axis=AXIS,
    *,
    flags=X_VALUES,
    exponent=-128,
    kind="<f4",
    z=None,
    w=None,
    planes=0,
    ends=(0.0, 0.0),
    xtype=RAMAN,
    ztype=0,
    wtype=0,
    zstep=0.0,
    log="",
    version=0x4B,
    own_axes=None,
    sub_exponents=None,
):
    """A file of `spectra` [N, L], already scaled to integers where `kind` is an integer type."""
    count, length = spectra.shape
    flags |= MULTI if count > 1 else 0
    header = struct.pack(
        "<BBBbIddIBBBBI9s9sH8f130s30sIIBBHf48sfIfB187s",
        *(flags, version, 0, exponent, length, *ends, count, xtype, 4, ztype, 0, 0, b"res", b"source", 0),
        *([0.0] * 8),
        *(b"a comment", b"", 0, 0, 0, 0, 0, 0.0, b"", zstep, planes, 0.0, wtype, b""),
    )
    body = b"" if own_axes is not None or not flags & X_VALUES else np.asarray(axis, "<f4").tobytes()
    for number in range(count):
        place = 0.0 if z is None else z[number]
        level = 0.0 if w is None else w[number]
        power = exponent if sub_exponents is None else sub_exponents[number]
        body += struct.pack("<BbHfffIIf4s", 0, power, number, place, place, 0.0, length, 0, level, b"")
        if own_axes is not None:
            body += np.asarray(own_axes[number], "<f4").tobytes()
        body += np.asarray(spectra[number]).astype(kind).tobytes()
    content = header + body
    assert len(header) == 512
    if log:
        text = log.encode("latin-1") + b"\0"
        content = content[:248] + struct.pack("<I", len(content)) + content[252:]
        content += struct.pack("<IIIII44s", 64 + len(text), 4096, 64, 0, 0, b"") + text
    return content
