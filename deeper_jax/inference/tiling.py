"""Large images through a network of a fixed tile: overlapping tiles, blended."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np


def even_tile(length: int, largest: int, overlap: int, multiple: int) -> int:
    """The side of as few tiles as cover `length` pixels, so that they overlap by little more than `overlap`.

    It is a multiple of `multiple`, as is `largest`, or `length` itself where one tile will do.
    """
    if length <= largest:
        return length
    count = -(-(length - overlap) // (largest - overlap))
    side = -(-(length + (count - 1) * overlap) // count)
    return -(-side // multiple) * multiple


def tile_starts(length: int, tile: int, overlap: int) -> list[int]:
    """First pixels of tiles that cover `length` pixels and overlap by at least `overlap`.

    The last tile ends flush with the image, so that every tile has the same size; one tile does where
    `length` is not more than `tile`.
    """
    if length <= tile:
        return [0]
    step = tile - overlap
    starts = list(range(0, length - tile, step))
    return [*starts, length - tile]


def blend_weights(starts: list[int], tile: int) -> np.ndarray:
    """Weights [tiles, tile] along one axis: trapezia whose sum over the tiles is 1 at every pixel.

    Neighbouring tiles fade into each other over the middle half of their overlap. The outer quarter of a tile's
    overlap counts nothing: its convolutions have looked beyond the tile.
    """
    weights = np.ones((len(starts), tile))
    for index in range(1, len(starts)):
        shared = starts[index - 1] + tile - starts[index]
        margin = shared // 4
        ramp = np.clip((np.arange(shared) - margin + 0.5) / max(shared - 2 * margin, 1), 0, 1)
        weights[index, :shared] *= ramp
        weights[index - 1, tile - shared :] *= 1 - ramp
    # Where the last tile overlaps more than its neighbour, the products do not add up to 1 by themselves.
    total = np.zeros(starts[-1] + tile)
    for first, weight in zip(starts, weights, strict=True):
        total[first : first + tile] += weight
    return np.stack([w / total[first : first + tile] for first, w in zip(starts, weights, strict=True)])


def _some_ahead(work: Callable[[Any], np.ndarray], items: Sequence[Any], workers: int) -> Iterator[np.ndarray]:
    """What `work` gives for each, in order, so many of them at the same time and no more waiting."""
    if workers == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        begun: deque[Future[np.ndarray]] = deque()
        for item in items:
            if len(begun) == workers:
                yield begun.popleft().result()
            begun.append(pool.submit(work, item))
        while begun:
            yield begun.popleft().result()


def apply_tiled(
    image: np.ndarray,
    network: Callable[[np.ndarray], np.ndarray],
    *,
    scale: int,
    tile: int | tuple[int, int],
    overlap: int,
    workers: int = 1,
    progress: Callable[[Iterator], Iterator] = iter,
) -> np.ndarray:
    """Run `network` over `image` tile by tile.

    Args:
        image: [h, w, L] float32.
        network: takes one tile [t_h, t_w, L] and gives [scale * t_h, scale * t_w, M].
        scale: of the network.
        tile: largest tile, pixels of `image`, of both sides or of each. A shorter side of the image is taken whole.
        overlap: pixels of `image` that neighbouring tiles share; less than half of `tile`.
        workers: tiles that are worked on at the same time; the answer is the same, bit for bit.
        progress: wraps the iteration over tiles, to show a bar.

    Returns:
        [scale * h, scale * w, M] float32. Beside it and the image only the work on so many tiles is held in memory.
    """
    height, width = image.shape[:2]
    largest = (tile, tile) if isinstance(tile, int) else tile
    sides = [min(each, size) for each, size in zip(largest, (height, width), strict=True)]
    starts = [tile_starts(size, side, overlap) for size, side in zip((height, width), sides, strict=True)]
    weights = [blend_weights([scale * s for s in axis], scale * side) for axis, side in zip(starts, sides, strict=True)]
    output: np.ndarray | None = None
    places = [(row, column) for row in range(len(starts[0])) for column in range(len(starts[1]))]

    def answered(place: tuple[int, int]) -> np.ndarray:
        top, left = starts[0][place[0]], starts[1][place[1]]
        return network(image[top : top + sides[0], left : left + sides[1]])

    answers = _some_ahead(answered, places, workers)
    for (row, column), answer in zip(progress(iter(places)), answers, strict=True):
        top, left = starts[0][row], starts[1][column]
        if output is None:
            output = np.zeros((scale * height, scale * width, answer.shape[-1]), np.float32)
        weight = np.outer(weights[0][row], weights[1][column]).astype(np.float32)
        target = output[
            scale * top : scale * (top + sides[0]),
            scale * left : scale * (left + sides[1]),
        ]
        target += weight[..., None] * answer
    assert output is not None
    return output
