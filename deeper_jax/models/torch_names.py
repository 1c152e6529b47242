"""Where each parameter of the released PyTorch networks goes in ours.

For each array of our model's state, by its keys there, the released names that fill it: an array of strings with the
stacking axes' shape, () for one. HyRISR's body is stacked here and flat there, so its arrays take the names of all
groups and blocks.
"""

import numpy as np

Path = tuple[str | int, ...]
Names = dict[Path, np.ndarray]


def _names(theirs: object) -> np.ndarray:
    return np.array(theirs, dtype=object)


def _kernel_and_bias(path: Path, name: str) -> Names:
    return {(*path, "kernel"): _names(f"{name}.weight"), (*path, "bias"): _names(f"{name}.bias")}


# Our stages, the released module that holds each, and whether a last unit follows the residual there.
_STAGES = (
    ("encoder1", "conv1", None),
    ("encoder2", "conv2", None),
    ("middle", "conv3", "conv3.2"),
    ("decoder2", "conv4", "conv4.2"),
    ("decoder1", "conv5", "conv6.0"),
)


def resunet1d_names(batch_norm: bool) -> Names:
    """Those of ResUNet1D."""
    layers = 3 if batch_norm else 2
    names: Names = {}

    def unit(path: Path, prefix: str, first: int) -> None:
        names.update(_kernel_and_bias((*path, "convolution"), f"{prefix}.body.{first}"))
        names[*path, "activation", "slope"] = _names(f"{prefix}.body.{first + 1}.weight")
        if batch_norm:
            ours = {"scale": "weight", "bias": "bias", "mean": "running_mean", "variance": "running_var"}
            for name, theirs in ours.items():
                names[*path, "norm", name] = _names(f"{prefix}.body.{first + 2}.{theirs}")

    for stage, prefix, last in _STAGES:
        unit((stage, "entry"), f"{prefix}.0", 0)
        for i in range(3):
            unit((stage, "residual", "units", i), f"{prefix}.1", layers * i)
        if last is not None:
            unit((stage, "exit"), last, 0)
    for i in range(3):
        names.update(_kernel_and_bias(("head", i, "linear"), f"linear7.body.{2 * i}"))
        names["head", i, "activation", "slope"] = _names(f"linear7.body.{2 * i + 1}.weight")
    return names


def hyrisr_names(scale: int, groups: int, blocks: int) -> Names:
    """Those of HyRISR."""
    single: dict[Path, str] = {("upsamplers", i): f"head1.0.{2 * i}" for i in range(2 if scale == 4 else 1)}
    single |= {("blend",): "head1.1", ("spectral_down",): "head2.0"}
    single |= {("body_end",): f"body.{groups}", ("tail",): "tail.0", ("spectral_up",): "tail.1"}
    names: Names = {}
    for path, name in single.items():
        names.update(_kernel_and_bias(path, name))
    parts = {"first": "0", "second": "2", "squeeze": "3.chan_attn.0", "excite": "3.chan_attn.2"}
    for ours, theirs in (("kernel", "weight"), ("bias", "bias")):
        for part, place in parts.items():
            names["body", "blocks", f"{part}_{ours}"] = _names(
                [[f"body.{g}.body.{b}.body.{place}.{theirs}" for b in range(blocks)] for g in range(groups)]
            )
        names["body", ours] = _names([f"body.{g}.body.{blocks}.{theirs}" for g in range(groups)])
    return names
