// Read the table and the arrays, once. Everything else in the page is drawn from them.

const table = JSON.parse(document.getElementById("table").textContent);
const bytes = decodeBase64(document.getElementById("bytes").textContent.trim());
const T = table.steps;

function decodeBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text).buffer; // several times faster, where browsers have it
  const letters = atob(text);
  const found = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) found[i] = letters.charCodeAt(i);
  return found.buffer;
}

// Typed arrays are little-endian on every system with a browser, like the block.
const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array, f2: Uint16Array };

function arrayAt(place) {
  const found = new TYPES[place.type](bytes, place.at, place.n);
  return place.type === "f2" ? fromHalf(found, place.scale) : found;
}

let halfValues = null; // the value of each of the 65,536 half-precision numbers

function fromHalf(halves, scale) {
  halfValues ??= Float32Array.from({ length: 65536 }, (_, half) => {
    const sign = half & 0x8000 ? -1 : 1, exponent = (half >> 10) & 31, fraction = half & 1023;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
  });
  return Float32Array.from(halves, (half) => halfValues[half] * scale);
}

const layers = table.layers.map((layer, index) => ({
  ...layer,
  index,
  maps: layer.shape.length === 3 ? layer.shape : layer.shape.length === 2 ? [1, ...layer.shape] : null, // [maps, rows, columns]
  weights: layer.weight && arrayAt(layer.weight),
  biases: layer.bias && arrayAt(layer.bias),
  own: layer.lateral && arrayAt(layer.lateral),
}));
const last = layers.length - 1;

// The trains of a layer for a sample, in both orders: by step, as stored, and by neuron, sorted on first use.
const held = new Map();

function arraysOf(layer, sample) {
  const { neurons, offsets } = table.samples[sample].trains[layer.index];
  return { neurons: arrayAt(neurons), offsets: arrayAt(offsets) };
}

/** The trains that are shown: of the simulation, or of what if. */
function trainsOf(layer, sample = state.sample) {
  return (whatIf?.sample === sample && whatIf.trains.get(layer.index)) || recordedTrains(layer, sample);
}

function recordedTrains(layer, sample = state.sample) {
  const key = `${sample} ${layer.index}`;
  if (!held.has(key)) {
    if (held.size > 60) held.clear();
    const { neurons, offsets } = arraysOf(layer, sample);
    held.set(key, trainsFrom(neurons, offsets, layer.size));
  }
  return held.get(key);
}

const trainsFrom = (neurons, offsets, size) => ({ neurons, offsets, total: neurons.length, ...byNeuron(neurons, offsets, size) });

function byNeuron(neurons, offsets, size) {
  const starts = new Uint32Array(size + 1), times = new Uint32Array(neurons.length);
  for (const neuron of neurons) starts[neuron + 1]++;
  for (let i = 0; i < size; i++) starts[i + 1] += starts[i];
  const next = starts.slice();
  for (let t = 0; t < T; t++) for (let e = offsets[t]; e < offsets[t + 1]; e++) times[next[neurons[e]]++] = t;
  return { starts, times };
}

function spikesOf(layer, neuron, sample = state.sample) {
  const { starts, times } = trainsOf(layer, sample);
  return times.subarray(starts[neuron], starts[neuron + 1]);
}
