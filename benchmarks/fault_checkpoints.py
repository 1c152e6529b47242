"""Every file of a run's checkpoints damaged, then loaded and resumed (for `benchmarks.faults`)."""

import contextlib
import io
import logging
import random
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fault_files import Outcome
from deeper_jax.errors import InputError

DAMAGES = ("truncated", "emptied", "bit flipped", "deleted")


def damage(path: Path, how: str, rng: random.Random) -> None:
    """Spoil one file in one of the `DAMAGES`; an empty one is left as it is."""
    data = bytearray(path.read_bytes())
    if how == "bit flipped" and data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    kept = {"truncated": rng.randrange(max(len(data), 1)), "emptied": 0}.get(how, len(data))
    if how == "deleted":
        path.unlink()
    else:
        path.write_bytes(data[:kept])


class SmallRun:
    """A finished run of a tiny denoiser, which is resumed in this process."""

    def __init__(self, folder: Path) -> None:
        from training_examples import noise_job, small_config

        self.config = small_config(log_every=2, evaluate_every=8, checkpoint_every=4)
        self.job, self.folder = noise_job(self.config), folder / "run"
        self.final = self.resume(self.folder)

    def resume(self, workdir: Path) -> list[np.ndarray]:
        """The weights in the end."""
        import jax
        from training_examples import ONE_DEVICE

        from deeper_jax.training.loop import train

        state = train(self.config, self.job, workdir, ONE_DEVICE)
        return [np.asarray(leaf) for leaf in jax.tree.leaves(state.weights)]


def damaged_checkpoints(folder: Path, rng: random.Random, count: int = 10**9) -> Iterator[Outcome]:
    """The files of the newest `latest` and `best` spoilt in every way, one at a time, in an order without pattern.

    Loading must give the weights of a sound checkpoint, and resuming those that the whole run ended with, if a sentence
    does not refuse it; where another checkpoint is taken than the damaged one, a warning must name both.
    """
    import deeper_jax

    run = SmallRun(folder)
    newest = {
        kind: max((run.folder / "checkpoints" / kind).iterdir(), key=lambda step: int(step.name))
        for kind in ("best", "latest")
    }
    files = [(kind, path) for kind, step in newest.items() for path in sorted(step.rglob("*")) if path.is_file()]
    tries = [(kind, path, how) for kind, path in files for how in DAMAGES]
    rng.shuffle(tries)
    copy = folder / "copy"
    for kind, path, how in tries[:count]:
        words = f"{path.relative_to(run.folder)}, {how}"
        for use in ("load", "resume"):
            shutil.copytree(run.folder, copy)
            damage(copy / path.relative_to(run.folder), how, rng)
            step = copy / newest[kind].relative_to(run.folder)
            if use == "load":
                wrong = _wrong(lambda: deeper_jax.load(copy), run.folder, step if kind == "best" else None, None)
            else:
                wrong = _wrong(lambda: run.resume(copy), run.folder, None, run.final)
            yield f"{kind} damaged, {use}", not wrong, f"{words}: {wrong}"
            shutil.rmtree(copy)


def _wrong(work: Callable[[], Any], whole: Path, damaged: Path | None, final: list[np.ndarray] | None) -> str:
    """What is wrong with what `work` gives; nothing if it is as it should be."""
    import deeper_jax

    log, handler = logging.getLogger("deeper_jax"), logging.StreamHandler(said := io.StringIO())
    log.addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as warned, contextlib.redirect_stderr(said):
            warnings.simplefilter("always")
            result = work()
    except InputError as error:
        return "" if "checkpoint" in str(error) or "damaged" in str(error) else f"unclear: {error}"
    except Exception as error:
        return repr(error)[:300]
    finally:
        log.removeHandler(handler)
    told = said.getvalue() + " ".join(str(warning.message) for warning in warned)
    if "Traceback" in told:
        return f"a traceback: {told[-300:]}"
    if final is not None:
        return "" if all(map(np.array_equal, result, final)) else "other weights in the end"
    taken = Path(result.record["checkpoint"])
    if not _same(result.params, deeper_jax.load(whole / taken.relative_to(whole.with_name("copy"))).params):
        return "weights that no checkpoint holds"
    unnamed = damaged is not None and taken != damaged and not (str(taken) in told and str(damaged) in told)
    return f"took {taken} without naming it" if unnamed else ""


def _same(tree: object, other: object) -> bool:
    import jax

    return all(map(np.array_equal, jax.tree.leaves(tree), jax.tree.leaves(other)))
