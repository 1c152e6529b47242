"""`deeper-jax plan`: from a first map, how finely to scan a sample."""

import argparse

from deeper_jax.cli.command_line import name_or_number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the parser what `plan` takes."""
    parser.add_argument("file", metavar="FILE", help="a first map of the sample, fine and with much light")
    parser.add_argument("--entry", metavar="NAME", help="which of several measurements in FILE, by name or number")
    parser.add_argument("--model", metavar="RUN", help="the denoiser (default: the package's own)")
    parser.add_argument(
        "--light", metavar="SHARE", action="append", type=float, help="light of a scan over FILE's, may be given again"
    )
    parser.epilog = "Example: deeper-jax plan first_map.wdf"
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Compare scans of the same light, and print a table and what it says. Raises InputError."""
    from deeper_jax.enhancement.planning import LIGHT, plan_scan

    entry = name_or_number(options.entry)
    light = tuple(options.light or LIGHT)
    scans = plan_scan(options.file, light=light, model=options.model, entry=entry)
    print("light   step   error (95 %), in units of the first map's noise")
    for scan in scans:
        word = {True: "better than step 1", False: "worse than step 1", None: ""}[scan.better]
        error = f"{scan.error:.3f} ({scan.low:.3f} to {scan.high:.3f})"
        print(f"1/{1 / scan.light:<6.4g} {scan.step}   {error}   {word}".rstrip())
    for amount in light:
        own = [scan for scan in scans if scan.light == amount]
        if not own:
            print(f"With 1/{1 / amount:.4g} of the first map's light nothing can be compared: the map is too small.")
            continue
        coarser = [scan for scan in own if scan.better]
        best = min(coarser or own[:1], key=lambda scan: scan.error)
        advice = "scan every pixel: no wider step is better"
        if best.step > 1:
            longer = f"{best.step**2} times as long, and enhance with --scale={best.step}"
            advice = f"scan one pixel in {best.step} in y and in x, each {longer}"
        print(f"With 1/{1 / amount:.4g} of the first map's light: {advice}.")
    print("Only shot noise is reckoned with; read-out noise speaks for wider steps and longer exposures.")
