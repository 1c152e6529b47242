"""The page of an enhanced map in a browser: what a reader does there, and what it then shows, against the file."""

import base64
import csv
import functools
import io
import time
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
from browser import LOOKS, opened, running, violations
from tiny_models import spectra_of_bands, tiny_denoiser, tiny_super_resolver

import deeper_jax
from deeper_jax.enhancement.report import write_page
from deeper_jax.enhancement.report.bands import Band, band_height
from deeper_jax.enhancement.report.comparison import compare, explored
from deeper_jax.enhancement.report.embedded_spectra import embed, notices
from deeper_jax.maps import raman_map

READY = "document.documentElement.dataset.ready"
MODEL = "Bokeh.documents[0].get_model_by_name"


def named(data: Any) -> Any:
    return data.assign_attrs(source_file="scan.wdf")


def scan(*shape: int, **coordinates: Any) -> Any:
    values, axis = spectra_of_bands(*shape)
    return named(raman_map(values, axis, units="counts", **coordinates))


def series(dim: str, places: Any, unit: str) -> Any:
    data = scan(len(places)).rename(spectrum=dim).assign_coords({dim: places})
    data[dim].attrs["units"] = unit
    return data


def enhanced(data: Any, **options: Any) -> Any:
    return deeper_jax.enhance(data, tiny_denoiser(random=False), **options)


@pytest.fixture(scope="module")
def browser():
    with running() as browser:
        yield browser


@pytest.fixture(scope="module")
def result():
    """A map of 6 x 9 pixels, its stage counting y downwards, one pixel without a spectrum, one with a cosmic ray."""
    values, axis = spectra_of_bands(6, 9)
    values[2, 5, 30] += 400
    values[0, 0] = np.nan
    places = {"y": 20.0 - 2.0 * np.arange(6), "x": -106_300.0 + 0.5 * np.arange(9)}
    given = raman_map(values, axis, units="counts", **places)
    return enhanced(named(given), cosmic_rays="mark")


@pytest.fixture(scope="module")
def page_file(result, tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("page") / "scan.html", result)


def column(page: Any, source: str, name: str) -> np.ndarray:
    return np.array(
        page.evaluate(f"Array.from({MODEL}('{source}').data.{name}, each => Number.isNaN(each) ? null : each)"), float
    )


def image(page: Any, name: str) -> np.ndarray:
    """[rows, columns] from the lowest place to the highest, NaN where nothing is."""
    array = f"{MODEL}('{name}_source').data.image[0]"
    values = page.evaluate(f"Array.from({array}, each => Number.isNaN(each) ? null : each)")
    return np.array(values, float).reshape(page.evaluate(f"{array}.shape"))


def spot(page: Any, figure: str, x: float, y: float) -> tuple[float, float]:
    """Where on the screen a place of a figure lies."""
    script = f"""() => {{
        const view = Bokeh.index.find_one({MODEL}('{figure}'));
        view.el.scrollIntoView({{block: 'center'}});
        const box = view.el.getBoundingClientRect();
        return [box.left + view.frame.x_scale.compute({x}), box.top + view.frame.y_scale.compute({y})];
    }}"""
    return tuple(page.evaluate(script))


def test_a_click_shows_the_spectrum_of_that_pixel(browser, page_file, result):
    with opened(browser, page_file, ready=READY) as page:
        for row, place in ((3, 6), (1, 2)):
            # From the first column; the stage stands 106 mm from its zero.
            page.mouse.click(*spot(page, "after", 0.5 * place, 20.0 - 2.0 * row))
            here = result.isel(y=row, x=place)
            np.testing.assert_allclose(column(page, "spectrum_source", "measured"), here["measured"], rtol=1e-6)
            np.testing.assert_allclose(column(page, "spectrum_source", "restored"), here["intensity"], rtol=1e-6)
            high = here["intensity"] + 1.645 * here["uncertainty"]
            np.testing.assert_allclose(column(page, "spectrum_source", "high"), high, rtol=1e-6)
            residual = column(page, "spectrum_source", "residual")
            np.testing.assert_allclose(residual, here["measured"] - here["intensity"], atol=1e-4)
            words = f"At y = {20 - 2 * row} µm, x = {0.5 * place:g} µm: "
            assert page.text_content("#readout").startswith(words)
        noise = column(page, "spectrum_source", "noise_high")
        np.testing.assert_allclose(np.sqrt((noise**2).mean()), result.attrs["noise_rms"], rtol=0.1)


