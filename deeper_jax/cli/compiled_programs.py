"""Compiled programs kept between runs, so that a command does not compile at every start what it did before."""

import hashlib
import os
import platform
import warnings
from pathlib import Path

from deeper_jax.errors import InputError

# Programs that took longer to compile, in seconds, are kept: those of the package's own networks take one or two.
_WORTH_KEEPING = 0.3
# Lines of /proc/cpuinfo that tell a CPU's model and instructions, on x86 and on ARM.
_TELLING = ("vendor_id", "cpu family", "model", "flags", "CPU implementer", "CPU part", "CPU variant", "Features")


def keep_compiled_programs() -> None:
    """Turn on JAX's persistent compilation cache, in the user's cache folder.

    JAX_COMPILATION_CACHE_DIR and JAX_ENABLE_COMPILATION_CACHE are obeyed where set. A program for a CPU is made of
    instructions that another CPU may not have, and a home may be on several machines: each kind of CPU has a folder of
    its own (`cpu_kind`), and XLA itself compiles anew where it takes a program for another machine's.

    Raises:
        InputError: JAX cannot start on the device that it was told to use.
    """
    import jax

    try:
        on_cpu = jax.default_backend() == "cpu"
    except RuntimeError as error:
        raise InputError(f"JAX finds no device to compute on ({error}): see JAX_PLATFORMS and the driver.") from error
    if jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
        return
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deeper_jax"
    folder = folder / f"cpu-{cpu_kind()}" if on_cpu else folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # nowhere to write: the run compiles anew
    if on_cpu:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", _WORTH_KEEPING)
    # Of a damaged program JAX warns, and compiles it anew.
    warnings.filterwarnings("ignore", message=".*persistent compilation cache")
    jax.config.update("jax_compilation_cache_dir", str(folder))


def cpu_kind() -> str:
    """A short name that only machines share whose CPU has the same model and instructions, for this version of XLA.

    Where the instructions are not told (other systems than Linux), no two machines share one.
    """
    import jaxlib

    told = ""
    try:
        text = Path("/proc/cpuinfo").read_text()
        told = "\n".join(line for line in text.split("\n\n")[0].splitlines() if line.startswith(_TELLING))
    except OSError:
        pass
    words = (jaxlib.__version__, platform.machine(), told or f"{platform.processor()} {platform.node()}")
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]
