"""Rows, tables, pictures and the page of an evaluation."""

import csv
import html
import json
import re
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
import scipy.signal
from matplotlib.text import Text

from deeper_jax.errors import InputError
from deeper_jax.evaluation import metrics, spectra_figures
from deeper_jax.evaluation.plot_style import imaging_time, new_figure, save_png
from deeper_jax.evaluation.reference_methods import reference_method
from deeper_jax.evaluation.report.evaluation_report import write_report_page, write_tables
from deeper_jax.evaluation.report.headline import headline
from deeper_jax.evaluation.report.tables import image_table
from deeper_jax.evaluation.report.words import from_here, in_words
from deeper_jax.evaluation.score_figures import mse_figure
from deeper_jax.evaluation.spectra_scores import EvaluationImage, evaluate_denoising
from deeper_jax.evaluation.summary import better, scores_of, summarise_rows

WAVENUMBERS = np.linspace(600, 1800, 40)
CONTEXT = {"command": "eval.py", "data_source": "made up | here", "simulated": True, "score": float("nan")}


def make_image(name: str, seed: int, truth: bool = True, raster: bool = True) -> EvaluationImage:
    rng = np.random.default_rng(seed)
    bands = np.stack([np.exp(-(((WAVENUMBERS - centre) / 40) ** 2)) for centre in (1003, 1450, 1658)])
    clean = rng.random((72, 3)) @ bands + 0.2
    return EvaluationImage(
        name,
        noisy=clean + 0.1 * rng.normal(size=clean.shape),
        target=clean + 0.01 * rng.normal(size=clean.shape),
        truth=clean if truth else None,
        image_shape=(8, 9) if raster else None,
        wavenumbers=WAVENUMBERS,
    )


def make_methods() -> dict:
    methods = {
        each.name: each
        for each in (
            reference_method("raw"),
            reference_method("savitzky_golay", order=1, frame=9),
            reference_method("pca", components=3),
        )
    }
    methods["network"] = lambda noisy: 0.5 * noisy + 0.5 * reference_method("pca", components=3)(noisy)
    return methods


@pytest.fixture(scope="module")
def images():
    return [make_image(f"cell {seed}", seed) for seed in range(7)]


@pytest.fixture(scope="module")
def rows(images):
    return evaluate_denoising(images, make_methods())


def test_rows_hold_the_metrics_of_normalised_spectra(images, rows):
    assert [(row.image, row.method) for row in rows][:5] == [
        ("cell 0", "raw"),
        ("cell 0", "SG(1,9)"),
        ("cell 0", "PCA(3)"),
        ("cell 0", "network"),
        ("cell 1", "raw"),
    ]
    image, row = images[1], rows[4]
    noisy, target, truth = (array / array.max(1, keepdims=True) for array in (image.noisy, image.target, image.truth))
    assert row.mse == pytest.approx(np.mean((noisy - target) ** 2))
    assert row.psnr == pytest.approx(10 * np.log10(1 / np.mean((noisy - target) ** 2)))
    assert row.ssim == pytest.approx(metrics.ssim(noisy.reshape(8, 9, -1), target.reshape(8, 9, -1)))
    assert row.mse_truth == pytest.approx(np.mean((noisy - truth) ** 2))
    assert row.mse_fit == pytest.approx(metrics.mse_fit(image.noisy, image.target))
    assert row.mse_fit_truth == pytest.approx(metrics.mse_fit(image.noisy, image.truth))
    assert (row.spectra, row.uses_whole_map, rows[2].uses_whole_map) == (72, False, True)
    assert row.mse_released is None
    assert evaluate_denoising(images, make_methods()) == rows


def test_released_columns(images):
    raw, savgol, *_ = evaluate_denoising(images[:1], make_methods(), released=True)
    assert raw.mse_released == pytest.approx(raw.mse)
    image = images[0]
    scale, target = image.noisy.max(1, keepdims=True), image.target / image.target.max(1, keepdims=True)
    filtered = scipy.signal.savgol_filter(image.noisy, 9, 1) / scale
    errors = [np.mean((row - row.min() - wanted) ** 2) for row, wanted in zip(filtered, target, strict=True)]
    assert savgol.mse_released == pytest.approx(np.mean(errors), rel=1e-12)
    assert savgol.psnr_released == pytest.approx(metrics.released_psnr(filtered, target))
    pair = (filtered.reshape(8, 9, -1), target.reshape(8, 9, -1))
    assert savgol.ssim_released == pytest.approx(metrics.released_ssim(*pair))


