// Why a membrane was where it was: the share of each input since the last release, and the spikes that one spike drove.
//
// Without resets, the membrane is a sum of responses K to single spikes. A reset that holds it at zero until step L removes
// what K had built up by then, which would have decayed to d^(t - L) K(L - s): a spike at step s with weight w contributes
// w (K(t - s) - d^(t - L) K(L - s)). The shares add up to the membrane at step t.

function responseOf(layer) {
  if (!layer.response) {
    layer.response = new Float64Array(T + 1); // by steps since the spike
    let q = 0, v = 0;
    for (let n = 1; n <= T; n++) {
      q = q * layer.decay_s + (n === 1 ? 1 : 0);
      v = v * layer.decay_m + q * layer.gain;
      layer.response[n] = v;
    }
  }
  return layer.response;
}

/** Last step before t at which the neuron rested, 0 if it has not fired before. */
function releaseBefore(layer, fired, t) {
  let release = 0;
  for (const step of fired) if (step < t) release = step + layer.t_ref;
  return release;
}

const factor = (layer, response, s, t, release) =>
  response[t - s] - (s < release ? layer.decay_m ** (t - release) * response[release - s] : 0);

/** Shares of all inputs, and of the layer's own neurons, in the membrane of a neuron at step t. */
function causes(layer, neuron, t, sample = state.sample) {
  const fired = spikesOf(layer, neuron, sample), release = releaseBefore(layer, fired, t);
  const below = layers[layer.index - 1], inputs = inputsOf(layer, neuron), resting = t <= release;
  const shares = new Float64Array(below.size), own = inputs.own && new Float64Array(layer.size);
  const weight = biasOf(layer, neuron), response = responseOf(layer);
  let bias = 0;
  for (let s = 0; s < t && weight && !resting; s++) bias += weight * factor(layer, response, s, t, release);
  if (!resting) {
    addShares(shares, withConstants(layer, neuron), trainsOf(below, sample), inputs.below, t, release);
    if (own) addShares(own, withConstants(layer, neuron), trainsOf(layer, sample), inputs.own, t, release);
  }
  const sum = (values) => (values || []).reduce((total, value) => total + value, 0);
  return { layer, neuron, t, release, resting, fires: fired.includes(t), shares, own, bias, total: sum(shares) + sum(own) + bias };
}

function addShares(shares, layer, { neurons, offsets }, weights, t, release) {
  const response = responseOf(layer);
  for (let s = 0; s < t; s++) {
    const each = factor(layer, response, s, t, release);
    for (let e = offsets[s]; e < offsets[s + 1]; e++) shares[neurons[e]] += weights[neurons[e]] * each;
  }
}

/** The spike of an input before t that contributed most, by which a click continues. */
function strongestSpike(layer, source, input, t, release) {
  const response = responseOf(layer);
  let best = null, most = -Infinity;
  for (const s of spikesOf(source, input)) {
    if (s >= t) break;
    const each = factor(layer, response, s, t, release);
    if (each > most) [best, most] = [s, each];
  }
  return best;
}

/** Weight from neuron j of the layer below to neuron i, 0 if they are not connected. */
function weightBetween(layer, i, j) {
  const below = layers[layer.index - 1];
  if (layer.kind === "dense") return layer.weights[i * below.size + j];
  const [, rows, columns] = layer.image, area = rows * columns, [high, wide] = layer.kernel;
  const { map, row, column } = placeOf(layer, i), [first, channels] = groupOf(layer, map);
  const y = (Math.floor((j % area) / columns) - row * layer.stride[0] + layer.padding[0]) / layer.dilation[0];
  const x = ((j % columns) - column * layer.stride[1] + layer.padding[1]) / layer.dilation[1], c = Math.floor(j / area) - first;
  if (y < 0 || y >= high || y % 1 || x < 0 || x >= wide || x % 1 || c < 0 || c >= channels) return 0;
  return layer.kind === "pool" ? 1 : layer.weights[((map * channels + c) * high + y) * wide + x];
}

/** Later spikes to which a spike of neuron j at step s contributed, the largest contributions first. */
function driven(source, j, s, most = 8) {
  const found = [], next = layers[source.index + 1];
  if (next?.replayed) addDriven(found, next, s, (i) => weightBetween(next, i, j));
  if (source.own) addDriven(found, source, s, (i) => source.own[i * source.size + j]);
  return found.sort((a, b) => b.share - a.share).slice(0, most);
}

function addDriven(found, layer, s, weightTo) {
  const { neurons, offsets } = trainsOf(layer);
  const released = new Int32Array(layer.size);
  for (let t = 0; t < T; t++)
    for (let e = offsets[t]; e < offsets[t + 1]; e++) {
      const i = neurons[e];
      if (t > s) {
        const own = withConstants(layer, i), share = weightTo(i) * factor(own, responseOf(own), s, t, released[i]);
        if (share > 0.005 * own.v_th) found.push({ layer, neuron: i, step: t, share });
      }
      released[i] = t + layer.t_ref;
    }
}
