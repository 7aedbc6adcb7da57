// The panel of the selected neuron: what it did, why, and what followed from it.

const BARS = 12;
let shownFor = null; // the selection that the panel's elements belong to

function drawNeuron() {
  const chosen = selected(), panel = byId("neuron");
  if (!chosen) {
    shownFor = state.links = null;
    return panel.replaceChildren(element("h2", {}, "Why did it fire?"), element("p", {}, "Click a spike in the panels: here appear the inputs that caused it."), jumpForm());
  }
  const kept = state.kept && [state.kept.layer.index, state.kept.neuron];
  const key = JSON.stringify([state.sample, kept, state.trail.map(({ layer, neuron, step }) => [layer.index, neuron, step])]);
  if (shownFor?.key !== key) buildNeuron(panel, chosen, key);
  if (shownFor.trace) drawTrace(shownFor.trace, chosen.layer, shownFor.run, chosen.step);
  if (shownFor.keptTrace) drawTrace(shownFor.keptTrace, state.kept.layer, shownFor.keptRun, chosen.step);
  if (shownFor.field) drawField(shownFor.field, shownFor.cause);
  if (shownFor.channels) drawChannels(shownFor.channels, shownFor.cause);
}

function buildNeuron(panel, chosen, key) {
  const { layer, neuron, step } = chosen, fired = spikesOf(layer, neuron), parts = [];
  shownFor = { key };
  state.links = { from: [], to: [] };
  parts.push(trailLine(), element("h2", {}, question(chosen, fired)));
  parts.push(element("p", { className: "muted" }, `neuron ${neuron.toLocaleString("en")} of ${layer.size.toLocaleString("en")}, ${plural(fired.length, "spike")} in ${plural(T, "step")}`));
  parts.push(stepLine(chosen, fired));
  if (layer.index === 0) parts.push(element("p", { className: "why" }, inputSentence(neuron, step, fired)));
  else if (layer.replayed) parts.push(...explained(chosen));
  else parts.push(element("p", { className: "why" }, withoutWeights(layer)));
  if (!layer.replayed) parts.push(...comparison(chosen));
  if (fired.includes(step)) parts.push(...consequences(chosen));
  parts.push(jumpForm());
  panel.replaceChildren(...parts);
  panel.scrollTop = 0;
  byId("said").textContent = `${question(chosen, fired)} ${panel.querySelector(".why")?.textContent ?? ""}`; // for screen readers
  redraw("marks");
}

function withoutWeights({ index }) {
  const whose = stages.length && table.layers[index].replayed ? ` after ${epochName()}` : "";
  return `The weights of this layer${whose} are not in the page, so its membrane cannot be replayed here.`;
}

function question({ layer, neuron, step }, fired) {
  const name = fullName(layer, neuron);
  if (layer.index === 0) return name;
  return fired.includes(step) ? `Why did ${name} fire at step ${step}?` : `Why did ${name} not fire at step ${step}?`;
}

function trailLine() {
  const line = element("div", { className: "trail", label: "Chain of causes" });
  state.trail.forEach(({ layer, neuron, step }, index) => {
    if (index) line.append("\u2190");
    const back = () => ((state.trail = state.trail.slice(0, index + 1)), redraw("neuron", "marks"));
    line.append(element("button", { onclick: back, title: "Back to this spike" }, `${fullName(layer, neuron)} @ ${step}`));
  });
  return line;
}

function stepLine({ layer, neuron, step }, fired) {
  const before = [...fired].filter((t) => t < step).pop(), after = [...fired].find((t) => t > step);
  const button = (words, to, label) => element("button", { disabled: to === undefined, onclick: () => replaceStep(to), label, title: label }, words);
  return element("div", { className: "jump" }, button("\u25c2 spike", before, "Spike before ([)"), `step ${step}`, button("spike \u25b8", after, "Spike after (])"), keepButton(selected()), silenceButton(selected()));
}

function replaceStep(step) {
  const { layer, neuron } = selected();
  state.trail = state.trail.slice(0, -1);
  select(layer, neuron, step, true);
}

