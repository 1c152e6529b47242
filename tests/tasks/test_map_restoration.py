"""The map restoration task: its settings, and the evaluation of a trained network."""

import html
import json

import numpy as np
import pytest
from flax import nnx

from configs import map_restorer
from deeper_jax.errors import InputError
from deeper_jax.inference.map_restorer import LoadedMapRestorer
from deeper_jax.models.map_restorer import MapRestorer
from deeper_jax.tasks import map_restoration_evaluation as evaluation
from deeper_jax.tasks.map_restoration import map_restoration_job
from deeper_jax.tasks.task import EvaluationOptions


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"phantoms": {"cell": 1.0, "cartilage": 0.0, "textures": -1.0}}, "shares, 0 or more"),
        ({"side": 30}, "multiple of 4"),
        ({"components": 0}, "1 or more"),
    ],
)
def test_settings_that_cannot_be_used_are_one_sentence(change, match):
    config = map_restorer.get_config()
    config.data.update(change)
    with pytest.raises(InputError, match=match):
        map_restoration_job(config)


def test_an_untrained_network_gains_little_and_the_tables_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "IMAGES", 2)
    monkeypatch.setattr(evaluation, "SIDE", 24)
    monkeypatch.setattr(evaluation, "SCALES", (1, 2))
    model = LoadedMapRestorer(MapRestorer(2, rngs=nnx.Rngs(0)), {"source": "untrained"})
    rows = evaluation.evaluate_map_restorer(model, tmp_path / "out", EvaluationOptions())
    assert len(rows) == 5 * 2 * 2 * 4
    strong = [row for row in rows if row["strength"] == 125.0]
    # Of strong images the Wiener estimate leaves all of the noise, and is the interpolation between.
    assert all(0.8 < row["measured"] < 1.2 for row in strong)
    assert all(abs(row["new"] - 1) < 0.02 for row in strong if row["new"] is not None)
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["checkpoint"] == "untrained"
    page = (tmp_path / "out" / "index.html").read_text()
    assert "SIMULATED" in page and page.count("<details>") == 5 and "<summary>Cartilage" in page
    # 2 images of 5 kinds; the strongest images are no better than interpolated, the weakest gain.
    told = evaluation.headline(rows)
    assert html.escape(told) in page and told in (tmp_path / "out" / "metrics.md").read_text()
    geometric = np.exp(np.log([row["new"] for row in rows if row["scale"] == 2]).mean())
    assert f"{geometric:.2g} times that of Lanczos" in told and "over 10 images" in told


def test_it_takes_no_data(tmp_path):
    model = LoadedMapRestorer(MapRestorer(2, rngs=nnx.Rngs(0)), {})
    with pytest.raises(InputError, match="leave out --data"):
        evaluation.evaluate_map_restorer(model, tmp_path, EvaluationOptions(data="map.npz"))
