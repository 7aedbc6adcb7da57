// Keys, and the choice between light and dark.

const KEYS = [
  ["\u2191 \u2193", "previous and next sample", { ArrowUp: () => moveSample(-1), ArrowDown: () => moveSample(1) }],
  ["\u2190 \u2192", "step before and after", { ArrowLeft: () => moveStep(-1), ArrowRight: () => moveStep(1) }],
  ["[ ]", "spike before and after of the selected neuron", { "[": () => moveSpike(-1), "]": () => moveSpike(1) }],
  ["Enter", "continue with the largest cause", { Enter: () => document.querySelector("#neuron .bars button")?.click() }],
  ["Backspace", "back along the chain", { Backspace: () => state.trail.length > 1 && (state.trail.pop(), redraw("neuron", "marks")) }],
  ["C", "keep the neuron, to compare it with the next one that you select", { c: () => keepOrDrop() }],
  ["X", "silence the neuron and simulate the layers above again, or let it fire", { x: () => selected() && silence(selected().layer, selected().neuron) }],
  ["W", "only wrong samples, or all", { w: () => filterSamples(!state.wrongOnly) }],
  [", .", "epoch before and after, if the page has epochs", { ",": () => showEpoch(stage - 1), ".": () => showEpoch(stage + 1) }],
  ["+ \u2212 0", "zoom in, zoom out, all steps", { "+": () => zoomTime(0.6), "=": () => zoomTime(0.6), "-": () => zoomTime(1 / 0.6), 0: () => setWindow(-0.5, T - 0.5) }],
  ["Space", "play and pause", { " ": () => setPlaying(!state.playing) }],
  ["P", "pictures of all layers with maps, or spikes", { p: () => views.filter((view) => view.toggle).forEach((view, _, all) => setPictures(view, view === all[0] ? !view.pictures : all[0].pictures)) }],
  ["T", "light or dark", { t: () => switchTheme() }],
  ["Esc", "unpin the neuron and the cursor", { Escape: () => (setPlaying(false), unpin()) }],
  ["?", "this list", { "?": () => showKeys() }],
];
const MOUSE = [
  ["wheel", "zoom in time; with Shift, or over the names, in neurons"],
  ["drag", "move; double-click shows everything"],
  ["click", "select a neuron and a step"],
];
const ACTIONS = Object.assign({}, ...KEYS.map(([, , actions]) => actions));

function moveStep(by) {
  const chosen = selected();
  if (state.cursor === null && chosen) replaceStep(Math.min(Math.max(chosen.step + by, 0), T - 1));
  else setCursor((state.cursor ?? 0) + by);
}

function moveSpike(by) {
  const chosen = selected();
  if (!chosen) return;
  const fired = [...spikesOf(chosen.layer, chosen.neuron)];
  const next = by < 0 ? fired.filter((t) => t < chosen.step).pop() : fired.find((t) => t > chosen.step);
  if (next !== undefined) replaceStep(next);
}

function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    const inside = event.target instanceof Element ? event.target.tagName : "";
    if (event.ctrlKey || event.metaKey || event.altKey || inside === "SELECT") return;
    if (inside === "INPUT" && (event.target.type !== "range" || /^(Arrow|Page|Home|End)/.test(event.key))) return; // its own
    if (inside === "BUTTON" && /^( |Enter)$/.test(event.key)) return; // the button's own
    if (byId("keys").open && event.key === "Escape") return;
    const act = ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  byId("theme").onclick = switchTheme;
  byId("help").onclick = showKeys;
  const rows = [...KEYS, ...MOUSE].map(([keys, words]) => element("tr", {}, element("td", {}, element("kbd", {}, keys)), element("td", {}, words)));
  const close = element("button", { onclick: () => byId("keys").close() }, "close");
  byId("keys").append(element("table", {}, element("tbody", {}, ...rows)), close);
  byId("keys").onclose = () => byId("help").setAttribute("aria-expanded", "false");
}

function showKeys() {
  byId("keys").showModal();
  byId("help").setAttribute("aria-expanded", "true");
}

// The viewer's setting decides, until the button does.
const system = window.matchMedia("(prefers-color-scheme: dark)");
let themeChosen = false;

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  byId("theme").textContent = dark ? "light" : "dark";
  shownFor = null;
  redrawAll();
}

function switchTheme() {
  themeChosen = true;
  setTheme(!isDark());
}

function listenToSystem() {
  system.addEventListener("change", () => themeChosen || setTheme(system.matches));
}
