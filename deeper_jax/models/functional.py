"""A Flax NNX module as pure functions of plain nested dictionaries.

The module is split once, here; the jitted steps then carry only arrays, and `jax.jit` never has to walk the
module graph in Python (`nnx.jit` does so at every call, which costs small models dearly).
"""

from typing import Any

import jax
import numpy as np
from flax import nnx

from deeper_jax.errors import InputError
from deeper_jax.models.layers import BatchNorm

PyTree = Any


def _string_keys(tree: PyTree) -> PyTree:
    """Give every level string keys: list positions are integers in Flax, and checkpoints store names."""
    if isinstance(tree, dict):
        return {str(key): _string_keys(value) for key, value in tree.items()}
    return tree


def check_finite(source: Any, weights: PyTree) -> None:
    """Raise InputError naming `source` if one of the weights, arrays in dictionaries, is NaN or infinite."""
    leaves = jax.tree_util.tree_leaves_with_path(weights)
    bad = [
        jax.tree_util.keystr(path, simple=True, separator=".") for path, leaf in leaves if not np.isfinite(leaf).all()
    ]
    if bad:
        raise InputError(
            f"{source}: found NaN or infinite weights ({', '.join(bad[:5])}{' ...' if len(bad) > 5 else ''}), expected "
            "finite ones, which a training that diverged does not leave; take an earlier checkpoint or another file."
        )


class FunctionalModel:
    """Pure training and evaluation functions of one module.

    Attributes:
      params: the initial trainable parameters, nested dictionaries of arrays with string keys.
      stats: the initial running statistics (BatchNorm), likewise; empty if the module has none.
      batch_axes: names of the axes of devices that its batch statistics are taken over; None for this device's own.
    """

    def __init__(self, module: nnx.Module) -> None:
        self.batch_axes = {part.axis_name for _, part in module.iter_modules() if isinstance(part, BatchNorm)}
        self._graphs: dict[bool, Any] = {}
        for training in (True, False):
            module.train() if training else module.eval()
            split: Any = nnx.split(module, nnx.Param, ...)
            self._graphs[training], params, stats = split
        self._params_like, self._stats_like = params, stats
        self.params = _string_keys(nnx.to_pure_dict(params))
        self.stats = _string_keys(nnx.to_pure_dict(stats))

    def _merge(self, params: PyTree, stats: PyTree, *, training: bool) -> Any:
        states = []
        for like, tree in ((self._params_like, params), (self._stats_like, stats)):
            # A state of its own: the module's writes must not reach the template.
            state = jax.tree.map(lambda leaf: leaf, like)
            nnx.replace_by_pure_dict(state, nnx.restore_int_paths(tree))
            states.append(state)
        return nnx.merge(self._graphs[training], *states)

    def train(self, params: PyTree, stats: PyTree, inputs: jax.Array) -> tuple[jax.Array, PyTree]:
        """Forward pass in training mode: the output and the updated running statistics."""
        module = self._merge(params, stats, training=True)
        output = module(inputs)
        split: Any = nnx.split(module, nnx.Param, ...)
        return output, _string_keys(nnx.to_pure_dict(split[2]))

    def evaluate(self, params: PyTree, stats: PyTree, *inputs: jax.Array) -> jax.Array:
        """Forward pass in evaluation mode: running statistics are used and left alone."""
        return self._merge(params, stats, training=False)(*inputs)

    def count(self) -> int:
        """Number of trainable parameters."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.params))
