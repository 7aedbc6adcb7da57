// What if a neuron were silent? Its spikes are removed, and the dense layers above are simulated again, with the same bits as
// in the simulation that made the page: the sums are those of single precision, in the same order.

const EFFORT = 3e8; // additions; about a second
let whatIf = null; // {sample, silenced: Map from layer index to a set of neurons, trains: Map from layer index to trains}

/** Why no neuron of a layer can be silenced here, or null if it can. */
function refusal(layer) {
  if (!table.exact || (stages.length && !stages[stage].base)) return "The page holds rounded weights, which change some spikes by themselves";
  const again = layers.slice(isCoupled(layer) ? layer.index : layer.index + 1);
  if (!again.every((each) => each.kind === "dense" && each.replayed)) return "Only dense layers can be simulated here, and a layer above is not dense";
  const effort = again.reduce((sum, each) => sum + recordedTrains(layers[each.index - 1]).total * each.size, 0);
  return effort > EFFORT ? "The layers above are too large to be simulated here" : null;
}

const isCoupled = (layer) => Boolean(layer.own || layer.inhibition);
const isSilenced = (layer, neuron) => Boolean(whatIf?.silenced.get(layer.index)?.has(neuron));

function silenceButton({ layer, neuron }) {
  const reason = refusal(layer), silenced = isSilenced(layer, neuron);
  const title = reason ?? "What if this neuron were silent? Simulates the layers above again (X)";
  const button = element("button", { id: "silence", disabled: Boolean(reason), title, onclick: () => silence(layer, neuron) }, "silence");
  button.setAttribute("aria-pressed", String(silenced));
  return button;
}

/** Silence a neuron, or let it fire again. */
function silence(layer, neuron) {
  if (refusal(layer)) return;
  const silenced = whatIf?.silenced ?? new Map(), own = new Set(silenced.get(layer.index));
  if (!own.delete(neuron)) own.add(neuron);
  silenced.set(layer.index, own);
  simulateAgain(new Map([...silenced].filter(([, each]) => each.size)));
}

const restoreAll = () => simulateAgain(new Map());

/** Simulate the current sample without the spikes of the silenced neurons. */
function simulateAgain(silenced) {
  whatIf = null;
  if (silenced.size) {
    const trains = new Map(), lowest = Math.min(...silenced.keys());
    for (const layer of layers.slice(lowest)) {
      const silent = silenced.get(layer.index) ?? new Set();
      const kept = layer.index === lowest && !isCoupled(layer) ? without(recordedTrains(layer), silent, layer.size) : null;
      trains.set(layer.index, kept ?? simulateDense(layer, trains.get(layer.index - 1) ?? recordedTrains(layers[layer.index - 1]), silent));
    }
    whatIf = { sample: state.sample, silenced, trains };
  }
  for (const view of views) view.orderKey = null;
  shownFor = null;
  tellWhatIf();
  redrawAll();
}

function without({ neurons, offsets }, silent, size) {
  const kept = [], starts = new Uint32Array(T + 1);
  for (let t = 0; t < T; t++) {
    for (let e = offsets[t]; e < offsets[t + 1]; e++) if (!silent.has(neurons[e])) kept.push(neurons[e]);
    starts[t + 1] = kept.length;
  }
  return trainsFrom(Uint32Array.from(kept), starts, size);
}

