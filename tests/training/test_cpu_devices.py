"""How many devices a training on the CPU makes of its cores."""

import json
import os
import subprocess
import sys

import pytest
from paths import ROOT

CODE = """
import json, sys
from ml_collections import ConfigDict
from deeper_jax.training import cpu_devices
cpu_devices.core_count = lambda: 6
cpu_devices.use_all_cores(ConfigDict(json.loads(sys.argv[1])))
import jax
print(jax.device_count())
"""


def devices(task: str, batch_norm: bool, batch_size: int, parts: int = 1, flags: str = "", width: int = 32) -> int:
    train = {"batch_size": batch_size, "accumulate_steps": parts}
    config = {"task": task, "model": {"batch_norm": batch_norm, "width": width}, "train": train}
    root = ROOT
    result = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(config)],
        cwd=root,
        env={**os.environ, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(result.stdout)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (("denoising", False, 128), 4),
        (("denoising", False, 128, 64), 2),
        (("denoising", False, 9), 1),
        (("denoising", False, 128, 1, "", 16), 1),
        (("denoising", True, 128), 1),
        (("super_resolution", False, 128), 1),
        (("denoising", False, 128, 1, "--xla_force_host_platform_device_count=8"), 8),
    ],
)
def test_a_core_each_where_it_pays_and_the_batch_divides(settings, expected):
    assert devices(*settings) == expected
