"""What a report says first: how the network does beside the best of the other methods."""

from collections.abc import Mapping

from deeper_jax.evaluation.report.tables import format_value
from deeper_jax.evaluation.statistics import summarise
from deeper_jax.evaluation.summary import REFERENCE, Scores, better


def headline(scores: Mapping[str, Scores], network: str = REFERENCE, images: str = "images") -> str:
    """One sentence on some metrics; '' where there is no network or nothing to compare it with.

    Args:
        scores: by the metric's title.
        network: which of the methods is the network.
        images: what the scores are of, one each.
    """
    parts = {title: part for title, values in scores.items() if (part := _part(title, values, network))}
    if not parts:
        return ""
    count = len(next(iter(scores.values()))[network])
    over = f"On average over {count} {images}" if count > 1 else f"On one {images.removesuffix('s')}"
    name = network if network == REFERENCE else f"{network} network"
    ways = {better(title) for title in parts}
    way = f" {ways.pop().capitalize()} is better." if len(ways) == 1 else ""
    return f"{over}, the {name} has {'; '.join(parts.values())}.{way}"


def _part(title: str, values: Scores, network: str) -> str:
    means = {name: mean for name, own in values.items() if (mean := summarise(list(own.values())).mean) is not None}
    own = means.pop(network, None)
    if own is None or not means:
        return ""
    # "PSNR / dB" is a PSNR of so many dB.
    name, _, unit = title.partition(" / ")
    unit = f" {unit}" if unit else ""
    best = (min if better(title) == "lower" else max)(means, key=lambda each: means[each])
    beside = f"the best of {len(means)} other methods" if len(means) > 1 else "the other method"
    told = [f"{format_value(each, title)}{unit}" for each in (own, means[best])]
    difference = _difference(own, means[best], title, unit)
    return f"{_with_article(name)} of {told[0]}, {difference} {beside} ({best}: {told[1]})"


def _with_article(title: str) -> str:
    """Such as "an MSE" and "a PSNR", as letters are spelt."""
    vowels = "AEFHILMNORSX" if title.split()[0].isupper() else "aeiou8"
    return f"{'an' if title[0] in vowels else 'a'} {title}"


def _difference(own: float, other: float, title: str, unit: str) -> str:
    """In words that end with "than" or "as": errors by their ratio, PSNR and the like by their difference."""
    if format_value(own, title) == format_value(other, title):
        return "as much as"
    if better(title) == "higher":
        return f"{format_value(abs(own - other), title)}{unit} {'more' if own > other else 'less'} than"
    low, high = sorted((own, other))
    times = f"{high / low:.3g} times " if low > 0 else ""
    return f"{times}{'less' if own < other else 'more'} than"
