// Draw the spikes of a layer. Every spike adds to a grid of pixels, so that 230,000 spikes take a few milliseconds: where a
// pixel holds several spikes the grid is a density, and where each spike has pixels of its own it is a raster of ticks.

const LEFT = 84, RIGHT = 46; // margins for names and counts, in CSS pixels
let grid = new Uint16Array(0);

/** Row of each neuron and neuron of each row, by position, rate or first spike. */
function orderOf(view) {
  const key = `${state.sample} ${view.sort}`;
  if (view.orderKey === key) return view.order;
  const { starts, times } = trainsOf(view.layer), size = view.layer.size;
  const at = Uint32Array.from({ length: size }, (_, i) => i), row = new Uint32Array(size);
  const first = (i) => (starts[i] < starts[i + 1] ? times[starts[i]] : T);
  if (view.sort === "rate") at.sort((a, b) => starts[b + 1] - starts[b] - (starts[a + 1] - starts[a]) || a - b);
  if (view.sort === "first spike") at.sort((a, b) => first(a) - first(b) || a - b);
  at.forEach((neuron, index) => (row[neuron] = index));
  [view.orderKey, view.order] = [key, { at, row }];
  return view.order;
}

/** Where steps and rows are on a canvas of CSS size (wide, high). */
function scaleOf(view, wide, high) {
  const perStep = (wide - LEFT - RIGHT) / (state.to - state.from), perRow = high / (view.high - view.low);
  return {
    perStep,
    perRow,
    x: (step) => LEFT + (step - state.from) * perStep,
    y: (row) => (row - view.low) * perRow,
    step: (x) => state.from + (x - LEFT) / perStep,
    row: (y) => view.low + y / perRow,
  };
}

const visibleSteps = () => [Math.max(0, Math.ceil(state.from - 0.5)), Math.min(T - 1, Math.floor(state.to + 0.5))];

function drawSpikes(canvas, view) {
  const { context, wide, high, ratio } = fit(canvas);
  const w = Math.max(1, Math.round((wide - LEFT - RIGHT) * ratio)), h = Math.max(1, Math.round(high * ratio));
  const most = fillGrid(view, w, h, ratio);
  const image = context.createImageData(w, h), pixels = new Uint32Array(image.data.buffer);
  const tints = tintsOf(rgb(layerColour(view.layer.index)), most);
  for (let i = 0; i < pixels.length; i++) if (grid[i]) pixels[i] = tints[Math.min(grid[i], tints.length - 1)];
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.putImageData(image, Math.round(LEFT * ratio), 0);
  drawFrame(context, view, wide, high);
}

/** Count spikes per pixel; return the count that is drawn opaque. */
function fillGrid(view, w, h, ratio) {
  if (grid.length < w * h) grid = new Uint16Array(w * h);
  grid.fill(0, 0, w * h);
  const { neurons, offsets } = trainsOf(view.layer), { row } = orderOf(view), [first, end] = visibleSteps();
  const perStep = w / (state.to - state.from), perRow = h / (view.high - view.low);
  const alone = Math.sqrt((w * h) / Math.max(1, offsets[end + 1] - offsets[first])); // pixels between spikes
  const thick = Math.max(1, Math.min(Math.round(perStep * 0.6), Math.round(2.2 * ratio)), Math.min(2 * ratio, Math.floor(alone / 7)));
  const tall = Math.max(1, Math.round(perRow * (perRow > 3 ? 0.8 : 1)), Math.min(4 * ratio, Math.floor(alone / 4)));
  const tops = view.tops?.length === view.layer.size ? view.tops : (view.tops = new Int32Array(view.layer.size));
  for (let i = 0; i < tops.length; i++) tops[i] = Math.floor((row[i] - view.low) * perRow + (perRow > 3 ? perRow * 0.1 : 0));
  let marks = 0, filled = 0;
  for (let t = first; t <= end; t++) {
    const x0 = Math.floor((t - state.from) * perStep - thick / 2 + 0.5);
    for (let e = offsets[t]; e < offsets[t + 1]; e++) {
      const y0 = tops[neurons[e]];
      if (y0 + tall <= 0 || y0 >= h) continue;
      for (let y = Math.max(0, y0); y < Math.min(h, y0 + tall); y++)
        for (let x = Math.max(0, x0); x < Math.min(w, x0 + thick); x++) {
          if (!grid[y * w + x]++) filled++;
          marks++;
        }
    }
  }
  return filled ? Math.max(1, (2.5 * marks) / filled - 1.5) : 1; // several times the mean of the pixels that are not empty
}

