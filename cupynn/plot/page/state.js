// What the page shows now; every change passes through here and asks for a drawing in the next frame.

const state = {
  sample: 0,
  wrongOnly: false,
  from: -0.5, // visible steps
  to: T - 0.5,
  cursor: null, // a step, or null
  playing: false,
  hover: null, // {layer, neuron, step}
  weights: false, // whether pictures of contributions show weights instead
  kept: null, // {layer, neuron} to compare with the selected one
  trail: [], // selections {layer, neuron, step}, each a cause of the one before
};
const views = layers.map((layer) => ({ layer, folded: false, sort: "position", pictures: false, low: 0, high: layer.size }));
const painters = { spikes: [], marks: [], neuron: [], sample: [] }; // filled by the modules that draw
const wanted = new Set();

const selected = () => state.trail[state.trail.length - 1] ?? null;

function redraw(...kinds) {
  if (!wanted.size) requestAnimationFrame(paint);
  kinds.forEach((kind) => wanted.add(kind));
}

function paint() {
  const kinds = [...wanted];
  wanted.clear();
  for (const kind of ["sample", "spikes", "marks", "neuron"]) if (kinds.includes(kind)) painters[kind].forEach((draw) => draw());
}

const redrawAll = () => redraw("sample", "spikes", "marks", "neuron");

function setWindow(from, to) {
  const least = Math.min(8, T), length = Math.min(Math.max(to - from, least), T);
  const middle = (from + to) / 2;
  state.from = Math.min(Math.max(middle - length / 2, -0.5), T - 0.5 - length);
  state.to = state.from + length;
  redraw("spikes", "marks", "neuron");
}

/** Begin with the steps in which something happens, where the recordings end long before the last step. */
function fitWindow() {
  let end = 0;
  for (let sample = 0; sample < table.samples.length; sample++)
    for (const { offsets } of layers.map((layer) => arraysOf(layer, sample))) {
      let t = T;
      while (t > end && offsets[t - 1] === offsets[T]) t--;
      end = Math.max(end, t);
    }
  if (end && end < 0.8 * T) setWindow(-0.5, Math.min(T, Math.ceil(1.05 * end)) - 0.5);
}

/** The step that keys and buttons zoom to: the cursor or the selection, if it is visible, or else the middle. */
function zoomCentre() {
  const step = state.cursor ?? selected()?.step ?? -1;
  return step >= state.from && step <= state.to ? step : (state.from + state.to) / 2;
}

function zoomTime(scale, at = zoomCentre()) {
  setWindow(at - (at - state.from) * scale, at + (state.to - at) * scale);
}

function zoomNeurons(view, scale, at) {
  const least = Math.min(4, view.layer.size), length = Math.min(Math.max((view.high - view.low) * scale, least), view.layer.size);
  const share = (at - view.low) / (view.high - view.low);
  moveNeurons(view, at - share * length, length);
}

function moveNeurons(view, low, length = view.high - view.low) {
  view.low = Math.min(Math.max(low, 0), view.layer.size - length);
  view.high = view.low + length;
  redraw("spikes", "marks");
}

/** Select a neuron at a step; `follow` keeps the selections before it as the trail that led here. */
function select(layer, neuron, step, follow = false) {
  const trail = follow ? state.trail : [];
  state.trail = [...trail, { layer, neuron, step }];
  if (step < state.from || step > state.to) setWindow(step - (state.to - state.from) / 2, step + (state.to - state.from) / 2);
  redraw("marks", "neuron", "spikes");
}

function unpin() {
  state.trail = [];
  state.hover = state.cursor = state.kept = null;
  redraw("marks", "neuron", "spikes");
}

function setCursor(step) {
  state.cursor = Math.min(Math.max(Math.round(step), 0), T - 1);
  redraw("marks", ...(views.some((view) => view.pictures) || state.playing ? ["spikes"] : []));
}

const shownSamples = () => table.samples.map((_, index) => index).filter((i) => !state.wrongOnly || isWrong(table.samples[i]));

function showSample(index) {
  state.sample = index;
  if (whatIf) restoreAll();
  state.hover = null;
  selectFirst();
  redrawAll();
}

/** Begin with a question that has an answer: the first spike of the predicted class, or else its highest membrane. */
function selectFirst() {
  const layer = layers[last], neuron = table.samples[state.sample].prediction;
  if (!layer.index) return;
  const fired = spikesOf(layer, neuron);
  if (fired.length) return select(layer, neuron, fired[Math.min(fired.length - 1, 2)]);
  if (!layer.replayed) return select(layer, neuron, 0);
  const { membrane } = replay(layer, neuron), most = membrane.reduce((a, b) => Math.max(a, b));
  select(layer, neuron, most > 0 ? membrane.indexOf(most) : T - 1);
}

function moveSample(by) {
  const shown = shownSamples(), at = shown.indexOf(state.sample);
  const next = shown[Math.min(Math.max(at + by, 0), shown.length - 1)];
  if (next !== undefined && next !== state.sample) showSample(next);
}
