"""One JAX device for each processor core, where training on the CPU gains by it."""

import os

import jax
from ml_collections import ConfigDict

from deeper_jax.inference.loaded_model import core_count
from deeper_jax.kernels.winograd import FEWEST_CHANNELS


def use_all_cores(config: ConfigDict) -> None:
    """On the CPU, have JAX make one device a core for a wide denoiser without BatchNorm; call it before JAX starts.

    Each device then passes its own part of the batch through the network in small pieces, without waiting for the
    others until the end of the step. With BatchNorm and for images one device that divides each operation among the
    cores is as fast (measured, benchmarks/README.md); narrow networks go whole. The devices are as many as a power of
    two divides the batch into. A number that XLA_FLAGS gives is left alone.
    """
    if config.get("task") != "denoising" or config.model.get("batch_norm", True):
        return
    if config.model.width < FEWEST_CHANNELS:
        return
    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    part, devices = config.train.batch_size // config.train.accumulate_steps, 1
    while 2 * devices <= core_count() and part % (2 * devices) == 0:
        devices *= 2
    jax.config.update("jax_num_cpu_devices", devices)