function inputSentence(neuron, step, fired) {
  const place = table.samples[state.sample].image, level = place && arrayAt(place)[neuron % (place.shape[0] * place.shape[1]) * place.shape[2] + Math.floor(neuron / (place.shape[0] * place.shape[1]))];
  const from = place ? ` Its value is ${level} of 255, and brighter values fire more often.` : "";
  return `${fired.includes(step) ? `This input fires at step ${step}: the chain ends here.` : `This input is silent at step ${step}.`}${from}`;
}

function explained(chosen) {
  const { layer, neuron, step } = chosen;
  const run = (shownFor.run = replay(layer, neuron)), cause = (shownFor.cause = causes(layer, neuron, step));
  const trace = (shownFor.trace = element("canvas", { id: "trace", className: "trace", label: `Membrane and current of ${fullName(layer, neuron)}` }));
  trace.setAttribute("role", "img");
  trace.onclick = (event) => replaceStep(stepInTrace(trace, event, run.fired));
  const found = [element("p", { className: "why", id: "why" }, ...sentenceOf(cause, run)), trace, ...comparison(chosen)];
  if (cause.resting) return found;
  const ranked = ranking(cause);
  if (!ranked.length) return [...found, element("p", { className: "muted" }, "No input has reached it yet.")];
  state.links.from = ranked.slice(0, BARS).map((each) => linkOf(each, cause, ranked[0]));
  const below = layers[layer.index - 1], field = below.maps ? fieldParts(cause) : below.index ? [] : channelParts(cause); // a picture says more than numbers
  return [...found, element("h3", {}, `Contributions of ${below.name} to the membrane`), element("p", { className: "muted spread" }, below.index ? "Click one to see what made it fire." : "Click one to see its spikes.", below.maps && layer.kind !== "pool" ? weightsButton() : null), ...field, barList(ranked, cause)];
}

/** Why it fired, in one sentence with the sums of what raised and what lowered the membrane. */
function sentenceOf(cause, run) {
  const { layer, t } = cause, membrane = run.membrane[t], from = cause.release ? `since its refractory period ended at step ${cause.release}` : "since the start";
  if (cause.resting) return [t === 0 ? "At step 0 nothing has arrived yet." : `At step ${t} it is refractory, up to and including step ${cause.release}.`];
  const raised = sums(cause.shares, 1), lowered = sums(cause.shares, -1), own = (cause.own ?? []).reduce((a, b) => a + b, 0);
  const head = isSilenced(layer, cause.neuron)
    ? `It is silenced: its membrane would be ${tidy(Number(membrane.toFixed(2)))} at step ${t} if it never fired. `
    : cause.fires
    ? `It fired at step ${t}: its membrane reached ${membrane.toFixed(2)}, above the threshold of ${tidy(run.v_th)}. `
    : `It did not fire at step ${t}: its membrane was ${tidy(Number(membrane.toFixed(2)))}, ${(run.v_th - membrane).toFixed(2)} below the threshold of ${tidy(run.v_th)}. `;
  const parts = [head, element("span", { className: "up" }, signed(raised.sum)), ` from ${plural(raised.count, "input")} that raised it, `];
  if (lowered.count) parts.push(element("span", { className: "down" }, signed(lowered.sum)), ` from ${lowered.count.toLocaleString("en")} that lowered it`);
  else parts.push("none lowered it");
  if (Math.abs(own) > 0.005) parts.push(", ", element("span", { className: own < 0 ? "down" : "up" }, signed(own)), ` from ${layer.own ? "spikes of its own layer" : "the other neurons of its layer"}`);
  if (cause.bias) parts.push(", ", element("span", { className: cause.bias < 0 ? "down" : "up" }, signed(cause.bias)), " from its bias");
  return [...parts, `, ${from}.`];
}

const tidy = (value) => String(Number(value.toPrecision(6))).replace("-", "\u2212");

function sums(shares, sign) {
  let [sum, count] = [0, 0];
  for (const share of shares) if (share * sign > 0) [sum, count] = [sum + share, count + 1];
  return { sum, count };
}

