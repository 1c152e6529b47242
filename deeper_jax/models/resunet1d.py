"""ResUNet1D: the U-Net with residual units that removes noise from single Raman spectra.

Source: Horgan et al., Anal. Chem. 2021, Figure 1 and Supplementary Table 1, and the released code, from
which the details are taken: PReLU before BatchNorm, skip inputs first in each concatenation, and three
linear layers along the spectral axis at the end.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from deeper_jax.errors import InputError
from deeper_jax.kernels import batch_norm_units
from deeper_jax.models.layers import BatchNorm, PReLU, convolution, linear

# Two poolings halve the spectrum twice, and the upsampled halves must meet their skip inputs again.
LENGTH_MULTIPLE = 4


class ConvUnit(nnx.Module):
    """Convolution (3 channels wide), PReLU and, where wanted, BatchNorm: [N, L, in] to [N, L, out]."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        batch_norm: bool,
        dtype: jax.typing.DTypeLike,
        axis_name: str | None,
        rngs: nnx.Rngs,
    ) -> None:
        self.convolution = convolution(in_features, out_features, (3,), dtype=dtype, rngs=rngs)
        self.activation = PReLU()
        self.norm = BatchNorm(out_features, axis_name=axis_name) if batch_norm else None

    def __call__(self, x: jax.Array) -> jax.Array:
        """[N, L, in] to [N, L, out]."""
        return run_units([self], x)


def run_units(units: Sequence[ConvUnit], x: jax.Array) -> jax.Array:
    """One unit after another: [N, L, in] to [N, L, out]."""
    norm = units[0].norm
    if norm is not None and not norm.use_running_average and batch_norm_units.pays(x, units[0].convolution.kernel[...]):
        return _run_fused(units, x)
    for unit in units:
        x = unit.activation(unit.convolution(x))
        if unit.norm is not None:
            x = unit.norm(x)
    return x


