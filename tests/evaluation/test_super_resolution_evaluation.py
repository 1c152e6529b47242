"""Rows, statistics, tables, pictures and the page of a super-resolution evaluation."""

import csv
import json
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
import scipy.stats
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from deeper_jax.errors import InputError
from deeper_jax.evaluation.image_figures import band_map, example_pixels, maps_figure, super_resolution_figure
from deeper_jax.evaluation.image_scores import (
    EvaluationPair,
    border_pixels,
    evaluate_super_resolution,
    sampled_pixels,
)
from deeper_jax.evaluation.metrics import released_psnr, released_ssim
from deeper_jax.evaluation.report.evaluation_report import write_report_page, write_tables
from deeper_jax.evaluation.score_figures import scores_figure
from deeper_jax.evaluation.summary import (
    BANDS,
    band_channels,
    band_errors,
    best_classical,
    compare_metric,
    metric_values,
)
from deeper_jax.evaluation.upsampling import pca_upsample, reference_upsampler, reference_upsamplers
from deeper_jax.spectra.raster import downsample

WAVENUMBERS = np.linspace(600, 1800, 60)
CONTEXT = {"command": "eval.py", "data_source": "made up", "simulated": True, "score": float("nan")}


def make_pair(seed: int, scale: int = 2, **changes) -> EvaluationPair:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:24, 0:36] / 24
    centres = rng.random((4, 2)) * (1, 1.5)
    blobs = [np.exp(-(((rows - y) ** 2 + (columns - x) ** 2) / 0.03)) for y, x in centres]
    bands = [np.exp(-(((WAVENUMBERS - centre) / 25) ** 2)) for centre in (785, 1003, 1450, 1660)]
    truth = np.stack(blobs, -1) @ np.stack(bands) * 500 + 20
    hr_image = truth + 15 * rng.normal(size=truth.shape)
    raster_offset = 1 if scale < 4 else 2
    pair = EvaluationPair(
        f"cell {seed}",
        downsample(hr_image, scale, raster_offset),
        hr_image,
        truth,
        scale,
        raster_offset,
        WAVENUMBERS,
        0.5,
    )
    return replace(pair, **changes)


def make_methods(scale: int = 2) -> dict:
    raster_offset = 1 if scale < 4 else 2
    methods = dict(reference_upsamplers(scale, raster_offset))
    methods["PCA"] = reference_upsampler("pca", scale, raster_offset, components=6)
    methods["network"] = lambda image: pca_upsample(image, scale, raster_offset, components=4, smoothing=0.01)
    return methods


@pytest.fixture(scope="module")
def pairs():
    return [make_pair(seed) for seed in range(7)]


@pytest.fixture(scope="module")
def rows(pairs):
    return evaluate_super_resolution(pairs, make_methods())


def test_metrics_against_scikit_image(pairs, rows):
    pair = pairs[1]
    peak = pair.hr_image.max()
    row = next(row for row in rows if (row.image, row.method) == ("cell 1", "network"))
    output, target, truth = make_methods()["network"](pair.lr_image) / peak, pair.hr_image / peak, pair.truth / peak
    assert row.mse == pytest.approx(np.mean((output - target) ** 2))
    assert row.psnr == pytest.approx(peak_signal_noise_ratio(target, output, data_range=1.0))
    assert row.ssim == pytest.approx(structural_similarity(output, target, channel_axis=-1, data_range=1.0))
    assert row.mse_truth == pytest.approx(np.mean((output - truth) ** 2))
    assert row.psnr_truth == pytest.approx(peak_signal_noise_ratio(truth, output, data_range=1.0))
    assert row.ssim_truth == pytest.approx(structural_similarity(output, truth, channel_axis=-1, data_range=1.0))
    np.testing.assert_allclose(row.channel_mse, np.mean((output - target) ** 2, axis=(0, 1)))
    assert (row.scale, row.raster_offset, row.pixels, row.ssim_released) == (2, 1, 24 * 36, None)