/** Inputs, from the layer below and from its own, by the size of their share. */
function ranking({ layer, shares, own }) {
  const found = [];
  const collect = (source, values) => values.forEach((share, neuron) => share && found.push({ source, neuron, share }));
  collect(layers[layer.index - 1], shares);
  if (own) collect(layer, own);
  return found.sort((a, b) => Math.abs(b.share) - Math.abs(a.share));
}

function linkOf({ source, neuron, share }, { t, release }, largest) {
  const all = [...spikesOf(source, neuron)].filter((s) => s < t), recent = all.filter((s) => s >= release);
  const steps = recent.length ? recent : all.slice(-1);
  return { layer: source, neuron, steps, strength: Math.abs(share / largest.share), up: share > 0 };
}

function barList(ranked, cause) {
  const shown = ranked.slice(0, BARS), rest = ranked.slice(BARS), most = Math.abs(shown[0].share);
  const list = element("ul", { className: "bars" });
  for (const { source, neuron, share } of shown) {
    const go = () => select(source, neuron, strongestSpike(withConstants(cause.layer, cause.neuron), source, neuron, cause.t, cause.release), true);
    const spikes = spikesOf(source, neuron).filter((s) => s < cause.t).length;
    const name = source === cause.layer ? fullName(source, neuron) : source.maps ? neuronName(source, neuron) : fullName(source, neuron);
    list.append(bar(name, share, most, go, `${plural(spikes, "spike")} before step ${cause.t}: continue there`));
  }
  const left = rest.reduce((sum, each) => sum + each.share, 0);
  if (rest.length) list.append(bar(`${rest.length.toLocaleString("en")} others together`, left, Infinity, null, "Sum of all other inputs"));
  if (cause.bias) list.append(bar("bias", cause.bias, Infinity, null, "An input that fires at every step"));
  list.append(bar("= membrane", cause.total, Infinity, null, "Sum of all contributions")); // without a bar: it would dwarf the rest
  return list;
}

function bar(name, value, most, go, title) {
  const filled = element("span", { className: `bar ${value < 0 ? "minus" : "plus"}` });
  filled.style.width = `${Math.min(100, (100 * Math.abs(value)) / most)}%`;
  const parts = [element("span", { className: "name" }, name), most < Infinity ? element("span", { className: "rail" }, filled) : null, element("span", { className: "value" }, signed(value))];
  return element("li", {}, element("button", { title, disabled: !go, onclick: go }, ...parts.filter(Boolean)));
}

/** The spikes above to which this spike contributed. */
function consequences({ layer, neuron, step }) {
  if (layer.index === last && !layer.own) return [];
  const found = (state.links.to = driven(layer, neuron, step)), heading = element("h3", {}, "Spikes that it helped to cause");
  if (!found.length) return [heading, element("p", { className: "muted" }, "None: it raised no membrane that crossed its threshold later.")];
  const list = element("ul", { className: "bars wide" });
  for (const each of found) {
    const go = () => select(each.layer, each.neuron, each.step, true);
    list.append(bar(`${fullName(each.layer, each.neuron)} @ ${each.step}`, each.share, found[0].share, go, "Contribution of this one spike: continue there"));
  }
  return [heading, list];
}

function jumpForm() {
  const choices = layers.map((layer) => element("option", { value: layer.index }, layer.name));
  const layer = element("select", { label: "Layer" }, ...choices), number = element("input", { type: "number", min: 0, value: 0, label: "Neuron" });
  layer.value = selected()?.layer.index ?? last;
  number.value = selected()?.neuron ?? 0;
  const go = () => {
    const wanted = layers[layer.value], neuron = Math.min(Math.max(Math.round(Number(number.value)) || 0, 0), wanted.size - 1);
    select(wanted, neuron, spikesOf(wanted, neuron)[0] ?? 0);
  };
  return element("div", { className: "jump" }, "Go to", layer, "neuron", number, element("button", { onclick: go }, "show"));
}
