"""What every loaded network shares: its record, and the checks and resampling of a user's arrays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
from flax import nnx

from deeper_jax.errors import InputError
from deeper_jax.inference.cores import core_count
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.spectra.resampling import resampling_matrix


class LoadedModel:
    """A trained network with what travelled beside its weights.

    Attributes:
      config: the run's configuration, a nested dictionary (empty for weights that carry none).
      wavenumbers: [L] in cm⁻¹, or None for weights that carry no axis.
      length: L, the number of channels.
      params, stats: the weights and running statistics, nested dictionaries of arrays.
      record: everything else that travels in the checkpoint (preprocessing, data, versions).
    """

    # Whether the network takes spectra of any axis and length.
    any_axis = False

    def __init__(self, module: nnx.Module, record: dict[str, Any]) -> None:
        model = FunctionalModel(module)
        self.record = record
        self.config: dict[str, Any] = record.get("config", {})
        axis = record.get("wavenumbers")
        self.wavenumbers = None if axis is None else np.asarray(axis, np.float64)
        self.length: int = int(module.length)  # type: ignore[attr-defined]
        self.params, self.stats = model.params, model.stats
        self._evaluate = jax.jit(self._evaluation(model))
        self._programs: dict[tuple[int, ...], Callable[..., jax.Array]] = {}

    def _evaluation(self, model: FunctionalModel) -> Callable[..., jax.Array]:
        """The function of params, stats and a batch that is compiled."""
        return model.evaluate

    def _apply(self, batch: np.ndarray) -> np.ndarray:
        return np.asarray(self._evaluate(self.params, self.stats, batch))

    def _in_batches(self, examples: np.ndarray, largest: int) -> np.ndarray:
        """The network on float32 examples [N, ...], in batches of one size, a power of two up to `largest`.

        On the CPU each core has batches of its own: together, cores would wait for one another at every layer.
        """
        workers = core_count() if jax.default_backend() == "cpu" else 1
        size = min(largest, 1 << max(-(-len(examples) // workers) - 1, 0).bit_length())
        batches = [examples[start : start + size] for start in range(0, len(examples), size)]
        program = self._program((size, *examples.shape[1:]))

        def answer(batch: np.ndarray) -> np.ndarray:
            # The last, shorter batch shares the program of the others.
            padded = np.pad(batch, [(0, size - len(batch))] + [(0, 0)] * (batch.ndim - 1), mode="edge")
            return np.asarray(program(self.params, self.stats, padded))[: len(batch)]

        if len(batches) < 2 or workers == 1:
            answers = [answer(batch) for batch in batches]
        else:
            with ThreadPoolExecutor(workers) as pool:
                answers = list(pool.map(answer, batches))
        return np.concatenate([np.empty_like(examples[:0]), *answers])

    def _program(self, shape: tuple[int, ...]) -> Callable[..., jax.Array]:
        """The network compiled for examples of one shape."""
        if shape not in self._programs:
            like = jax.ShapeDtypeStruct(shape, np.float32)
            self._programs[shape] = self._evaluate.lower(self.params, self.stats, like).compile()
        return self._programs[shape]

    def holds(self, spectra: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """What is left of spectra [..., L] of an axis [L] in cm⁻¹ when they are brought to the model's and back."""
        return spectra if self.wavenumbers is None else spectra @ (self._to_own(axis) @ self._from_own(axis))

    def _to_own(self, axis: np.ndarray) -> np.ndarray:
        """[L, length]: spectra @ matrix brings spectra of `axis` to the model's axis."""
        assert self.wavenumbers is not None
        return resampling_matrix(axis, self.wavenumbers)

    def _from_own(self, axis: np.ndarray) -> np.ndarray:
        """[length, L]: and back."""
        assert self.wavenumbers is not None
        return resampling_matrix(self.wavenumbers, axis)

    def _checked_axis(self, name: str, array: np.ndarray, wavenumbers: Any) -> np.ndarray | None:
        """The axis to resample from and back to, or None where the array is on the model's own axis.

        Raises InputError, in the name of the method `name`, for values or an axis that cannot be used.
        """
        if array.dtype.kind not in "fiub":
            raise InputError(f"{name}() was given {array.dtype} values; it takes real numbers.")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).sum())
            raise InputError(f"{name}() was given {bad} NaN or infinite values: remove or interpolate them.")
        length = array.shape[-1]
        if wavenumbers is None:
            if length != self.length and not self.any_axis:
                raise InputError(
                    f"{name}() was given spectra of {length} channels where the model has {self.length}: pass "
                    "their wavenumbers, so that they can be brought to the model's axis."
                )
            return None
        axis = np.asarray(wavenumbers, np.float64)
        steps = np.diff(axis)
        if axis.shape != (length,) or not np.isfinite(axis).all() or not ((steps > 0).all() or (steps < 0).all()):
            raise InputError(
                f"wavenumbers has shape {axis.shape}; {name}() takes one strictly rising or falling value for each "
                f"of the {length} channels, in cm⁻¹."
            )
        return self._compared_axis(name, axis)

    def covers(self, wavenumbers: Any) -> np.ndarray:
        """Which channels [L] of an axis in cm⁻¹ lie within the model's range (and a channel more): bool [L].

        Raises:
          InputError: none does, or the weights carry no axis.
        """
        axis, own = np.asarray(wavenumbers, np.float64), self.wavenumbers
        if self.any_axis:
            return np.ones(axis.shape, bool)
        if own is None:
            raise InputError("These weights carry no wavenumber axis to compare with.")
        slack = np.abs(np.diff(own)).max()
        inside = (axis >= own.min() - slack) & (axis <= own.max() + slack)
        if not inside.any():
            raise InputError(
                f"The spectra cover {axis.min():.0f}-{axis.max():.0f} cm⁻¹ and the model {own.min():.0f}-"
                f"{own.max():.0f} cm⁻¹: they have nothing in common."
            )
        return inside

    def _compared_axis(self, name: str, axis: np.ndarray) -> np.ndarray | None:
        own = self.wavenumbers
        if own is None:
            raise InputError(
                f"These weights carry no wavenumber axis to compare with: call {name}() without wavenumbers, with "
                f"{self.length} channels as in their training."
            )
        if not self.covers(axis).all():
            raise InputError(
                f"The spectra cover {axis.min():.0f}-{axis.max():.0f} cm⁻¹, the model {own.min():.0f}-"
                f"{own.max():.0f} cm⁻¹: crop them to the model's range first."
            )
        # A tenth of a channel is less than any instrument's calibration holds.
        same = axis.shape == own.shape and np.abs(axis - own).max() < 0.1 * np.abs(np.diff(own)).min()
        return None if same else axis
