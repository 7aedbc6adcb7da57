// Replay one neuron: the recursion of the simulation in float32, from the trains below, one row of weights and its own trains.

const round = Math.fround;

/** Weights from every neuron of the layer below to one neuron, and from its own layer (null without any). */
function inputsOf(layer, neuron) {
  const below = layers[layer.index - 1];
  const weights = new Float32Array(below.size);
  if (layer.kind === "dense") weights.set(layer.weights.subarray(neuron * below.size, (neuron + 1) * below.size));
  else eachInWindow(layer, neuron, (input, at) => (weights[input] = layer.kind === "pool" ? 1 : layer.weights[at]));
  return { below: weights, own: ownWeights(layer, neuron) };
}

/** Weight of the input that fires at every step, one for each neuron or map. */
function biasOf(layer, neuron) {
  return layer.biases ? layer.biases[layer.kind === "conv" ? placeOf(layer, neuron).map : neuron] : 0;
}

function ownWeights(layer, neuron) {
  if (layer.own) return layer.own.subarray(neuron * layer.size, (neuron + 1) * layer.size);
  if (!layer.inhibition) return null;
  const weights = new Float32Array(layer.size).fill(-layer.inhibition);
  weights[neuron] = 0;
  return weights;
}

/** Call visit(input, index of the weight, channel, row, column) for each input within the window of a neuron. */
function eachInWindow(layer, neuron, visit) {
  const [, rows, columns] = layer.image, [high, wide] = layer.kernel, [down, across] = layer.dilation;
  const { map, row, column } = placeOf(layer, neuron), [first, channels] = groupOf(layer, map);
  const top = row * layer.stride[0] - layer.padding[0], left = column * layer.stride[1] - layer.padding[1];
  for (let c = 0; c < channels; c++)
    for (let ky = 0; ky < high; ky++)
      for (let kx = 0; kx < wide; kx++) {
        const y = top + ky * down, x = left + kx * across;
        if (y < 0 || y >= rows || x < 0 || x >= columns) continue;
        visit(((first + c) * rows + y) * columns + x, ((map * channels + c) * high + ky) * wide + kx, first + c, y, x);
      }
}

/** First channel that a map sees, and their number: all, a group of them, or its own in pooling. */
function groupOf(layer, map) {
  const channels = layer.image[0] / layer.groups;
  return [Math.floor(map / (layer.shape[0] / layer.groups)) * channels, channels];
}

/** A layer with the constants of one neuron, where neurons, or maps of an image, have their own. */
function withConstants(layer, neuron) {
  if (!layer.each) return layer;
  const group = layer.kind === "dense" ? neuron : placeOf(layer, neuron).map;
  layer.owns ??= [];
  const own = () => Object.fromEntries(Object.entries(layer.each).map(([name, values]) => [name, values[group]]));
  return (layer.owns[group] ??= Object.assign(Object.create(layer), { response: null }, own()));
}

/** Return membrane (before any reset) and current at every step, the steps at which the neuron fires, and its threshold. */
function replay(layer, neuron, sample = state.sample) {
  const inputs = inputsOf(layer, neuron);
  const drive = new Float32Array(T).fill(biasOf(layer, neuron), 1);
  if (inputs.own) addSpikes(drive, trainsOf(layer, sample), inputs.own);
  addSpikes(drive, trainsOf(layers[layer.index - 1], sample), inputs.below);
  const membrane = new Float32Array(T), current = new Float32Array(T), fired = spikesOf(layer, neuron, sample);
  const { decay_m, decay_s, gain, v_th } = withConstants(layer, neuron);
  let v = 0, q = 0, release = 0, next = 0;
  for (let t = 1; t < T; t++) {
    q = round(round(q * decay_s) + drive[t]);
    v = t > release ? round(round(v * decay_m) + round(q * gain)) : 0;
    [membrane[t], current[t]] = [v, q];
    if (fired[next] === t) [v, release, next] = [0, t + layer.t_ref, next + 1]; // by its trains, which are exact
  }
  return { membrane, current, fired, v_th };
}

function addSpikes(drive, { neurons, offsets }, weights) {
  for (let t = 1; t < T; t++)
    for (let e = offsets[t - 1]; e < offsets[t]; e++) drive[t] = round(drive[t] + weights[neurons[e]]);
}
