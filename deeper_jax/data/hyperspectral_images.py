"""Hyperspectral images of one spectral axis in memory, and their split into training, validation and test."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.spectra.raster import bin_spectra
from deeper_jax.spectra.resampling import resampling_matrix


@dataclass(frozen=True, eq=False)
class HyperspectralImages:
    """Hyperspectral images of one spectral axis; heights and widths may differ.

    images: [H, W, L] float32 each, possibly memory-mapped and read-only. names: one an image, all different.
    wavenumbers: [L] float64 in cm^-1, ascending. steps: preprocessing already applied, one JSON-able dict a
    step. truths: noise-free images of the same shapes (simulated data only). test_names: images that the
    source itself keeps for testing. notes: what `preprocess_images` removed, in words.
    """

    images: list[np.ndarray]
    names: tuple[str, ...]
    wavenumbers: np.ndarray | None
    source: str
    simulated: bool = False
    steps: tuple[dict[str, Any], ...] = ()
    truths: list[np.ndarray] | None = None
    test_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.images) != len(self.names) or len(set(self.names)) != len(self.names) or not self.images:
            raise ValueError(f"{len(self.images)} images with the names {self.names}: one different name each")
        if any(image.ndim != 3 or image.shape[-1] != self.length for image in self.images):
            raise ValueError(f"images {[image.shape for image in self.images]}: expected [H, W, L], one L")
        shapes = [image.shape for image in self.images]
        if self.truths is not None and [truth.shape for truth in self.truths] != shapes:
            raise ValueError("truths do not match the images")
        if self.wavenumbers is not None and self.wavenumbers.shape != (self.length,):
            raise ValueError(f"wavenumbers {self.wavenumbers.shape} do not match {self.length} channels")
        if not set(self.test_names) <= set(self.names):
            raise ValueError(f"test_names {self.test_names} are not all among the names")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def length(self) -> int:
        """L, the number of spectral channels."""
        return self.images[0].shape[-1]

    def select(self, names: Iterable[str]) -> "HyperspectralImages":
        """The named images only, in the order of this set. Raises InputError on unknown or no names."""
        wanted = set(names)
        unknown = sorted(wanted - set(self.names))
        if unknown or not wanted:
            raise InputError(
                f"{self.source}: found no image {', '.join(map(repr, unknown)) or 'named'}, expected some of "
                f"{', '.join(map(repr, self.names))}; check the names."
            )
        kept = [i for i, name in enumerate(self.names) if name in wanted]
        return replace(
            self,
            images=[self.images[i] for i in kept],
            names=tuple(self.names[i] for i in kept),
            truths=None if self.truths is None else [self.truths[i] for i in kept],
            test_names=tuple(name for name in self.test_names if name in wanted),
        )

    def binned(self, length: int) -> "HyperspectralImages":
        """The same images with neighbouring channels averaged to `length` ones; see `raster.bin_spectra`."""
        if length == self.length:
            return self

        def bin_each(images: list[np.ndarray]) -> list[np.ndarray]:
            return [bin_spectra(image, None, length=length)[0] for image in images]

        return replace(
            self,
            images=bin_each(self.images),
            truths=None if self.truths is None else bin_each(self.truths),
            wavenumbers=bin_spectra(self.images[0][:1, :1], self.wavenumbers, length=length)[1],
            steps=(*self.steps, {"name": "bin", "length": length}),
        )

    def resampled(self, wavenumbers: np.ndarray) -> "HyperspectralImages":
        """The same images on another axis `[L']` in cm^-1, rising; see `resampling.resampling_matrix`.

        Raises:
          InputError: the images carry no axis, or do not cover the new one but for half a channel.
        """
        new = np.asarray(wavenumbers, np.float64)
        if self.wavenumbers is None:
            raise InputError(f"{self.source}: its images carry no wavenumbers, so they cannot be resampled.")
        slack = np.abs(np.diff(self.wavenumbers)).max() / 2
        if new[0] < self.wavenumbers[0] - slack or new[-1] > self.wavenumbers[-1] + slack:
            raise InputError(
                f"{self.source}: its images cover {self.wavenumbers[0]:g} to {self.wavenumbers[-1]:g} cm^-1, expected "
                f"{new[0]:g} to {new[-1]:g} cm^-1 or more; set --config.data.axis to a range within."
            )
        matrix = resampling_matrix(self.wavenumbers, new).astype(np.float32)
        return replace(
            self,
            images=[image @ matrix for image in self.images],
            truths=None if self.truths is None else [truth @ matrix for truth in self.truths],
            wavenumbers=new,
            steps=(*self.steps, {"name": "resample", "low": float(new[0]), "high": float(new[-1]), "length": new.size}),
        )


def split_images(
    images: HyperspectralImages,
    fractions: tuple[float, float, float] = (0.85, 0.10, 0.05),
    *,
    test_names: Iterable[str] | None = None,
    validation_names: Iterable[str] = (),
) -> dict[str, HyperspectralImages]:
    """Split whole images in their order into 'train', 'validation' and 'test'; empty ones are left out.

    Args:
        images: what to split.
        fractions: shares of the three, adding up to 1; rounded as the released code does (169 images: 144, 17, 8),
            but from three images on no positive share stays empty.
        test_names: test on these instead (None: on those that the source marks, if any); then the other two shares
            divide the rest.
        validation_names: likewise.

    Raises:
        InputError: impossible fractions, unknown or doubly used names, or nothing to train on.
    """
    if min(fractions) < 0 or fractions[0] <= 0 or not np.isclose(sum(fractions), 1):
        raise InputError(
            f"fractions: found {fractions}, expected three shares adding up to 1, the first above 0; correct them."
        )
    test = images.test_names if test_names is None else tuple(test_names)
    validation = tuple(validation_names)
    for name in (*test, *validation):
        if name not in images.names or (name in test and name in validation):
            raise InputError(
                f"test_names, validation_names: found '{name}' unknown or in both, expected each of "
                f"{', '.join(images.names)} in one at most; correct the names."
            )
    rest = [name for name in images.names if name not in test and name not in validation]
    if not test and not validation:
        validation, test = _named_shares(rest, fractions[1], fractions[2])
    elif not validation:
        validation, _ = _named_shares(rest, fractions[1] / (fractions[0] + fractions[1]), 0.0)
    elif not test:
        _, test = _named_shares(rest, 0.0, fractions[2] / (fractions[0] + fractions[2]))
    train = tuple(name for name in rest if name not in test and name not in validation)
    if not train:
        raise InputError(
            f"{images.source}: found all {len(images)} images in validation and test, expected at least one "
            "to train on; name fewer."
        )
    splits = {"train": train, "validation": validation, "test": test}
    return {split: images.select(names) for split, names in splits.items() if names}


def split_into_strips(
    images: HyperspectralImages, count: int, test: int, *, gap: int = 1
) -> dict[str, HyperspectralImages]:
    """Cut every image across its longer side into strips: one is 'test', the next 'validation', the rest 'train'.

    For who has one map only. Strips that stay together stay one image.

    Args:
      images: the images.
      count: strips of an image, at least 3, equally wide but for rounding.
      test: which one is for testing, 0 to count - 1; the strip after it (the first after the last) validates.
      gap: pixels of training strips left out next to other strips, because the optics blur across the cut.

    Raises:
      InputError: an impossible number, or images too small for it.
    """
    if count < 3 or not 0 <= test < count:
        raise InputError(f"strips: found {count} with number {test} for testing; give 3 or more, counted from 0.")
    held = {test: "test", (test + 1) % count: "validation"}
    uses = [held.get(strip, "train") for strip in range(count)]
    parts: dict[str, dict[str, tuple[int, slice, int]]] = {"train": {}, "validation": {}, "test": {}}
    for index, (name, image) in enumerate(zip(images.names, images.images, strict=True)):
        axis = int(np.argmax(image.shape[:2]))
        edges = np.linspace(0, image.shape[axis], count + 1).round().astype(int)
        for first, last, use in _runs(uses):
            begin, end = edges[first], edges[last]
            if use == "train":
                begin, end = begin + gap * (first > 0), end - gap * (last < count)
            if end - begin < 2:
                raise InputError(
                    f"{images.source}: image '{name}' of {image.shape[0]} x {image.shape[1]} pixels is too small for "
                    f"{count} strips; use fewer."
                )
            parts[use][f"{name}, {'yx'[axis]} {begin} to {end - 1}"] = (index, slice(begin, end), axis)

    def cut(source: list[np.ndarray], place: tuple[int, slice, int]) -> np.ndarray:
        index, pixels, axis = place
        return source[index][pixels] if axis == 0 else source[index][:, pixels]

    return {
        use: replace(
            images,
            images=[cut(images.images, place) for place in places.values()],
            names=tuple(places),
            truths=None if images.truths is None else [cut(images.truths, place) for place in places.values()],
            test_names=(),
        )
        for use, places in parts.items()
    }


def _runs(uses: Sequence[str]) -> list[tuple[int, int, str]]:
    """Neighbours of equal use: (first, one after the last, use)."""
    edges = [i for i in range(len(uses) + 1) if i in (0, len(uses)) or uses[i] != uses[i - 1]]
    return [(first, last, uses[first]) for first, last in itertools.pairwise(edges)]


def _named_shares(names: Sequence[str], validation: float, test: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names that follow the training images: (validation, test)."""
    count = len(names)
    train = round((1 - validation - test) * count)
    held = [0, 0]
    held[0] = min(round(validation * count), count - train) if test else count - train
    held[1] = count - train - held[0]
    if count >= 3:
        held = [max(n, 1) if share > 0 else n for n, share in zip(held, (validation, test), strict=True)]
    start = max(count - sum(held), 0)
    return tuple(names[start : start + held[0]]), tuple(names[start + held[0] :])
