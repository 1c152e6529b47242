"""Convolutions three wide by minimal filtering (Winograd, Toom-Cook): fewer multiplications, as matrix products.

Four neighbouring outputs of a filter with three taps take twelve multiplications; evaluated at six points, as
polynomials are multiplied, they take six (F(4, 3)), and over images, sixteen outputs take 36 instead of 144. What is
left is one matrix product of all channels for each point, and three cheap linear maps: tiles of the input to points,
taps of the kernel to points, points to tiles of the output. Both gradients are the same steps transposed.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016 (points 0, 1, -1, 2, -2 and
infinity).
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

TAPS = 3
TILE = 4
POINTS = TILE + TAPS - 1

# [points, inputs of a tile], [points, taps] and [points, outputs of a tile].
_INPUT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    np.float32,
)
_KERNEL = (
    np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / [[6], [24], [24], [24], [24], [24]]
).astype(np.float32)
_KERNEL[0] = [0.25, 0, 0]
_OUTPUT = np.array([[1, 0, 0, 0], [1, 1, 1, 1], [1, -1, 1, -1], [1, 2, 4, 8], [1, -2, 4, -8], [0, 0, 0, 1]], np.float32)


def _to_points(x: jax.Array, axis: int) -> jax.Array:
    """[..., L, ...] to [6, ..., tiles, ...]: the zero-padded, overlapping tiles along `axis` at the six points."""
    before, length, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    tiles = -(-length // TILE)
    margins = [(0, 0)] * x.ndim
    margins[axis] = (1, (tiles + 1) * TILE - 1 - length)
    blocks = jnp.pad(x, margins).reshape(-1, tiles + 1, TILE, int(np.prod(after)))
    values = [blocks[:, :-1, i] for i in range(TILE)] + [blocks[:, 1:, i] for i in range(TAPS - 1)]
    matrix = jnp.asarray(_INPUT)[:, :, None, None, None]
    points = sum(matrix[:, i] * value for i, value in enumerate(values))
    return points.reshape(POINTS, *before, tiles, *after)


def _to_points_transposed(points: jax.Array, axis: int, length: int) -> jax.Array:
    """The transpose of `_to_points`: [6, ..., tiles, ...] to [..., L, ...], `axis` being that of the tiles there."""
    shape = points.shape[1:]
    before, tiles, after = shape[:axis], shape[axis], shape[axis + 1 :]
    points = points.reshape(POINTS, -1, tiles, 1, int(np.prod(after)))
    own = np.zeros((POINTS, TILE, 1), np.float32)
    own[:, :, 0] = _INPUT[:, :TILE]
    neighbours = np.zeros_like(own)
    neighbours[:, : TAPS - 1, 0] = _INPUT[:, TILE:]
    padded = jnp.pad(points, ((0, 0), (0, 0), (1, 1), (0, 0), (0, 0)))
    blocks = sum(own[p] * padded[p, :, 1:] + neighbours[p] * padded[p, :, :-1] for p in range(POINTS))
    rows = blocks.reshape(*before, (tiles + 1) * TILE, *after)
    return jax.lax.slice_in_dim(rows, 1, 1 + length, axis=axis)


def _from_points(points: jax.Array, axis: int, length: int) -> jax.Array:
    """[6, ..., tiles, ...] to [..., L, ...], `axis` being that of the tiles in the result."""
    shape = points.shape[1:]
    before, tiles, after = shape[:axis], shape[axis], shape[axis + 1 :]
    points = points.reshape(POINTS, -1, tiles, 1, int(np.prod(after)))
    matrix = jnp.asarray(_OUTPUT)[:, :, None]
    rows = sum(matrix[p] * points[p] for p in range(POINTS)).reshape(*before, tiles * TILE, *after)
    return jax.lax.slice_in_dim(rows, 0, length, axis=axis)


def _from_points_transposed(x: jax.Array, axis: int) -> jax.Array:
    """The transpose of `_from_points`: [..., L, ...] to [6, ..., tiles, ...]."""
    before, length, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    tiles = -(-length // TILE)
    margins = [(0, 0)] * x.ndim
    margins[axis] = (0, tiles * TILE - length)
    blocks = jnp.pad(x, margins).reshape(-1, tiles, TILE, int(np.prod(after)))
    matrix = jnp.asarray(_OUTPUT)[:, :, None, None, None]
    points = sum(matrix[:, i] * blocks[:, :, i] for i in range(TILE))
    return points.reshape(POINTS, *before, tiles, *after)


def _kernel_points(kernel: jax.Array) -> jax.Array:
    """[3, (3,) in, out] to [6 (x 6), in, out]."""
    if kernel.ndim == 3:
        return jnp.einsum("pk,kio->pio", _KERNEL, kernel, precision="highest")
    points = jnp.einsum("pk,ql,klio->qpio", _KERNEL, _KERNEL, kernel, precision="highest")
    return points.reshape(-1, *kernel.shape[2:])


def _kernel_taps(points: jax.Array, dimensions: int) -> jax.Array:
    """The transpose of `_kernel_points`."""
    if dimensions == 1:
        return jnp.einsum("pk,pio->kio", _KERNEL, points, precision="highest")
    points = points.reshape(POINTS, POINTS, *points.shape[1:])
    return jnp.einsum("pk,ql,qpio->klio", _KERNEL, _KERNEL, points, precision="highest")


def _rows(points: jax.Array) -> jax.Array:
    dims = (points.ndim - 2) // 2
    return points.reshape(POINTS**dims, -1, points.shape[-1])


def _input_rows(x):
    """[N, H, W, C] -> [36, N*th*tw, C]; W's points first."""
    p = _to_points(x, 1)
    if x.ndim == 4:
        p = _to_points(p, 3)
    return p.reshape(POINTS ** (x.ndim - 2), -1, x.shape[-1])