def test_parts_of_the_image_add_up(pairs, rows):
    pair = pairs[0]
    assert np.array_equal(np.argwhere(sampled_pixels(pair))[:2], [[1, 1], [1, 3]])
    assert sampled_pixels(pair).sum() == 12 * 18
    assert (~border_pixels(pair)).sum() == (24 - 4) * (36 - 4)
    for row in rows[:9]:
        assert row.mse == pytest.approx((row.mse_sampled + 3 * row.mse_between) / 4)
        inside = (20 * 32) / (24 * 36)
        assert row.mse == pytest.approx(inside * row.mse_interior + (1 - inside) * row.mse_border)
    by_method = {row.method: row for row in rows[:9]}
    assert by_method["bicubic"].mse_sampled < 1e-25 < 1e-5 < by_method["bicubic_released"].mse_sampled
    assert [row.method for row in rows[:9] if not row.registered] == ["nearest_released", "bicubic_released"]
    assert [row.method for row in rows[:9] if row.uses_whole_map] == ["PCA"]


def test_units_and_repetition_change_nothing(pairs, rows):
    assert evaluate_super_resolution(pairs, make_methods()) == rows
    first = pairs[0]
    scaled = replace(first, lr_image=first.lr_image * 7, hr_image=first.hr_image * 7, truth=first.truth * 7)
    for own, other in zip(rows, evaluate_super_resolution([scaled], make_methods()), strict=False):
        assert other.mse == pytest.approx(own.mse) and other.ssim == pytest.approx(own.ssim)
    half = evaluate_super_resolution([first], {"half": lambda image: 0.5 * make_methods()["network"](image)})
    assert half[0].mse > 2 * rows[8].mse  # an error of scale is an error


def test_released_columns(pairs):
    row = evaluate_super_resolution(pairs[:1], {"network": make_methods()["network"]}, released=True)[0]
    peak = pairs[0].hr_image.max()
    pair = (make_methods()["network"](pairs[0].lr_image) / peak, pairs[0].hr_image / peak)
    assert row.psnr_released == pytest.approx(released_psnr(*pair))
    assert row.ssim_released == pytest.approx(released_ssim(*pair))


def test_small_image_without_truth():
    small = EvaluationPair("small", np.ones((1, 2, 3)), np.ones((2, 4, 3)))
    row = evaluate_super_resolution([small], {"nearest": reference_upsampler("nearest", 2, 1)})[0]
    assert (row.mse, row.psnr, row.ssim) == (0.0, float("inf"), None)
    assert (row.mse_truth, row.psnr_truth, row.ssim_truth, row.mse_interior) == (None,) * 4


def test_bad_input_is_named(pairs):
    good = pairs[0]
    with pytest.raises(InputError, match="cell 0: hr_image has shape .* expected .24, 36, 60."):
        replace(good, hr_image=good.hr_image[:-1])
    with pytest.raises(InputError, match="cell 0: truth has NaN"):
        replace(good, truth=np.full_like(good.truth, np.nan))
    with pytest.raises(InputError, match="no positive value"):
        replace(good, hr_image=-np.ones_like(good.hr_image))
    with pytest.raises(InputError, match="wavenumbers"):
        replace(good, wavenumbers=WAVENUMBERS[1:])
    with pytest.raises(InputError, match="need 0 <= raster_offset < scale"):
        replace(good, raster_offset=2)
    with pytest.raises(InputError, match=r"bicubic is for \(scale, raster_offset\) \(2, 0\), but cell 0 has \(2, 1\)"):
        evaluate_super_resolution([good], {"bicubic": reference_upsampler("bicubic", 2, 0)})
    with pytest.raises(InputError, match="broken on cell 0: output has shape"):
        evaluate_super_resolution([good], {"broken": lambda image: image})
    with pytest.raises(InputError, match="NaN or infinite"):
        evaluate_super_resolution([good], {"broken": lambda image: np.full((24, 36, 60), np.nan)})
    with pytest.raises(InputError, match="Image names"):
        evaluate_super_resolution([good, good], make_methods())
    with pytest.raises(InputError, match="differ in .scale, raster_offset."):
        evaluate_super_resolution([good, make_pair(9, scale=3)], make_methods())


