"""`deeper-jax enhance` as a user runs it: instruments' files in, maps and pages out, mistakes in one sentence."""

import html
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from paths import ROOT
from processes import environment
from tiny_models import spectra_of_bands, tiny_denoiser, tiny_super_resolver

from deeper_jax.cli.main import main
from deeper_jax.enhancement.report import write_page
from deeper_jax.maps import raman_map, read_data_set, read_map, write_map

FILES = ROOT.parent / "shared" / "data" / "instruments"
PICTURE_WIDTH = 1380  # pixels
MEASURED = [
    ("depth_series.wdf", []),
    ("labspec_map.xml", []),
    ("line_scans.wip", ["--entry=1"]),
    ("silicon_map.wip", ["--single-spectra"]),
    ("single_spectrum.wdf", ["--noise=5"]),
    pytest.param("streamline_map.wdf", [], marks=pytest.mark.slow),
    ("witec_export.mat", []),
]


@pytest.fixture
def scan(tmp_path):
    """A small map in a file, with one place not measured."""
    values, axis = spectra_of_bands(5, 6)
    values[4, 5] = np.nan
    path = tmp_path / "scan.npz"
    write_map(raman_map(values, axis, y=np.arange(5.0), x=np.arange(6.0), units="counts"), path)
    return path


def in_a_process(*arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "deeper_jax", "enhance", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment())


def refused(capsys, *arguments) -> str:
    with pytest.raises(SystemExit) as caught:
        main(["enhance", *map(str, arguments)])
    assert caught.value.code == 2
    *before, error = capsys.readouterr().err.splitlines()
    assert error.startswith("deeper-jax: ") and all(line.endswith(" ...") for line in before)
    return error


def check_page(page: Path) -> str:
    """A page without anything from elsewhere, and a picture as a file beside it; returns its words."""
    text = page.read_text()
    scripts = re.findall(r"<script[^>]*>", text)
    assert len(scripts) == text.count("</script>") and not any("src" in script for script in scripts)
    words = re.sub(r"<script.*?</script>|<style.*?</style>", "", text, flags=re.S)
    assert len(words) < 200_000
    assert not re.search(r"https?://|src=|href=|<link|@import|url\(", words)
    picture = matplotlib.image.imread(page.with_suffix(".png"))
    assert picture.shape[1] == PICTURE_WIDTH and picture.shape[0] > 500 and np.ptp(picture) > 0.5
    return words


@pytest.mark.skipif(not FILES.is_dir(), reason="the instruments' files are not here")
@pytest.mark.parametrize(("name", "settings"), MEASURED)
def test_instruments_files(name, settings, weights, tmp_path, capsys):
    output = tmp_path / "out.h5"
    main(["enhance", str(FILES / name), "-o", str(output), weights, *settings])
    told = capsys.readouterr()
    entry = 1 if settings == ["--entry=1"] else None
    measured, result = read_map(FILES / name, entry=entry), read_data_set(output)
    assert result["intensity"].dims == measured.dims and result["intensity"].shape == measured.shape
    for coordinate in measured.coords:
        np.testing.assert_array_equal(result[coordinate], measured[coordinate])
    assert result.attrs["source_file"] == name
    text = check_page(output.with_suffix(".html"))
    for words in ("Noise of the measurement", "What neither can know", "step 4: denoise", name):
        assert words in text
    assert f"Enhanced map: {output}" in told.out and "Noise of the measurement" in told.out
    if name == "depth_series.wdf":
        assert "20 places of the scan hold no spectrum" in told.out


@pytest.mark.skipif(not FILES.is_dir(), reason="the instruments' files are not here")
def test_a_real_process(weights, tmp_path):
    source = tmp_path / "single_spectrum.wdf"
    source.write_bytes((FILES / "single_spectrum.wdf").read_bytes())
    done = in_a_process(source, weights)
    assert done.returncode == 0, done.stderr
    assert "reading single_spectrum.wdf ..." in done.stderr and "Traceback" not in done.stderr
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == sorted([source.name, *(f"single_spectrum_enhanced.{end}" for end in ("h5", "html", "png"))])
    again = in_a_process(source, weights)
    assert again.returncode == 2 and again.stderr.count("\n") == 1 and "found an existing file" in again.stderr


@pytest.mark.parametrize("suffix", [".h5", ".nc", ".npz", ".mat", ".csv", ".tif"])
def test_every_format_reopens_with_what_was_computed(suffix, scan, weights, tmp_path):
    output = tmp_path / f"out{suffix}"
    main(["enhance", str(scan), "-o", str(output), weights, "--no-page"])
    result, measured = read_data_set(output), read_map(scan)
    np.testing.assert_allclose(result["intensity"][0], measured[0], atol=40)
    assert np.isnan(result["intensity"][4, 5]).all() and result.attrs["spectra"] == 29
    assert not list(tmp_path.glob("*.html")) and not list(tmp_path.glob("*.png"))


def test_a_finer_map_has_a_page_too(tmp_path):
    values, axis = spectra_of_bands(5, 6)
    given = raman_map(values, axis, y=np.arange(5.0), x=np.arange(6.0))
    import deeper_jax

    result = deeper_jax.enhance(given, tiny_denoiser(), super_resolver=tiny_super_resolver(axis[::3]))
    text = check_page(write_page(tmp_path / "fine.html", result))
    assert "Super-resolved 2 times, to 10 x 12 pixels" in text and "super-resolver" in text
    write_map(result, tmp_path / "fine.csv")
    assert read_data_set(tmp_path / "fine.csv")["denoised"].shape == (5, 6, 64)