def test_keys_move_the_pixel_and_stop_at_the_edge(browser, page_file):
    with opened(browser, page_file, ready=READY) as page:
        page.mouse.click(*spot(page, "before", 0.0, 20.0))
        assert page.text_content("#readout") == "At y = 20 µm, x = 0 µm: no spectrum was measured here."
        page.focus("#figure-before [tabindex]")
        for key, place in (
            ("ArrowRight", (0, 1)),
            ("ArrowDown", (1, 1)),
            ("ArrowUp", (0, 1)),
            ("ArrowUp", (0, 1)),
            ("Shift+ArrowRight", (0, 8)),
        ):
            page.keyboard.press(key)
            assert (page.evaluate("explorer.state.row"), page.evaluate("explorer.state.column")) == place


def test_dragging_over_the_spectrum_makes_maps_of_that_band(browser, page_file, result):
    axis = result["wavenumber"].values
    with opened(browser, page_file, ready=READY) as page:
        first = image(page, "after")
        middle = page.evaluate(f"({MODEL}('spectrum').y_range.start + {MODEL}('spectrum').y_range.end) / 2")
        page.mouse.move(*spot(page, "spectrum", 860.0, middle))
        page.mouse.down()
        page.mouse.move(*spot(page, "spectrum", 900.0, middle), steps=4)
        page.mouse.up()
        low, high = page.evaluate("[explorer.state.low, explorer.state.high]")
        assert abs(low - 860) < 1 and abs(high - 900) < 1
        for name, variable in (("before", "measured"), ("after", "intensity")):
            heights = band_height(result[variable].values, axis, Band(0.0, low, high))
            # Bokeh draws the lowest y first.
            np.testing.assert_allclose(image(page, name), heights[::-1], rtol=1e-4, atol=1e-4)
        assert not np.allclose(first, image(page, "after"), equal_nan=True)
        # Without the line under it the band is its mean.
        page.uncheck("#baseline")
        points = np.linspace(low, high, 4001)
        spectrum = result["intensity"].values[3, 4]
        mean = np.interp(points, axis, spectrum).mean()
        np.testing.assert_allclose(image(page, "after")[::-1][3, 4], mean, rtol=1e-4)
        # Typed, beyond the axis, ends at its end; a proposed band is one of those written down.
        page.fill("#band-high", "99999")
        page.press("#band-high", "Enter")
        assert page.evaluate("explorer.state.high") == axis[-1]
        page.select_option("#bands", "0")
        assert page.evaluate("explorer.state.high") < axis[-1]


def test_layers_show_the_uncertainty_and_the_marks(browser, page_file, result):
    axis = result["wavenumber"].values
    with opened(browser, page_file, ready=READY) as page:
        low, high = page.evaluate("[explorer.state.low, explorer.state.high]")
        inside = (axis >= low) & (axis <= high)
        spread = np.sqrt((result["uncertainty"].values[..., inside] ** 2).mean(-1))
        np.testing.assert_allclose(image(page, "layer"), spread[::-1], rtol=1e-5)
        assert page.evaluate(f"{MODEL}('layer_log').visible && {MODEL}('layer_log_colours').low > 0")
        page.select_option("#layer", "flagged")
        present = np.isfinite(result["measured"].values).all(-1)
        flags = np.where(present, result["flagged"].values.sum(-1), np.nan)
        np.testing.assert_array_equal(image(page, "layer"), flags[::-1])
        page.select_option("#layer", "cosmic_ray")
        np.testing.assert_array_equal(image(page, "layer")[::-1][2, 5], 1)
        assert page.evaluate("document.getElementById('figure-component').hidden")
        page.select_option("#layer", "component-2")
        np.testing.assert_allclose(image(page, "layer")[::-1], result["component_scores"][..., 1], rtol=1e-6)
        drawn = column(page, "component_source", "value")
        np.testing.assert_allclose(drawn, result["component_spectra"][1], rtol=1e-6)
        assert page.evaluate("document.getElementById('figure-component').clientHeight") > 150