def test_band_errors(rows):
    assert band_channels([785.0, 900.0, 1450.0, 1440.0]).keys() == {"nucleic acids 785", "CH2/CH3 1450"}
    found = [each for each in band_errors(rows, WAVENUMBERS) if each.method == "linear"]
    assert [each.band for each in found] == [name for name in BANDS if name in band_channels(WAVENUMBERS)]
    for each in found:
        channels = [i for i, w in enumerate(WAVENUMBERS) if each.low <= w <= each.high]
        values = [np.mean([row.channel_mse[i] for i in channels]) for row in rows if row.method == "linear"]
        assert (each.channels, each.mse.n) == (len(channels), 7)
        assert each.mse.mean == pytest.approx(np.mean(values))
    with pytest.raises(ValueError, match="60|59"):
        band_errors(rows, WAVENUMBERS[1:])


def test_comparison_with_the_best_registered_method(rows):
    assert best_classical(rows) == "PCA"
    without = [row for row in rows if row.method in ("nearest", "nearest_released", "bicubic_released", "network")]
    assert best_classical(without) == "nearest"
    assert best_classical([replace(row, psnr=-row.psnr) for row in rows], "psnr") == "nearest"
    found = compare_metric(rows, "mse")
    assert found.methods == ("nearest", "bicubic", "PCA", "network") and len(found.tukey) == 6
    own, other = ([row.mse for row in rows if row.method == name] for name in ("network", "PCA"))
    assert found.paired.t_p == pytest.approx(scipy.stats.ttest_rel(own, other).pvalue)
    assert found.paired.difference == pytest.approx(np.mean(own) - np.mean(other))
    assert (found.anova.n, found.anova.k) == (7, 4)
    one = [row for row in rows if row.image == "cell 0"]
    assert compare_metric(one, "mse").anova is None


def test_tables(tmp_path, rows):
    paths = write_tables(rows, tmp_path, CONTEXT, wavenumbers=WAVENUMBERS)
    assert sorted(paths) == ["bands.csv", "metrics.csv", "metrics.json", "metrics.md"]
    with paths["metrics.csv"].open(newline="") as file:
        records = list(csv.DictReader(file))
    assert list(records[0])[:6] == ["method", "image", "mse", "psnr", "ssim", "mse_truth"]
    assert {"mse_between", "mse_border", "scale", "registered"} < set(records[0])
    assert not [name for name in records[0] if "channel" in name or "released" in name]
    assert len(records) == len(rows) and float(records[3]["ssim"]) == pytest.approx(rows[3].ssim, rel=1e-8)
    with paths["bands.csv"].open(newline="") as file:
        bands = list(csv.DictReader(file))
    assert len(bands) == 9 * len(band_channels(WAVENUMBERS)) and float(bands[0]["mse"]) > 0

    text = paths["metrics.json"].read_text()
    content = json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} in JSON"))
    assert [each["metric"] for each in content["statistics"]] == ["mse", "psnr", "ssim", "mse_truth"]
    first = content["statistics"][0]
    assert first["best_classical"] == "PCA" and 0 < first["anova"]["p_value"] < 0.01 and len(first["tukey"]) == 6
    assert content["context"]["score"] is None and len(content["bands"]) == len(bands)
    assert "channel_mse" not in content["rows"][0]

    words = paths["metrics.md"].read_text()
    assert words.startswith("# Super-resolution") and "SIMULATED" in words
    assert "every 2nd pixel" in words and "nearest_released, bicubic_released" in words
    assert "Geisser-Greenhouse" in words and "amide I 1660" in words and "nan" not in words.lower()
    before = text, words
    write_tables(
        evaluate_super_resolution([make_pair(s) for s in range(7)], make_methods()),
        tmp_path,
        CONTEXT,
        wavenumbers=WAVENUMBERS,
    )
    assert (paths["metrics.json"].read_text(), paths["metrics.md"].read_text()) == before


def test_tables_of_one_image_without_truth(tmp_path):
    rows = evaluate_super_resolution([make_pair(1, truth=None)], make_methods())
    rows[0] = replace(rows[0], psnr=float("inf"))
    paths = write_tables(rows, tmp_path, {"simulated": False})
    content = json.loads(paths["metrics.json"].read_text(), parse_constant=lambda constant: pytest.fail(constant))
    assert content["statistics"] == [] and content["rows"][0]["psnr"] is None
    words = paths["metrics.md"].read_text()
    assert "measured maps" in words and "truth" not in words and "Statistics" not in words
    assert sorted(paths) == ["metrics.csv", "metrics.json", "metrics.md"]


