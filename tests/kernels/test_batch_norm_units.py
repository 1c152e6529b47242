"""Units in a row, fused, against the layers one after another: values, statistics, gradients, on 1 and 8 devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from deeper_jax.kernels import batch_norm_units as module
from deeper_jax.kernels.batch_norm_units import Unit, batch_norm_units
from deeper_jax.models.layers import BatchNorm, PReLU, convolution


def parameters(count: int, features: int) -> list[Unit]:
    rng = np.random.default_rng(count)

    def one() -> Unit:
        kernel = rng.normal(0, 0.1, (3, features, features))
        rest = rng.normal(size=features), 0.3, rng.uniform(0.5, 2, features), rng.normal(size=features)
        return Unit(*(jnp.asarray(each, jnp.float32) for each in (kernel, *rest)))

    return [one() for _ in range(count)]


def by_layers(x, units, axis_name=None):
    """The models' own layers, and what their running statistics become."""
    moved = []
    for unit in units:
        from flax import nnx

        layer = convolution(unit.kernel.shape[1], unit.kernel.shape[2], (3,), dtype=jnp.float32, rngs=nnx.Rngs(0))
        activation, norm = PReLU(), BatchNorm(unit.kernel.shape[2], axis_name=axis_name)
        layer.kernel[...], layer.bias[...], activation.slope[...] = unit.kernel, unit.offset, unit.slope
        norm.scale[...], norm.bias[...] = unit.scale, unit.bias
        x = norm(activation(layer(x)))
        moved.append((norm.mean[...], norm.variance[...]))
    return x, moved


def by_kernel(x, units, implementation, axis_name=None):
    y, moments = batch_norm_units(x, units, epsilon=1e-5, axis_name=axis_name, implementation=implementation)
    moved = []
    for mean, variance in moments:
        norm = BatchNorm(len(mean), axis_name=axis_name)
        norm.update_statistics(mean, variance, x.size // x.shape[-1])
        moved.append((norm.mean[...], norm.variance[...]))
    return y, moved


@pytest.mark.parametrize("devices", [1, 8])
@pytest.mark.parametrize(("implementation", "count"), [("xla", 2), ("fused", 1), ("fused", 3)])
def test_values_statistics_and_gradients_are_those_of_the_layers(monkeypatch, implementation, count, devices):
    monkeypatch.setattr(module, "_PIECE", 70 * 64)
    units, rng = parameters(count, 64), np.random.default_rng(1)
    x, weights = (jnp.asarray(rng.normal(0.2, 1, (16, 70, 64)), jnp.float32) for _ in range(2))
    mesh = jax.make_mesh((devices,), ("data",), axis_types=(AxisType.Auto,), devices=jax.devices()[:devices])

    def run(function):
        def local(x, weights, units):
            def loss(x, units):
                y, moved = function(x, units, axis_name="data")
                return (jnp.sin(y) * weights).sum(), (y, moved)

            (value, (y, moved)), (to_x, to_units) = jax.value_and_grad(loss, (0, 1), has_aux=True)(x, units)
            return y, to_x, jax.lax.psum(value, "data"), moved, jax.lax.psum(to_units, "data")

        split, whole = PartitionSpec("data"), PartitionSpec()
        mapped = jax.shard_map(
            local,
            mesh=mesh,
            in_specs=(split, split, whole),
            out_specs=(split, split, whole, whole, whole),
            check_vma=False,
        )
        return jax.jit(mapped)(x, weights, units)

    found = run(lambda x, units, axis_name: by_kernel(x, units, implementation, axis_name))
    expected = run(by_layers)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=3e-5 * np.abs(b).max()), found, expected)


def test_the_fused_one_is_for_wide_units_and_large_batches(monkeypatch):
    kernel = jnp.zeros((3, 64, 64))
    assert module.pays(jnp.zeros((256, 500, 64)), kernel)
    assert not module.pays(jnp.zeros((256, 500, 16)), jnp.zeros((3, 16, 16)))
    assert not module.pays(jnp.zeros((2, 500, 64)), kernel)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert not module.pays(jnp.zeros((256, 500, 64)), kernel)