def test_the_list_jumps_to_the_cosmic_ray(browser, page_file, result):
    with opened(browser, page_file, ready=READY) as page:
        first = page.locator("#marks button").first
        assert "cosmic ray? not removed" in first.text_content()
        first.click()
        assert page.evaluate("[explorer.state.row, explorer.state.column]") == [2, 5]
        # The height of the ray is seen.
        assert page.evaluate(f"{MODEL}('spectrum').y_range.end") > float(result["measured"][2, 5].max())
        assert len(column(page, "marks_source", "x0")) >= 1


def test_what_is_saved_holds_what_is_seen(browser, page_file, result):
    with opened(browser, page_file, ready=READY) as page:
        page.evaluate("explorer.choose(2, 5)")
        with page.expect_download() as waiting:
            page.click("#save-csv")
        assert waiting.value.suggested_filename == "scan_y16_x2.5.csv"
        lines = Path(waiting.value.path()).read_text("utf-8-sig").splitlines()
        assert lines[0].startswith("# scan.wdf, y = 16 µm, x = 2.5 µm") and lines[0].endswith("counts")
        rows = list(csv.DictReader(io.StringIO("\n".join(lines[2:]))))
        here = result.isel(y=2, x=5)
        for name, variable in (("measured", "measured"), ("restored", "intensity"), ("uncertainty", "uncertainty")):
            np.testing.assert_allclose([float(row[name]) for row in rows], here[variable], rtol=1e-6)
        np.testing.assert_array_equal([int(row["flagged"]) for row in rows], here["flagged"])
        np.testing.assert_array_equal([int(row["cosmic_ray"]) for row in rows], here["cosmic_ray"])
        with page.expect_download() as waiting:
            page.click("#save-png")
        assert Path(waiting.value.path()).read_bytes()[:4] == b"\x89PNG"
        with page.expect_download() as waiting:
            page.click("#save-svg")
        tree = xml.etree.ElementTree.parse(waiting.value.path())
        assert len(tree.getroot().findall("{http://www.w3.org/2000/svg}svg")) == 5


KINDS = {
    "list": lambda: enhanced(scan(7)),
    "line": lambda: enhanced(series("distance", 0.5 * np.arange(8.0), "um")),
    "depth series": lambda: enhanced(series("z", [4.0, 2.0, 0.0, -2.0], "um")),
    "uneven time series": lambda: enhanced(series("time", [0.0, 1.0, 5.0, 20.0], "s")),
    "wide map": lambda: enhanced(scan(3, 12, y=np.arange(3.0), x=np.arange(12.0))),
    "one spectrum": lambda: enhanced(scan()),
    "super-resolved": lambda: _finer(),
    "names of markup": lambda: _odd(),
}
# Wide and narrow, light and dark, in turn; all four of the map and the spectrum.
SEEN = dict(
    zip(KINDS, [LOOKS[:1], LOOKS[3:], LOOKS[1:2], LOOKS[2:3], LOOKS, LOOKS, LOOKS[1:2], LOOKS[2:3]], strict=True)
)


def _odd() -> Any:
    odd = "<script>x</script>|`$_^&amp;'\"\\"
    data = series(odd, np.arange(5.0), odd).assign_attrs(units=odd, source_file=odd)
    return enhanced(data)


def _finer() -> Any:
    data = scan(6, 5, y=0.5 * np.arange(6.0), x=0.5 * np.arange(5.0))
    return enhanced(data, super_resolver=tiny_super_resolver(data["wavenumber"].values))


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """By its name, a kind's enhanced data and their page."""
    folder = tmp_path_factory.mktemp("kinds")

    @functools.cache
    def made(kind: str) -> tuple[Any, Path]:
        result = KINDS[kind]()
        return result, write_page(folder / f"{kind}.html", result)

    return made


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_has_a_page_without_faults(browser, kind, kinds):
    for width, scheme in SEEN[kind]:
        with opened(browser, kinds(kind)[1], width, scheme, READY) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            ink = page.evaluate(f"{MODEL}('spectrum').title.text_color")
            assert (ink < "#800000") == (scheme == "light")
            assert violations(page) == []
            assert np.isfinite(column(page, "spectrum_source", "restored")).all()
            # As wide as there is room, half of it beside a map.
            assert page.evaluate(f"{MODEL}('spectrum').inner_width") > (0.35 if width > 1000 else 0.65) * width


