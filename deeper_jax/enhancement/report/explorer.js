// What the page of an enhanced map does: a chosen pixel shows its spectrum, a chosen band makes the maps.
// Spectra lie in the page as base64 text; Bokeh draws. Nothing is asked of any network.
"use strict";
window.explorer = (() => {
  const LIMITS = [0.005, 0.997]; // of the restored map: ends of the colours
  const NINETY_PERCENT = 1.645;
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("explorer-data").textContent);
  const channels = data.axis.length;
  const axis = Float64Array.from(data.axis);
  const state = { slice: 0, row: 0, column: 0, low: 0, high: 0, layer: "uncertainty", baseline: true, whole: false };
  let bokeh, cubes, marks, components;

  // ---- reading what is embedded ----

  function bytes(id) {
    const text = byId(id).textContent.trim();
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
    const raw = atob(text);
    const out = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
    return out;
  }

  // Values of pixel p are offset[p] + step[p] * levels; of exact spectra offset is 0 and step 1.
  function readCube(name) {
    if (data.exact) return { levels: new Float32Array(bytes(`cube-${name}`).buffer), offset: null, step: null };
    return {
      levels: new Uint16Array(bytes(`cube-${name}`).buffer),
      offset: new Float32Array(bytes(`cube-${name}-offsets`).buffer),
      step: new Float32Array(bytes(`cube-${name}-steps`).buffer),
    };
  }

  function spectrum(cube, pixel) {
    const from = cube.levels.subarray(pixel * channels, (pixel + 1) * channels);
    const out = Float64Array.from(from);
    if (cube.step) for (let k = 0; k < channels; k++) out[k] = cube.offset[pixel] + cube.step[pixel] * out[k];
    return out;
  }

  function isMarked(name, pixel, channel) {
    const bit = pixel * channels + channel;
    return (marks[name][bit >> 3] >> (7 - (bit & 7))) & 1;
  }

  // A channel of a cosmic ray that was removed is no longer in question.
  const isFlagged = (pixel, k) => isMarked("flagged", pixel, k) & ~isMarked("removed", pixel, k);

  // ---- the two grids ----

  const countOf = (grid) => grid.shape[0] * grid.shape[1];
  // Number of a pixel of the chosen slice, of all that the page holds.
  const place = (grid, row, column) => state.slice * countOf(grid) + row * grid.shape[1] + column;
  const measuredOf = (row, column) =>
    place(data.measured, data.toMeasured.y[row], data.toMeasured.x[column]);
  // The restored pixel that lies on the measured one nearest to this.
  const sampledOf = (row, column) =>
    place(data.restored, data.toRestored.y[data.toMeasured.y[row]], data.toRestored.x[data.toMeasured.x[column]]);

  function indexAt(edges, count, value) {
    const i = Math.floor(((value - edges[0]) / (edges[1] - edges[0])) * count);
    return Math.min(Math.max(i, 0), count - 1);
  }

  const middle = (edges, count, index) => edges[0] + ((index + 0.5) / count) * (edges[1] - edges[0]);

  // ---- numbers ----

  function noiseOf(values) {
    const { gain, floor, least, factor } = data.noise;
    return values.map((value) => factor * Math.sqrt(Math.max(gain * value + floor, least)));
  }

  function quantiles(values, shares) {
    const finite = Float64Array.from(values).filter(Number.isFinite).sort();
    if (!finite.length) return shares.map(() => 0);
    return shares.map((share) => {
      const at = share * (finite.length - 1);
      const low = Math.floor(at);
      return finite[low] + (at - low) * (finite[Math.min(low + 1, finite.length - 1)] - finite[low]);
    });
  }

  function words(value) {
    if (!Number.isFinite(value)) return "none";
    const size = Math.abs(value);
    const text = size >= 1e6 || (size < 1e-3 && size > 0) ? value.toExponential(3) : String(Number(value.toPrecision(4)));
    return text.replace("-", "−");
  }

  // Weights of the channels whose sum is the mean height between low and high: the trapezoid rule, the spectrum
  // interpolated at both ends, less the straight line between these where a local baseline is wanted.
  function bandWeights(low, high, baseline) {
    const weights = new Float64Array(channels);
    const points = [low, ...data.axis.filter((each) => each > low && each < high), high];
    points.forEach((point, i) => {
      let share = ((points[i + 1] ?? high) - (points[i - 1] ?? low)) / 2 / (high - low);
      if (baseline && (i === 0 || i === points.length - 1)) share -= 0.5;
      let right = axis.findIndex((each) => each >= point);
      if (right < 0) right = channels - 1;
      const left = axis[right] === point || right === 0 ? right : right - 1;
      const part = left === right ? 1 : (point - axis[left]) / (axis[right] - axis[left]);
      weights[right] += share * part;
      if (left !== right) weights[left] += share * (1 - part);
    });
    return weights;
  }

  function heights(cube, weights, pixels) {
    let from = weights.findIndex((each) => each !== 0);
    let to = channels;
    while (to > from && weights[to - 1] === 0) to--;
    let sum = 0;
    for (let k = from; k < to; k++) sum += weights[k];
    const out = new Float64Array(pixels);
    for (let p = 0; p < pixels; p++) {
      let total = 0;
      for (let k = from, i = p * channels + from; k < to; k++, i++) total += weights[k] * cube.levels[i];
      out[p] = cube.step ? cube.offset[p] * sum + cube.step[p] * total : total;
    }
    return out;
  }

  // ---- drawing ----

  function fill(name, values) {
    const source = bokeh(`${name}_source`);
    const image = source.data.image[0];
    const [rows, columns] = data.grids[name].shape;
    const { x, y } = data.grids[name];
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        // Bokeh draws the first row at the lowest value.
        const to = (y[1] > y[0] ? row : rows - 1 - row) * columns + (x[1] > x[0] ? column : columns - 1 - column);
        image[to] = values[row * columns + column];
      }
    source.change.emit();
  }

  function colour(name, low, high) {
    const mapper = bokeh(`${name}_colours`);
    if (!(high > low)) high = low + Math.max(Math.abs(low) * 1e-6, 1e-12);
    mapper.setv({ low, high });
  }

  const bandWords = () => `${Math.round(state.low)}–${Math.round(state.high)} cm⁻¹`;

  function drawBand() {
    for (const name of data.spectral) bokeh(`${name}_band`).setv({ left: state.low, right: state.high });
    byId("band-low").value = state.low.toFixed(1);
    byId("band-high").value = state.high.toFixed(1);
    if (data.kind === "spectrum") return drawBaseline();
    const weights = bandWeights(state.low, state.high, state.baseline);
    const slices = data.slices.length;
    state.before = heights(cubes.measured, weights, slices * countOf(data.measured));
    state.after = heights(cubes.restored, weights, slices * countOf(data.restored));
    if (data.kind === "map") {
      drawMaps();
      // One scale for all slices, so that they can be compared.
      const limits = quantiles(state.after, LIMITS);
      for (const name of ["before", "after"]) {
        colour(name, ...limits);
        bokeh(`${name}_bar`).title = `band height (${data.unit})`;
      }
      bokeh("before").title.text = `measured, ${bandWords()}`;
      bokeh("after").title.text = `restored, ${bandWords()}`;
      drawLayer();
    } else drawProfile();
    drawBaseline();
  }

  function drawMaps() {
    for (const [name, grid, values] of [["before", data.measured, state.before], ["after", data.restored, state.after]])
      fill(name, values.subarray(state.slice * countOf(grid), (state.slice + 1) * countOf(grid)));
  }

  function drawProfile() {
    const count = data.restored.shape[0];
    const there = [...Array(count).keys()].filter((i) => Number.isFinite(state.after[i]));
    const std = there.map((i) => layerValue("uncertainty", i, 0, bandChannels()));
    bokeh("profile_source").setv({ data: {
      place: there.map((i) => middle(data.grids.after.y, count, i)),
      measured: there.map((i) => state.before[i]),
      restored: there.map((i) => state.after[i]),
      low: there.map((i, n) => state.after[i] - NINETY_PERCENT * std[n]),
      high: there.map((i, n) => state.after[i] + NINETY_PERCENT * std[n]),
    } });
    const [low, high] = quantiles([...state.before, ...state.after], [0, 1]);
    const room = 0.06 * (high - low) || 1;
    bokeh("profile").y_range.setv({ start: low - room, end: high + room });
    bokeh("profile").title.text = `band height, ${bandWords()}`;
  }

  function drawSeries() {
    const columns = data.columns;
    for (const [name, cube] of [["before", cubes.measured], ["after", cubes.restored]]) {
      const values = new Float64Array(data.restored.shape[0] * columns.length);
      for (let row = 0; row < data.restored.shape[0]; row++) {
        const own = spectrum(cube, row);
        columns.forEach((channel, column) => { values[row * columns.length + column] = own[channel]; });
      }
      fill(name, values);
      if (name === "after") {
        const limits = quantiles(values, [0.01, 0.99]);
        colour("before", ...limits);
        colour("after", ...limits);
      }
      bokeh(`${name}_bar`).title = `intensity (${data.unit})`;
    }
  }

  // Each layer: its title, the scale it is drawn with, the words at its colour bar, and its value.
  const LAYERS = {
    uncertainty: { scale: "log", bar: () => `standard deviation (${data.unit})` },
    residual: { scale: "linear", bar: () => "residual / noise" },
    flagged: { scale: "linear", bar: () => (data.kind === "map" ? "flagged channels" : "flagged") },
    cosmic_ray: { scale: "kinds", bar: () => "cosmic rays" },
    component: { scale: "linear", bar: () => (data.kind === "map" ? `score (${data.unit})` : `its part (${data.unit})`) },
  };
  // "component-2" is the second component.
  const layerKind = () => state.layer.split("-")[0];
  const layerComponent = () => Number(state.layer.split("-")[1]) - 1;

  function layerValue(name, row, column, ks) {
    const pixel = measuredOf(row, column);
    if (name === "uncertainty") {
      const std = spectrum(cubes.uncertainty, place(data.restored, row, column));
      return Math.sqrt(ks.reduce((sum, k) => sum + std[k] ** 2, 0) / ks.length);
    }
    if (name === "component") {
      const k = layerComponent();
      const score = components.scores[pixel * data.components + k];
      return data.kind === "map" ? score : score * components.spectra[k * channels + ks[0]];
    }
    const measured = spectrum(cubes.measured, pixel);
    if (Number.isNaN(measured[0])) return NaN;
    if (name === "residual") {
      const restored = spectrum(cubes.restored, sampledOf(row, column));
      const noise = noiseOf(restored);
      return Math.sqrt(ks.reduce((sum, k) => sum + ((measured[k] - restored[k]) / noise[k]) ** 2, 0) / ks.length);
    }
    const within = data.kind === "map" ? [...axis.keys()] : ks;
    if (name === "flagged") return within.reduce((sum, k) => sum + isFlagged(pixel, k), 0);
    const kinds = within.map((k) => (isMarked("removed", pixel, k) ? 2 : isMarked("cosmic_ray", pixel, k)));
    return Math.max(...kinds);
  }

  // A few round numbers at even distances of a logarithmic scale.
  function ticksBetween(low, high) {
    const ticks = [0.08, 0.5, 0.92].map((share) => Number((low * (high / low) ** share).toPrecision(2)));
    return ticks.filter((each, i) => each >= low && each <= high && ticks.indexOf(each) === i);
  }

  const bandChannels = () => [...axis.keys()].filter((k) => axis[k] >= state.low && axis[k] <= state.high);

  function drawLayer() {
    const kind = layerKind();
    const { scale, bar } = LAYERS[kind];
    const [rows, columns] = data.grids.layer.shape;
    const values = new Float64Array(rows * columns);
    let ks = bandChannels();
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        if (data.kind === "series") ks = [data.columns[column]];
        values[row * columns + column] = layerValue(kind, row, data.kind === "map" ? column : 0, ks);
      }
    fill("layer", values);
    let [low, high] = quantiles(values, scale === "linear" ? [0, 1] : LIMITS);
    if (["residual", "component"].includes(kind)) [low, high] = quantiles(values, LIMITS);
    if (kind === "flagged") [low, high] = [0, Math.max(1, high)];
    if (scale === "log") low = Math.max(low, high * 1e-6, 1e-30);
    if (scale === "log" && high < 1.02 * low) [low, high] = [low / 1.1, high * 1.1];
    if (scale !== "kinds") colour(`layer_${scale}`, low, high);
    if (scale === "log") bokeh("layer_log_bar").ticker.ticks = ticksBetween(low, high);
    for (const name of ["log", "linear", "kinds"]) {
      bokeh(`layer_${name}`).visible = name === scale;
      bokeh(`layer_${name}_bar`).visible = name === scale;
    }
    bokeh(`layer_${scale}_bar`).title = bar();
    const chosen = byId("layer").selectedOptions[0].textContent;
    const banded = data.kind === "map" && ["uncertainty", "residual"].includes(kind);
    bokeh("layer").title.text = banded ? `${chosen}, ${bandWords()}` : chosen;
    describe("layer", `${chosen}: from ${words(low)} to ${words(high)}.`);
    drawComponent(kind === "component");
  }

  function drawComponent(shown) {
    if (!data.components) return;
    byId("figure-component").hidden = !shown;
    if (!shown) return;
    const k = layerComponent();
    const values = Float64Array.from(components.spectra.subarray(k * channels, (k + 1) * channels));
    bokeh("component_source").data.value.set(values);
    bokeh("component_source").change.emit();
    const [low, high] = quantiles(values, [0, 1]);
    bokeh("component").y_range.setv({ start: Math.min(low, 0) - 0.05, end: high + 0.05 });
    bokeh("component").title.text = `spectrum of component ${k + 1}, 1 at its highest`;
  }

  function drawBaseline() {
    const source = bokeh("baseline_source");
    const values = state.restored;
    if (!state.baseline || !values || Number.isNaN(values[0])) return source.setv({ data: { x: [], y: [] } });
    const at = (point) => {
      let right = axis.findIndex((each) => each >= point);
      if (right < 0) right = channels - 1;
      if (right === 0) return values[0];
      const part = (point - axis[right - 1]) / (axis[right] - axis[right - 1]);
      return (1 - part) * values[right - 1] + part * values[right];
    };
    source.setv({ data: { x: [state.low, state.high], y: [at(state.low), at(state.high)] } });
  }

  function pixelWords() {
    const parts = data.slices.length > 1 ? [data.slices[state.slice]] : [];
    if (data.kind === "map") parts.push(data.restored.places.y[state.row], data.restored.places.x[state.column]);
    if (data.kind === "series") parts.push(data.restored.places.y[state.row]);
    return parts.join(", ");
  }

  function markRuns(pixel) {
    const kinds = Array.from({ length: channels }, (_, k) => {
      if (isMarked("removed", pixel, k)) return 1;
      if (isMarked("cosmic_ray", pixel, k)) return 2;
      return isMarked("flagged", pixel, k) ? 0 : -1;
    });
    const runs = { x0: [], x1: [], colour: [], kind: [] };
    const edge = (k) => (k <= 0 ? axis[0] : k >= channels ? axis[channels - 1] : (axis[k - 1] + axis[k]) / 2);
    for (let k = 0; k < channels; k++) {
      if (kinds[k] < 0) continue;
      const start = k;
      while (k + 1 < channels && kinds[k + 1] === kinds[start]) k++;
      runs.x0.push(edge(start));
      runs.x1.push(edge(k + 1));
      runs.colour.push(data.markColours[kinds[start]]);
      runs.kind.push(kinds[start]);
    }
    return runs;
  }

  function drawSpectrum() {
    const pixel = measuredOf(state.row, state.column);
    const here = place(data.restored, state.row, state.column);
    const measured = spectrum(cubes.measured, pixel);
    const restored = spectrum(cubes.restored, here);
    const std = spectrum(cubes.uncertainty, here);
    const sampled = spectrum(cubes.restored, sampledOf(state.row, state.column));
    const noise = noiseOf(sampled);
    const source = bokeh("spectrum_source");
    const residual = measured.map((value, k) => value - sampled[k]);
    const low = restored.map((value, k) => value - NINETY_PERCENT * std[k]);
    const high = restored.map((value, k) => value + NINETY_PERCENT * std[k]);
    const columns = { measured, restored, low, high, residual, noise_low: noise.map((each) => -each), noise_high: noise };
    for (const [name, values] of Object.entries(columns)) source.data[name].set(values);
    source.change.emit();
    Object.assign(state, { restored, measured, std, residual, noise, pixel });
    bokeh("marks_source").setv({ data: markRuns(pixel) });

    // A cosmic ray of the measurement must not press the rest flat, unless it is what is looked at.
    let [bottom, top] = quantiles(measured, state.whole ? [0, 1] : [0.002, 0.998]);
    bottom = Math.min(bottom, quantiles(low, [0])[0]);
    top = Math.max(top, quantiles(high, [1])[0]);
    const room = 0.05 * (top - bottom) || 1;
    bokeh("spectrum").y_range.setv({ start: bottom - room, end: top + room });
    const reach = Math.max(
      quantiles(residual.map(Math.abs), [state.whole ? 1 : 0.995])[0], 2.5 * quantiles(noise, [1])[0]) || 1;
    bokeh("residual").y_range.setv({ start: -1.1 * reach, end: 1.1 * reach });
    drawBaseline();
    drawPlace();
  }

  function drawPlace() {
    const where = pixelWords();
    const missing = Number.isNaN(state.measured[0]);
    // "spectrum 14" of a list needs no more words.
    const named = where.startsWith("spectrum ") ? where : `spectrum at ${where}`;
    bokeh("spectrum").title.text = where ? `${named}${missing ? ": none was measured" : ""}` : "spectrum";
    const x = [];
    const y = [];
    if (data.kind === "map") {
      x.push(middle(data.grids.after.x, data.restored.shape[1], state.column));
      y.push(middle(data.grids.after.y, data.restored.shape[0], state.row));
    } else if (data.kind === "series") {
      x.push((state.low + state.high) / 2);
      y.push(middle(data.grids.after.y, data.restored.shape[0], state.row));
      bokeh("profile_place").location = y[0];
    }
    for (const source of bokeh.chosen) source.setv({ data: { x, y } });
    sayWhere(where, missing);
  }

  function sayWhere(where, missing) {
    const here = where ? `At ${where}: ` : "";
    if (missing) {
      byId("readout").textContent = `${here}no spectrum was measured here.`;
      return;
    }
    const weights = bandWeights(state.low, state.high, state.baseline);
    const height = (values) => words(values.reduce((sum, value, k) => sum + weights[k] * value, 0));
    const flags = [...axis.keys()].filter((k) => isFlagged(state.pixel, k)).length;
    const rays = [...axis.keys()].filter((k) => isMarked("cosmic_ray", state.pixel, k)).length;
    const marked = [];
    if (flags) marked.push(`${flags} ${flags === 1 ? "channel" : "channels"} flagged`);
    if (rays) marked.push(`${rays} of a cosmic ray`);
    const band = `band ${bandWords()} measured ${height(state.measured)}, restored ${height(state.restored)} ${data.unit}`;
    // A unit such as "a.u." brings a full stop of its own.
    const said = `${here}${band}${marked.length ? `; ${marked.join(", ")}` : ""}.`.replace(/\.\.$/, ".");
    byId("readout").textContent = said[0].toUpperCase() + said.slice(1);
    describe("spectrum", `Spectrum${where ? ` at ${where}` : ""}: ${band}.`.replace(/\.\.$/, "."));
  }

  function describe(name, text) {
    const caption = byId(`alt-${name}`);
    if (caption) caption.textContent = text;
  }

  // ---- what a reader does ----

  function choose(row, column) {
    state.row = Math.min(Math.max(row, 0), data.restored.shape[0] - 1);
    state.column = Math.min(Math.max(column, 0), data.restored.shape[1] - 1);
    drawSpectrum();
  }

  function chooseSlice(number) {
    state.slice = Math.min(Math.max(number, 0), data.slices.length - 1);
    byId("slice").value = String(state.slice);
    byId("slice-words").textContent = `${data.slices[state.slice]} (${state.slice + 1} of ${data.slices.length})`;
    byId("slice").setAttribute("aria-valuetext", data.slices[state.slice]);
    if (!state.before) return;
    drawMaps();
    drawLayer();
    drawSpectrum();
  }

  function tapped(name, x, y) {
    if (name === "profile") return choose(indexAt(data.grids.after.y, data.restored.shape[0], x), 0);
    const [rows, columns] = data.restored.shape;
    const column = data.kind === "map" ? indexAt(data.grids.after.x, columns, x) : 0;
    choose(indexAt(data.grids.after.y, rows, y), column);
  }

  function chooseBand(low, high) {
    if (!Number.isFinite(low) || !Number.isFinite(high)) return drawBand();
    if (low > high) [low, high] = [high, low];
    low = Math.max(low, axis[0]);
    high = Math.min(high, axis[channels - 1]);
    // At least one channel lies inside, however short the drag was.
    if (!data.axis.some((each) => each > low && each < high)) {
      const centre = (low + high) / 2;
      let k = 1;
      for (let i = 1; i < channels - 1; i++) if (Math.abs(axis[i] - centre) < Math.abs(axis[k] - centre)) k = i;
      [low, high] = [axis[Math.max(k - 1, 0)], axis[Math.min(k + 1, channels - 1)]];
    }
    state.low = low;
    state.high = high;
    const known = data.bands.findIndex((each) => Math.abs(each.low - low) < 0.05 && Math.abs(each.high - high) < 0.05);
    byId("bands").value = known < 0 ? "own" : String(known);
    drawBand();
    if (state.restored) drawPlace();
  }

  function pressed(event) {
    const step = event.shiftKey ? 10 : 1;
    const moves = { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step] };
    const move = moves[event.key];
    const turn = { PageUp: -1, PageDown: 1 }[event.key];
    if (turn && data.slices.length > 1) {
      event.preventDefault();
      return chooseSlice(state.slice + turn);
    }
    if (!move || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const along = data.kind === "series" ? [move[0] + move[1], 0] : move;
    choose(state.row + along[0], state.column + along[1]);
  }

  function jump(button) {
    const mark = data.marks[Number(button.dataset.mark)];
    state.whole = mark.ray;
    byId("whole").checked = state.whole;
    if (data.slices.length > 1) chooseSlice(mark.slice);
    choose(data.toRestored.y[mark.row], data.toRestored.x[mark.column]);
    document.querySelectorAll("#marks button[aria-current]").forEach((each) => each.removeAttribute("aria-current"));
    button.setAttribute("aria-current", "true");
  }

  // ---- taking things along ----

  function save(name, blob) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  const fileName = (ending) => {
    // "y = −2 µm, x = 5 µm" becomes y-2_x5, "spectrum 3" spectrum3.
    const where = pixelWords().replaceAll("−", "-").split(", ").map((each) =>
      each.replace(/^(.+?)(?: =)? (-?[\d.,]+)(?: .*)?$/, "$1$2"));
    return `${[data.name, ...where].filter(Boolean).join("_").replace(/[\\/:*?"<>|]/g, "_")}.${ending}`;
  };

  function csv() {
    const head = ["wavenumber (cm-1)", "measured", "restored", "uncertainty", "residual", "noise", "flagged", "cosmic_ray"];
    const lines = [`# ${data.file}${pixelWords() ? `, ${pixelWords()}` : ""}; intensities in ${data.unit}`];
    lines.push("# cosmic_ray: 1 suspected, 2 removed", head.join(","));
    for (let k = 0; k < channels; k++) {
      const ray = isMarked("removed", state.pixel, k) ? 2 : isMarked("cosmic_ray", state.pixel, k);
      const numbers = [state.measured, state.restored, state.std, state.residual, state.noise].map((each) =>
        Number.isNaN(each[k]) ? "" : String(Number(each[k].toPrecision(9))));
      lines.push([axis[k], ...numbers, isMarked("flagged", state.pixel, k), ray].join(","));
    }
    return `${lines.join("\r\n")}\r\n`;
  }

  // All figures where they stand on the page, on white.
  async function picture(kind) {
    paint(false);
    await settled();
    const around = byId("figures").getBoundingClientRect();
    const parts = data.figures.filter((name) => !byId(`figure-${name}`).hidden).map((name) => {
      const view = Bokeh.index.find_one(bokeh(name));
      const box = view.el.getBoundingClientRect();
      return { box: [box.left - around.left, box.top - around.top, box.width, box.height], layer: view.export(kind) };
    });
    paint(isDark());
    const [width, height] = [Math.ceil(around.width), Math.ceil(around.height) + 24];
    const title = `${data.file}${pixelWords() ? `, ${pixelWords()}` : ""}`;
    if (kind === "svg") {
      const inner = await Promise.all(parts.map(async ({ box, layer }) => {
        const text = await (await layer.to_blob()).text();
        return text.slice(text.indexOf("<svg")).replace("<svg", `<svg x="${box[0]}" y="${box[1] + 24}"`);
      }));
      const safe = new Option(title).innerHTML;
      const open = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" role="img">`;
      const words_ = `<title>${safe}</title><text x="8" y="17" font-family="sans-serif" font-size="14">${safe}</text>`;
      return new Blob([`${open}<rect width="100%" height="100%" fill="white"/>${words_}${inner.join("")}</svg>`],
        { type: "image/svg+xml" });
    }
    const canvas = document.createElement("canvas");
    const ratio = Math.max(2, window.devicePixelRatio || 1);
    [canvas.width, canvas.height] = [width * ratio, height * ratio];
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.fillStyle = "black";
    context.font = "14px sans-serif";
    context.fillText(title, 8, 17);
    for (const { box, layer } of parts) context.drawImage(layer.canvas, box[0], box[1] + 24, box[2], box[3]);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }

  // ---- looks ----

  const darkness = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => darkness.matches;
  const settled = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 30)));

  function paint(dark) {
    const [ink, faint] = dark ? ["#E6E6E6", "#3A3A40"] : ["#222222", "#E0E0E0"];
    for (const model of bokeh.document.all_models ?? bokeh.document._all_models.values()) {
      switch (model.type) {
        case "Figure":
          model.setv({ outline_line_color: faint });
          break;
        case "LinearAxis":
          model.setv({
            axis_label_text_color: ink, major_label_text_color: ink, axis_line_color: ink, major_tick_line_color: ink,
          });
          break;
        case "Span":
          if (model.name === "profile_place") model.line_color = ink;
          break;
        case "Title":
          model.text_color = ink;
          break;
        case "Grid":
          model.grid_line_color = faint;
          break;
        case "Legend":
          model.label_text_color = ink;
          break;
        case "ColorBar":
          model.setv({ title_text_color: ink, major_label_text_color: ink });
          break;
      }
    }
  }

  // Frames as wide as their place, pixels of a map as square as they are.
  function fit() {
    for (const name of data.figures) {
      if (byId(`figure-${name}`).hidden) continue;
      const room = byId(`figure-${name}`).clientWidth - 90;
      let width = Math.max(room, 120);
      let height = Math.min(Math.max(0.45 * width, 190), 330);
      if (name === "residual") height = 130;
      if (name === "profile" || name === "component") height = 170;
      if (["before", "after", "layer"].includes(name)) {
        height = data.ratio ? width / data.ratio : 0.7 * width;
        const most = data.ratio ? 460 : 260;
        if (height > most) {
          if (data.ratio) width = Math.max(most * data.ratio, 60);
          height = most;
        }
        height = Math.max(height, 50);
      }
      const figure = bokeh(name);
      if (figure.frame_width !== Math.round(width) || figure.frame_height !== Math.round(height))
        figure.setv({ frame_width: Math.round(width), frame_height: Math.round(height) });
      const few = width < 200 ? 3 : 5;
      for (const side of figure.below) if (side.ticker && side.type === "LinearAxis") side.ticker.desired_num_ticks = few;
    }
  }

  // ---- start ----

  function start(document_) {
    bokeh = (name) => document_.get_model_by_name(name);
    bokeh.document = document_;
    const all = [...(document_.all_models ?? document_._all_models.values())];
    bokeh.chosen = all.filter((model) => model.tags.includes("chosen"));
    cubes = Object.fromEntries(["measured", "restored", "uncertainty"].map((name) => [name, readCube(name)]));
    marks = Object.fromEntries(["flagged", "cosmic_ray", "removed"].map((name) => [name, bytes(`marks-${name}`)]));
    components = Object.fromEntries(
      ["scores", "spectra"].map((name) => [name, new Float32Array(bytes(`component-${name}`).buffer)]));
    paint(isDark());
    darkness.addEventListener("change", () => paint(isDark()));
    fit();
    new ResizeObserver(fit).observe(byId("figures"));

    const on = (id, event, action) => byId(id)?.addEventListener(event, action);
    const typed = () => chooseBand(byId("band-low").valueAsNumber, byId("band-high").valueAsNumber);
    on("band-low", "change", typed);
    on("band-high", "change", typed);
    on("bands", "change", (event) => {
      const band = data.bands[Number(event.target.value)];
      if (band) chooseBand(band.low, band.high);
    });
    on("baseline", "change", (event) => {
      state.baseline = event.target.checked;
      chooseBand(state.low, state.high);
    });
    on("whole", "change", (event) => {
      state.whole = event.target.checked;
      drawSpectrum();
    });
    on("layer", "change", (event) => {
      state.layer = event.target.value;
      drawLayer();
      fit();
    });
    on("slice", "input", (event) => chooseSlice(Number(event.target.value)));
    on("save-csv", "click", () => save(fileName("csv"), new Blob(["\ufeff", csv()], { type: "text/csv" })));
    for (const kind of ["png", "svg"])
      on(`save-${kind}`, "click", async () => save(fileName(kind), await picture(kind)));
    document.querySelectorAll("#figures [tabindex]").forEach((each) => each.addEventListener("keydown", pressed));
    byId("marks")?.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) jump(button);
    });

    Object.assign(state, data.start);
    if (data.slices.length > 1) chooseSlice(state.slice);
    const [first] = data.bands;
    [state.low, state.high] = [first.low, first.high];
    if (data.kind === "series") {
      drawSeries();
      drawLayer();
    }
    chooseBand(first.low, first.high);
    drawSpectrum();
    document.documentElement.dataset.ready = "true";
  }

  return { start, tapped, dragged: chooseBand, choose, csv, picture, state };
})();
