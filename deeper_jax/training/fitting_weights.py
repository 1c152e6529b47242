"""Whether the weights of a checkpoint fit a network, and those of them that do."""

from collections.abc import Collection
from typing import Any

import jax

from deeper_jax.errors import InputError
from deeper_jax.training.digests import by_name, name_of
from deeper_jax.training.stored_checkpoints import StoredWeights

PyTree = Any


def check_fit(stored: StoredWeights, params: PyTree, stats: PyTree) -> None:
    """Raise InputError, with what is missing, left over and mis-shaped, unless the weights are shaped as the given."""
    found, wanted = _shapes(stored.params, stored.stats), _shapes(params, stats)
    missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    shapes = [f"{k}: {found[k]}, not {wanted[k]}" for k in sorted(found.keys() & wanted) if found[k] != wanted[k]]
    if missing or extra or shapes:
        raise InputError(
            f"{stored.path}: the weights do not fit the model (missing: {missing[:5] or 'none'}; "
            f"left over: {extra[:5] or 'none'}; other shapes: {shapes[:5] or 'none'}): "
            "use the config that the checkpoint was trained with, or to fine-tune what fits --config.init_partial=true."
        )


def fitting_weights(
    stored: StoredWeights, params: PyTree, stats: PyTree, without: Collection[str] = ()
) -> tuple[PyTree, PyTree, list[str]]:
    """The stored weights; what is missing there or has another shape keeps the given values.

    Args:
      stored: of `read_weights`.
      params, stats: the network's own.
      without: parts of the network (the first name of a parameter's path) that keep them in any case.

    Returns:
      Parameters, statistics, and in words what kept its values and what of the checkpoint was left.

    Raises:
      InputError: nothing fits.
    """
    like = {"params": params, "stats": stats}
    found, wanted = by_name({"params": stored.params, "stats": stored.stats}), by_name(like)
    kept = {name for name in wanted if name.split(".")[1] in without}
    unknown = sorted(set(without) - {name.split(".")[1] for name in wanted})
    if unknown:
        raise InputError(f"init_without names {', '.join(map(repr, unknown))}, which the network does not have.")
    fitting = {name for name in wanted.keys() - kept if name in found and found[name].shape == wanted[name].shape}
    if not fitting:
        raise InputError(f"{stored.path}: none of its weights fits the model; use a checkpoint of the same network.")
    words = [
        f"{name} {wanted[name].shape}: " + _why_not(name in kept, found.get(name))
        for name in sorted(wanted.keys() - fitting)
    ]
    words += [f"{name} {found[name].shape}: not in the model" for name in sorted(found.keys() - wanted.keys())]
    merged = jax.tree_util.tree_map_with_path(
        lambda path, leaf: found[name_of(path)] if name_of(path) in fitting else leaf, like
    )
    return merged["params"], merged["stats"], words


def _why_not(kept: bool, found: Any) -> str:
    if kept:
        return "kept, as asked"
    return "not in the checkpoint" if found is None else f"the checkpoint has shape {found.shape}"


def _shapes(params: PyTree, stats: PyTree) -> dict[str, tuple[int, ...]]:
    return {name: tuple(leaf.shape) for name, leaf in by_name({"params": params, "stats": stats}).items()}
