"""`deeper-jax enhance FILES AND FOLDERS --output-dir DIR`: many files in one process, and a table of them all."""

import argparse
import csv
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from deeper_jax.cli.command_line import log_shown, name_or_number
from deeper_jax.errors import InputError, first_line

FAILED = 1  # exit status where any file failed
_COLUMNS = {
    "file": "file",
    "state": "state",
    "result": "result",
    "spectra": "spectra",
    "channels": "channels",
    "noise_rms": "noise",
    "uncertainty_rms": "uncertainty",
    "unit": "unit",
    "spectra_flagged": "spectra flagged",
    "spectra_with_cosmic_rays": "with cosmic rays",
    "seconds": "seconds",
    "message": "message",
}
# What a file of arrays has its axis in, and no spectra.
_NO_SPECTRA = {"axis.txt"}


class Job(NamedTuple):
    """One file, where its result goes, and its page (None: no page)."""

    source: Path
    output: Path
    page: Path | None


def add_folder_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the parser what `enhance` takes for many files."""
    many = parser.add_argument_group("many files", "one process for all; a file that fails does not stop the others")
    many.add_argument(
        "--output-dir", metavar="DIR", help="folder for NAME_enhanced.h5, the pages, and a table of all files"
    )
    many.add_argument(
        "--glob", metavar="PATTERN", help="which files of a folder, such as '*.wdf' or '**/*.wdf' (default: all known)"
    )
    many.add_argument(
        "--resume",
        action="store_true",
        help="skip files whose result exists in DIR, made of the same file with the same options",
    )
    many.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    many.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="processes, each with its own model; on CPUs only (default: 1)"
    )
    many.add_argument(
        "--summary", default="summary", metavar="NAME", help="DIR/NAME.csv and .html, the table (default: %(default)s)"
    )
    parser.epilog = (
        "Examples: deeper-jax enhance scan.wdf; deeper-jax enhance *.wdf --output-dir out; "
        "deeper-jax enhance scans --glob '**/*.wdf' --output-dir out --resume. "
        "Exit status: 0 all done, 1 some of many files failed, 2 nothing was done."
    )


def check_one(options: argparse.Namespace) -> None:
    """Raise InputError where what was given takes --output-dir."""
    folders = [name for name in options.input if Path(name).is_dir()]
    many = "for many files give --output-dir=DIR, where their results are to go."
    if folders:
        raise InputError(
            f"{folders[0]}: found a folder, expected a file of Raman spectra; give the file inside it. Or {many}"
        )
    if len(options.input) > 1:
        raise InputError(f"{options.input[1]}: found a second file; {many}")
    for name in ("glob", "resume", "dry_run"):
        if getattr(options, name):
            raise InputError(f"--{name.replace('_', '-')} is for many files; give --output-dir=DIR as well.")


def enhance_many(options: argparse.Namespace) -> None:
    """Enhance all, write the table, and exit with 1 if any failed. Raises InputError before anything is written."""
    for name in ("output", "page"):
        if getattr(options, name):
            raise InputError(f"--{name} names one file; with --output-dir the names are made of those of the inputs.")
    if options.jobs < 1:
        raise InputError(f"--jobs is {options.jobs}; give a number of processes, 1 or more.")
    if Path(options.summary).name != options.summary or not options.summary:
        raise InputError(f"--summary is {options.summary!r}; give a name without a folder.")
    folder = Path(options.output_dir)
    jobs = jobs_of(options.input, folder, glob=options.glob, page=not options.no_page)
    _check_targets(jobs, folder, options)
    if options.dry_run:
        _tell_plan(jobs, options)
        return
    from deeper_jax.enhancement.options import EnhanceOptions

    EnhanceOptions.of(**_settings(options))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: this folder cannot be made ({error.strerror}); choose another.") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder}: may not be written to; choose another folder.")
    rows: list[dict[str, Any]] = []
    begun = time.monotonic()
    try:
        # A line a file is told instead of the steps of each.
        with log_shown(io.StringIO()):
            for row in _rows(jobs, options):
                rows.append(row)
                _tell(row, len(rows), len(jobs), time.monotonic() - begun, options.quiet)
    finally:
        # Of what is done, even where this is interrupted.
        if rows:
            _write_summary(folder / options.summary, rows)
    failed = sum(row["state"] == "failed" for row in rows)
    if not options.quiet:
        print(
            f"{len(rows) - failed} of {len(jobs)} files enhanced; the table: {folder / options.summary}.csv and .html"
        )
    if failed:
        print(f"deeper-jax: {failed} of {len(jobs)} files failed.", file=sys.stderr)
        sys.exit(FAILED)


def jobs_of(inputs: list[str], folder: Path, *, glob: str | None, page: bool) -> list[Job]:
    """The files of a command line, each once, with their results' names in `folder`.

    Raises:
        InputError: no file at all, or two that would have the same result.
    """
    sources: dict[Path, Path] = {}
    for name in inputs:
        path = Path(name)
        for file in _files_in(path, folder, glob) if path.is_dir() else [path]:
            sources.setdefault(file.resolve(), file)
    if not sources:
        raise InputError(f"{', '.join(inputs)}: found no file of spectra there; check the folder, or give --glob.")
    taken: dict[str, Path] = {}
    jobs = []
    for source in sources.values():
        output = folder / f"{source.stem}_enhanced.h5"
        # Some file systems do not tell capitals from small letters.
        other = taken.setdefault(output.name.lower(), source)
        if other != source:
            raise InputError(
                f"{source} and {other}: both would be written to {output}; rename one, or use two folders."
            )
        jobs.append(Job(source, output, output.with_suffix(".html") if page else None))
    return jobs


def _files_in(path: Path, folder: Path, glob: str | None) -> list[Path]:
    from deeper_jax.maps.registry import FORMATS

    known = {suffix for form in FORMATS for suffix in form.suffixes}
    try:
        found = sorted(path.glob(glob or "*"))
    except (ValueError, NotImplementedError) as error:
        raise InputError(f"--glob is {glob!r}: {error}; give a pattern such as '*.wdf'.") from error
    return [
        file
        for file in found
        if file.is_file()
        and not file.name.startswith(".")
        and not file.stem.endswith("_enhanced")
        and (glob is not None or file.suffix.lower() in known and file.name.lower() not in _NO_SPECTRA)
        and folder.resolve() not in file.resolve().parents
    ]


def _check_targets(jobs: list[Job], folder: Path, options: argparse.Namespace) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: found a file, expected a folder for the results; choose another name.")
    sources = {job.source.resolve() for job in jobs}
    targets = [path for job in jobs for path in _targets(job)]
    targets += [folder / f"{options.summary}.csv", folder / f"{options.summary}.html"]
    # Resuming adds to what is there; the table is made anew of it.
    existing = [] if options.overwrite or options.resume else [path for path in targets if path.exists()]
    for path in targets:
        if path.resolve() in sources:
            raise InputError(f"{path}: is a file that is read; give another --output-dir.")
        if path.is_dir():
            raise InputError(f"{path}: found a folder, expected the name of a file; give another --output-dir.")
    if existing:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise InputError(
            f"{existing[0]}{more}: found existing files; give another --output-dir, --resume to skip what is done, or "
            "--overwrite."
        )


def _targets(job: Job) -> list[Path]:
    return [job.output] + ([] if job.page is None else [job.page, job.page.with_suffix(".png")])


def _tell_plan(jobs: list[Job], options: argparse.Namespace) -> None:
    from deeper_jax.maps.registry import format_of

    failed = 0
    for job in jobs:
        try:
            form = format_of(job.source).name
        except InputError as error:
            failed += 1
            print(f"deeper-jax: {error}", file=sys.stderr)
            continue
        done = options.resume and job.output.exists()
        print(f"{job.source} ({form}): {'done before, skipped' if done else f'to {job.output}'}")
    print(f"{len(jobs) - failed} of {len(jobs)} files would be enhanced; nothing was written.")
    if failed:
        sys.exit(FAILED)


def _rows(jobs: list[Job], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row of the table for each file, as they are done, in their order."""
    if options.jobs == 1 or len(jobs) == 1:
        worker = Worker(options)
        yield from (worker.row(job) for job in jobs)
        return
    Worker(options)  # a model that cannot be loaded is told once, before processes start
    import jax

    if jax.default_backend() != "cpu":
        raise InputError(
            f"--jobs is {options.jobs}, but the work is done on a {jax.default_backend()}, which the first process "
            "takes whole; leave --jobs out, so that the files follow one another, or set JAX_PLATFORMS=cpu."
        )
    with ProcessPoolExecutor(min(options.jobs, len(jobs)), get_context("spawn"), _start, (options,)) as pool:
        yield from pool.map(_row, jobs)