/** Opacity by count, as pixels (alpha, blue, green, red). */
function tintsOf([red, green, blue], most) {
  const count = Math.ceil(most) + 1;
  return Uint32Array.from({ length: count }, (_, n) => {
    const alpha = most <= 1.5 ? 255 : 70 + 185 * Math.min(1, n / most);
    return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
}

/** Names at the left, borders between maps, and firing counts at the right. */
function drawFrame(context, view, wide, high) {
  const { layer } = view, scale = scaleOf(view, wide, high), { at } = orderOf(view);
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  if (layer.maps?.[0] > 1 && view.sort === "position") return drawBorders(context, layer, scale, wide, high);
  if (layer.maps && view.sort === "position" && scale.perRow < 8) return drawRows(context, layer, scale, high);
  const every = roundSpacing(13 / scale.perRow);
  const start = Math.ceil(view.low / every) * every;
  for (let row = start; row < view.high - 0.5; row += every) {
    const y = scale.y(row + (scale.perRow > 8 ? 0.5 : 0));
    if (y < 6 || y > high - 5) continue;
    const neuron = at[Math.floor(row)], chosen = layer.index === last && neuron === table.samples[state.sample].prediction;
    context.font = `${chosen ? "700 " : ""}11px system-ui, sans-serif`;
    context.fillStyle = css(chosen ? "text" : "muted");
    label(context, neuronName(layer, neuron), LEFT - 6, y, "right", LEFT - 12);
    if (scale.perRow > 8) label(context, countShown(layer, neuron), wide - RIGHT + 6, y, "left", RIGHT);
  }
}

/** Number of spikes of a neuron, up to the cursor while it plays; before and after a change of what if. */
function countShown(layer, neuron) {
  const fired = spikesOf(layer, neuron);
  if (state.playing && state.cursor !== null) return String(fired.filter((step) => step <= state.cursor).length);
  const { starts } = recordedTrains(layer), before = starts[neuron + 1] - starts[neuron];
  return before === fired.length ? String(before) : `${before}\u2192${fired.length}`;
}

/** The next of 1, 2, 5, 10, 20, ... */
function roundSpacing(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return Math.max(1, [1, 2, 5, 10].find((n) => n * power >= least) * power);
}

/** Rows of an image at the left, where its neurons are too many for names. */
function drawRows(context, layer, scale, high) {
  const [, rows, columns] = layer.maps, every = Math.max(1, Math.ceil(14 / (scale.perRow * columns)));
  context.fillStyle = css("muted");
  for (let row = 0; row < rows; row += every) {
    const y = scale.y((row + 0.5) * columns);
    if (y > 5 && y < high - 5) label(context, `row ${row}`, LEFT - 6, y, "right", LEFT - 12);
  }
}

function drawBorders(context, layer, scale, wide, high) {
  const [maps, rows, columns] = layer.maps, area = rows * columns;
  let labelled = -20;
  context.fillStyle = css("muted");
  for (let map = 0; map < maps; map++) {
    const y = scale.y(map * area), middle = (Math.max(0, y) + Math.min(high, scale.y((map + 1) * area))) / 2;
    if (y > high || scale.y((map + 1) * area) < 0) continue;
    context.globalAlpha = Math.min(0.35, (scale.perRow * area) / 40); // fainter where the maps are narrow
    if (map && scale.perRow * area > 3) context.fillRect(LEFT, y, wide - LEFT - RIGHT, 1);
    context.globalAlpha = 1;
    if (middle - labelled < 12 || middle < 5 || middle > high - 5) continue;
    label(context, mapName(layer, map), LEFT - 6, middle, "right", LEFT - 12);
    labelled = middle;
  }
}

function label(context, text, x, y, align, room) {
  context.textAlign = align;
  let shown = text;
  while (shown.length > 1 && context.measureText(shown).width > room) shown = `${shown.slice(0, -2)}\u2026`;
  context.fillText(shown, x, y);
}

/** Give a canvas one pixel per pixel of the screen (two at most), and a context in CSS pixels. */
function fit(canvas) {
  const ratio = Math.min(2, window.devicePixelRatio || 1), wide = canvas.clientWidth, high = canvas.clientHeight;
  const [w, h] = [Math.max(1, Math.round(wide * ratio)), Math.max(1, Math.round(high * ratio))];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, wide, high, ratio };
}
