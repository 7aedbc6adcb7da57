// The list of samples: picture, label, prediction, and the counts of the two classes that fire most.

function buildSamples() {
  byId("title").textContent = table.title;
  byId("notes").hidden = !table.notes.length;
  byId("notes").textContent = `Note: ${table.notes.join("; ")}.`;
  byId("show-wrong").hidden = table.samples.every((sample) => sample.label === null);
  countSamples();
  byId("show-all").onclick = () => filterSamples(false);
  byId("show-wrong").onclick = () => filterSamples(true);
  byId("previous").onclick = () => moveSample(-1);
  byId("next").onclick = () => moveSample(1);
  listSamples();
  painters.sample.push(markSample);
  painters.marks.push(drawMoment);
}

function countSamples() {
  const wrong = table.samples.filter(isWrong).length;
  byId("show-all").textContent = `all ${table.samples.length}`;
  byId("show-wrong").textContent = `wrong ${wrong}`;
  byId("show-wrong").disabled = !wrong;
}

function filterSamples(wrongOnly) {
  if (wrongOnly && !table.samples.some(isWrong)) return;
  state.wrongOnly = wrongOnly;
  listSamples();
  const shown = shownSamples();
  if (shown.includes(state.sample)) redraw("sample");
  else showSample(shown[0]);
}

function listSamples() {
  byId("show-all").setAttribute("aria-pressed", String(!state.wrongOnly));
  byId("show-wrong").setAttribute("aria-pressed", String(state.wrongOnly));
  byId("samples").replaceChildren(...shownSamples().map(sampleButton));
}

function sampleButton(index) {
  const sample = table.samples[index], canvas = element("canvas"), wrong = isWrong(sample);
  canvas.setAttribute("aria-hidden", "true");
  const verdict = sample.label === null ? predicted(sample) : wrong ? `${className(sample.label)} \u2260 ${predicted(sample)}` : className(sample.label);
  const words = element("strong", { className: wrong ? "wrong" : "", title: verdict }, verdict);
  const label = `Sample ${sample.number}: ${sentence(sample)}`;
  const button = element("button", { className: "sample", label, title: label, onclick: () => showSample(index) });
  button.append(canvas, words, element("span", { className: "muted" }, topCounts(index)), element("span", { className: "muted" }, `sample ${sample.number}`));
  button.dataset.index = index;
  drawThumbnail(button);
  listenToFilm(button);
  return button;
}

const predicted = (sample) => (sample.silent ? "silent" : className(sample.prediction));

function sentence(sample) {
  const found = sample.silent ? `no output neuron fires, read as ${className(sample.prediction)}` : `predicted ${className(sample.prediction)}`;
  if (sample.label === null) return found;
  return `label ${className(sample.label)}, ${found}${isWrong(sample) ? " (wrong)" : ""}`;
}

function topCounts(index) {
  const { starts } = recordedTrains(layers[last], index), counts = table.classes.map((name, i) => [name, starts[i + 1] - starts[i]]);
  return counts.sort((a, b) => b[1] - a[1]).slice(0, 2).map(([name, count]) => `${name}: ${count}`).join(", ");
}

function markSample() {
  const sample = table.samples[state.sample], shown = shownSamples(), at = shown.indexOf(state.sample);
  const words = element("span", { className: isWrong(sample) ? "wrong" : "" }, sentence(sample));
  const spikes = layers.reduce((sum, layer) => sum + trainsOf(layer).total, 0);
  byId("sample-words").replaceChildren(`Sample ${sample.number}: `, words, element("span", { className: "muted" }, ` \u00b7 ${plural(T, "step")}, ${plural(spikes, "spike")}`));
  byId("previous").disabled = at <= 0;
  byId("next").disabled = at >= shown.length - 1;
  for (const button of byId("samples").children) {
    const current = Number(button.dataset.index) === state.sample;
    button.setAttribute("aria-current", String(current));
    if (current) button.scrollIntoView({ block: "nearest" });
  }
}
