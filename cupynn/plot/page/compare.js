// Two neurons side by side: the one that was kept, and the selected one.

const DIFFERENCES = 6, NONE = "\u2013";
const isKept = (chosen) => state.kept !== null && state.kept.layer === chosen?.layer && state.kept.neuron === chosen.neuron;

/** Keep the selected neuron for a comparison, or drop it if it is kept already. */
function keepOrDrop() {
  const chosen = selected();
  state.kept = !chosen || isKept(chosen) ? null : { layer: chosen.layer, neuron: chosen.neuron };
  redraw("marks", "neuron");
}

function keepButton(chosen) {
  const button = element("button", { id: "keep", onclick: keepOrDrop, title: "Keep this neuron, and compare it with the next one that you select (C)" }, "compare");
  button.setAttribute("aria-pressed", String(isKept(chosen)));
  return button;
}

/** Elements that compare the selected neuron with the kept one; none without a kept one. */
function comparison(chosen) {
  if (!state.kept) return [];
  const { kept } = state, name = fullName(kept.layer, kept.neuron), drop = () => ((state.kept = null), redraw("marks", "neuron"));
  if (isKept(chosen)) return [element("p", { className: "kept" }, `${name} is kept: select another neuron to compare the two.`)];
  const heading = element("h3", {}, "Compared with ", element("span", { className: "kept" }, name), " ", element("button", { onclick: drop, label: `Stop comparing with ${name}` }, "\u00d7"));
  const parts = [heading];
  if (kept.layer.replayed) {
    shownFor.keptRun = replay(kept.layer, kept.neuron);
    shownFor.keptTrace = element("canvas", { className: "trace", label: `Membrane and current of ${name}` });
    shownFor.keptTrace.setAttribute("role", "img");
    parts.push(shownFor.keptTrace);
  }
  return [...parts, comparedTable(chosen, kept, chosen.step), ...differences(chosen, kept, chosen.step)];
}

function comparedTable(one, two, step) {
  const both = [one, two].map(({ layer, neuron }) => figures(layer, neuron, step));
  const cells = (kind, words) => words.map((each, at) => element(kind, at === 2 && kind === "th" ? { className: "kept" } : {}, each));
  const head = element("tr", {}, ...cells("th", ["", fullName(one.layer, one.neuron), fullName(two.layer, two.neuron)]));
  const told = Object.keys(both[0]).filter((name) => both.some((each) => each[name] !== NONE));
  const rows = told.map((name) => element("tr", {}, ...cells("td", [name, both[0][name], both[1][name]])));
  const first = new Set(spikesOf(one.layer, one.neuron)), shared = spikesOf(two.layer, two.neuron).filter((t) => first.has(t)).length;
  const last = element("tr", {}, element("td", {}, "spikes at the same steps"), element("td", { colSpan: 2 }, String(shared)));
  return element("table", { className: "compared" }, element("tbody", {}, head, ...rows, last));
}

/** What a neuron did, as text for the table. */
function figures(layer, neuron, step) {
  const fired = spikesOf(layer, neuron), found = { spikes: String(fired.length), "first spike": fired.length ? `step ${fired[0]}` : "none" };
  const cause = layer.replayed ? causes(layer, neuron, step) : null, own = (cause?.own ?? []).reduce((a, b) => a + b, 0);
  found.threshold = layer.v_th === undefined ? NONE : tidy(withConstants(layer, neuron).v_th);
  found[`membrane at step ${step}`] = !cause ? NONE : cause.resting ? "at rest" : signed(cause.total);
  found["raised by inputs"] = cause && !cause.resting ? signed(sums(cause.shares, 1).sum) : NONE;
  found["lowered by inputs"] = cause && !cause.resting ? signed(-Math.abs(sums(cause.shares, -1).sum)) : NONE;
  found["by its own layer"] = cause?.own && !cause.resting ? signed(own) : NONE;
  return found;
}

/** The inputs that contribute most differently to two neurons of the same layer. */
function differences(one, two, step) {
  if (one.layer !== two.layer || !one.layer.replayed) return [];
  const below = layers[one.layer.index - 1], [a, b] = [one, two].map(({ layer, neuron }) => causes(layer, neuron, step).shares), found = [];
  a.forEach((share, input) => share !== b[input] && found.push({ input, by: share - b[input] }));
  if (!found.length) return [];
  found.sort((x, y) => Math.abs(y.by) - Math.abs(x.by));
  const list = element("ul", { className: "bars" });
  for (const { input, by } of found.slice(0, DIFFERENCES)) {
    const go = () => select(below, input, spikesOf(below, input).filter((s) => s < step).pop() ?? 0, true);
    list.append(bar(below.maps ? neuronName(below, input) : fullName(below, input), by, Math.abs(found[0].by), go, `${signed(a[input])} here, ${signed(b[input])} there: continue with this input`));
  }
  return [element("h3", {}, `Inputs that differ most at step ${step}`), list];
}