def test_a_series_is_walked_by_keys_and_clicks(browser, kinds):
    result, path = kinds("line")
    with opened(browser, path, ready=READY) as page:
        low, high = page.evaluate("[explorer.state.low, explorer.state.high]")
        heights = band_height(result["intensity"].values, result["wavenumber"].values, Band(0.0, low, high))
        np.testing.assert_allclose(column(page, "profile_source", "restored"), heights, rtol=1e-4)
        page.mouse.click(*spot(page, "after", 900.0, 1.5))
        np.testing.assert_allclose(column(page, "spectrum_source", "measured"), result["measured"][3], rtol=1e-6)
        page.focus("#figure-after [tabindex]")
        page.keyboard.press("ArrowDown")
        np.testing.assert_allclose(column(page, "spectrum_source", "measured"), result["measured"][4], rtol=1e-6)


def test_a_pixel_between_the_measured_ones_has_its_own_restored_spectrum(browser, kinds):
    result, path = kinds("super-resolved")
    with opened(browser, path, ready=READY) as page:
        row, place = 4, 7
        page.evaluate(f"explorer.choose({row}, {place})")
        here = result["intensity"].values[row, place]
        np.testing.assert_allclose(column(page, "spectrum_source", "restored"), here, rtol=1e-6)
        near = [
            int(np.abs(result[f"{name}_measured"].values - float(result[name][i])).argmin())
            for name, i in (("y", row), ("x", place))
        ]
        measured = result["measured"].values[tuple(near)]
        np.testing.assert_allclose(column(page, "spectrum_source", "measured"), measured, rtol=1e-6)
        # The residual is that of the measured pixel.
        sampled = result["intensity"].values[tuple(2 * i + 1 for i in near)]
        np.testing.assert_allclose(column(page, "spectrum_source", "residual"), measured - sampled, atol=1e-4)


def test_the_slices_of_a_stack_are_turned_over_and_drawn_on_one_scale(browser, tmp_path):
    """Three images whose stage moves up, the last with a cosmic ray."""
    values, axis = spectra_of_bands(3, 4, 5)
    values[2, 1, 3, 30] += 400
    data = xarray.concat([named(raman_map(each, axis, y=np.arange(4.0), x=np.arange(5.0))) for each in values], "z")
    result = enhanced(data.assign_coords(z=[0.0, 2.0, 4.0]), cosmic_rays="mark")
    path = write_page(tmp_path / "page.html", result)
    with opened(browser, path, ready=READY) as page:
        low, high = page.evaluate("[explorer.state.low, explorer.state.high]")
        heights = band_height(result["intensity"].values, axis, Band(0.0, low, high))
        limits = np.percentile(heights, [0.5, 99.7])
        page.focus("#figure-after [tabindex]")
        page.keyboard.press("PageUp")
        for number in range(3):
            assert page.evaluate("explorer.state.slice") == number
            np.testing.assert_allclose(image(page, "after"), heights[number], rtol=1e-4)
            page.select_option("#layer", "component-1")
            np.testing.assert_allclose(image(page, "layer"), result["component_scores"][number, ..., 0], rtol=1e-6)
            page.evaluate("explorer.choose(2, 1)")
            measured = column(page, "spectrum_source", "measured")
            np.testing.assert_allclose(measured, result["measured"][number, 2, 1], rtol=1e-6)
            page.keyboard.press("PageDown")
        colours = [page.evaluate(f"{MODEL}('after_colours').{end}") for end in ("low", "high")]
        np.testing.assert_allclose(colours, limits, rtol=1e-4)
        page.locator("#slice").fill("0")
        page.locator("#marks button").first.click()
        assert page.evaluate("[explorer.state.slice, explorer.state.row, explorer.state.column]") == [2, 1, 3]
        assert violations(page) == []


