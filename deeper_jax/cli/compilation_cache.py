"""Compiled programs kept between processes, so that a resumed run does not compile again."""

import os
from pathlib import Path

import jax

from deeper_jax.errors import InputError


def keep_compiled_programs() -> None:
    """Turn on JAX's persistent compilation cache, in the user's cache folder, where there is a GPU or the like.

    JAX_COMPILATION_CACHE_DIR and JAX_ENABLE_COMPILATION_CACHE are obeyed where set. Not on CPUs: JAX refuses many of
    its own stored CPU programs, loudly, and may crash on those of another CPU (jax-ml/jax issue 38445).

    Raises:
      InputError: JAX cannot start on the device that it was told to use.
    """
    try:
        on_cpu = jax.default_backend() == "cpu"
    except RuntimeError as error:
        raise InputError(f"JAX finds no device to compute on ({error}): see JAX_PLATFORMS and the driver.") from error
    if on_cpu or jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
        return
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deeper_jax"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # nowhere to write: the run compiles anew
    jax.config.update("jax_compilation_cache_dir", str(folder))
