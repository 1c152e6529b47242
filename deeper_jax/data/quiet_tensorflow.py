"""TensorFlow for feeding data only: no accelerator, no chatter. Import it from here, never directly."""

import functools
import os

# Read when TensorFlow's library is loaded, so set before the import.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf  # noqa: E402

# XLA's own operations, which JAX's jax2tf imports from the same place.
from tensorflow.compiler.tf2xla.python import xla  # noqa: E402
from tensorflow.compiler.xla import xla_data_pb2  # noqa: E402

__all__ = ["quiet_first_compilation", "tf", "xla", "xla_data_pb2"]


@functools.cache
def quiet_first_compilation() -> None:
    """Compile something trivial so that XLA's one-time notice, which no log level silences, goes nowhere."""
    trivial = tf.function(tf.identity, jit_compile=True, autograph=False)
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        trivial(tf.constant(0.0))
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


def _hide_accelerators() -> None:
    """Leave the accelerators' memory to JAX; too late once TensorFlow has run something."""
    for kind in ("GPU", "TPU"):
        try:
            tf.config.set_visible_devices([], kind)
        except RuntimeError:
            tf.get_logger().warning("TensorFlow was already running and may hold %s memory.", kind)


_hide_accelerators()
