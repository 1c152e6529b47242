"""Where each parameter of the released PyTorch networks goes in ours.

A `Slot` says, for one array of our model's state, which released names fill it and how PyTorch lays them out.
HyRISR's body is stacked here and flat there, so one slot takes the names of all groups and blocks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Shape = tuple[int, ...]
Path = tuple[str | int, ...]


class Layout(NamedTuple):
    """How PyTorch stores an array: its shape there from ours, and ours from its values."""

    torch_shape: Callable[[Shape], Shape]
    from_torch: Callable[[np.ndarray], np.ndarray]


VECTOR = Layout(lambda shape: shape, lambda array: array)
SCALAR = Layout(lambda shape: (1,), lambda array: array[0])
LINEAR = Layout(lambda shape: shape[::-1], lambda array: array.T)
CONVOLUTION_1D = Layout(lambda shape: shape[::-1], lambda array: array.T)
CONVOLUTION_2D = Layout(
    lambda shape: (shape[3], shape[2], shape[0], shape[1]), lambda array: array.transpose(2, 3, 1, 0)
)
POINTWISE_2D = Layout(lambda shape: (shape[1], shape[0], 1, 1), lambda array: array[:, :, 0, 0].T)


@dataclass(frozen=True)
class Slot:
    """One array of our model's state.

    Attributes:
        path: its keys in the state.
        names: released names that fill it, an array of strings with the stacking axes' shape (() for one).
        layout: how each of them is stored in PyTorch.
    """

    path: Path
    names: np.ndarray
    layout: Layout


def _slot(path: Path, name: str, layout: Layout) -> Slot:
    return Slot(path, np.array(name, dtype=object), layout)


def _kernel_and_bias(path: Path, name: str, layout: Layout) -> Iterator[Slot]:
    yield _slot((*path, "kernel"), f"{name}.weight", layout)
    yield _slot((*path, "bias"), f"{name}.bias", VECTOR)


# Our stages, the released module that holds each, and whether a last unit follows the residual there.
_STAGES = (
    ("encoder1", "conv1", None),
    ("encoder2", "conv2", None),
    ("middle", "conv3", "conv3.2"),
    ("decoder2", "conv4", "conv4.2"),
    ("decoder1", "conv5", "conv6.0"),
)


def resunet1d_slots(batch_norm: bool) -> list[Slot]:
    """All slots of ResUNet1D."""
    layers = 3 if batch_norm else 2
    slots: list[Slot] = []

    def unit(path: Path, prefix: str, first: int) -> None:
        slots.extend(_kernel_and_bias((*path, "convolution"), f"{prefix}.body.{first}", CONVOLUTION_1D))
        slots.append(_slot((*path, "activation", "slope"), f"{prefix}.body.{first + 1}.weight", SCALAR))
        if batch_norm:
            ours = {"scale": "weight", "bias": "bias", "mean": "running_mean", "variance": "running_var"}
            for name, theirs in ours.items():
                slots.append(_slot((*path, "norm", name), f"{prefix}.body.{first + 2}.{theirs}", VECTOR))

    for stage, prefix, last in _STAGES:
        unit((stage, "entry"), f"{prefix}.0", 0)
        for i in range(3):
            unit((stage, "residual", "units", i), f"{prefix}.1", layers * i)
        if last is not None:
            unit((stage, "exit"), last, 0)
    for i in range(3):
        slots.extend(_kernel_and_bias(("head", i, "linear"), f"linear7.body.{2 * i}", LINEAR))
        slots.append(_slot(("head", i, "activation", "slope"), f"linear7.body.{2 * i + 1}.weight", SCALAR))
    return slots


def hyrisr_slots(scale: int, groups: int, blocks: int) -> list[Slot]:
    """All slots of HyRISR."""
    single: list[tuple[Path, str]] = [(("upsamplers", i), f"head1.0.{2 * i}") for i in range(2 if scale == 4 else 1)]
    single += [(("blend",), "head1.1"), (("spectral_down",), "head2.0")]
    single += [(("body_end",), f"body.{groups}"), (("tail",), "tail.0"), (("spectral_up",), "tail.1")]
    slots = [slot for path, name in single for slot in _kernel_and_bias(path, name, CONVOLUTION_2D)]

    parts = {
        "first": ("0", CONVOLUTION_2D),
        "second": ("2", CONVOLUTION_2D),
        "squeeze": ("3.chan_attn.0", POINTWISE_2D),
        "excite": ("3.chan_attn.2", POINTWISE_2D),
    }
    for part, (place, layout) in parts.items():
        for ours, theirs, kind in (("kernel", "weight", layout), ("bias", "bias", VECTOR)):
            names = [[f"body.{g}.body.{b}.body.{place}.{theirs}" for b in range(blocks)] for g in range(groups)]
            slots.append(Slot(("body", "blocks", f"{part}_{ours}"), np.array(names, dtype=object), kind))
    for ours, theirs, kind in (("kernel", "weight", CONVOLUTION_2D), ("bias", "bias", VECTOR)):
        names_of_groups = [f"body.{g}.body.{blocks}.{theirs}" for g in range(groups)]
        slots.append(Slot(("body", ours), np.array(names_of_groups, dtype=object), kind))
    return slots
