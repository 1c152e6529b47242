"""What a run leaves to read: metrics.jsonl, TensorBoard files, and a progress bar."""

import json
import logging
import os
from pathlib import Path
from typing import Any

from tqdm import tqdm

from deeper_jax.training.run_directory import written_to

log = logging.getLogger(__name__)


def _step_of(line: str) -> int | None:
    """The step of a line of metrics; None if it is none."""
    try:
        step = json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return None
    return step if isinstance(step, int) else None


class RunLog:
    """Writes scalars of one run to `metrics.jsonl` and `tensorboard/`, and shows progress.

    Entries later than `start_step` are those of an interrupted run that will be repeated: they are dropped.
    """

    def __init__(self, workdir: Path, start_step: int, total_steps: int, batch_size: int) -> None:
        self._board: Any = None
        try:
            # Imported late: it costs half a second that inference does not need.
            from tensorboardX import SummaryWriter

            self._board = SummaryWriter(str(workdir / "tensorboard"), purge_step=start_step + 1)
        except ModuleNotFoundError:
            log.info("No files for TensorBoard are written: pip install 'deeper-jax[train]' brings what they need.")
        self._path = workdir / "metrics.jsonl"
        self._batch_size = batch_size
        with written_to(workdir):
            self._keep_until(start_step)
            self._file = self._path.open("a")
        self._bar = tqdm(
            total=total_steps,
            initial=start_step,
            desc="training",
            unit="step",
            dynamic_ncols=True,
            mininterval=1,
        )
        self._shown: dict[str, str] = {}
        self._compiled = False

    def _keep_until(self, step: int) -> None:
        if not self._path.exists():
            return
        content = self._path.read_text(errors="replace")
        lines = content.splitlines()
        steps = [_step_of(line) for line in lines]
        # The last line, without its end, is the one that was being written when the process was killed.
        bad = [place + 1 for place, found in enumerate(steps) if found is None]
        if bad and not (bad == [len(lines)] and not content.endswith("\n")):
            aside = self._path.with_suffix(".damaged.jsonl")
            os.replace(self._path, aside)
            log.warning(
                f"{self._path}: {len(bad)} lines, the first of them line {bad[0]}, are damaged and left out; the file "
                f"as it was is now {aside}."
            )
        kept = [line for line, found in zip(lines, steps, strict=True) if found is not None and found <= step]
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text("".join(line + "\n" for line in kept))
        os.replace(temporary, self._path)

    def advance(self) -> None:
        """Count one step on the bar; the first, which compiles, is left out of the estimate of time."""
        if self._compiled:
            self._bar.update()
            return
        self._compiled = True
        self._bar.n += 1
        self._bar.initial = self._bar.last_print_n = self._bar.n
        self._bar.unpause()

    def write(self, step: int, values: dict[str, float]) -> None:
        """Record scalars at `step`; names are like `train/loss` and `validation/mse`."""
        with written_to(self._path):
            self._file.write(json.dumps({"step": step, **values}) + "\n")
            self._file.flush()
        for name, value in values.items() if self._board else ():
            self._board.add_scalar(name, value, step)
        for name in ("train/loss", "validation/mse"):
            if name in values:
                self._shown[name] = f"{values[name]:.4g}"
        rate = self._bar.format_dict["rate"]
        if rate:
            self._shown["examples/s"] = f"{rate * self._batch_size:.0f}"
        self._bar.set_postfix(self._shown, refresh=False)

    def close(self) -> None:
        """Flush and close everything."""
        self._bar.close()
        if self._board:
            self._board.close()
        with written_to(self._path):
            self._file.close()


class SilentLog:
    """The log of every process but the first, which writes for all."""

    def __init__(self, workdir: Path, start_step: int, total_steps: int, batch_size: int) -> None:
        pass

    def advance(self) -> None:
        """Do nothing."""

    def write(self, step: int, values: dict[str, float]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
