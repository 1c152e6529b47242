"""What every loaded network shares: its record, its batches, and the checks and resampling of a user's arrays."""

from typing import Any

import numpy as np
from flax import nnx

from deeper_jax.errors import InputError
from deeper_jax.inference.programs import Programs
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.spectra.axis import checked_axis
from deeper_jax.spectra.resampling import resampling_matrix

# The networks halve a spectrum four times; of fewer channels nothing is left.
FEWEST_CHANNELS = 32


class LoadedModel:
    """A trained network with what travelled beside its weights.

    Attributes:
        config: the run's configuration, a nested dictionary (empty for weights that carry none).
        wavenumbers: [L] in cm⁻¹, or None for weights that carry no axis or take any.
        length: L, the number of channels.
        params, stats: the weights and running statistics, nested dictionaries of arrays.
        record: everything else that travels in the checkpoint (preprocessing, data, versions).
        any_axis: whether the network takes spectra of any axis and length.
        path: where it was loaded from, for messages; empty where it was not.
    """

    any_axis = False
    title = "a trained network"
    # Of its batches, as `Programs` takes it.
    _quick_below = 0

    def __init__(self, module: nnx.Module, record: dict[str, Any]) -> None:
        model = FunctionalModel(module)
        self.record = record
        self.config: dict[str, Any] = record.get("config", {})
        axis = record.get("wavenumbers")
        self.wavenumbers = None if axis is None else np.asarray(axis, np.float64)
        self.length: int = int(getattr(module, "length", 0))
        self.params, self.stats = model.params, model.stats
        self.path = ""
        self._parameters = model.count()
        self._programs = Programs(model, self._quick_below)

    def __repr__(self) -> str:
        return "\n".join([type(self).__name__, *(f"  {name:<11} {fact}" for name, fact in self._facts().items())])

    def _facts(self) -> dict[str, str]:
        """What `repr` says, line by line."""
        source, step = self.record.get("checkpoint") or self.record.get("source"), self.record.get("step")
        data = self.record.get("data")
        if data is None:
            trained = "unknown data (the weights carry no record)"
        else:
            trained = f"{'SIMULATED' if data.get('simulated') else 'measured'} data ({data.get('source', 'unnamed')})"
        if self.any_axis:
            axis = f"any axis of {FEWEST_CHANNELS} channels or more"
        elif self.wavenumbers is None:
            axis = f"{self.length} channels, their wavenumbers unknown"
        else:
            axis = f"{self.length} channels, {self.wavenumbers.min():.0f}-{self.wavenumbers.max():.0f} cm⁻¹"
        return {
            "weights": str(source or "unknown"),
            "axis": axis,
            "parameters": f"{self._parameters:,}",
            "trained on": trained + ("" if step is None else f", {step:,} steps"),
        }

    def _answers(self, examples: np.ndarray, largest: int, *extent: int) -> np.ndarray:
        """The network on float32 examples [N, ...], see `Programs.in_batches`; InputError where it gives no numbers."""
        answers = self._programs.in_batches(self.params, self.stats, examples, largest, *extent)
        if not np.isfinite(answers).all():
            raise InputError(
                f"{self.path or 'The model'}: found NaN or infinite values in the network's answer to finite ones, as "
                "after a training that diverged; take an earlier checkpoint or another model."
            )
        return answers

    def covers(self, wavenumbers: Any) -> np.ndarray:
        """Which channels [L] of an axis in cm⁻¹ lie within the model's range (and a channel more): bool [L].

        Raises:
            InputError: none does, the weights carry no axis, or this is none.
        """
        axis, own = checked_axis(wavenumbers, np.size(wavenumbers), "covers()"), self.wavenumbers
        if own is None:
            raise InputError(
                "These weights carry no wavenumber axis to compare with: leave out the wavenumbers and give spectra of "
                f"{self.length} channels as in their training."
            )
        slack = np.abs(np.diff(own)).max()
        inside = (axis >= own.min() - slack) & (axis <= own.max() + slack)
        if not inside.any():
            raise InputError(f"{self._ranges(axis)}: they have nothing in common.")
        return inside

    def _ranges(self, axis: np.ndarray) -> str:
        assert self.wavenumbers is not None
        low, high = self.wavenumbers.min(), self.wavenumbers.max()
        return f"The spectra cover {axis.min():.0f}-{axis.max():.0f} cm⁻¹, the model {low:.0f}-{high:.0f} cm⁻¹"

    def given_axis(
        self, name: str, wavenumbers: Any, shape: tuple[int, ...] | None = None, *, remedy: str | None = ""
    ) -> np.ndarray | None:
        """The axis that a method was given.

        Args:
            name: of the method, for messages.
            wavenumbers: what it was given; None for the model's own axis.
            shape: of the spectra [..., L], if known.
            remedy: what else one may do about channels outside the model's range; None: they are allowed.

        Returns:
            [L] in cm⁻¹, float64, or None.

        Raises:
            InputError: no axis, an axis of another length or outside the model's range, or none where one is needed.
        """
        if wavenumbers is None:
            if shape is not None and shape[-1] != self.length and not self.any_axis:
                raise InputError(
                    f"{name}() was given spectra of {shape[-1]} channels where the model has {self.length}: pass "
                    "their wavenumbers, so that they can be brought to the model's axis."
                )
            if shape is not None and self.any_axis and shape[-1] < FEWEST_CHANNELS:
                raise InputError(
                    f"{name}() was given an array of shape {shape}; it takes spectra [..., L], L ≥ {FEWEST_CHANNELS}."
                )
            return None
        size = np.size(wavenumbers)
        if shape is not None and size != shape[-1] and size in shape[:-1]:
            raise InputError(
                f"{name}() was given {size} wavenumbers and an array of shape {shape}: put the spectral axis last "
                "(numpy.moveaxis)."
            )
        axis = checked_axis(wavenumbers, size if shape is None else shape[-1], f"{name}()")
        inside = self.covers(axis)
        if remedy is not None and not inside.all():
            raise InputError(f"{self._ranges(axis)}: crop them to the model's range first{remedy}.")
        if inside.sum() < FEWEST_CHANNELS and not self._is_own(axis):
            raise InputError(
                f"{name}() was given {inside.sum()} channels inside the model's range; it takes {FEWEST_CHANNELS} or "
                "more."
            )
        return axis

    def _is_own(self, axis: np.ndarray) -> bool:
        """Whether an axis is the model's: a tenth of a channel is less than any instrument's calibration holds."""
        own = self.wavenumbers
        return (
            own is not None and axis.shape == own.shape and np.abs(axis - own).max() < 0.1 * np.abs(np.diff(own)).min()
        )

    def _resampling(self, axis: np.ndarray | None) -> tuple[np.ndarray, np.ndarray] | None:
        """([L, length], [length, L]): spectra @ matrix from an axis to the model's, and back; None where it is that."""
        if axis is None or self.wavenumbers is None or self._is_own(axis):
            return None
        return resampling_matrix(axis, self.wavenumbers), resampling_matrix(self.wavenumbers, axis)

    def holds(self, spectra: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """What is left of spectra [..., L] of an axis [L] in cm⁻¹ when they are brought to the model's and back."""
        matrices = self._resampling(axis)
        return spectra if matrices is None else spectra @ (matrices[0] @ matrices[1])