function simulateDense(layer, { neurons, offsets }, silent) {
  const { size, inhibition, own, t_ref } = layer, across = turned(layer, "weights", layers[layer.index - 1].size);
  const [v, q, x, release, fired] = [Float32Array, Float32Array, Float32Array, Int32Array, Uint8Array].map((kind) => new kind(size));
  const found = [], starts = new Uint32Array(T + 1), among = own && turned(layer, "own", size);
  const [decay_s, decay_m, gain, threshold] = ["decay_s", "decay_m", "gain", "threshold"].map((name) => Float32Array.from({ length: size }, (_, i) => withConstants(layer, i)[name]));
  const addRow = (rows, at) => {
    for (let i = 0; i < size; i++) x[i] += rows[at * size + i];
  };
  for (let t = 1, before = 0; t < T; t++) {
    const start = found.length;
    for (let i = 0; i < size; i++) x[i] = inhibition ? (fired[i] - (start - before)) * inhibition : 0;
    for (let e = offsets[t - 1]; e < offsets[t]; e++) addRow(across, neurons[e]);
    if (layer.biases) for (let i = 0; i < size; i++) x[i] += layer.biases[i];
    for (let k = before; among && k < start; k++) addRow(among, found[k]);
    for (let i = 0; i < size; i++) {
      q[i] = round(q[i] * decay_s[i]) + x[i];
      v[i] = t > release[i] ? round(v[i] * decay_m[i]) + round(q[i] * gain[i]) : 0;
      fired[i] = v[i] > threshold[i] && !silent.has(i) ? 1 : 0;
      if (!fired[i]) continue;
      found.push(i);
      [v[i], release[i]] = [0, t + t_ref];
    }
    before = start;
    starts[t + 1] = found.length;
  }
  return trainsFrom(Uint32Array.from(found), starts, size);
}

/** Weights with a row for each input, made once. */
function turned(layer, name, inputs) {
  const key = `${name} turned`, weights = layer[name];
  if (!layer[key]) {
    layer[key] = new Float32Array(weights.length);
    for (let i = 0; i < layer.size; i++) for (let j = 0; j < inputs; j++) layer[key][j * layer.size + i] = weights[i * inputs + j];
  }
  return layer[key];
}

/** Say what is silenced, and what the network answers then. */
function tellWhatIf() {
  const line = byId("what-if");
  line.hidden = !whatIf;
  if (!whatIf) return;
  const names = [...whatIf.silenced].flatMap(([index, each]) => [...each].map((neuron) => [layers[index], neuron]));
  const buttons = names.map(([layer, neuron]) => element("button", { title: "Let it fire again", onclick: () => silence(layer, neuron) }, `${fullName(layer, neuron)} \u00d7`));
  const { starts } = trainsOf(layers[last]), counts = table.classes.map((_, i) => starts[i + 1] - starts[i]), most = counts.indexOf(Math.max(...counts));
  const { prediction } = table.samples[state.sample], same = most === prediction ? "still predicts" : `predicts ${className(prediction)} no longer, but`;
  line.replaceChildren("What if silent: ", ...buttons, ` The network ${same} ${className(most)}, with ${plural(counts[most], "spike")}. Spikes that are gone are struck through, `, element("span", { className: "kept" }, "new ones"), " are coloured. ", element("button", { onclick: restoreAll }, "restore all"));
}

/** Spikes that the change removed, struck through, and those that it added. */
function drawChanges(view, context, tick, scale, row) {
  if (!whatIf?.trains.has(view.layer.index)) return;
  const now = trainsOf(view.layer), before = recordedTrains(view.layer), [first, end] = visibleSteps();
  const has = ({ starts, times }, neuron, t) => times.subarray(starts[neuron], starts[neuron + 1]).includes(t);
  for (let t = first; t <= end; t++) {
    for (let e = before.offsets[t]; e < before.offsets[t + 1]; e++) {
      const neuron = before.neurons[e];
      if (has(now, neuron, t)) continue;
      tick(neuron, t, css("muted"), 0.5);
      [context.fillStyle, context.globalAlpha] = [css("wrong"), 0.9];
      context.fillRect(scale.x(t) - 4, scale.y(row[neuron] + 0.5) - 0.75, 8, 1.5);
    }
    for (let e = now.offsets[t]; e < now.offsets[t + 1]; e++) if (!has(before, now.neurons[e], t)) tick(now.neurons[e], t, css("kept"), 1, 6);
  }
}
