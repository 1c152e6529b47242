"""Mutated and hostile files through every reader and command, in this process (for `benchmarks.faults`)."""

import contextlib
import io
import resource
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks import hostile_files
from benchmarks.fault_processes import RUNS
from benchmarks.mutations import MOST_MEMORY, mutate, seed_files, watched
from deeper_jax.errors import InputError

# (kind, survived, what repeats a failure)
Outcome = tuple[str, bool, str]
SLOW = 60.0
_ONE_STEP = [f"--config.train.{name}=1" for name in ("steps", "evaluate_every", "checkpoint_every")]


def attempt(work: Callable[[], object]) -> tuple[object, BaseException | None]:
    """What `work` gives, or what it raises; nothing is printed."""
    silence = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        warnings.simplefilter("ignore")
        try:
            return work(), None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever it is, it is counted
            return None, error


def command(*arguments: object) -> tuple[int, str]:
    """Exit status of a command, and what is wrong with how it ended: it may succeed, or refuse in a sentence."""
    from deeper_jax.cli.main import main

    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            main([str(argument) for argument in arguments])
            return 0, ""
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
            sound = status == 2 and "Traceback" not in said.getvalue() and said.getvalue().endswith(".\n")
            return status, "" if sound else f"status {error.code}: {said.getvalue()[-300:]}"
        except Exception as error:
            return 1, repr(error)[:300]


