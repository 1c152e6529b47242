"""Winograd convolution (minimal filtering, Toom-Cook) of kernels three wide: fewer multiplications, as matrix products.

Four neighbouring outputs of a filter of three taps take twelve multiplications. Evaluated at six points, as
polynomials are multiplied, they take six, and over images sixteen outputs take 36 instead of 144. What is left is one
matrix product over the channels for each point, and three cheap linear maps: tiles of the input to points, taps of
the kernel to points, points to tiles of the output. Both gradients are the same steps transposed.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016: F(4, 3) and F(4x4, 3x3), with
the points 0, 1, -1, 2, -2 and infinity. In float32 the results are within about 1e-6 of the range of the direct sums.
"""

import functools
import operator
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

TAPS = 3
TILE = 4
POINTS = TILE + TAPS - 1

# [points, inputs under a tile], [points, taps] and [points, outputs of a tile].
_INPUTS = np.array(
    [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0]]
    + [[0, 4, 0, -5, 0, 1]],
    np.float32,
)
_TAPS = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], np.float32) / np.float32(24)
_OUTPUTS = np.array(
    [[1, 0, 0, 0], [1, 1, 1, 1], [1, -1, 1, -1], [1, 2, 4, 8], [1, -2, 4, -8], [0, 0, 0, 1]], np.float32
)

# Measured: below these the maps cost more than the multiplications saved.
_FEWEST_CHANNELS, _FEWEST_TILES = 64, 64
# Values of one chunk of the batch (1 MB): its tiles at the points stay in the processor's second-level cache.
_CHUNK = 2**18


def fits(kernel: jax.Array) -> bool:
    """Whether `kernel` [3, (3,) in, out] is one that this module can convolve with."""
    return all(size == TAPS for size in kernel.shape[:-2])


def pays(x: jax.Array, kernel: jax.Array) -> bool:
    """Whether the convolution of `x` with `kernel` is one for this module, and faster here than directly."""
    if not fits(kernel) or not x.dtype == kernel.dtype == jnp.float32:
        return False
    tiles = x.shape[0] * int(np.prod(_tiles(x.shape[1:-1])))
    return min(kernel.shape[-2:]) >= _FEWEST_CHANNELS and tiles >= _FEWEST_TILES


def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """[N, L, in] or [N, H, W, in] with kernel [3, (3,) in, out] to [N, ..., out]: stride 1, zero padding, float32."""
    at_points = kernel_at_points(kernel)
    pieces = _chunks(x)
    if len(pieces) == 1:
        return convolve_piece(x, at_points)
    y = jax.lax.map(lambda piece: convolve_piece(piece, at_points), pieces)
    return y.reshape(-1, *y.shape[2:])[: len(x)]