_worker: "Worker | None" = None


def _start(options: argparse.Namespace) -> None:
    global _worker
    _worker = Worker(options)


def _row(job: Job) -> dict[str, Any]:
    assert _worker is not None
    return _worker.row(job)


class Worker:
    """A process's model, loaded once, and what it does to a file."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Load the models. Raises InputError."""
        from deeper_jax.cli.compiled_programs import keep_compiled_programs
        from deeper_jax.tasks.load import DEFAULT_RESTORER, load

        keep_compiled_programs()
        self.options, self.settings = options, _settings(options)
        self.model = load(options.model)
        if options.super_resolver:
            self.settings["super_resolver"] = load(options.super_resolver)
        self.settings["restorer"] = load(DEFAULT_RESTORER)

    def row(self, job: Job) -> dict[str, Any]:
        """Enhance a file; what went wrong is in the row, not raised."""
        begun = time.monotonic()
        row: dict[str, Any] = {"file": str(job.source), "state": "failed"}
        try:
            if self.options.resume and job.output.exists():
                row |= self._done_before(job)
            else:
                row |= self._enhanced(job)
        except InputError as error:
            sentence = str(error)
            row["message"] = sentence if job.source.name in sentence else f"{job.source}: {sentence}"
        except Exception as error:  # a defect met on one file must not lose the others
            row["message"] = f"{job.source}: {type(error).__name__}: {first_line(error)}; please report this."
        return row | {"seconds": round(time.monotonic() - begun, 2)}

    def _enhanced(self, job: Job) -> dict[str, Any]:
        from deeper_jax.enhancement.pipeline import enhance
        from deeper_jax.maps import read_map

        given = self.options
        entry = name_or_number(given.entry)
        target = {"output": job.output, "overwrite": given.overwrite, "made_from": made_from(job.source, given)}
        measured = read_map(job.source, entry=entry, wavenumbers=given.wavenumbers, laser=given.laser, lazy=True)
        result = enhance(measured, self.model, **self.settings, **target)
        self._draw(job, result)
        return _facts(result) | {"state": "enhanced", "result": str(job.output)}

    def _done_before(self, job: Job) -> dict[str, Any]:
        from deeper_jax.maps import read_data_set

        result = read_data_set(job.output, lazy=True)
        changed = _changed(result.attrs.get("made_from", ""), made_from(job.source, self.options))
        if changed:
            raise InputError(
                f"{job.source}: {job.output} was made of another file or with other options ({changed}); give another "
                "--output-dir, or --overwrite without --resume to make all anew."
            )
        if job.page is not None and not job.page.exists():
            self._draw(job, result)
        return _facts(result) | {"state": "done before", "result": str(job.output)}

    def _draw(self, job: Job, result: Any) -> None:
        from deeper_jax.enhancement.report import write_page

        if job.page is not None:
            write_page(job.page, result)


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "outside": options.outside,
        "scale": options.scale,
        "use_map": not options.single_spectra,
        "noise": options.noise,
        "cosmic_rays": options.cosmic_rays,
        "resolution": options.resolution,
    }


