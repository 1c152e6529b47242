"""A run's directory: one run at a time, one set of settings, and a sentence where it cannot be written to."""

import contextlib
import fcntl
import json
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from deeper_jax.errors import InputError, NotWritten
from deeper_jax.training.stored_checkpoints import BEST, FOLDER, LATEST, newest_record, steps_in

_log = logging.getLogger(__name__)

LOCK = "run.lock"
# Settings of `train` that a resumed run may change: where the state lies, and what to do where it would diverge.
_MAY_DIFFER = ("shard_parameters", "on_divergence")
# Those that say how long it is: they may grow.
_LENGTH = ("steps", "epochs")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@contextlib.contextmanager
def written_to(path: Path) -> Iterator[None]:
    """An error of the system's while writing there (no room, no right, no directory) is a `NotWritten`."""
    try:
        yield
    except OSError as error:
        raise NotWritten(
            f"{path}: cannot be written to ({error.strerror or error}); make room there, or give as --workdir a "
            "directory that can be written to."
        ) from error


@contextlib.contextmanager
def held(workdir: Path) -> Iterator[None]:
    """Keep the run's directory, which is made if need be, for this process while the context lasts.

    The system lets go of the lock when the process ends, however it ends. Whether it holds across hosts depends on the
    file system; so what a run on another host left without ending is not taken over, unless by the same Slurm job.

    Raises:
      InputError: another process has it, or it cannot be written to.
    """
    path = workdir / LOCK
    with written_to(workdir):
        workdir.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    with file:
        file.seek(0)
        holder, free = _holder(file.read()), _locked(file)
        if free is False:
            raise InputError(
                f"{workdir}: another run is writing here (process {holder.get('pid', 'unknown')} on "
                f"{holder.get('host', 'unknown')}); wait for its end, stop it, or give another --workdir."
            )
        me = _me()
        same = [name for name in ("host", "boot", "job") if holder.get(name) and holder[name] == me[name]]
        if holder and not (same and (free or "job" in same)):
            raise InputError(
                f"{workdir}: a run on {holder['host']} (process {holder['pid']}) did not end, and whether it still "
                f"writes here cannot be seen from {me['host']}; once it is gone, delete {path} and start again."
            )
        with written_to(workdir):
            _replace(file, json.dumps(me))
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                _replace(file, "")


def _locked(file: Any) -> bool | None:
    """Whether the lock was had; None where the file system has no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _me() -> dict[str, Any]:
    """This process, its host and job; containers on one host have names of their own but one boot."""
    boot = _BOOT.read_text().strip() if _BOOT.exists() else None
    return {"host": socket.gethostname(), "pid": os.getpid(), "boot": boot, "job": os.environ.get("SLURM_JOB_ID")}


def _holder(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and {"host", "pid"} <= found.keys() else {}


def _replace(file: Any, text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def claim(workdir: Path, config: ConfigDict) -> None:
    """Write the config into the run's directory, or check that it is the one of the checkpoints already there.

    A config.json that was damaged is written anew from their record. Where nothing was saved yet any settings will do.
    More steps or epochs than the checkpoints' run had extend it.

    Raises:
      InputError: the checkpoints are of a run with other settings than may change, or no longer say of which.
    """
    path, wanted = workdir / "config.json", json.loads(config.to_json())
    found, folders = _read(path), [workdir / FOLDER / kind for kind in (LATEST, BEST)]
    if not any(steps_in(folder) for folder in folders):
        _write(path, wanted)
        return
    recorded = (newest_record(folders) or {}).get("config")
    if recorded and (found is None or _fixed(found) != _fixed(recorded)):
        _log.warning(f"{path} was damaged or lost; it is written anew from the record of the newest checkpoint.")
        found = recorded
        _write(path, found)
    if found is None:
        raise InputError(
            f"{path}: cannot be read, nor any checkpoint's record beside it; put a backup there, or give another "
            "--workdir."
        )
    # What the newest checkpoint is of: config.json may tell of a longer run that has saved nothing yet.
    reached = recorded or found
    changed = _differences(_fixed(found), _fixed(wanted))
    if not _as_long(reached, wanted):
        changed += _differences(_length(reached), _length(wanted), "train")
    if changed:
        raise InputError(
            f"{path}: this directory holds a run with other settings ({'; '.join(sorted(changed)[:4])}): "
            "give the settings it was started with to resume it, more of the steps or epochs that it was started with "
            "to extend it, or another --workdir."
        )
    if _length(found) != _length(wanted):
        _write(path, wanted)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write(path: Path, settings: dict[str, Any]) -> None:
    # Whole or not at all: a run may be killed here too.
    temporary = path.with_suffix(".tmp")
    with written_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(settings, indent=1) + "\n")
        os.replace(temporary, path)


def _fixed(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that a resumed run may not change, but for its length."""
    train = settings.get("train")
    if not isinstance(train, dict):
        return settings
    return {**settings, "train": {k: value for k, value in train.items() if k not in _MAY_DIFFER + _LENGTH}}


def _length(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: settings["train"].get(name) for name in _LENGTH}


def _as_long(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether a run has as many steps as one before, or more; both must count the same, steps or epochs."""
    before, now = _length(found), _length(wanted)
    if before["steps"] and now["steps"]:
        return bool(now["steps"] >= before["steps"])
    return not before["steps"] and not now["steps"] and bool(now["epochs"] >= before["epochs"])


def _differences(found: Any, wanted: Any, name: str = "") -> list[str]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = found.keys() | wanted.keys()
        return [
            line for key in keys for line in _differences(found.get(key), wanted.get(key), f"{name}.{key}".strip("."))
        ]
    return [] if found == wanted else [f"{name} was {found!r}, now {wanted!r}"]