def test_loose_spectra_have_no_ssim_and_no_truth():
    row = evaluate_denoising([make_image("x", 1, truth=False, raster=False)], make_methods())[0]
    assert (row.ssim, row.mse_truth, row.mse_fit_truth) == (None, None, None)


def test_bad_input_is_named(images):
    good = images[0]
    with pytest.raises(InputError, match="cell 0: target has shape"):
        replace(good, target=good.target[:3])
    with pytest.raises(InputError, match="cell 0: noisy has NaN"):
        replace(good, noisy=np.full_like(good.noisy, np.nan))
    with pytest.raises(InputError, match="image shape"):
        replace(good, image_shape=(3, 3))
    with pytest.raises(InputError, match="wavenumbers"):
        replace(good, wavenumbers=WAVENUMBERS[:-1])
    with pytest.raises(InputError, match="broken on cell 0: output has shape"):
        evaluate_denoising([good], {"broken": lambda noisy: noisy[:2]})
    with pytest.raises(InputError, match="NaN or infinite"):
        evaluate_denoising([good], {"broken": lambda noisy: noisy * np.inf})
    with pytest.raises(InputError, match="Image names"):
        evaluate_denoising([good, good], make_methods())


def test_summary_is_sorted_with_ratio_and_p(rows):
    summaries = summarise_rows(rows)
    means = [each.metrics["mse"].mean for each in summaries]
    assert means == sorted(means)
    raw, network = ([row.mse for row in rows if row.method == name] for name in ("raw", "network"))
    last = next(each for each in summaries if each.method == "raw")
    assert last.ratio["mse"] == pytest.approx(np.mean(raw) / np.mean(network))
    assert last.tests["mse"].p_value == pytest.approx(2 / 2**7)
    assert next(each for each in summaries if each.method == "network").tests == {}
    with pytest.raises(ValueError, match="more than one row"):
        summarise_rows([*rows, rows[0]])


def test_tables(tmp_path, rows):
    paths = write_tables(rows, tmp_path / "new", CONTEXT)
    with paths["metrics.csv"].open(newline="") as file:
        records = list(csv.DictReader(file))
    assert list(records[0])[:7] == ["method", "image", "mse", "psnr", "ssim", "mse_truth", "mse_fit"]
    assert not [name for name in records[0] if "released" in name]
    assert len(records) == len(rows) == len({(each["method"], each["image"]) for each in records})
    assert float(records[5]["mse"]) == pytest.approx(rows[5].mse, rel=1e-8)

    text = paths["metrics.json"].read_text()
    content = json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} in JSON"))
    assert content["context"]["score"] is None and "numpy" in content["context"]["versions"]
    assert content["rows"][5]["mse"] == rows[5].mse
    entry = next(each for each in content["summary"] if each["method"] == "raw")["mse"]
    assert entry["n"] == 7 and entry["ci95_low"] < entry["mean"] < entry["ci95_high"]
    assert entry["wilcoxon"]["p_value"] == pytest.approx(2 / 2**7)

    words = paths["metrics.md"].read_text()
    assert "SIMULATED" in words and "nothing was tuned" in words and "made up" in words
    assert "All the spectra of a map at once, so more to go by: PCA(3)." in words
    table = [line for line in words.splitlines() if line.startswith("|")]
    assert len(table) == 2 * (2 + 4)  # two tables: header, rule, four methods


def test_tables_of_one_real_image(tmp_path):
    rows = evaluate_denoising([make_image("x", 1, truth=False, raster=False)], make_methods())
    rows[0] = replace(rows[0], psnr=float("inf"), mse_fit=float("nan"))
    context = {
        "simulated": False,
        "tuned_on": "two other cells",
        "tuned_parameters": {"PCA": {"components": 3}},
    }
    paths = write_tables(rows, tmp_path, context)
    with paths["metrics.csv"].open(newline="") as file:
        record = next(csv.DictReader(file))
    assert (record["ssim"], record["mse_truth"], record["mse_fit"]) == ("", "", "")
    content = json.loads(paths["metrics.json"].read_text(), parse_constant=lambda constant: pytest.fail(constant))
    assert content["rows"][0]["psnr"] is None
    assert content["summary"][0]["mse"]["ci95_low"] is None
    words = paths["metrics.md"].read_text()
    assert "REAL data" in words and "One image: no interval over images" in words
    assert "tuned on: two other cells" in words and "nan" not in words.lower()


