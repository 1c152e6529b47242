"""`deeper-jax enhance`: an instrument's file in; the enhanced map, a page of before and after, and a few words out."""

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deeper_jax.cli.command_line import log_shown, name_or_number
from deeper_jax.cli.enhance_many import add_folder_arguments, check_one, enhance_many, made_from
from deeper_jax.enhancement.options import COSMIC_RAYS, OUTSIDE, EnhanceOptions
from deeper_jax.errors import InputError

if TYPE_CHECKING:
    import xarray

    from deeper_jax.enhancement.report.drawing_process import DrawingProcess

_PAGES = (".html", ".htm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the parser what `enhance` takes."""
    parser.add_argument(
        "input",
        metavar="IN",
        nargs="+",
        help="a file of an instrument, or any other that read_map reads; several files and folders with --output-dir",
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", help=".h5, .nc, .npz, .mat, .csv or .tif (default: IN_enhanced.h5 beside IN)"
    )
    parser.add_argument(
        "--model", metavar="RUN", help="a run's directory or a file of weights (default: the package's own denoiser)"
    )
    finer = parser.add_mutually_exclusive_group()
    finer.add_argument(
        "--scale",
        type=_scale,
        default=1,
        metavar="N[,M]",
        help="make a map N times finer, or N times in y and M times in x; 1 to 4, and nothing need be trained for it",
    )
    finer.add_argument("--super-resolver", metavar="RUN", help="make the map finer with this network of your own")
    parser.add_argument(
        "--outside",
        choices=OUTSIDE,
        default="error",
        help="channels that the model does not cover: refuse them, pass them through, leave them out "
        "(default: %(default)s)",
    )
    parser.add_argument("--single-spectra", action="store_true", help="every spectrum by itself, not the whole map")
    parser.add_argument(
        "--noise", type=float, metavar="STD", help="standard deviation of the noise (default: estimated from the map)"
    )
    parser.add_argument(
        "--cosmic-rays",
        choices=COSMIC_RAYS,
        default="remove",
        help="remove those that are certain and mark what is suspected, mark both and change nothing, or keep all "
        "without looking (default: %(default)s)",
    )
    parser.add_argument(
        "--resolution",
        type=float,
        metavar="CM",
        help="full width at half maximum of a narrow line, cm⁻¹: what is less than half as wide is a cosmic ray "
        "(default: as the file tells, or measured on the map's sharpest bands)",
    )
    parser.add_argument("--entry", metavar="NAME", help="which of several measurements in IN, by name or number")
    parser.add_argument("--laser", type=float, metavar="NM", help="the laser's wavelength, where IN has wavelengths")
    parser.add_argument("--wavenumbers", metavar="FILE", help="a list of wavenumbers in cm^-1, in place of IN's axis")
    page = parser.add_mutually_exclusive_group()
    page.add_argument("--page", metavar="PATH", help="page of before and after (default: OUT with .html)")
    page.add_argument("--no-page", action="store_true", help="write no page")
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    parser.add_argument("--quiet", action="store_true", help="say only what went wrong")
    add_folder_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Check everything, enhance, write, and say what came out. Raises InputError; nothing is written then."""
    if options.output_dir is not None:
        enhance_many(options)
        return
    check_one(options)
    with contextlib.ExitStack() as stack:
        if options.quiet:
            silence = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(silence))
        _enhance_one(options, stack)


def _scale(text: str) -> int | tuple[int, ...]:
    """'2' or '2,4', as `enhance` takes it; what no number is raises ValueError, the parser's own word."""
    numbers = tuple(int(part) for part in text.split(","))
    return numbers[0] if len(numbers) == 1 else numbers


def _enhance_one(options: argparse.Namespace, stack: contextlib.ExitStack) -> None:
    source = Path(options.input[0])
    from deeper_jax.maps.registry import format_of

    format_of(source)
    output = Path(options.output) if options.output else source.with_name(f"{source.stem}_enhanced.h5")
    page = None if options.no_page else Path(options.page) if options.page else output.with_suffix(".html")
    _check_targets(source, output, page, options)
    from deeper_jax.enhancement.report.drawing_process import DrawingProcess

    drawing = None if page is None else stack.enter_context(DrawingProcess())
    from deeper_jax.cli.compiled_programs import keep_compiled_programs
    from deeper_jax.enhancement.pipeline import enhance
    from deeper_jax.maps import read_map

    keep_compiled_programs()
    with log_shown(sys.stdout if options.quiet else sys.stderr, "%(message)s ...") as log:
        log.info("reading %s", source.name)
        entry = name_or_number(options.entry)
        origin = made_from(source, options)
        measured = read_map(source, entry=entry, wavenumbers=options.wavenumbers, laser=options.laser, lazy=True)
        if drawing is not None and options.super_resolver is None:
            _expect(drawing, measured, options)
        result = enhance(
            measured,
            options.model,
            super_resolver=options.super_resolver,
            scale=options.scale,
            outside=options.outside,
            use_map=not options.single_spectra,
            noise=options.noise,
            cosmic_rays=options.cosmic_rays,
            resolution=options.resolution,
            progress=not options.quiet,
            output=output,
            overwrite=options.overwrite,
            made_from=origin,
        )
        del measured
        # The numbers are safe from here on, whatever becomes of the pictures.
        print(f"Enhanced map: {output}")
        from deeper_jax.enhancement.report import summary_sentences, write_page

        if page is not None:
            log.info("drawing %s", page.name)
            write_page(page, result, drawing)
            print(f"Before and after: {page} (picture: {page.with_suffix('.png')})")
        print("\n".join(summary_sentences(result)))


def _expect(drawing: "DrawingProcess", measured: "xarray.DataArray", options: argparse.Namespace) -> None:
    """Tell what draws the figures what they will probably be of."""
    from deeper_jax.enhancement.report.expected_outline import expected_outline

    # What is wrong with a map or a scale, `enhance` says.
    with contextlib.suppress(InputError):
        drawing.expect(expected_outline(measured, EnhanceOptions(scale=options.scale).scales))


def _check_targets(source: Path, output: Path, page: Path | None, options: argparse.Namespace) -> None:
    from deeper_jax.enhancement.enhanced_map import COMPONENTS, ON_MEASURED_GRID
    from deeper_jax.maps import check_writable

    if output.exists() and output.samefile(source):
        raise InputError(f"{output}: is the file that is read; give another name for the output.")
    # After the intensity; .csv writes each to a file of its own.
    further = ["uncertainty", *ON_MEASURED_GRID, *COMPONENTS]
    if options.super_resolver or options.scale not in (1, (1, 1)):
        further.append("denoised")
    check_writable(output, overwrite=options.overwrite, further_variables=further)
    if page is None:
        return
    if page.suffix.lower() not in _PAGES:
        raise InputError(f"{page}: found the ending '{page.suffix}', expected .html for the page; rename it.")
    if not page.absolute().parent.is_dir() or not os.access(page.absolute().parent, os.W_OK):
        raise InputError(f"{page}: found no folder {page.parent} that may be written to; make it first.")
    for target in (page, page.with_suffix(".png")):
        if target.is_dir():
            raise InputError(f"{target}: found a folder, expected the name of a file; choose another name.")
        if target.exists() and not options.overwrite:
            raise InputError(
                f"{target}: found an existing file; choose another name, or give --overwrite or --no-page."
            )
        if target.exists() and target.samefile(source):
            raise InputError(f"{target}: is the file that is read; give another name for the page.")
