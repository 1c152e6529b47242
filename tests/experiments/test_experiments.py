"""The paper's experiments: their statistics against SciPy, their reports, and whole runs killed for real."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.stats
from paths import ROOT
from processes import environment

import deeper_jax
from configs import experiments
from deeper_jax.errors import InputError
from deeper_jax.evaluation.report.statistics_sections import dunnett_section, tukey_section, wilcoxon_section
from deeper_jax.evaluation.report.tables import Section, TextTable, score_table
from deeper_jax.evaluation.statistics import holm
from deeper_jax.experiments import figure5_transfer
from deeper_jax.experiments.catalogue import run_experiments
from deeper_jax.experiments.figures import Picture
from deeper_jax.experiments.report import Report, write_report
from deeper_jax.experiments.unmixed import confusion_section, picture_of, unmix_output, unmix_target

RNG = np.random.default_rng(0)
SCORES = {
    method: {f"cell {i}": float(value) for i, value in enumerate(RNG.normal(mean, 0.3, 11))}
    for method, mean in {"raw": 3.0, "filter": 1.4, "network": 1.0}.items()
}
TINY = {
    "folds": 2,
    "denoising.model.width": 4,
    "denoising.train.steps": 30,
    "denoising.train.evaluate_every": 15,
    "denoising.train.checkpoint_every": 3,
    "denoising.train.log_every": 4,
    "denoising.train.batch_size": 16,
    "denoising.data.simulate.cells": 3,
    "denoising.data.simulate.height": 12,
    "denoising.data.simulate.width": 12,
}


def values(method: str) -> list[float]:
    return list(SCORES[method].values())


def test_wilcoxon_section_is_scipys_test_with_holms_adjustment():
    section = wilcoxon_section(SCORES, "mse", "network")
    bare = [scipy.stats.wilcoxon(values("network"), values(other)).pvalue for other in ("raw", "filter")]
    assert [line[2] for line in section.table.body] == [f"{p:.2g}" for p in bare]
    assert [line[3] for line in section.table.body] == [f"{p:.2g}" for p in holm(bare)]


def test_holm_by_hand():
    # Sorted .01, .02, .04, times 3, 2, 1, never falling.
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])


def test_dunnett_section_is_scipys_and_the_same_twice():
    section = dunnett_section(SCORES, "mse", "network")
    assert section == dunnett_section(SCORES, "mse", "network")
    expected = scipy.stats.dunnett(np.array(values("raw")), np.array(values("filter")), control=values("network"))
    found = [float(line[2]) for line in section.table.body]
    np.testing.assert_allclose(found, expected.pvalue, rtol=0.2, atol=1e-3)
    f = scipy.stats.f_oneway(values("network"), values("raw"), values("filter"))
    assert f"F = {f.statistic:.4g}" in section.items[0]


def test_tukey_section_survives_one_image():
    one = {method: {"cell 0": value["cell 0"]} for method, value in SCORES.items()}
    assert "nothing to test" in tukey_section(one, "MSE").items[0]
    assert len(tukey_section(SCORES, "MSE").table.body) == 3


def test_score_table_is_mean_and_student_interval():
    line = score_table({"mse": SCORES}).body[0]
    low, high = scipy.stats.t.interval(0.95, 10, np.mean(values("raw")), scipy.stats.sem(values("raw")))
    assert line == ["raw", f"{np.mean(values('raw')):#.3g} [{low:#.3g}, {high:#.3g}]"]


def planted(noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    axis = np.arange(60)
    endmembers = np.stack([np.exp(-(((axis - c) / 5) ** 2)) * h for c, h in ((10, 1.0), (30, 0.8), (50, 0.3))])
    abundances = RNG.dirichlet([0.3] * 3, (9, 9))
    abundances[0, :3] = np.eye(3)
    return abundances @ endmembers + noise * RNG.normal(size=(9, 9, 60)), abundances


def test_unmixing_an_image_with_its_own_endmembers_is_perfect_and_noise_is_seen():
    image, abundances = planted()
    target = unmix_target(image, 3, 0)
    np.testing.assert_array_equal(target.classes, abundances.argmax(-1))  # strongest first, as planted
    same = unmix_output(3.7 * image, target)
    assert same.scores["accuracy / %"] == 100 and same.scores["abundance error"] < 1e-6
    assert np.trace(same.confusion) == 81
    noisy = unmix_output(image + 0.2 * RNG.normal(size=image.shape), target)
    assert noisy.scores["accuracy / %"] < 100 and noisy.scores["spectral angle / deg"] > 5
    table = confusion_section({"network": noisy.confusion}).table
    np.testing.assert_allclose([sum(map(float, line[1:])) for line in table.body], 100, atol=2)


def test_false_colours_show_the_background_black():
    picture = picture_of(np.eye(3)[None])
    assert picture[0, 2].max() == 0 and picture[0, :2].max(-1).min() > 0.3


def test_a_report_is_one_page_without_links_and_every_table_a_file(tmp_path):
    from deeper_jax.evaluation.plot_style import new_figure, save_png

    save_png(new_figure(1, 1), tmp_path / "picture.png")
    table = Section("Scores <of> all", ["A & B."], TextTable(["method", "MSE"], [["network", "1"]]))
    parts = [Picture(tmp_path / "picture.png", "A picture."), table]
    report = Report(
        "hybrid", "Title", "It works.", "SIMULATED data.", parts, {"mse": 1.0}, {"seed": 4, "model": {"width": [8, 9]}}
    )
    page = write_report(report, tmp_path, "python eval.py").read_text()
    assert "data:image/png;base64," in page and not re.search(r'(src|href)="(?!data:)', page)
    assert "Scores &lt;of&gt; all" in page and "model.width" in page and "python eval.py" in page
    assert "<td>8, 9</td>" in page and page.index("It works.") < page.index("SIMULATED data.")
    assert (tmp_path / "scores_of_all.csv").read_text() == "method,MSE\nnetwork,1\n"
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["results"] == {"mse": 1.0} and results["config"]["seed"] == 4 and results["versions"]["jax"]
    assert "![A picture.](picture.png)" in (tmp_path / "report.md").read_text()


def test_an_unknown_experiment_is_refused(tmp_path):
    with pytest.raises(InputError, match="no experiment called 'denoise': choose one of denoising, super_resolution"):
        run_experiments("denoise", tmp_path, experiments.get_config())


def eval_command(output: Path, name: str = "denoising", **more: object) -> list[str]:
    settings = [f"--config.{key}={value}" for key, value in {**TINY, **more}.items()]
    return [sys.executable, "eval.py", f"--experiment={name}", f"--output={output}", *settings]


@pytest.mark.slow
def test_a_cross_validation_killed_in_a_fold_ends_with_the_same_table(tmp_path):
    options = {"cwd": ROOT, "text": True, "env": environment()}
    done = subprocess.run(eval_command(tmp_path), capture_output=True, **options)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "data/deeper is not there, SIMULATED data" in done.stdout
    for number in range(2):
        data = deeper_jax.load(tmp_path / "runs" / "denoising" / f"fold_{number:02d}").record["data"]
        learnt_from = {*data["train_cells"], *data["validation_cells"]}
        assert learnt_from == {"cell_000", "cell_001", "cell_002"} - {f"cell_{number:03d}"}
    table = (tmp_path / "denoising" / "metrics.csv").read_bytes()
    assert table.count(b"\n") > 30
    # Again from the second fold on, killed on the way, and once more.
    fold = tmp_path / "runs" / "denoising" / "fold_01"
    shutil.rmtree(fold)
    shutil.rmtree(tmp_path / "denoising")
    process = subprocess.Popen(eval_command(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options)
    latest = fold / "checkpoints" / "latest"
    while process.poll() is None and not [each for each in latest.glob("*") if each.name.isdigit()]:
        time.sleep(0.01)
    assert process.poll() is None, "ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (fold / "scores.json").exists() and (fold.parent / "fold_00" / "scores.json").exists()
    again = subprocess.run(eval_command(tmp_path), capture_output=True, **options)
    assert again.returncode == 0, again.stderr[-2000:]
    assert "Resuming at step" in again.stdout
    assert (tmp_path / "denoising" / "metrics.csv").read_bytes() == table
    assert (tmp_path / "denoising" / "index.html").stat().st_size > 100_000


AXIS = np.linspace(600.0, 1800.0, 150)


def spectra(*shape: int, seed: int = 0) -> np.ndarray:
    """[..., 150] of three bands of random heights."""
    bands = np.stack([np.exp(-(((AXIS - c) / 20) ** 2)) for c in (1003, 1250, 1450)])
    return 100 + 900 * np.random.default_rng(seed).random((*shape, 3)) @ bands


def small_settings() -> dict[str, object]:
    """Networks and data of all experiments cut down to seconds."""
    small = {"model.width": 8, "model.groups": 1, "model.blocks": 1, "data.patch": 24}
    small |= {"train.steps": 4, "train.evaluate_every": 2, "train.checkpoint_every": 2}
    runs = [*(f"super_resolution.x{scale}" for scale in (2, 3, 4)), "transfer.training", "transfer.map_training"]
    settings = {f"{run}.{name}": value for run in runs for name, value in small.items()}
    for run in runs[:4]:
        sizes = {"images": 7, "test_images": 3, "height": 24, "width": 24}
        settings |= {f"{run}.data.simulate.{name}": value for name, value in sizes.items()}
    settings |= {"denoising.data.simulate.height": 24, "denoising.data.simulate.width": 24}
    settings |= {name.replace("denoising", "hybrid.training"): value for name, value in TINY.items() if "denoi" in name}
    return settings | {"hybrid.training.data.simulate.test_cells": 2}


@pytest.mark.slow
def test_all_experiments_run_and_a_measured_map_joins_in(tmp_path):
    # Noise, as any measured map has: without it three bands hold fewer endmembers than are asked for.
    cube = np.random.default_rng(0).normal(spectra(20, 40), 20)
    np.savez(tmp_path / "map.npz", cube=cube, wavenumber=AXIS)
    settings = small_settings()
    settings |= {"transfer.map": tmp_path / "map.npz", "transfer.map_training.data.patch": 8}
    output = tmp_path / "output"
    done = subprocess.run(
        eval_command(output, "all", **settings), cwd=ROOT, capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"using {tmp_path / 'map.npz'}" in done.stdout and "SIMULATED data" in done.stdout
    index = (output / "index.html").read_text()
    figures = {
        "denoising": ["2aef", "2b", "2c", "2d", "s2"],
        "super_resolution": ["3a", "3b", "3cde", "s3", "s4", "s5", "s6"],
        "hybrid": ["4a", "4b", "s7"],
        "transfer": ["5a_endmembers", "5a_peak", "5b", "5cd", "5_s8", "5_mapa_endmembers"],
    }
    for name, numbers in figures.items():
        assert f'href="{name}/index.html"' in index
        assert not [number for number in numbers if not (output / name / f"figure_{number}.png").exists()]
        page = (output / name / "index.html").read_text()
        assert page.count("data:image/png") >= len(numbers) and "other data" in page
    transfer = json.loads((output / "transfer" / "results.json").read_text())["results"]
    assert set(transfer) == {"cartilage", "map"} and len(transfer["map"]["MSE"]["fine-tuned"]) == 5


@pytest.mark.slow
def test_folders_as_deeper_distributes_them_are_used_and_what_they_lack_is_said(tmp_path):
    files, images = tmp_path / "deeper", tmp_path / "images"
    files.mkdir()
    images.mkdir()
    rng = np.random.default_rng(1)
    for split, count in (("Train", 300), ("Test", 60)):
        clean = spectra(count, seed=count)[:, :148]
        for kind, values in (("Inputs", rng.normal(clean, 60)), ("Outputs", rng.normal(clean, 6))):
            scipy.io.savemat(files / f"{split}_{kind}.mat", {f"{split}_{kind}": values})
    np.savetxt(files / "axis.txt", AXIS[:148])
    for number in range(8):
        scipy.io.savemat(images / f"Cell-HR_Norm_500-01-193-{number:03d}.mat", {"Cell": spectra(24, 24, seed=number)})
    settings = small_settings() | {"denoising.model.length": 148, "hybrid.training.model.length": 148, "endmembers": 3}
    settings |= {f"super_resolution.x{scale}.data.path": images for scale in (2, 3, 4)}
    settings |= {f"super_resolution.x{scale}.data.axis": () for scale in (2, 3, 4)}
    settings |= {"denoising.data.path": files, "hybrid.training.data.path": files}
    settings |= {"transfer.training.data.path": images, "transfer.training.data.axis": ()}
    output = tmp_path / "output"
    options = {"cwd": ROOT, "capture_output": True, "text": True, "env": environment()}
    done = subprocess.run(eval_command(output, "all", **settings), **options)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr[-3000:]
    for folder in (files, images):
        assert f"using {folder}" in done.stdout
    assert "holds no test cell that is a whole raster" in done.stdout and "hybrid: not done" in done.stderr
    assert not (output / "runs" / "hybrid_denoising").exists()
    for name in ("denoising", "super_resolution", "transfer"):
        page = (output / name / "index.html").read_text()
        assert re.search("MEASURED (data|tissue)", page) and "SIMULATED" not in page
    assert "does not tell the cells apart" in (output / "denoising" / "report.md").read_text()
    assert "Not done: " in (output / "index.html").read_text()


@pytest.mark.parametrize("setting", ["small", "paper"])
def test_the_networks_of_the_transfer_start_as_they_are_called(setting, tmp_path):
    config = experiments.get_config(setting)
    starts = {"from scratch": "random", "from scratch, our start": "regression"}
    for name, start in starts.items():
        found = figure5_transfer.network_config(config, config.transfer.training, tmp_path, name)
        assert (found.initial_upsampler, found.init_from) == (start, "")