QUICK_SHAPES = [(1,), (1, 4), (1, 1), (30, 3), (3, 4, 5)]
SLOW_SHAPES = [pytest.param(shape, marks=pytest.mark.slow) for shape in [(2,), (4, 1), (3, 30), (2, 1, 5)]]


@pytest.mark.parametrize("shape", QUICK_SHAPES + SLOW_SHAPES)
def test_pages_of_every_shape(shape, tmp_path):
    import deeper_jax

    values, axis = spectra_of_bands(*shape)
    dims = {1: ("time",), 2: ("y", "x"), 3: ("z", "y", "x")}[len(shape)]
    coords = {dim: (dim, np.arange(float(size)), {"units": "um"}) for dim, size in zip(dims, shape, strict=True)}
    import xarray

    coords["wavenumber"] = ("wavenumber", axis, {"units": "cm-1"})
    given = xarray.DataArray(values, coords, (*dims, "wavenumber"), "intensity", {"units": "counts"})
    result = deeper_jax.enhance(given, tiny_denoiser())
    text = check_page(write_page(tmp_path / "page.html", result))
    assert ("shows slice 2 of 3 (z = 1 µm);" in text) == (shape == (3, 4, 5))


def test_units_and_names_are_no_tex_and_no_html(tmp_path):
    import deeper_jax

    odd = r"<script>x</script>|`$\frac$_^"
    values, axis = spectra_of_bands(3, 4)
    values[1, 2, 30] += 500
    for form in (raman_map(values, axis, y=np.arange(3.0), x=np.arange(4.0)), raman_map(values[0], axis)):
        given = form.assign_attrs(units=odd, source_file=odd, title=odd)
        for name in set(given.coords) - {"wavenumber"}:
            given[name].attrs["units"] = odd
        result = deeper_jax.enhance(given.rename({given.dims[0]: odd}) if given.ndim == 2 else given, tiny_denoiser())
        text = check_page(write_page(tmp_path / "page.html", result))
        assert "<script" not in text and html.escape(odd) in text


def test_positions_that_cannot_be_drawn_are_counted(tmp_path):
    import deeper_jax

    values, axis = spectra_of_bands(3, 4)
    given = raman_map(values, axis, y=[0.0, 1.0, np.nan], x=[0.0, 1.0, 2.0, 1e300])
    check_page(write_page(tmp_path / "page.html", deeper_jax.enhance(given, tiny_denoiser())))


def test_mistakes_are_one_sentence_and_nothing_is_lost(scan, weights, tmp_path, capsys):
    whole = scan.read_bytes()
    other = tmp_path / "other.h5"
    other.write_bytes(b"precious")
    assert "nowhere.wdf: no such file" in refused(capsys, tmp_path / "nowhere.wdf", weights)
    assert "a folder" in refused(capsys, tmp_path, weights)
    assert "is the file that is read" in refused(capsys, scan, "-o", scan, weights, "--overwrite")
    assert "other.h5: found an existing file" in refused(capsys, scan, "-o", other, weights)
    assert "ending '.doc'" in refused(capsys, scan, "-o", tmp_path / "out.doc", weights)
    assert "found no folder" in refused(capsys, scan, "-o", tmp_path / "no" / "out.h5", weights)
    assert "expected .html" in refused(capsys, scan, weights, "--page", tmp_path / "page.pdf")
    assert "found no folder" in refused(capsys, scan, weights, "--page", tmp_path / "no" / "page.html")
    (tmp_path / "page.png").write_bytes(b"precious")
    assert "page.png: found an existing" in refused(capsys, scan, weights, "--page", tmp_path / "page.html")
    assert "no_run: does not exist" in refused(capsys, scan, f"--model={tmp_path / 'no_run'}")
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {"scan.npz", "other.h5", "page.png"}
    assert scan.read_bytes() == whole and other.read_bytes() == b"precious"
    assert (tmp_path / "page.png").read_bytes() == b"precious"


@pytest.mark.parametrize("beside", ["out.uncertainty.csv", "out.html", "out.png"])
def test_files_beside_the_output_are_not_overwritten_either(beside, scan, weights, tmp_path, capsys):
    (tmp_path / beside).write_bytes(b"precious")
    assert f"{beside}: found an existing file" in refused(capsys, scan, "-o", tmp_path / "out.csv", weights)
    assert (tmp_path / beside).read_bytes() == b"precious"
    main(["enhance", str(scan), "-o", str(tmp_path / "out.csv"), weights, "--overwrite"])
    assert (tmp_path / beside).read_bytes() != b"precious"


def test_options_are_named_as_the_command_has_them(scan, weights, tmp_path, capsys):
    assert "no variable 'second'" in refused(capsys, scan, weights, "--entry=second", "--no-page")
    assert "noise is -1.0" in refused(capsys, scan, weights, "--noise=-1")
    if FILES.is_dir():
        errors = refused(capsys, FILES / "line_scans.wip", weights, "-o", tmp_path / "out.h5")
        assert "say which entry, by name or number" in errors
