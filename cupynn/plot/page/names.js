// Names of layers, neurons and samples, and numbers as text. They reach the page as text, never as HTML.

function placeOf(layer, neuron) {
  if (!layer.maps) return null;
  const [, rows, columns] = layer.maps, area = rows * columns;
  return { map: Math.floor(neuron / area), row: Math.floor((neuron % area) / columns), column: neuron % columns };
}

function neuronName(layer, neuron) {
  const place = placeOf(layer, neuron);
  if (place) return `${layer.maps[0] > 1 ? `${mapName(layer, place.map)} ` : ""}(${place.row}, ${place.column})`;
  if (layer.index === last && layer.index > 0) return table.classes[neuron];
  return String(neuron);
}

/** What the maps of a layer are: of the input polarities or channels. */
const mapNoun = (layer) => layer.noun ?? "map";
const mapName = (layer, map) => `${mapNoun(layer)} ${map}`;
const fullName = (layer, neuron) => `${layer.name} ${neuronName(layer, neuron)}`;
const className = (index) => (index === null ? "no label" : table.classes[index]);
const isWrong = (sample) => sample.label !== null && sample.label !== sample.prediction;
const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
const signed = (value, digits = 2) => `${value < 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(digits)}`;
const byId = (id) => document.getElementById(id);

/** Make an element with properties and children; strings become text. */
function element(kind, properties = {}, ...children) {
  const { label, ...rest } = properties;
  const made = Object.assign(document.createElement(kind), rest);
  if (label) made.setAttribute("aria-label", label);
  made.append(...children.filter((child) => child !== null));
  return made;
}

// Colours of Okabe and Ito, which the colour-blind tell apart, as in the figures of cupynn.plot; lighter on dark ground.
const COLOURS = {
  light: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#c98500", "#2f93cc"],
  dark: ["#56b4e9", "#ff8f45", "#2cc99d", "#e7a3c8", "#f0b429", "#9bd6f7"],
};
const isDark = () => document.documentElement.dataset.theme === "dark";
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const layerColour = (index) => (index === 0 ? css("muted") : COLOURS[isDark() ? "dark" : "light"][(index - 1) % 6]);
const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