def _input_rows_t(p, shape):
    n, *space, c = shape
    tiles = [-(-s // TILE) for s in space]
    if len(space) == 2:
        p = p.reshape(POINTS, POINTS, n, *tiles, c)
        p = _to_points_transposed(p, 3, space[1])
    p = p.reshape(POINTS, n, tiles[0], *space[1:], c)
    return _to_points_transposed(p, 1, space[0])


def _output(m, n, space):
    c = m.shape[-1]
    tiles = [-(-s // TILE) for s in space]
    if len(space) == 2:
        m = m.reshape(POINTS, POINTS, n, *tiles, c)
        m = _from_points(m, 3, space[1])
    m = m.reshape(POINTS, n, tiles[0], *space[1:], c)
    return _from_points(m, 1, space[0])


def _output_t(y):
    p = _from_points_transposed(y, 1)
    if y.ndim == 4:
        p = _from_points_transposed(p, 3)
    return p.reshape(POINTS ** (y.ndim - 2), -1, y.shape[-1])


def _product(a, b, contract):
    return jax.lax.dot_general(a, b, (contract, ((0,), (0,))))


def apply(x, points):
    """x with transformed kernel."""
    return _output(_product(_input_rows(x), points, ((2,), (1,))), x.shape[0], x.shape[1:-1])


def gradients(x, points, dy):
    dm = _output_t(dy)
    dv = _product(dm, points, ((2,), (2,)))
    du = _product(_input_rows(x), dm, ((1,), (1,)))
    return _input_rows_t(dv, x.shape), du


@jax.custom_vjp
def convolve(x, kernel):
    return apply(x, _kernel_points(kernel))


def _fwd(x, kernel):
    return convolve(x, kernel), (x, kernel)


def _bwd(saved, dy):
    x, kernel = saved
    dx, du = gradients(x, _kernel_points(kernel), dy)
    return dx, _kernel_taps(du, x.ndim - 2)


convolve.defvjp(_fwd, _bwd)
