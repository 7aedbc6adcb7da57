// The slider over epochs: spikes, predictions, weights and figures as they were after each of them.

const stages = table.epochs ?? [];
const CONSTANTS = ["decay_m", "decay_s", "gain", "v_th", "each"]; // which training may change
let stage = stages.findIndex((each) => each.base);

function buildEpochs() {
  byId("epochs").hidden = !stages.length;
  if (!stages.length) return;
  const own = { samples: table.samples.map(({ prediction, silent, trains }) => ({ prediction, silent, trains })), weights: table.layers, constants: table.layers };
  for (const each of stages) if (each.base) Object.assign(each, own); // as the page holds it already
  const slider = byId("epoch");
  [slider.max, slider.value] = [stages.length - 1, stage];
  slider.oninput = () => showEpoch(Number(slider.value));
  byId("epoch-before").onclick = () => showEpoch(stage - 1);
  byId("epoch-after").onclick = () => showEpoch(stage + 1);
  nameEpoch();
  painters.sample.push(drawEpochs);
}

function showEpoch(index) {
  if (!stages[index] || index === stage) return;
  const focus = document.activeElement, place = [byId("samples").scrollTop, byId("neuron").scrollTop];
  stage = index;
  const { samples, weights, constants } = stages[stage];
  table.samples.forEach((sample, at) => {
    const { prediction, silent, trains } = samples[at];
    Object.assign(sample, { prediction, silent, trains: [sample.trains[0], ...trains.slice(1)] });
  });
  for (const layer of layers) {
    const base = table.layers[layer.index], own = weights?.[layer.index] ?? {};
    const [weight, bias, lateral] = ["weight", "bias", "lateral"].map((name) => (base.trained?.includes(name) ? own[name] : base[name]));
    [layer.weights, layer.biases, layer.own] = [weight, bias, lateral].map((place) => place && arrayAt(place));
    layer.replayed = base.replayed && Boolean(weight || !base.weight) && Boolean(lateral || !base.lateral);
    for (const name of CONSTANTS) if (constants?.[layer.index]) layer[name] = constants[layer.index][name];
    layer.response = layer.owns = null;
  }
  held.clear();
  whatIf = null;
  tellWhatIf();
  for (const layer of layers) layer["weights turned"] = layer["own turned"] = null;
  for (const view of views) view.orderKey = null;
  shownFor = null;
  if (state.wrongOnly && !table.samples.some(isWrong)) state.wrongOnly = false;
  countSamples();
  listSamples();
  nameEpoch();
  redrawAll();
  restorePlace(focus, place);
}

/** Put the focus and the scrolled lists back where they were: the lists are built again, and the button at an end is disabled. */
function restorePlace(focus, [samples, neuron]) {
  const { index } = focus?.dataset ?? {};
  if (index !== undefined) byId("samples").querySelector(`[data-index="${index}"]`)?.focus({ preventScroll: true });
  else if (focus?.disabled) byId("epoch").focus({ preventScroll: true });
  requestAnimationFrame(() => ([byId("samples").scrollTop, byId("neuron").scrollTop] = [samples, neuron]));
}

const epochName = () => (stages[stage].number === null ? "this network" : `epoch ${stages[stage].number}`);

function nameEpoch() {
  const { accuracy, validation_accuracy: validation, spikes } = stages[stage], percent = (share) => `${(100 * share).toFixed(1)} %`;
  const name = epochName();
  const parts = [accuracy === undefined ? null : `accuracy ${percent(accuracy)}`, validation == null ? null : `validation ${percent(validation)}`];
  if (spikes) parts.push(`spikes per neuron: ${Object.entries(spikes).map(([layer, rate]) => `${layer} ${rate.toFixed(1)}`).join(", ")}`);
  byId("epoch-words").textContent = byId("epoch-words").title = parts.filter(Boolean).join(" \u00b7 ");
  byId("epoch-name").textContent = name;
  byId("epoch").setAttribute("aria-valuetext", `${name}, ${parts.filter(Boolean).join(", ")}`);
  byId("epoch").value = stage;
  byId("epoch-before").disabled = stage === 0;
  byId("epoch-after").disabled = stage === stages.length - 1;
}

/** Accuracy over the epochs, bold, and the rate of each layer, each from its least to its largest value. */
function drawEpochs() {
  const { context, wide, high } = fit(byId("epoch-curves")), x = (at) => 4 + (at / Math.max(1, stages.length - 1)) * (wide - 8);
  const curve = (values, colour, width) => {
    const known = values.filter((value) => value != null), least = Math.min(...known), span = Math.max(...known) - least || 1;
    [context.strokeStyle, context.lineWidth] = [colour, width];
    context.beginPath();
    values.forEach((value, at) => value != null && context.lineTo(x(at), high - 3 - ((value - least) / span) * (high - 6)));
    context.stroke();
  };
  context.clearRect(0, 0, wide, high);
  for (const layer of layers.slice(1)) curve(stages.map(({ spikes }) => spikes?.[layer.name]), layerColour(layer.index), 1);
  curve(stages.map((each) => each.validation_accuracy ?? each.accuracy), css("text"), 2);
  context.fillStyle = css("accent");
  context.fillRect(x(stage) - 1, 0, 2, high);
}
