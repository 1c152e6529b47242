"""The data set that `deeper_jax.enhance` answers with: values, uncertainty, marks, and how they came about."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from deeper_jax.enhancement.checked_spectra import Checked
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra
from deeper_jax.enhancement.unloaded_spectra import is_loaded
from deeper_jax.version import __version__


class EnhancedMap:
    """An enhanced map in the making, filled block by block, on the measured grid; in memory, in a file or both."""

    def __init__(
        self,
        data: Any,
        spectra: MeasuredSpectra,
        keep: Sequence[str] = (),
        file: Any = None,
        falling: bool = False,
        in_memory: bool = True,
    ) -> None:
        """Make room for it, NaN where no spectrum was measured.

        Args:
            data: the measured map, an `xarray.DataArray` [..., L].
            spectra: what was measured of it.
            keep: further fields of `Checked` that are wanted later, in `kept`.
            file: a `MapInPieces` that takes what is as large as the map, or None.
            falling: whether the file is to have the channels the other way round.
            in_memory: whether what is as large as the map is kept in memory.
        """
        self.data, self._spectra, self._file = data, spectra, file
        self._places = None if spectra.present.all() else np.flatnonzero(spectra.present)
        self._turned = slice(None, None, -1 if falling else 1)
        dtype = np.float32 if data.dtype == np.float32 else np.float64
        self._pixel_flagged = np.zeros(spectra.present.size, bool)
        measured = None
        if in_memory:
            self.arrays = {name: np.empty(data.shape, dtype) for name in _NUMBERS}
            for array in self.arrays.values() if self._places is not None else ():
                array[~spectra.present] = np.nan
            measured = _as_it_is(data.values, spectra.present, dtype) if is_loaded(data) else None
            if measured is not None:
                self.arrays["measured"] = measured
            self.arrays |= {name: np.zeros(data.shape, bool) for name in _MARKS}
        else:
            # What stands for them while the file grows takes no memory.
            kinds = dict.fromkeys(_NUMBERS, np.dtype(dtype)) | dict.fromkeys(_MARKS, np.dtype(bool))
            self.arrays = {name: np.broadcast_to(np.zeros((), kind), data.shape) for name, kind in kinds.items()}
        # The arrays that blocks are copied to.
        self._filled = [name for name in self.arrays if in_memory and not (name == "measured" and measured is not None)]
        if file is not None:
            file.begin(self._large().isel(wavenumber=self._turned))
        self.kept = {name: np.zeros(spectra.shape) for name in keep}
        self._flagged = 0
        self._squares = np.zeros(2)

    def put(self, block: Checked) -> None:
        """Take over consecutive spectra."""
        values = {
            "intensity": block.spectra,
            "uncertainty": block.std,
            "cosmic_ray": block.removed | block.suspected,
            "cosmic_ray_removed": block.removed,
            "flagged": block.flagged,
        }
        if "measured" in self._filled or self._file is not None:
            values["measured"] = self._spectra.as_measured(block.rows)
        places = block.rows if self._places is None else self._places[block.rows]
        for name in self._filled:
            self.arrays[name].reshape(-1, self.data.shape[-1])[places] = values[name]
        if self._file is not None:
            self._file.put(places, {name: each[:, self._turned] for name, each in values.items()})
        for name, array in self.kept.items():
            array[block.rows] = getattr(block, name)
        flagged = block.flagged.any(1)
        self._pixel_flagged[places] = flagged
        self._flagged += int(flagged.sum())
        self._squares += [np.square(each, dtype=np.float64).sum() for each in (block.noise, block.std)]

    def finished(self, steps: Sequence[dict[str, Any]]) -> Any:
        """The `xarray.Dataset`; of what lies in a file alone it has no values.

        steps: what was done, one dictionary with a `name` each, kept as a JSON string.
        """
        settings = {name: value for step in steps for name, value in step.items()}
        noise_rms, uncertainty_rms = np.sqrt(self._squares / np.prod(self._spectra.shape))
        attrs = {
            "created_by": f"deeper_jax {__version__}",
            "source_file": str(self.data.attrs.get("source_file", "")),
            "steps": json.dumps([*steps, {"name": "residual_check", "spectra_flagged": self._flagged}]),
            "spectra": len(self._spectra),
            "spectra_flagged": self._flagged,
            "spectra_with_cosmic_rays": settings["spectra_changed"],
            "spectra_with_suspected_cosmic_rays": settings["spectra_suspected"],
            "channels_dropped": settings["dropped"],
            "channels_kept_unchanged": settings["kept_unchanged"],
            "noise_rms": float(noise_rms),
            "uncertainty_rms": float(uncertainty_rms),
        }
        on_grid = self._pixel_flagged.reshape(self._spectra.present.shape)
        return self._large().assign(pixel_flagged=(self.data.dims[:-1], on_grid, _MARKS["flagged"])).assign_attrs(attrs)

    def _large(self) -> Any:
        """The `xarray.Dataset` of what is as large as the map."""
        import xarray

        unit = self.data.attrs.get("units", "a.u.")
        variables = {
            name: (self.data.dims, self.arrays[name], _NUMBERS[name] | {"units": unit})
            for name in ("uncertainty", "measured")
        } | {name: (self.data.dims, self.arrays[name], words) for name, words in _MARKS.items()}
        intensity = self.data.copy(data=self.arrays["intensity"]).rename("intensity")
        return xarray.Dataset({"intensity": intensity, **variables})


def _as_it_is(values: np.ndarray, present: np.ndarray, dtype: Any) -> np.ndarray | None:
    """The array of the measured map, read-only and not copied; None if it is not what the enhanced one is to hold."""
    if values.dtype != dtype or not np.isnan(values[~present]).all():
        return None
    view = values.view()
    view.flags.writeable = False
    return view


_NUMBERS = {
    "intensity": {},
    "uncertainty": {"long_name": "standard deviation of the error"},
    "measured": {"long_name": "intensity as measured"},
}
_MARKS = {
    "cosmic_ray": {"long_name": "removed as a cosmic ray, or suspected to be one"},
    "cosmic_ray_removed": {"long_name": "removed as a cosmic ray"},
    "flagged": {"long_name": "more than noise was taken away there, or would have been"},
}
# Variables on the grid that was measured.
ON_MEASURED_GRID = ("measured", "cosmic_ray", "cosmic_ray_removed", "flagged", "pixel_flagged")
# Of what the spectra have in common, where something was found.
COMPONENTS = ("component_scores", "component_spectra")


def model_record(model: Any) -> dict[str, Any]:
    """What identifies a loaded model: its name, step, versions and network."""
    return {
        "name": str(model.record.get("source") or model.record.get("checkpoint", "")),
        "step": model.record.get("step"),
        "versions": model.record.get("versions"),
        "network": model.config.get("model"),
    }


def on_finer_grid(result: Any, intensity: np.ndarray, uncertainty: np.ndarray, grid: dict[str, np.ndarray]) -> Any:
    """The data set of an enhanced map made finer; what belongs to the measured grid stays on it, under other names.

    Args:
        result: the enhanced map, of dimensions y, x and wavenumber.
        intensity, uncertainty: [H, W, L] on the finer grid.
        grid: the finer coordinates of y and x, [H] and [W].

    Returns:
        The finer map, with the enhanced one as `denoised` and the marks, dimensions `y_measured` and `x_measured`.
    """
    import xarray

    image = result["intensity"]
    coordinates = {name: (name, values, image[name].attrs) for name, values in grid.items()}
    measured = result.rename({"y": "y_measured", "x": "x_measured"}).rename({"intensity": "denoised"})
    finer = xarray.Dataset(
        {
            "intensity": (image.dims, intensity.astype(image.dtype), image.attrs),
            "uncertainty": (image.dims, uncertainty.astype(image.dtype), result["uncertainty"].attrs),
        },
        {**coordinates, "wavenumber": image["wavenumber"]},
    )
    kept = ("denoised", *ON_MEASURED_GRID, *(name for name in COMPONENTS if name in measured))
    finer = finer.assign({name: measured[name] for name in kept})
    return finer.assign_attrs(result.attrs)