def made_from(source: Path, options: argparse.Namespace) -> str:
    """What a result depends on, as JSON: the file's size and time of change, and the options."""
    seen = source.stat()
    names = ("model", "super_resolver", "entry", "laser", "wavenumbers")
    facts = {"bytes": seen.st_size, "changed": int(seen.st_mtime)} | {name: getattr(options, name) for name in names}
    return json.dumps(facts | _settings(options))


def _changed(before: str, now: str) -> str:
    """What differs, in words; nothing if nothing does."""
    try:
        old, new = json.loads(before), json.loads(now)
    except ValueError:
        return "it does not say of which"
    return "; ".join(f"{name} was {old.get(name)}, now {new[name]}" for name in new if old.get(name) != new[name])


def _facts(result: Any) -> dict[str, Any]:
    names = ("spectra", "noise_rms", "uncertainty_rms", "spectra_flagged", "spectra_with_cosmic_rays")
    facts = {name: result.attrs.get(name, "") for name in names}
    unit = result["intensity"].attrs.get("units", "a.u.")
    return facts | {"channels": result.sizes["wavenumber"], "unit": unit}


def _tell(row: dict[str, Any], number: int, total: int, elapsed: float, quiet: bool) -> None:
    if row["state"] == "failed":
        print(f"deeper-jax: {row['message']}", file=sys.stderr, flush=True)
    elif not quiet:
        left = elapsed / number * (total - number)
        hint = f", about {_duration(left)} left" if number < total and left > 5 else ""
        what = "done before, skipped" if row["state"] == "done before" else row["result"]
        print(f"[{number}/{total}] {row['file']}: {what} ({row['seconds']:.1f} s{hint})", flush=True)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _write_summary(path: Path, rows: list[dict[str, Any]]) -> None:
    """PATH.csv and PATH.html, each appearing when it is complete."""
    from deeper_jax.enhancement.report.folder_page import write_folder_page

    table = io.StringIO()
    writer = csv.DictWriter(table, list(_COLUMNS), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(table.getvalue(), encoding="utf-8")
    os.replace(partial, path.with_name(f"{path.name}.csv"))
    write_folder_page(partial, _COLUMNS, rows, path.parent)
    os.replace(partial, path.with_name(f"{path.name}.html"))