def test_many_images_go_down_the_table(rows):
    many = [replace(row, image=f"{row.image} {copy}") for row in rows for copy in range(3)]
    table = image_table(scores_of(many, "mse"), "mse")
    assert table.header[0] == "image" and len(table.body) == 21
    assert image_table(scores_of(rows, "mse"), "mse").header[0] == "method"


def is_a_picture(path) -> bool:
    pixels = matplotlib.image.imread(path)[..., :3]
    return min(pixels.shape[:2]) > 200 and float(pixels.std()) > 0.02


def test_figures_and_page(tmp_path, images, rows):
    outputs = {name: method(images[0].noisy) for name, method in make_methods().items() if name != "raw"}
    paths = spectra_figures.denoising_figure(tmp_path, images[0], outputs, rows, data_note="simulated")
    assert sorted(paths) == ["figure_maps.png", "figure_mse.png", "figure_spectra.png"]
    assert all(is_a_picture(path) for path in paths.values())
    first = paths["figure_maps.png"].read_bytes()
    spectra_figures.denoising_figure(tmp_path, images[0], outputs, rows, data_note="simulated")
    assert paths["figure_maps.png"].read_bytes() == first

    page = write_report_page(tmp_path, rows, CONTEXT | {"data_source": "A < B"}).read_text()
    assert page.count('src="data:image/png;base64,') == 3 and 'name="viewport"' in page
    mean = {name: np.mean([row.mse for row in rows if row.method == name]) for name in ("network", "PCA(3)")}
    ratio = max(mean.values()) / min(mean.values())
    assert f"On average over 7 images, the network has an MSE of {mean['network']:#.3g}, {ratio:.3g} times" in page
    assert page.index("On average over") < page.index("SIMULATED") < page.index("<img")
    assert "A &lt; B" in page and "SIMULATED" in page and '<tr class="reference"><td>network' in page
    assert "http" not in page and "<script" not in page and "<link" not in page


def test_the_headline_says_which_way_is_better():
    scores = {"PSNR / dB": {"network": {"a": 30.0, "b": 32.0}, "cubic": {"a": 29.0, "b": 30.0}}}
    words = (
        "On average over 2 cells, the network has a PSNR of 31.00 dB, 1.50 dB more than the other method (cubic: 29.50"
    )
    assert headline(scores, images="cells") == f"{words} dB). Higher is better."
    scores |= {"MSE": {"network": {"a": 4.0}, "x": {"a": 1.0}, "y": {"a": 2.0}}}
    assert headline(scores).endswith("; an MSE of 4.00, 4 times more than the best of 2 other methods (x: 1.00).")
    assert headline({"MSE": {"x": {"a": 1.0}}}) == ""
    assert [better(each) for each in ("mse_truth", "2x accuracy / %", "SSIM to truth", "spectral angle / deg")] == [
        *("lower", "higher", "higher", "lower")
    ]


def test_settings_and_paths_are_told_in_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert in_words({"frame": 9, "steps": ["crop", ("a", 1e-3)], "of": {}, "on": True}) == (
        "frame 9, steps crop, a, 0.001, of none, on yes"
    )
    assert from_here(f"simulated; {tmp_path / 'run' / 'best'}") == "simulated; run/best"


def test_maps_in_the_unit_keep_how_much_there_is(images):
    image = replace(images[0], noisy=images[0].noisy * 50, target=images[0].target * 500)
    strength = np.linspace(1, 5, 72)[:, None]
    outputs, in_unit = {"network": image.truth}, {"network": 50 * strength * image.truth}
    figure = spectra_figures.maps_figure(image, outputs, in_unit=in_unit, pixel_size_um=0.5)
    drawn = [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]
    channel = int(np.argmin(np.abs(WAVENUMBERS - 1450)))
    np.testing.assert_allclose(drawn[1].ravel(), in_unit["network"][:, channel])
    np.testing.assert_allclose(drawn[4].ravel(), (image.truth / image.truth.max(1, keepdims=True))[:, channel])
    labels = [axes.get_xlabel() for axes in figure.axes if axes.images]
    low, high = np.percentile(drawn[1], [1, 99])
    assert labels[:2] == [f"{low:.3g} to {high:.3g}"] * 2 and labels[2] != labels[1] and labels[5] == "1:12"