def mutated(kind: str, seeds: Sequence[Path], count: int, seed: int, use: Callable[[Path], str]) -> Iterator[Outcome]:
    """Each of `seeds` in turn mutated in its place, used, and restored; `use` gives what went wrong, or nothing."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        file = seeds[number % len(seeds)]
        whole = file.read_bytes()
        file.write_bytes(mutate(whole, rng))
        began = time.monotonic()
        words = use(file)
        taken = time.monotonic() - began
        words = words or (f"took {taken:.0f} s" if taken > SLOW else "")
        file.write_bytes(whole)
        yield kind, not words, f"{file.name} ({kind}, seed {seed}, number {number}): {words}"


def mutated_maps(folder: Path, count: int, seed: int) -> Iterator[Outcome]:
    """Files of every format through `read_map`, in processes that are watched."""

    def use(path: Path) -> str:
        found = watched(path, 10)
        return "" if found in ("read", "refused") else found

    yield from mutated("mutated, read_map", seed_files(folder / "seeds"), count, seed, use)


def mutated_enhance(folder: Path, count: int, seed: int) -> Iterator[Outcome]:
    """Files of every format through `deeper-jax enhance`: no spectrum that was measured may hold NaN afterwards."""
    from deeper_jax.maps import read_map

    def use(path: Path) -> str:
        output = folder / "out.h5"
        status, words = command("enhance", path, "-o", output, "--no-page")
        if status == 0:
            values = read_map(output).values
            words = (
                "NaN in a part of a spectrum" if (np.isnan(values).any(-1) & ~np.isnan(values).all(-1)).any() else ""
            )
        output.unlink(missing_ok=True)
        return words

    yield from mutated("mutated, enhance", seed_files(folder / "seeds"), count, seed, use)


def mutated_weights(folder: Path, count: int, seed: int) -> Iterator[Outcome]:
    """Packed and released weights through `load`: refused, or the very weights that were stored."""
    import jax
    import torch
    from torch_twins import TorchResUNet1D

    import deeper_jax
    from deeper_jax.tasks.load import DEFAULT_DENOISER

    folder.mkdir(parents=True)
    seeds = [folder / "weights.npz", folder / "weights.pt"]
    shutil.copyfile(DEFAULT_DENOISER, seeds[0])
    torch.save(TorchResUNet1D(64, 4, True).state_dict(), seeds[1])
    sound = {path: [bytes(np.asarray(a).data) for a in jax.tree.leaves(deeper_jax.load(path).params)] for path in seeds}

    def use(path: Path) -> str:
        model, error = attempt(lambda: deeper_jax.load(path))
        if model is not None:
            same = [bytes(np.asarray(a).data) for a in jax.tree.leaves(model.params)] == sound[path]  # type: ignore[attr-defined]
            return "" if same else "other weights than were stored"
        return "" if isinstance(error, InputError) and str(path) in str(error) else repr(error)[:300]

    yield from mutated("mutated weights, load", seeds, count, seed, use)


def training_data(folder: Path) -> dict[str, Path]:
    """Small training data of every layout, by what is trained on them."""
    from deeper_jax.data.files import read_pairs
    from deeper_jax.data.simulated_data import write_simulated_dataset, write_simulated_images
    from deeper_jax.maps import raman_map, write_map

    size = {"height": 4, "width": 4}
    write_simulated_dataset(folder / "cells", cells=4, test_cells=1, **size)
    write_simulated_images(folder / "images", images=4, test_images=1, height=16, width=16)
    (folder / "files").mkdir()
    for name in ("noisy", "target"):
        (folder / "maps" / name).mkdir(parents=True)
    pairs = read_pairs(folder / "cells")["train"]
    for number in range(3):
        rows = slice(16 * number, 16 * number + 16)
        arrays = {"noisy": pairs.noisy[rows], "target": pairs.target[rows]}
        np.savez(folder / "files" / f"{number}.npz", **arrays, wavenumbers=pairs.wavenumbers)
        for name, values in arrays.items():
            for suffix in (".h5", ".csv"):
                if (number > 0) == (suffix == ".h5"):
                    path = folder / "maps" / name / f"{number}{suffix}"
                    write_map(raman_map(values.reshape(4, 4, -1), pairs.wavenumbers), path)
    return {name: folder / name for name in ("cells", "files", "maps", "images")}


def mutated_training(folder: Path, count: int, seed: int) -> Iterator[Outcome]:
    """Training data through `train` and `evaluate`."""
    from deeper_jax.tasks.load import DEFAULT_DENOISER

    layouts = training_data(folder)
    tiny = ["--config=configs/tiny.py:width=4,batch_norm=false", "--config.data.input_pipeline=device"]

    def train(path: Path) -> str:
        layout = path.relative_to(folder).parts[0]
        settings = [
            *(RUNS["super-resolver"] if layout == "images" else tiny),
            "--config.train.batch_size=2",
            *_ONE_STEP,
        ]
        data = [f"--config.data.path={layouts[layout]}", f"--config.data.tfds_dir={folder / 'tfds'}"]
        words = command("train", *settings, *data, f"--workdir={folder / 'run'}")[1]
        for name in ("run", "tfds"):
            shutil.rmtree(folder / name, ignore_errors=True)
        return words

    def evaluate(path: Path) -> str:
        data = layouts[path.relative_to(folder).parts[0]]
        output = folder / "report"
        words = command("evaluate", f"--workdir={DEFAULT_DENOISER}", f"--data={data}", f"--output={output}")[1]
        shutil.rmtree(output, ignore_errors=True)
        return words

    seeds = [path for data in layouts.values() for path in sorted(data.rglob("*")) if path.is_file()]
    spectra = [path for path in seeds if layouts["images"] not in path.parents]
    whole = mutated("mutated data, train", seeds, count, seed, train)
    for number, outcome in enumerate(whole):
        yield outcome
        if number % 4 == 3:
            chosen = [spectra[number // 4 % len(spectra)]]
            yield from mutated("mutated data, evaluate", chosen, 1, seed + number, evaluate)


def hostile(folder: Path) -> Iterator[Outcome]:
    """Crafted files: refused in a sentence that names them, in seconds, without filling the memory or running code."""
    import deeper_jax
    from deeper_jax.data.files import read_pairs
    from deeper_jax.data.image_files import read_images
    from deeper_jax.maps import read_map

    uses: dict[str, tuple[Callable[[Path], Iterator[Path]], Callable[[Path], object]]] = {
        "read_map": (hostile_files.hostile_maps, read_map),
        "read_pairs": (hostile_files.hostile_pairs, read_pairs),
        "read_images": (hostile_files.hostile_images, read_images),
        "load": (hostile_files.hostile_weights, deeper_jax.load),
    }
    for name, (make, use) in uses.items():
        for path in make(folder):
            began, before = time.monotonic(), _peak()
            _, error = attempt(lambda path=path, use=use: use(path))  # type: ignore[misc]
            sound = isinstance(error, InputError) and str(path.parent) in str(error)
            words = "" if sound else repr(error)[:300] if error else "it was read"
            words = f"took {time.monotonic() - began:.0f} s" if time.monotonic() - began > SLOW else words
            words = "took more than a gigabyte" if _peak() - before > MOST_MEMORY else words
            words = "it ran code" if any(folder.rglob(hostile_files.CANARY)) else words
            yield f"hostile, {name}", not words, f"{path.name} ({name}): {words}"


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
