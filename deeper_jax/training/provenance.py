"""Where a run comes from: the program, the machine and the data, for the record in its checkpoints."""

import importlib.metadata
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from deeper_jax.errors import InputError
from deeper_jax.training.stored_checkpoints import FOLDER, LATEST, newest_record
from deeper_jax.version import __version__

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "ml-collections", "numpy", "scipy", "tensorflow")
_CHECKOUT = Path(__file__).parents[2]


def provenance() -> dict[str, Any]:
    """Versions, the state of the checkout (None where there is none), the devices and the command line, JSON-able."""
    versions = {"deeper_jax": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # an extra that is not installed
            continue
    devices = jax.devices()
    return {
        "versions": versions,
        "git": git_state(_CHECKOUT),
        "devices": {"kind": devices[0].device_kind, "count": len(devices), "processes": jax.process_count()},
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def git_state(folder: Path) -> dict[str, Any] | None:
    """{'commit', 'dirty'} of a checkout; None where the folder is none, or git is not there."""
    if not (folder / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        # Looked at only: a status that also renews the index, cut off by a full disk, would leave it locked.
        command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def check_same_data(workdir: Path, record: Mapping[str, Any]) -> None:
    """Raise InputError if the run in a directory was trained on other data than those of `record`."""
    earlier = newest_record([workdir / FOLDER / LATEST])
    if earlier is None:  # nothing to resume
        return
    before, now = (each.get("data", {}) for each in (earlier, record))
    cells = [data.get("trained_on", {}) for data in (before, now)]
    changed = sorted(name for name in {*cells[0], *cells[1]} if cells[0].get(name) != cells[1].get(name))
    if not changed and earlier.get("wavenumbers") == record.get("wavenumbers"):
        return
    words = f"{', '.join(changed[:3])}{', ...' if len(changed) > 3 else ''}" if changed else "their wavenumbers"
    raise InputError(
        f"{workdir}: this run was trained on other data than {now['source']} holds now (changed: {words}); put the "
        f"earlier data back to resume it, or go on from its weights with --config.init_from={workdir} and another "
        "--workdir."
    )
