"""Evaluation of a trained model of any kind; `eval.py` is its command line."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from deeper_jax.errors import InputError
from deeper_jax.evaluation.report.evaluation_report import write_report_page, write_tables
from deeper_jax.inference.loaded_model import LoadedModel
from deeper_jax.tasks.load import load_with_task
from deeper_jax.tasks.task import EvaluationOptions

log = logging.getLogger(__name__)
Examples = TypeVar("Examples")


def evaluate(
    workdir: str | Path,
    output: str | Path,
    *,
    data: str | Path | None = None,
    image_shape: tuple[int, int] | None = None,
    released: bool = False,
    include_trained: bool = False,
    command: str = "",
) -> None:
    """Load the model of `workdir` and write its comparison with every reference method into `output`.

    The other arguments are those of `EvaluationOptions`. Written are metrics.csv, metrics.json, metrics.md, pictures
    and index.html.

    Raises:
        InputError: nothing to load or to evaluate on.
    """
    task, model = load_with_task(workdir)
    task.evaluate(model, Path(output), EvaluationOptions(data, image_shape, released, include_trained, command))


def check_unseen(model: LoadedModel, fingerprints: Mapping[str, str], what: str, options: EvaluationOptions) -> None:
    """Raise InputError if the model was trained or validated on some of the data, under whatever name.

    Args:
        model: with a record.
        fingerprints: {name: digits} of the data, whole cells or images as they were read: parts are not recognised.
        what: one calls the examples, 'cells' or 'images'.
        options: as the user chose them.
    """
    trained = {digits: name for name, digits in model.record.get("data", {}).get("trained_on", {}).items()}
    seen = [f"{name} (there {trained[digits]})" for name, digits in fingerprints.items() if digits in trained]
    if seen and not options.include_trained:
        raise InputError(
            f"{options.data}: the model was trained or validated on {len(seen)} of its {len(fingerprints)} {what}, "
            f"{', '.join(seen[:3])}{', ...' if len(seen) > 3 else ''}; name others, or add --include-trained to see "
            "figures that flatter it."
        )


def choose_splits(splits: Mapping[str, Examples], source: str, what: str) -> tuple[Examples, Examples, str]:
    """Test data, data to tune the reference methods on, and words for the latter.

    Args:
        splits: of the data, among 'train', 'validation', 'test' and 'all'.
        source: where they are from, for messages.
        what: one calls the examples, 'cells' or 'images'.

    Raises:
        InputError: there are no test data.
    """
    if "all" in splits or set(splits) == {"test"}:
        (only,) = splits.values()
        return only, only, f"these very {what}, which flatters the reference methods: their strongest form"
    if "test" not in splits:
        raise InputError(f"{source}: holds no test {what}, only {sorted(splits)}; give some with --data=PATH.")
    tuning = "validation" if "validation" in splits else "train"
    return splits["test"], splits[tuning], f"the {tuning} {what} of the same data"


def write_evaluation(
    model: LoadedModel,
    output: Path,
    rows: Sequence[Any],
    test: Any,
    options: EvaluationOptions,
    wavenumbers: Any = None,
    **facts: Any,
) -> None:
    """Write the tables and the page of an evaluation, whose pictures lie in `output` already.

    Args:
        model: what was evaluated.
        output: the folder.
        rows: one for each method and image.
        test: the data, with `source`, `simulated` and `steps`.
        options: as the user chose them.
        wavenumbers: [L] of the bands, where there are tables by band.
        facts: more for the record, such as `tuned_on`.
    """
    context = {
        "command": options.command,
        "data_source": test.source,
        "simulated": test.simulated,
        "checkpoint": str(model.record.get("checkpoint") or model.record.get("source")),
        "preprocessing_of_the_data": _distinct(test.steps),
        "config": model.config,
        **facts,
    }
    write_tables(rows, output, context, wavenumbers=wavenumbers)
    write_report_page(output, rows, context, wavenumbers=wavenumbers)


def _distinct(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    unique: list[dict[str, Any]] = []
    for step in steps:
        bare = {key: value for key, value in step.items() if key != "cell"}
        if bare not in unique:
            unique.append(bare)
    return unique