def _run_fused(units: Sequence[ConvUnit], x: jax.Array) -> jax.Array:
    """The same by a kernel that is for training with BatchNorm on the CPU."""
    norms = [unit.norm for unit in units if unit.norm is not None]
    parameters = [
        batch_norm_units.Unit(
            unit.convolution.kernel[...],
            unit.convolution.bias[...],  # type: ignore[index]
            unit.activation.slope[...],
            norm.scale[...],
            norm.bias[...],
        )
        for unit, norm in zip(units, norms, strict=True)
    ]
    y, moments = batch_norm_units.batch_norm_units(
        x, parameters, epsilon=norms[0].epsilon, axis_name=norms[0].axis_name, implementation="fused"
    )
    for norm, (mean, variance) in zip(norms, moments, strict=True):
        norm.update_statistics(mean, variance, y.size // y.shape[-1])
    return y


class Residual(nnx.Module):
    """Three ConvUnits (of these settings) with the identity added around all three and nothing after the sum."""

    def __init__(self, features: int, **settings: Any) -> None:
        self.units = nnx.List(ConvUnit(features, features, **settings) for _ in range(3))

    def __call__(self, x: jax.Array) -> jax.Array:
        """[N, L, features] to the same shape."""
        return x + run_units(self.units, x)


class Stage(nnx.Module):
    """What happens at one length of the spectrum: ConvUnit, Residual and, on the way up, a last ConvUnit.

    `settings` are those of the ConvUnits.
    """

    def __init__(self, in_features: int, features: int, out_features: int | None = None, **settings: Any) -> None:
        self.entry = ConvUnit(in_features, features, **settings)
        self.residual = Residual(features, **settings)
        self.exit = None if out_features is None else ConvUnit(features, out_features, **settings)

    def __call__(self, x: jax.Array) -> jax.Array:
        """[N, L, in] to [N, L, out]."""
        x = self.residual(self.entry(x))
        return x if self.exit is None else self.exit(x)


class SpectralUnit(nnx.Module):
    """Linear layer along the whole spectral axis, then PReLU: [N, L] to [N, L]."""

    def __init__(self, length: int, *, dtype: jax.typing.DTypeLike, rngs: nnx.Rngs) -> None:
        self.linear = linear(length, length, dtype=dtype, rngs=rngs)
        self.activation = PReLU()

    def __call__(self, x: jax.Array) -> jax.Array:
        """[N, L] to [N, L]."""
        return self.activation(self.linear(x))


class ResUNet1D(nnx.Module):
    """Denoises spectra: [N, L] in, [N, L] float32 out.

    Each input spectrum is expected divided by its own maximum; nothing here scales it.

    Args:
        length: L, the number of spectral channels; a multiple of 4, because the spectrum is halved twice.
        width: features at full length; 2x and 4x as many at half and quarter length.
        batch_norm: with (paper's table) or without (released weights) BatchNorm.
        dtype: what is computed in; parameters are float32 always, outputs float32 or better.
        axis_name: of the devices that a training batch is split over, for BatchNorm (`layers.BatchNorm`).
        rngs: source of the initial values.

    Raises:
        InputError: if `length` is not a positive multiple of 4, `width` is not positive, or the input's
            last axis is not `length`.

    2,087,273 parameters with BatchNorm and 2,081,767 without, at length 500 and width 64.
    """

    def __init__(
        self,
        length: int = 500,
        width: int = 64,
        batch_norm: bool = True,
        dtype: jax.typing.DTypeLike = jnp.float32,
        *,
        axis_name: str | None = None,
        rngs: nnx.Rngs,
    ) -> None:
        if length < LENGTH_MULTIPLE or length % LENGTH_MULTIPLE:
            raise InputError(
                f"ResUNet1D halves the spectrum twice, so `length` must be a positive multiple of 4, but it "
                f"is {length}: resample the spectra to {max(4, round(length / 4) * 4)} channels, say."
            )
        if width < 1:
            raise InputError(f"ResUNet1D's `width` must be at least 1, but it is {width}.")
        self.length = length
        self.width = width
        self.batch_norm = batch_norm
        self.dtype = dtype

        settings: dict[str, Any] = {"batch_norm": batch_norm, "dtype": dtype, "axis_name": axis_name, "rngs": rngs}
        self.encoder1 = Stage(1, width, **settings)
        self.encoder2 = Stage(width, 2 * width, **settings)
        self.middle = Stage(2 * width, 4 * width, 2 * width, **settings)
        self.decoder2 = Stage(4 * width, 2 * width, width, **settings)
        self.decoder1 = Stage(2 * width, width, 1, **settings)
        self.head = nnx.List(SpectralUnit(length, dtype=dtype, rngs=rngs) for _ in range(3))

    def __call__(self, x: jax.Array) -> jax.Array:
        """[N, L] noisy spectra to [N, L] denoised ones, float32."""
        if x.ndim != 2 or x.shape[-1] != self.length:
            raise InputError(
                f"this ResUNet1D takes spectra of shape [N, {self.length}], but was given {list(x.shape)}: "
                f"resample them to {self.length} channels or build the network for their length."
            )
        full = self.encoder1(x.astype(self.dtype)[..., None])
        half = self.encoder2(halve(full))
        raised = double(self.middle(halve(half)))
        raised = double(self.decoder2(jnp.concatenate([half, raised], axis=-1)))
        out = self.decoder1(jnp.concatenate([full, raised], axis=-1))[..., 0]
        for unit in self.head:
            out = unit(out)
        return out.astype(jnp.promote_types(out.dtype, jnp.float32))


def halve(x: jax.Array) -> jax.Array:
    """Max-pooling of neighbouring pairs: [N, L, C] to [N, L/2, C]."""
    pairs = x.reshape(len(x), -1, 2, x.shape[-1])
    # A choice, whose gradient is a choice too: that of a windowed maximum is slow on the CPU.
    first, second = pairs[:, :, 0], pairs[:, :, 1]
    return jnp.where((second > first) | jnp.isnan(second), second, first)


def double(x: jax.Array) -> jax.Array:
    """Nearest-neighbour upsampling: [N, L, C] to [N, 2L, C]."""
    return jnp.repeat(x, 2, axis=1)
