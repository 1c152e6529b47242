"""Write small OPUS files by struct, as a directory of typed blocks, for the tests of the reader."""

import struct

import numpy as np

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
