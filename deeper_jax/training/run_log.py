"""What a run leaves to read: metrics.jsonl, TensorBoard files, and a progress bar."""

import json
import logging
import os
from pathlib import Path
from typing import Any

from tqdm import tqdm

log = logging.getLogger(__name__)


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

    def _keep_until(self, step: int) -> None:
        if not self._path.exists():
            return
        kept = []
        for line in self._path.read_text().splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line)
            except (ValueError, KeyError):
                continue  # the line that was being written when the process was killed
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text("".join(line + "\n" for line in kept))
        os.replace(temporary, self._path)

    def advance(self) -> None:
        """Count one step on the bar."""
        self._bar.update()

    def write(self, step: int, values: dict[str, float]) -> None:
        """Record scalars at `step`; names are like `train/loss` and `validation/mse`."""
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
