"""Eight CPU devices for every test, so that sharding is always exercised; what is compiled is kept."""

import os
import sys
from pathlib import Path

CACHE = Path(__file__).resolve().parents[1] / ".jax_cache"

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
# Tests compile the same small programs again and again, in this process and in those that they start.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
# Python too compiles the libraries for each process anew where it is told not to keep that: half of a short one's time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The files that take longest: one of them begun last would keep one of two processes waiting.
FIRST = (
    "test_train_command.py",
    "test_documents.py",
    "test_distributed.py",
    "test_same_training.py",
    "test_notebooks.py",
    "test_pieces.py",
    "test_evaluate.py",
)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name not in FIRST)