def numbers(cube: dict[str, str], shape: tuple[int, ...]) -> np.ndarray:
    """What a page reads from its text."""

    def read(name: str, dtype: str) -> np.ndarray:
        return np.frombuffer(base64.b64decode(cube[name]), dtype)

    if "steps" not in cube:
        return read("values", "<f4").reshape(shape)
    levels = read("values", "<u2").reshape(-1, shape[-1])
    return (read("offsets", "<f4")[:, None] + read("steps", "<f4")[:, None] * levels).reshape(shape)


def sent(embedded: Any) -> int:
    """Characters of all numbers of a page."""
    texts = [*embedded.cubes.values(), embedded.marks, embedded.components]
    return sum(len(text) for each in texts for text in each.values())


def test_spectra_are_exact_then_rounded_then_binned_as_the_page_would_grow(result):
    shown = explored(compare(result))
    exact = embed(shown)
    np.testing.assert_array_equal(numbers(exact.cubes["measured"], shown.measured.shape), shown.measured.astype("f4"))
    assert exact.exact and notices(exact) == []
    small = 1_700_000 + 20_000
    large = 1_700_000 + 37_000
    rounded = embed(shown, large)
    assert not rounded.exact and rounded.bins == (1, 1, 1)
    for name, cube in (("measured", shown.measured), ("restored", shown.restored), ("uncertainty", shown.std)):
        found = numbers(rounded.cubes[name], cube.shape)
        step = np.ptp(cube, axis=-1, keepdims=True) / 65535
        assert (np.abs(found - cube)[np.isfinite(cube)] <= np.broadcast_to(step, cube.shape)[np.isfinite(cube)]).all()
        np.testing.assert_array_equal(np.isnan(found), np.isnan(cube))
    binned = embed(shown, small)
    assert binned.bins == (2, 1, 1) and binned.together == 4
    measured = shown.measured[0]
    np.testing.assert_allclose(binned.spectra.measured[0, 0, 1], np.nanmean(measured[:2, 2:4], axis=(0, 1)))
    np.testing.assert_allclose(binned.spectra.measured[0, 0, 0], np.nanmean(measured[:2, :2], axis=(0, 1)))
    assert binned.spectra.cosmic_ray[0, 1, 2, 30] and "2 x 2 pixels" in notices(binned)[0]
    assert sent(binned) <= small - 1_700_000
    # Of a stack slices are left out before it is binned further.
    cubes = ("measured", "restored", "std", "flagged", "cosmic_ray", "removed", "scores")
    turned = {name: np.concatenate([getattr(shown, name)] * 30) for name in cubes}
    turned["measured"] = turned["measured"] + np.arange(30.0)[:, None, None, None]
    some = embed(shown._replace(slices=tuple(map(str, range(30))), **turned), 1_700_000 + 120_000)
    assert some.bins == (2, 1, 3) and some.spectra.slices == tuple(map(str, range(0, 30, 3)))
    assert "one in 3 is shown, 10 in all" in notices(some)[1] and sent(some) <= 120_000
    np.testing.assert_allclose(some.spectra.measured[4], binned.spectra.measured[0] + 12)


def test_a_common_map_is_under_20_mb_and_opens_in_three_seconds(browser, result, tmp_path):
    values, axis = spectra_of_bands(64, 64, length=500)
    dims = ("y", "x", "wavenumber")
    still = np.zeros(values.shape, bool)
    names = ("intensity", "uncertainty", "measured")
    cubes = {name: (dims, cube) for name, cube in zip(names, (values - 1, np.ones_like(values), values), strict=True)}
    marks = {name: (dims, still) for name in ("flagged", "cosmic_ray", "cosmic_ray_removed")}
    whole = xarray.Dataset(
        {**cubes, **marks, "pixel_flagged": (dims[:2], still[..., 0])}, {"wavenumber": axis}, result.attrs
    ).assign_attrs(spectra=4096)
    path = write_page(tmp_path / "page.html", whole)
    assert 10e6 < path.stat().st_size < 20e6
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        with opened(browser, path, ready=READY) as page:
            seconds.append(time.perf_counter() - start)
            assert column(page, "spectrum_source", "measured").shape == (500,)
    assert min(seconds) < 3.0
