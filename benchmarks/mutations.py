"""Damaged files of every format: reading gives spectra or one sentence, never a crash, a hang or a full memory.

    python -m benchmarks.mutations [--seed=0] [--count=2000] [--seconds=10] [--keep=FOLDER] [--only=*.h5]

Small files of every format are damaged by flipped bits, cuts, inserted, swapped and zeroed blocks and extreme numbers,
and each is read by `read_map` in a process of its own that is watched: results or InputError are right; any other
exception, a signal, more than `--seconds` or more than a gigabyte are printed, and the file is kept.
"""

import argparse
import gzip
import os
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import scipy.io
import xarray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from maps_labspec import write_xml  # noqa: E402
from maps_opus import series, single  # noqa: E402
from maps_spc import spc_bytes  # noqa: E402
from maps_wdf import MICRON, X, Y, wdf_bytes  # noqa: E402

from deeper_jax.errors import InputError  # noqa: E402
from deeper_jax.maps import raman_map, read_map, write_map  # noqa: E402

AXIS = np.linspace(400, 1800, 30)
SPECTRA = np.round(300 + 50 * np.random.default_rng(0).normal(size=(6, 30)), 2)
CUBE = SPECTRA.reshape(2, 3, 30)
PLACES_X, PLACES_Y = np.tile(np.arange(3.0), 2), np.repeat(np.arange(2.0), 3)
# Numbers that sizes and offsets go wrong by.
EXTREMES = (0, 1, -1, 127, 255, 2**15, 2**16, 2**31 - 1, -(2**31), 2**32 - 1, 2**40, 2**63 - 1)
MOST_MEMORY = 1 << 30


def flipped(data: bytearray, rng: np.random.Generator) -> None:
    for place in rng.integers(0, len(data), rng.integers(1, 17)):
        data[place] ^= 1 << rng.integers(0, 8)


def cut(data: bytearray, rng: np.random.Generator) -> None:
    del data[rng.integers(0, len(data)) :]


def inserted(data: bytearray, rng: np.random.Generator) -> None:
    place = rng.integers(0, len(data))
    data[place:place] = rng.bytes(rng.integers(1, 200))


def removed(data: bytearray, rng: np.random.Generator) -> None:
    place = rng.integers(0, len(data))
    del data[place : place + rng.integers(1, 200)]