def gradients(x: jax.Array, kernel: jax.Array, gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The gradients to `x` and `kernel` from that to the output of `convolve`, [N, ..., out]."""
    at_points = kernel_at_points(kernel)

    def add_piece(total: jax.Array, piece: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        to_x, to_kernel = gradients_of_piece(piece[0], at_points, piece[1])
        return total + to_kernel, to_x

    pieces = _chunks(x)
    if len(pieces) == 1:
        to_x, to_kernel = gradients_of_piece(x, at_points, gradient)
    else:
        start = jnp.zeros_like(at_points)
        to_kernel, to_x = jax.lax.scan(add_piece, start, (pieces, _split(gradient, len(pieces))))
        to_x = to_x.reshape(-1, *x.shape[1:])[: len(x)]
    return to_x, kernel_from_points(to_kernel, x.ndim - 2)


def _chunks(x: jax.Array) -> jax.Array:
    return _split(x, -(-len(x) // max(1, _CHUNK // x[0].size)))


def _split(x: jax.Array, count: int) -> jax.Array:
    """[N, ...] to [count, ceil(N / count), ...], with zeros behind: they add nothing to any gradient."""
    size = -(-len(x) // count)
    padded = jnp.pad(x, [(0, count * size - len(x))] + [(0, 0)] * (x.ndim - 1))
    return padded.reshape(count, size, *x.shape[1:])


def convolve_piece(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """`convolve` of the whole of x at once, with a kernel of `kernel_at_points`."""
    products = _product(_to_points(x, _inputs_to_points), kernel, 2, 1)
    return _from_points(products, (*x.shape[:-1], kernel.shape[-1]), _points_to_outputs)


def gradients_of_piece(x: jax.Array, kernel: jax.Array, gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`gradients` of the whole of x at once; the kernel and its gradient are those of `kernel_at_points`."""
    to_products = _to_points(gradient, _outputs_to_points)
    to_x = _from_points(_product(to_products, kernel, 2, 2), x.shape, _points_to_inputs)
    return to_x, _product(_to_points(x, _inputs_to_points), to_products, 1, 1)


def _product(left: jax.Array, right: jax.Array, left_axis: int, right_axis: int) -> jax.Array:
    """One matrix product for each point."""
    return jax.lax.dot_general(left, right, (((left_axis,), (right_axis,)), ((0,), (0,))))


def _tiles(sizes: Sequence[int]) -> list[int]:
    return [-(-size // TILE) for size in sizes]


def _to_points(x: jax.Array, along: Callable[[jax.Array, int], jax.Array]) -> jax.Array:
    """[N, ..., C] to [points, all tiles, C], one spatial axis after another; the last one's points come first."""
    dimensions = x.ndim - 2
    for axis in range(dimensions):
        x = along(x, 1 + 2 * axis)
    return x.reshape(POINTS**dimensions, -1, x.shape[-1])


def _from_points(
    points: jax.Array, shape: Sequence[int], along: Callable[[jax.Array, int, int], jax.Array]
) -> jax.Array:
    """[points, all tiles, C] to `shape`, [N, ..., C]; the way back of `_to_points`."""
    dimensions = len(shape) - 2
    points = points.reshape(*[POINTS] * dimensions, shape[0], *_tiles(shape[1:-1]), shape[-1])
    for axis in reversed(range(dimensions)):
        points = along(points, 1 + 2 * axis, shape[1 + axis])
    return points


def _inputs_to_points(x: jax.Array, axis: int) -> jax.Array:
    """The zero-padded, overlapping tiles along `axis` at the points: [..., L, ...] to [6, ..., tiles, ...]."""
    tiles = -(-x.shape[axis] // TILE)
    blocks = _blocks(x, axis, 1, tiles + 1)
    pick = functools.partial(jax.lax.slice_in_dim, axis=axis)
    own, next_ones = pick(blocks, 0, tiles), pick(blocks, 1, tiles + 1)
    inputs = [jax.lax.index_in_dim(own, i, axis + 1, keepdims=False) for i in range(TILE)]
    inputs += [jax.lax.index_in_dim(next_ones, i, axis + 1, keepdims=False) for i in range(TAPS - 1)]
    return _expand(_INPUTS, inputs)


def _outputs_to_points(y: jax.Array, axis: int) -> jax.Array:
    """The transpose of `_points_to_outputs`: [..., L, ...] to [6, ..., tiles, ...]."""
    blocks = _blocks(y, axis, 0, -(-y.shape[axis] // TILE))
    return _expand(_OUTPUTS, [jax.lax.index_in_dim(blocks, i, axis + 1, keepdims=False) for i in range(TILE)])


def _points_to_outputs(points: jax.Array, axis: int, length: int) -> jax.Array:
    """[6, ..., tiles, ...] to [..., L, ...], where `axis` is that of L."""
    return _unblocked(_contract(_OUTPUTS, points, axis + 1), axis, 0, length)


def _points_to_inputs(points: jax.Array, axis: int, length: int) -> jax.Array:
    """The transpose of `_inputs_to_points`: each input of the next tile's two first gathers from both."""
    last = np.zeros((POINTS, TILE), np.float32)
    last[:, : TAPS - 1] = _INPUTS[:, TILE:]
    margins = [(0, 0)] * points.ndim
    margins[axis + 1] = (1, 1)
    padded = jnp.pad(points, margins)
    tiles = points.shape[axis + 1]
    own = jax.lax.slice_in_dim(padded, 1, tiles + 2, axis=axis + 1)
    previous = jax.lax.slice_in_dim(padded, 0, tiles + 1, axis=axis + 1)
    blocks = _contract(_INPUTS[:, :TILE], own, axis + 1) + _contract(last, previous, axis + 1)
    return _unblocked(blocks, axis, 1, length)


def kernel_at_points(kernel: jax.Array) -> jax.Array:
    """[3, (3,) in, out] to [6 or 36, in, out]."""
    points = kernel
    for axis in range(kernel.ndim - 2):
        points = _expand(_TAPS, [jax.lax.index_in_dim(points, tap, axis, keepdims=False) for tap in range(TAPS)])
    return points.reshape(-1, *kernel.shape[-2:])


def kernel_from_points(points: jax.Array, dimensions: int) -> jax.Array:
    """The transpose of `kernel_at_points`."""
    points = points.reshape(*[POINTS] * dimensions, *points.shape[1:])
    for axis in reversed(range(dimensions)):
        points = _contract(_TAPS, points, axis)
    return points


def _blocks(x: jax.Array, axis: int, before: int, count: int) -> jax.Array:
    """[..., L, ...] with `before` zeros in front, and zeros behind, to [..., count, 4, ...]."""
    margins = [(0, 0)] * x.ndim
    margins[axis] = (before, count * TILE - before - x.shape[axis])
    return jnp.pad(x, margins).reshape(*x.shape[:axis], count, TILE, *x.shape[axis + 1 :])


def _unblocked(blocks: jax.Array, axis: int, start: int, length: int) -> jax.Array:
    """The way back of `_blocks`."""
    rows = blocks.reshape(*blocks.shape[:axis], -1, *blocks.shape[axis + 2 :])
    return jax.lax.slice_in_dim(rows, start, start + length, axis=axis)


# Both maps are sums of products with broadcast constants, not matrix products: XLA makes one pass of each.
def _expand(matrix: np.ndarray, values: Sequence[jax.Array]) -> jax.Array:
    """[n, m] and m arrays [...] to [n, ...]."""
    columns = matrix.T.reshape(len(values), -1, *[1] * values[0].ndim)
    return functools.reduce(operator.add, (column * value for column, value in zip(columns, values, strict=True)))


def _contract(matrix: np.ndarray, values: jax.Array, axis: int) -> jax.Array:
    """[n, m] and [n, ...] to [..., m, ...], the new axis at `axis`."""
    rows = matrix.reshape(len(values), -1, *[1] * (values.ndim - 1 - axis))
    parts = (row * jnp.expand_dims(value, axis) for row, value in zip(rows, values, strict=True))
    return functools.reduce(operator.add, parts)
