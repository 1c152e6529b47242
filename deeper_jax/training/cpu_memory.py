"""Memory that one training step frees, kept for the next one."""

import jax

from deeper_jax.allocator import keep_freed_memory


def keep_memory_between_steps() -> None:
    """On the CPU: large arrays that a step frees stay with the process; call it before JAX starts.

    Only the main thread's memory is kept, so the step runs there.
    """
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    keep_freed_memory()