def swapped(data: bytearray, rng: np.random.Generator) -> None:
    size = int(rng.integers(1, max(len(data) // 4, 2)))
    first, second = sorted(rng.integers(0, max(len(data) - size, 1), 2).tolist())
    one, other = data[first : first + size], data[second : second + size]
    data[first : first + size], data[second : second + size] = other, one


def zeroed(data: bytearray, rng: np.random.Generator) -> None:
    start = 0 if rng.random() < 0.5 else int(rng.integers(0, len(data)))
    size = min(int(rng.integers(1, 600)), len(data) - start)
    data[start : start + size] = (b"\0" if rng.random() < 0.7 else b"\xff") * size


def extreme(data: bytearray, rng: np.random.Generator) -> None:
    """One to four whole numbers of 2, 4 or 8 bytes, most of them near the beginning, replaced."""
    for _ in range(rng.integers(1, 5)):
        size = int(rng.choice([2, 4, 8]))
        place = int(rng.integers(0, len(data) if rng.random() < 0.5 else min(len(data), 1024)))
        number = int(rng.choice(EXTREMES)) & (1 << 8 * size) - 1
        data[place : place + size] = number.to_bytes(size, "little" if rng.random() < 0.8 else "big")


DAMAGES = (flipped, cut, inserted, removed, swapped, zeroed, extreme)


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes of a file with one or two damages."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 3)):
        if changed:
            rng.choice(np.array(DAMAGES, object))(changed, rng)
    return bytes(changed)


def seed_files(folder: Path) -> list[Path]:
    """Small files of every format, written into a folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _instruments(folder)
    _arrays(folder)
    _texts(folder)
    written = raman_map(CUBE, AXIS, y=np.arange(2.0), x=np.arange(3.0)).to_dataset()
    for suffix in (".h5", ".npz", ".mat", ".csv", ".tif"):
        write_map(written.assign(uncertainty=written["intensity"] / 10), folder / f"own{suffix}", overwrite=True)
    real = ROOT.parent / "shared" / "data" / "instruments" / "silicon_map.wip"
    if real.is_file():
        shutil.copyfile(real, folder / real.name)
    return sorted(path for path in folder.iterdir() if path.is_file())


def _instruments(folder: Path) -> None:
    origins = [(X, MICRON, PLACES_X), (Y, MICRON, PLACES_Y)]
    area = (0, (0, 0, 0), (1, 1, 0), (3, 2, 1))
    (folder / "map.wdf").write_bytes(wdf_bytes(SPECTRA, AXIS, origins, area=area))
    (folder / "map.spc").write_bytes(spc_bytes(SPECTRA, AXIS, log="nx=3\r\nny=2\r\n"))
    (folder / "one.0").write_bytes(single(np.arange(5.0)))
    (folder / "series.1").write_bytes(series(np.arange(15.0).reshape(3, 5), [0.0, 1.0, 2.0]))
    scan = [("X", "µm", [0, 1, 2]), ("Y", "µm", [0, 1])]
    write_xml(folder / "map.xml", scan, np.arange(18.0).reshape(6, 3))
    listed = ", ".join(map(str, AXIS))
    header = "ENVI\nsamples = 3\nlines = 2\nbands = 30\ndata type = 4\ninterleave = bip\n"
    (folder / "envi.hdr").write_text(f"{header}wavelength = {{{listed}}}\n")
    (folder / "envi.img").write_bytes(CUBE.astype("<f4").tobytes())


def _arrays(folder: Path) -> None:
    arrays = {"cube": CUBE, "wavenumber": AXIS, "x": np.arange(3.0), "y": np.arange(2.0)}
    np.savez(folder / "map.npz", **arrays)
    np.save(folder / "table.npy", np.vstack([AXIS, SPECTRA]))
    scipy.io.savemat(folder / "map.mat", {"scan": arrays, "note": "made up"}, do_compression=True)
    scipy.io.savemat(folder / "plain.mat", arrays)
    with h5py.File(folder / "v73.mat", "w", userblock_size=512) as file:
        for name, values in arrays.items():
            file[f"scan/{name}"] = np.atleast_2d(values).T
    with open(folder / "v73.mat", "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    with h5py.File(folder / "map.h5", "w") as file:
        for name, values in arrays.items():
            file.create_dataset(f"scan/{name}", data=values, compression="gzip", shuffle=True)
    with h5py.File(folder / "map.nxs", "w") as file:
        group = file.create_group("entry/data")
        group.attrs["signal"], group.attrs["axes"] = "cube", ["y", "x", "wavenumber"]
        for name, values in arrays.items():
            group[name] = values
    with h5py.File(folder / "map.hspy", "w") as file:
        group = file.create_group("Experiments/map")
        group["data"] = CUBE
        for number, (name, step) in enumerate((("y", 1.0), ("x", 1.0), ("Raman shift", AXIS[1] - AXIS[0]))):
            about = {"name": name, "scale": step, "offset": 400.0 if number == 2 else 0.0, "navigate": number < 2}
            group.create_group(f"axis-{number}").attrs.update(about)
    coords = {"y": np.arange(2.0), "x": np.arange(3.0), "raman_shift": AXIS}
    array = xarray.DataArray(CUBE, coords, ("y", "x", "raman_shift"), name="counts")
    array.to_netcdf(folder / "four.nc", engine="h5netcdf")
    array.to_netcdf(folder / "three.nc", engine="scipy")


def _texts(folder: Path) -> None:
    def table(rows, separator="\t", head=""):
        return head + "\n".join(separator.join(map(str, row)) for row in rows) + "\n"

    one = np.c_[AXIS, SPECTRA[0]].round(3).tolist()
    long = [
        [x, y, a, v] for x, y, s in zip(PLACES_X, PLACES_Y, SPECTRA, strict=True) for a, v in zip(AXIS, s, strict=True)
    ]
    points = "\n".join(f"{a}, {v}" for a, v in one)
    jcamp = "##TITLE=t\n##JCAMP-DX=5.01\n##XUNITS=1/CM\n##YUNITS=COUNTS\n##NPOINTS=30\n##XYPOINTS=(XY..XY)\n"
    graph = {"Header": "//\nSizeX = 3\nSizeY = 2\nSizeGraph = 30\nXAxisUnit = rel. 1/cm\n"}
    graph |= {"X-Axis": table(AXIS[:, None]), "Y-Axis": table(SPECTRA.reshape(-1, 1))}
    texts = {
        "one.txt": table(one, head="# made up\nRaman shift\tIntensity\n"),
        "list.csv": table([["id", *AXIS.tolist()], *([n, *s] for n, s in enumerate(SPECTRA.tolist()))], ","),
        "map.txt": table(long, head="#X\t#Y\t#Wave\t#Intensity\n"),
        "pairs.csv": table(np.c_[one, one].tolist(), ";", "Wellenzahl;Intensität;Wellenzahl;Intensität\n"),
        "one.jdx": f"{jcamp}{points}\n##END=\n",
        "labspec.txt": table(
            [["", "", *AXIS.tolist()], *np.c_[PLACES_X, PLACES_Y, SPECTRA].tolist()], head="#Laser=\t532\n"
        ),
        "table.txt": table(
            np.c_[AXIS, SPECTRA.T].tolist(), head="X-Axis\t" + "\t".join(f"m({n}/0)" for n in range(6)) + "\n"
        ),
        "true.txt": f"[WITEC_TRUEMATCH_ASCII_HEADER]\n[XData]\n{table(AXIS[:, None])}[SpectrumHeader]\nTitle = a\n"
        f"[SpectrumData]\n{table(SPECTRA[0][:, None])}",
        **{"map (Header).txt".replace("Header", part): text for part, text in graph.items()},
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "packed.txt.gz").write_bytes(gzip.compress(texts["one.txt"].encode(), mtime=0))


def outcome(path: Path) -> str:
    """'read' or 'refused'; anything else is a fault."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            axis = np.abs(read_map(path)["wavenumber"].values)
        except InputError as error:
            return "refused" if str(path.name) in str(error) or str(path.parent) in str(error) else f"unnamed: {error}"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return "read" if np.isfinite(axis).all() and axis.max(initial=0) < 1e5 else f"an axis up to {axis.max()}"


def watched(path: Path, seconds: float) -> str:
    """The outcome in a process of its own; a signal, a hang or a full memory are outcomes too."""
    answer = path.with_name("outcome")
    child = os.fork()
    if child == 0:
        signal.alarm(int(seconds) + 1)
        answer.write_text(outcome(path))
        os._exit(0)
    _, status, used = os.wait4(child, 0)
    if status:
        return f"ended by {signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else status}"
    if 1024 * used.ru_maxrss > MOST_MEMORY:
        return f"took {used.ru_maxrss >> 10} MiB"
    return answer.read_text()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--keep", type=Path, default=Path("faults"), help="folder for the files at fault")
    parser.add_argument("--only", default="*", help="names of the files to damage, as a pattern")
    options = parser.parse_args()
    rng, counts, started = np.random.default_rng(options.seed), Counter(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        seeds = [path for path in seed_files(Path(folder) / "seeds") if path.match(options.only)]
        for path in seeds:
            outcome(path)  # imports what the readers need before the forks
        for number in range(options.count):
            seed = seeds[number % len(seeds)]
            # In its own place, as the parts of a map in several files lie side by side.
            whole = seed.read_bytes()
            seed.write_bytes(mutate(whole, rng))
            found = watched(seed, options.seconds)
            counts[found if found in ("read", "refused") else "fault"] += 1
            if found not in ("read", "refused"):
                options.keep.mkdir(exist_ok=True)
                shutil.copyfile(seed, options.keep / f"{options.seed}_{number}_{seed.name}")
                print(f"{seed.name} ({options.seed}, {number}): {found[:300]}", flush=True)
            seed.write_bytes(whole)
    print(f"{dict(counts)} in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
