"""A Flax NNX module as pure functions of plain nested dictionaries.

The module is split once, here; the jitted steps then carry only arrays, and `jax.jit` never has to walk the
module graph in Python (`nnx.jit` does so at every call, which costs small models dearly).
"""

from typing import Any, NamedTuple

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


def plain_tree(state: Any) -> PyTree:
    """A module's parameters or statistics as nested dictionaries of arrays with string keys."""
    return _string_keys(nnx.to_pure_dict(state))


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


class Architecture(NamedTuple):
    """What networks share that differ in their weights alone; it may be a key.

    Attributes:
      graph: of the module in evaluation mode.
      structure: of its parameters and running statistics.
      shapes: of each of these, with its dtype.
    """

    graph: Any
    structure: Any
    shapes: tuple[tuple[tuple[int, ...], np.dtype], ...]

    def weights(self) -> tuple[Any, Any]:
        """Shapes in place of parameters and of running statistics."""
        return jax.tree.unflatten(self.structure, [jax.ShapeDtypeStruct(*shape) for shape in self.shapes])

    def evaluate(self, params: PyTree, stats: PyTree, *inputs: jax.Array) -> jax.Array:
        """As `FunctionalModel.evaluate`."""
        return _merge(self.graph, self.weights(), (params, stats))(*inputs)


def _merge(graph: Any, like: tuple[Any, Any], weights: tuple[PyTree, PyTree]) -> Any:
    """The module of a graph with these parameters and statistics, whose places are those of `like`."""
    states = []
    for template, tree in zip(like, weights, strict=True):
        # A state of its own: the module's writes must not reach the template.
        state = jax.tree.map(lambda leaf: leaf, template)
        nnx.replace_by_pure_dict(state, nnx.restore_int_paths(tree))
        states.append(state)
    return nnx.merge(graph, *states)


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
        self._like = params, stats
        self.params, self.stats = plain_tree(params), plain_tree(stats)

    def architecture(self) -> Architecture:
        """All of it but the weights."""
        leaves, structure = jax.tree.flatten(self._like)
        return Architecture(self._graphs[False], structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves))

    def train(self, params: PyTree, stats: PyTree, inputs: jax.Array) -> tuple[jax.Array, PyTree]:
        """Forward pass in training mode: the output and the updated running statistics."""
        module = _merge(self._graphs[True], self._like, (params, stats))
        output = module(inputs)
        split: Any = nnx.split(module, nnx.Param, ...)
        return output, plain_tree(split[2])

    def evaluate(self, params: PyTree, stats: PyTree, *inputs: jax.Array) -> jax.Array:
        """Forward pass in evaluation mode: running statistics are used and left alone."""
        return _merge(self._graphs[False], self._like, (params, stats))(*inputs)

    def count(self) -> int:
        """Number of trainable parameters."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.params))