def test_figures_without_a_raster_or_the_band(tmp_path, images, rows):
    outputs = {"network": images[0].noisy}
    loose = replace(images[0], image_shape=None)
    assert "figure_maps.png" not in spectra_figures.denoising_figure(tmp_path, loose, outputs, rows)
    other_axis = replace(images[0], wavenumbers=WAVENUMBERS + 2000)
    assert "figure_maps.png" not in spectra_figures.denoising_figure(tmp_path, other_axis, outputs, rows)
    without_axis = replace(images[0], wavenumbers=None)
    assert "figure_spectra.png" in spectra_figures.denoising_figure(tmp_path, without_axis, outputs, rows)


def test_error_figure_on_a_log_axis(tmp_path, rows):
    spread = [replace(row, mse=row.mse * (100 if row.method == "raw" else 1)) for row in rows]
    save_png(mse_figure(spread), tmp_path / "log.png")
    save_png(mse_figure(rows), tmp_path / "linear.png")
    assert is_a_picture(tmp_path / "log.png")
    assert (tmp_path / "log.png").read_bytes() != (tmp_path / "linear.png").read_bytes()


def test_peak_map_and_imaging_time():
    spectra = np.ones((2, 40))
    channel = int(np.argmin(np.abs(WAVENUMBERS - 1450)))
    spectra[0, channel], spectra[1, 0] = 4.0, 2.0
    np.testing.assert_array_equal(spectra_figures.peak_map(spectra, WAVENUMBERS), [1.0, 0.5])
    with pytest.raises(ValueError, match="outside the axis"):
        spectra_figures.peak_map(spectra, WAVENUMBERS, 3000)
    times = [imaging_time(side**2, 1.0) for side in (64, 32, 21, 16)]
    assert times == ["68:16", "17:04", "7:21", "4:16"]
    assert [imaging_time(side**2, 0.1) for side in (32, 21, 16)] == ["1:42", "0:44", "0:26"]


def test_names_are_shown_as_they_are_and_nothing_of_them_runs(tmp_path):
    name = r"<script>x</script> | `rm` $\frac$ [a](b) _c^d_"
    images = [make_image(name, 1), make_image("b", 2)]
    methods = make_methods() | {name: lambda noisy: 0.9 * noisy}
    rows = evaluate_denoising(images, methods)
    outputs = {each: methods[each](images[0].noisy) for each in ("network", name)}
    spectra_figures.denoising_figure(tmp_path, images[0], outputs, rows, data_note=name)
    context = CONTEXT | {"data_source": name, "command": f"eval.py\n# {name}"}
    page = write_report_page(tmp_path, rows, context).read_text()
    assert "<script" not in page and html.escape(name) in page
    words = write_tables(rows, tmp_path, context)["metrics.md"].read_text()
    shown = r"\<script>x\</script> \| \`rm\` \$\\frac\$ [a\](b) _c^d_"
    assert words.count(shown) > 4 and name not in words and "\n# <" not in words
    tables = [[len(re.findall(r"(?<!\\)\|", line)) for line in part.splitlines()] for part in words.split("\n\n")]
    assert all(len(set(columns)) == 1 for columns in tables if columns and min(columns) > 1)


def test_only_numbers_at_axes_are_read_as_tex(tmp_path):
    figure = new_figure(4, 3)
    panel = figure.subplots()
    panel.plot([1, 2], [1e-7, 1e-3], label=r"$\frac$")
    panel.set_yscale("log")
    panel.set_xticks([1, 2], [r"$\frac$", "$x$"])
    panel.set_title(r"$\frac$ of $x$")
    figure.legend()
    save_png(figure, tmp_path / "figure.png")
    texts = {text.get_text(): text.get_parse_math() for text in figure.findobj(Text) if "$" in text.get_text()}
    assert {words for words, parsed in texts.items() if not parsed} == {r"$\frac$", "$x$", r"$\frac$ of $x$"}
    assert [words for words, parsed in texts.items() if parsed]  # powers of ten
