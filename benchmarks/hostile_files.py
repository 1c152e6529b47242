"""Files made to do harm: to run code, read other files, fill the memory, never end (for `benchmarks.faults`)."""

import gzip
import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from benchmarks.mutations import seed_files

SECRET, CANARY = "secret.txt", "canary"
# What a bomb unpacks to: more than any file here may, and little enough to make in a second.
_BOMB = 400 << 20
_HUGE = 10**12


class _Runs:
    """A pickle of it makes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple:
        return os.mknod, (str(self.canary),)


def hostile_maps(folder: Path) -> Iterator[Path]:
    """Files for `read_map`, in `maps` of a folder, each to be refused with a sentence; no `CANARY` may appear."""
    folder /= "maps"
    folder.mkdir(parents=True)
    (folder / SECRET).write_text("\n".join(f"{400 + n} {n}" for n in range(64)))
    for make in (_hdf5, _pickles, _bombs, _headers, _links, _xml):
        yield from make(folder)


def _hdf5(folder: Path) -> Iterator[Path]:
    elsewhere = h5py.VirtualLayout((64,), "u1")
    elsewhere[:] = h5py.VirtualSource(str(Path("/etc/hostname")), "data", (64,))
    makers: dict[str, Callable[[h5py.File], object]] = {
        "storage": lambda f: f.create_dataset("data", (8, 8), "u1", external=[(str(folder / SECRET), 0, 64)]),
        "link": lambda f: f.__setitem__("data", h5py.ExternalLink("/etc/hostname", "/data")),
        "virtual": lambda f: f.create_virtual_dataset("data", elsewhere),
        "unfilled": lambda f: f.create_dataset("data", (10**6, 10**6), "f8", chunks=(10, 10)),
        "circle": lambda f: f.__setitem__("loop", f["/"]),
        "soft_circle": lambda f: f.__setitem__("loop", h5py.SoftLink("/loop")),
        "deep": lambda f: f.create_group("/".join("g" * 1000)),
    }
    for suffix in (".h5", ".mat"):
        for name, make in makers.items():
            path = folder / f"{name}{suffix}"
            with h5py.File(path, "w", userblock_size=512) as file:
                make(file)
            if suffix == ".mat":
                with path.open("r+b") as file:
                    file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
            yield path


def _pickles(folder: Path) -> Iterator[Path]:
    runs = np.array([_Runs(folder / CANARY)], object)
    np.save(folder / "pickle.npy", runs, allow_pickle=True)
    np.savez(folder / "pickle.npz", data=runs)
    bare = pickle.dumps(_Runs(folder / CANARY))
    yield from (folder / "pickle.npy", folder / "pickle.npz")
    for name in ("bare.npy", "bare.npz", "bare.h5", "bare.pkl", "bare.wdf"):
        (folder / name).write_bytes(bare)
        yield folder / name


def _npy(shape: str, data: bytes = b"", descr: str = "<f8") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def _bombs(folder: Path) -> Iterator[Path]:
    with zipfile.ZipFile(folder / "bomb.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("data.npy", _npy(f"({_BOMB // 512}, 64)", bytes(_BOMB)))
    with zipfile.ZipFile(folder / "texts.zip", "w") as archive:
        archive.writestr("a.txt", "1 2\n")
    (folder / "lines.txt.gz").write_bytes(gzip.compress(b"1 2\n" * (_BOMB >> 3), 1))
    (folder / "zeros.txt.gz").write_bytes(gzip.compress(b"1 2\n" * 2000 + bytes(_BOMB >> 2), 1))
    plain = io.BytesIO()
    scipy.io.savemat(plain, {"data": np.zeros((2, 2), np.uint8)})
    # The header of the file, and a matrix whose tags tell of the bomb's size.
    values = struct.pack("<II", 2, _BOMB) + bytes(_BOMB)
    about = (
        struct.pack("<IIII", 6, 8, 9, 0) + struct.pack("<IIii", 5, 8, 1, _BOMB) + struct.pack("<HH4s", 1, 4, b"data")
    )
    packed = zlib.compress(struct.pack("<II", 14, len(about + values)) + about + values, 1)
    (folder / "bomb.mat").write_bytes(plain.getvalue()[:128] + struct.pack("<II", 15, len(packed)) + packed)
    yield from (folder / name for name in ("bomb.npz", "texts.zip", "lines.txt.gz", "zeros.txt.gz", "bomb.mat"))


def _headers(folder: Path) -> Iterator[Path]:
    """Sound files whose sizes are changed to huge ones."""
    seeds = {path.name: path.read_bytes() for path in seed_files(folder / "seeds")}
    places = {
        "map.wdf": [(60, "<I", 2**31 - 1), (64, "<Q", 2**62), (72, "<Q", 2**62), (520, "<Q", 2**62)],
        "map.spc": [(4, "<i", 2**31 - 1), (24, "<i", 2**31 - 1)],
        "three.nc": [(16, ">I", 2**31 - 1)],
        "one.0": [(12, "<I", 2**31 - 1)],
        "plain.mat": [(132, "<I", 2**32 - 8), (160, "<i", 2**31 - 1)],
        "own.tif": [(4, "<I", 2**32 - 1)],
    }
    for name, changes in places.items():
        for number, (place, form, value) in enumerate(changes):
            data = bytearray(seeds[name])
            struct.pack_into(form, data, place, value)
            path = folder / f"huge{number}_{name}"
            path.write_bytes(data)
            yield path
    for name, shape in {"huge.npy": f"({_HUGE},)", "huge2.npy": "(30000000, 64)", "negative.npy": "(-8, 64)"}.items():
        (folder / name).write_bytes(_npy(shape, bytes(512)))
        yield folder / name
    (folder / "deep.npy").write_bytes(_npy("(" * 40))
    with zipfile.ZipFile(folder / "huge.npz", "w") as archive:
        archive.writestr("data.npy", _npy(f"({_HUGE}, 64)", bytes(512)))
    header = f"ENVI\nsamples = {_HUGE}\nlines = {_HUGE}\nbands = 30\ndata type = 4\ninterleave = bip\n"
    (folder / "huge.hdr").write_text(header)
    (folder / "huge.img").write_bytes(bytes(720))
    jcamp = "##TITLE=t\n##JCAMP-DX=5.01\n##XUNITS=1/CM\n##YUNITS=COUNTS\n"
    points = f"##FIRSTX=400\n##LASTX=1800\n##NPOINTS={_HUGE}\n##XYDATA=(X++(Y..Y))\n400 1 2 3\n##END=\n"
    (folder / "huge.jdx").write_text(jcamp + points)
    yield from (folder / name for name in ("deep.npy", "huge.npz", "huge.hdr", "huge.img", "huge.jdx"))


def _links(folder: Path) -> Iterator[Path]:
    links = {"a.h5": folder / "b.h5", "b.h5": folder / "a.h5", "zero.npy": "/dev/zero", "here.txt": "."}
    for name, target in links.items():
        (folder / name).symlink_to(target)
        yield folder / name
    for name in ("pipe.h5", "pipe.txt", "pipe.img"):
        os.mkfifo(folder / name)
        yield folder / name
    # A header beside a pipe, and parts of a map that are pipes.
    (folder / "pipe.hdr").write_text("ENVI\nsamples = 3\nlines = 2\nbands = 30\ndata type = 4\ninterleave = bip\n")
    yield folder / "pipe.hdr"


def _xml(folder: Path) -> Iterator[Path]:
    grow = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    kinds = {"laughs": f'<!ENTITY e0 "ha">{grow}', "outside": f'<!ENTITY e11 SYSTEM "file://{folder / SECRET}">'}
    for name, entities in kinds.items():
        path = folder / f"{name}.xml"
        path.write_text(f"<?xml version='1.0'?><!DOCTYPE LSX [{entities}]><LSX><LSX_Tree>&e11;</LSX_Tree></LSX>")
        yield path


def hostile_weights(folder: Path) -> Iterator[Path]:
    """Files for `deeper_jax.load`, in `weights` of a folder, each to be refused with a sentence."""
    import torch

    from deeper_jax.tasks.load import DEFAULT_DENOISER

    folder /= "weights"
    folder.mkdir(parents=True)
    with np.load(DEFAULT_DENOISER) as file:
        sound = {name: file[name] for name in file.files}
    record = json.loads(str(sound["record"]))

    def changed(**model: object) -> str:
        return json.dumps({**record, "config": {**record["config"], "model": {**record["config"]["model"], **model}}})

    records = {
        "wide": changed(width=10**9),
        "negative": changed(width=-4),
        "text": changed(width="4"),
        "other": changed(name="os.system"),
        "more": changed(command="rm"),
        "no_model": json.dumps({**record, "config": {}}),
        "list": json.dumps({**record, "config": {**record["config"], "model": []}}),
        "task": json.dumps({**record, "config": {**record["config"], "task": ["a"]}}),
        "deep": "[" * 100_000,
        "number": "7",
    }
    for name, text in records.items():
        np.savez(folder / f"{name}.npz", **{**sound, "record": text})
        yield folder / f"{name}.npz"
    runs = _Runs(folder / CANARY)
    np.savez(folder / "pickled.npz", **{**sound, "record": np.array([runs], object)})
    np.save(folder / "plain.npy", sound[next(iter(sound))])
    (folder / "plain.npy").rename(folder / "plain.npz")
    with zipfile.ZipFile(folder / "bomb.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("params/a.npy", _npy(f"({_BOMB // 4},)", bytes(_BOMB), "<f4"))
    torch.save({"linear7.body.0.weight": runs}, folder / "runs.pt")
    (folder / "bare.pt").write_bytes(pickle.dumps(runs))
    torch.save({"linear7.body.0.weight": torch.zeros(64, 64)}, folder / "stored.pt")
    with zipfile.ZipFile(folder / "stored.pt") as stored, zipfile.ZipFile(folder / "bomb.pt", "w", 8, True, 1) as bomb:
        for member in stored.namelist():
            bomb.writestr(member, bytes(_BOMB) if member.endswith("data/0") else stored.read(member))
    os.mkfifo(folder / "pipe.npz")
    os.mkfifo(folder / "pipe.pt")
    (folder / "loop.pt").symlink_to(folder / "loop.pt")
    names = ("pickled.npz", "plain.npz", "bomb.npz", "runs.pt", "bare.pt", "bomb.pt", "pipe.npz", "pipe.pt", "loop.pt")
    yield from (folder / name for name in names)


def hostile_pairs(folder: Path) -> Iterator[Path]:
    """Files of `hostile_maps` in the same folder, and folders in `pairs`, for `read_pairs` to refuse."""
    maps, folder = folder / "maps", folder / "pairs"
    yield from (
        maps / name for name in ("pickle.npz", "bomb.npz", "bomb.mat", "storage.mat", "virtual.mat", "huge.npz")
    )
    spectra = np.random.default_rng(0).random((16, 64))
    for name, record in {
        "nested": "[" * 100_000,
        "negative": '{"splits": {"train": {"cells": [{"rows": -1}]}}}',
    }.items():
        (folder / name).mkdir(parents=True)
        for kind in ("Inputs", "Outputs"):
            scipy.io.savemat(folder / name / f"Train_{kind}.mat", {f"Train_{kind}": spectra})
        (folder / name / "cells.json").write_text(record)
        yield folder / name
    (folder / "pipes").mkdir(parents=True)
    os.mkfifo(folder / "pipes" / "a.npz")
    yield folder / "pipes"
    for name in ("noisy", "target"):
        (folder / "loops" / name).mkdir(parents=True)
        (folder / "loops" / name / "a.h5").symlink_to(maps / "storage.h5")
        (folder / "loops" / name / "b.h5").symlink_to("b.h5")
    yield folder / "loops"


def hostile_images(folder: Path) -> Iterator[Path]:
    """Files of `hostile_maps` in the same folder, and folders in `images`, for `read_images` to refuse."""
    maps, folder = folder / "maps", folder / "images"
    names = ("pickle.npy", "pickle.npz", "bomb.npz", "bomb.mat", "storage.h5", "link.h5", "virtual.h5", "unfilled.h5")
    yield from (maps / name for name in (*names, "huge.npy", "huge2.npy", "huge.npz", "pipe.h5", "zero.npy"))
    listed = {"outside": f"../../maps/{SECRET}", "absolute": "/etc/hostname", "upwards": "../../maps/pickle"}
    for name, identity in listed.items():
        (folder / name).mkdir(parents=True)
        np.save(folder / name / "a.npy", np.ones((4, 4, 64)))
        (folder / name / "Image_IDs.csv").write_text(f"id\n{identity}\n")
        yield folder / name
    (folder / "nested").mkdir(parents=True)
    np.save(folder / "nested" / "a.npy", np.ones((4, 4, 64)))
    (folder / "nested" / "images.json").write_text("[" * 100_000)
    yield folder / "nested"
