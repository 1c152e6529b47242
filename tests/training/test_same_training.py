"""Data-parallel training is the same training: one step's program on 1, 2 and 8 devices."""

import functools
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from paths import ROOT
from processes import environment
from training_examples import OneStage

from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.registry import DATA_AXIS, MODELS, build_model
from deeper_jax.training.sharding import data_mesh, place, shard_batch, state_shardings
from deeper_jax.training.step import create_state, make_train_step

STEPS, BATCH = 20, 16
NETWORKS = {
    "one stage with BatchNorm": ("one_stage", {"length": 32, "width": 4, "batch_norm": True}),
    "ResUNet1D with BatchNorm": ("resunet1d", {"length": 32, "width": 4, "batch_norm": True}),
    "ResUNet1D": ("resunet1d", {"length": 32, "width": 4, "batch_norm": False}),
    "HyRISR": ("hyrisr", {"scale": 2, "length": 6, "width": 8, "groups": 1, "blocks": 2, "reduction": 2}),
}


def run(name: str, devices: int, dtype: type) -> tuple[list[float], np.ndarray]:
    """The losses of 20 steps, and all parameters and statistics at the end."""
    kind, settings = NETWORKS[name]
    build = functools.partial(build_model, kind) if kind in MODELS else functools.partial(OneStage, axis_name=DATA_AXIS)
    model = FunctionalModel(build(dtype=dtype, rngs=nnx.Rngs(0), **settings))
    model.params, model.stats = jax.tree.map(lambda leaf: leaf.astype(dtype), (model.params, model.stats))
    optimizer, mesh = optax.adam(1e-3), data_mesh(jax.devices()[:devices])
    state = create_state(model, optimizer)
    shardings = state_shardings(state, mesh)
    state = place(state, shardings)
    step = make_train_step(model, optimizer, shardings=shardings)
    low, high = ((BATCH, 32),) * 2 if kind != "hyrisr" else ((BATCH, 3, 3, 6), (BATCH, 6, 6, 6))
    losses = []
    for number in range(STEPS):
        rng = np.random.default_rng(number)
        # Examples of unlike brightness: statistics of each device by itself would be others.
        bright = np.linspace(1, 3, BATCH).reshape(-1, *[1] * (len(low) - 1))
        batch = {"input": bright * rng.normal(size=low), "target": bright * rng.normal(size=high)}
        state, metrics = step(state, shard_batch({key: value.astype(dtype) for key, value in batch.items()}, mesh))
        losses.append(float(metrics["loss"]))
    assert metrics["loss"].dtype == dtype
    return losses, np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves((state.params, state.stats))])


def in_float64(names: list[str], many: list[int]) -> dict[str, list[float]]:
    """Largest difference of any parameter or statistic on `many` devices from that on one."""
    found = {}
    for name in names:
        ends = {devices: run(name, devices, jnp.float64)[1] for devices in (1, *many)}
        assert all(end.dtype == np.float64 for end in ends.values())
        found[name] = [float(np.abs(ends[devices] - ends[1]).max()) for devices in many]
    return found


# Statistics of the whole batch are what could differ most.
@pytest.mark.parametrize(
    ("names", "many"),
    [(["one stage with BatchNorm"], [8]), pytest.param(list(NETWORKS), [2, 8], marks=pytest.mark.slow)],
)
def test_in_float64_parameters_are_equal_to_1e_9(names, many):
    code = "import json, jax; jax.config.update('jax_enable_x64', True)"
    code += f"; from tests.training import test_same_training as t; print(json.dumps(t.in_float64({names}, {many})))"
    variables = environment(ROOT, ROOT / "tests", devices=8)
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=variables, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    differences = json.loads(result.stdout.splitlines()[-1])
    assert set(differences) == set(names)
    assert max(map(max, differences.values())) < 1e-9, differences


# Rounding differs with the order of the sums, and grows as training goes on: after 20 steps losses agree to 1e-3.
@pytest.mark.parametrize(
    "name", ["one stage with BatchNorm", pytest.param("ResUNet1D with BatchNorm", marks=pytest.mark.slow)]
)
def test_in_float32_the_losses_agree(name):
    one, eight = (run(name, devices, jnp.float32)[0] for devices in (1, 8))
    np.testing.assert_allclose(eight[0], one[0], rtol=1e-5)
    np.testing.assert_allclose(eight, one, rtol=1e-3)
