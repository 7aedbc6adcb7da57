// The panels of the layers: each a heading with controls, a canvas of spikes, and a canvas above it for what moves.

const ACCENT = () => css("accent");

function buildLayers() {
  for (const view of views) {
    const { layer } = view;
    view.fold = element("button", { className: "fold", onclick: () => setFolded(view, !view.folded) });
    view.words = element("span", { className: "words" });
    const options = ["position", "rate", "first spike"].map((name) => element("option", { value: name }, `by ${name}`));
    view.select = element("select", { label: `Order of the neurons of ${layer.name}`, onchange: () => setSort(view) }, ...options);
    view.toggle = layer.maps && element("button", { label: `Pictures of ${layer.name}`, onclick: () => setPictures(view) }, "pictures");
    view.toggle?.setAttribute("aria-pressed", "false");
    view.base = element("canvas", { label: `Spikes of ${layer.name}` });
    view.base.setAttribute("role", "img");
    view.over = element("canvas");
    view.over.setAttribute("aria-hidden", "true");
    view.plot = element("div", { className: "plot" }, view.base, view.over);
    const line = element("div", { className: "line" }, view.fold, view.words, view.select, view.toggle);
    view.section = element("section", { className: "layer" }, line, view.plot);
    byId("panels").append(view.section);
    listen(view);
  }
  painters.sample.push(nameLayers);
  painters.spikes.push(drawLayers);
  painters.marks.push(drawMarks);
}

function setFolded(view, folded) {
  view.folded = folded;
  nameLayers();
  placeLayers();
}

function setSort(view) {
  view.sort = view.select.value;
  [view.low, view.high] = [0, view.layer.size];
  redraw("spikes", "marks");
}

function setPictures(view, on = !view.pictures) {
  view.pictures = on;
  view.toggle.setAttribute("aria-pressed", String(on));
  view.select.disabled = on;
  placeLayers();
}

function nameLayers() {
  for (const view of views) {
    const { total } = trainsOf(view.layer), { layer } = view;
    const silent = total ? "" : ": silent on this sample";
    view.fold.textContent = `${view.folded ? "\u25b8" : "\u25be"} ${layer.name}`;
    view.fold.style.color = layerColour(layer.index);
    view.fold.setAttribute("aria-expanded", String(!view.folded));
    view.words.textContent = `${layer.shape.join(" \u00d7 ")} neurons, ${plural(total, "spike")}${silent}`;
    view.base.setAttribute("aria-label", `Spikes of ${layer.name}: ${view.words.textContent}`);
    view.plot.hidden = view.folded;
  }
}

/** Share the height: 15 pixels for each neuron of a small layer, and the rest among the large ones. */
function placeLayers() {
  const open = views.filter((view) => !view.folded), small = (view) => view.layer.size <= 20 && !view.pictures;
  let room = byId("panels").clientHeight - 26 * views.length - 4;
  for (const view of open.filter(small)) {
    const high = Math.max(24, 15 * view.layer.size + 4);
    view.plot.style.height = `${high}px`;
    room -= high;
  }
  const large = open.filter((view) => !small(view)), parts = (view) => (view.pictures ? 2 : 1);
  const total = large.reduce((sum, view) => sum + parts(view), 0);
  for (const view of large) view.plot.style.height = `${Math.max(62 * parts(view), Math.floor((room * parts(view)) / total))}px`;
  redraw("spikes", "marks", "neuron");
}

function drawLayers() {
  for (const view of views)
    if (!view.folded) (view.pictures ? drawPictures : drawSpikes)(view.base, view);
}

/** Cursor, hovered neuron, selection, and the spikes that caused it or that it drove. */
function drawMarks() {
  const chosen = selected();
  for (const view of views) {
    if (view.folded) continue;
    const { context, wide, high } = fit(view.over);
    context.clearRect(0, 0, wide, high);
    if (view.pictures) {
      drawPictureMarks(context, view, wide, high);
      continue;
    }
    const scale = scaleOf(view, wide, high), { row } = orderOf(view);
    context.save();
    context.beginPath();
    context.rect(LEFT, 0, wide - LEFT - RIGHT, high);
    context.clip();
    const tick = (neuron, step, colour, alpha = 1, least = 5) => {
      const tall = Math.max(least, scale.perRow * 0.9), y = scale.y(row[neuron] + 0.5) - tall / 2;
      [context.fillStyle, context.globalAlpha] = [colour, alpha];
      context.fillRect(scale.x(step) - 1.25, y, 2.5, tall);
    };
    drawChanges(view, context, tick, scale, row);
    drawLinks(view, tick);
    const shown = state.hover ?? chosen;
    if (state.kept?.layer === view.layer) drawTrain(context, state.kept, scale, row, tick, wide, css("kept"));
    for (const each of [chosen, shown]) if (each?.layer === view.layer) drawTrain(context, each, scale, row, tick, wide);
    drawCursor(context, scale, high, chosen);
    context.restore();
    if (chosen?.layer === view.layer) markChosen(context, view, scale, row[chosen.neuron], chosen.step, high);
  }
}

function drawTrain(context, { layer, neuron }, scale, row, tick, wide, colour = ACCENT()) {
  context.globalAlpha = 0.12;
  context.fillStyle = colour;
  const tall = Math.max(3, scale.perRow);
  context.fillRect(LEFT, scale.y(row[neuron] + 0.5) - tall / 2, wide, tall);
  for (const step of spikesOf(layer, neuron)) tick(neuron, step, colour);
}

function drawLinks(view, tick) {
  const found = state.links;
  if (!found || !selected()) return;
  for (const { layer, neuron, steps, strength, up } of found.from)
    if (layer === view.layer) for (const step of steps) tick(neuron, step, css(up ? "up" : "down"), 0.35 + 0.65 * strength, 6);
  for (const { layer, neuron, step } of found.to) if (layer === view.layer) tick(neuron, step, css("text"), 0.9, 7);
}

function drawCursor(context, scale, high, chosen) {
  context.globalAlpha = 0.5;
  context.fillStyle = css("text");
  if (chosen) context.fillRect(scale.x(chosen.step) - 0.5, 0, 1, high);
  if (state.cursor !== null) {
    [context.globalAlpha, context.fillStyle] = [0.9, css("wrong")];
    context.fillRect(scale.x(state.cursor) - 0.75, 0, 1.5, high);
  }
}

/** Ring the selected step of the selected neuron, if it is visible; a ring at an edge is moved inside, so that it is whole. */
function markChosen(context, view, scale, row, step, high) {
  if (row + 0.5 < view.low || row + 0.5 > view.high || step < state.from || step > state.to) return;
  const y = scale.y(row + 0.5), room = Math.min(8, high / 2);
  ring(context, scale.x(step), Math.min(Math.max(y, room), high - room));
}

function ring(context, x, y) {
  [context.globalAlpha, context.strokeStyle, context.lineWidth] = [1, css("text"), 2];
  context.beginPath();
  context.arc(x, y, 7, 0, 2 * Math.PI);
  context.stroke();
}