def is_a_picture(path) -> bool:
    pixels = matplotlib.image.imread(path)[..., :3]
    return min(pixels.shape[:2]) > 200 and float(pixels.std()) > 0.02


def shown_outputs(pair: EvaluationPair) -> dict:
    methods = make_methods(pair.scale)
    return {name: methods[name](pair.lr_image) for name in ("nearest", "bicubic", "PCA", "network")}


def test_figures_and_page(tmp_path, pairs, rows):
    outputs = shown_outputs(pairs[0])
    paths = super_resolution_figure(tmp_path, pairs[0], outputs, rows, data_note="simulated")
    names = [f"figure_super_resolution_{name}.png" for name in ("channels", "maps", "scores", "spectra")]
    assert sorted(paths) == names and all(is_a_picture(path) for path in paths.values())
    before = [path.read_bytes() for path in paths.values()]
    super_resolution_figure(tmp_path, pairs[0], outputs, rows, data_note="simulated")
    assert [path.read_bytes() for path in paths.values()] == before
    page = write_report_page(tmp_path, rows, CONTEXT, wavenumbers=WAVENUMBERS).read_text()
    assert (
        page.count('src="data:image/png;base64,') == 4
        and "Tukey" in page
        and "<h1>Super-resolution evaluation</h1>" in page
        and "amide I 1660" in page
    )
    assert '<tr class="reference"><td>network' in page and "http" not in page


def test_figures_of_another_scale_and_of_an_axis_without_the_band(tmp_path, pairs, rows):
    four = make_pair(0, scale=4, pixel_size_um=None, truth=None)
    of_four = evaluate_super_resolution([four], make_methods(4))
    assert len(super_resolution_figure(tmp_path / "four", four, shown_outputs(four), of_four)) == 4
    outputs = shown_outputs(pairs[0])
    other = replace(pairs[0], wavenumbers=WAVENUMBERS + 2000)
    assert len(super_resolution_figure(tmp_path / "other", other, outputs, rows)) == 2
    bare = replace(pairs[0], wavenumbers=None)
    assert list(super_resolution_figure(tmp_path / "bare", bare, outputs, rows)) == [
        "figure_super_resolution_scores.png"
    ]


def test_maps_hold_the_numbers_they_show(pairs):
    pair = pairs[0]
    channel = int(np.argmin(np.abs(WAVENUMBERS - 1450)))
    np.testing.assert_allclose(band_map(pair.truth, pair), pair.truth[..., channel] / pair.hr_image.max())
    figure = maps_figure(pair, {"nearest": np.zeros_like(pair.hr_image)})
    shown = {panel.get_title().split(",")[0]: panel.images for panel in figure.axes}
    assert shown["nearest"][0].get_clim() == shown["target"][0].get_clim()
    np.testing.assert_allclose(shown["error"][0].get_array(), -band_map(pair.hr_image, pair))
    assert "5 µm" not in [text.get_text() for text in figure.axes[0].texts]
    target = next(panel for panel in figure.axes if panel.get_title().startswith("target"))
    assert "2 µm" in [text.get_text() for text in target.texts]  # a quarter of 36 pixels is 4.5 µm
    assert target.patches[0].get_width() == pytest.approx(4)
    for row, column in example_pixels(pair):
        assert not sampled_pixels(pair)[row, column] and not border_pixels(pair)[row, column]


def test_scores_show_every_image(rows):
    scores = {name: metric_values(rows, name, "mse") for name in ("nearest", "network")}
    figure = scores_figure({"2x": {"MSE": scores}}, title="Scores")
    panel = figure.axes[0]
    circles = [line.get_ydata() for line in panel.lines if line.get_marker() == "o"]
    squares = [line.get_ydata() for line in panel.lines if line.get_marker() == "s"]
    for name, drawn, mean in zip(scores, circles, squares, strict=True):
        values = [row.mse for row in rows if row.method == name]
        np.testing.assert_allclose(drawn, values)
        np.testing.assert_allclose(np.asarray(mean, float), [np.mean(values)])
