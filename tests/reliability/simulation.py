"""Second simulation of HM2-BP, in float64, written from the equations alone. Every layer is a matrix of synapses."""

from dataclasses import dataclass

import numpy as np

from cupynn import SpikeTrains, losses


@dataclass
class Synapses:
    """A layer as a matrix of weights between inputs and neurons.

    Attributes
    ----------
    index : ndarray of int, shape (neurons, inputs)
        Index of the weight in the flattened weights of the layer, -1 without a synapse.
    weight : ndarray of float64, shape (neurons, inputs)
    lateral : ndarray of float64, shape (neurons, neurons), or None
    """

    index: np.ndarray
    weight: np.ndarray
    lateral: np.ndarray | None = None

    @property
    def exist(self) -> np.ndarray:
        return self.index >= 0


def synapses(layer) -> Synapses:
    """Return a layer as a matrix."""
    if layer.kind_name == "pool":
        index = _windows(layer.input_shape, layer.output_shape, layer.kernel_size, layer.stride, (0, 0), None)
        return Synapses(index, (index >= 0).astype(np.float64))
    values = layer.params["weight"].astype(np.float64)
    if layer.kind_name == "conv":
        index = _windows(layer.input_shape, layer.output_shape, layer.kernel_size, (1, 1), layer.padding, values.shape)
        return Synapses(index, np.where(index >= 0, values.ravel()[index], 0.0))
    lateral = None
    if layer.kind_name == "recurrent":
        lateral = layer.buffers["lateral"].astype(np.float64)
    elif layer.lateral_inhibition:
        lateral = -np.float64(np.float32(layer.lateral_inhibition)) * (1 - np.eye(len(values)))
    return Synapses(np.arange(values.size).reshape(values.shape), values, lateral)


def _windows(shape, out, size, stride, padding, weights) -> np.ndarray:
    """Return the index matrix of a convolution or, without the shape of its weights, of pooling."""
    channels, height, width = (1, *shape) if len(shape) == 2 else shape
    maps, rows, columns = out
    index = np.full((maps, rows, columns, channels, height, width), -1)
    for m, y, x, c, i, j in np.ndindex(maps, rows, columns, channels, *size):
        row, column = y * stride[0] + i - padding[0], x * stride[1] + j - padding[1]
        if 0 <= row < height and 0 <= column < width and (weights is not None or m == c):
            index[m, y, x, c, row, column] = 0 if weights is None else np.ravel_multi_index((m, c, i, j), weights)
    return index.reshape(maps * rows * columns, -1)


def flat(trains: SpikeTrains) -> np.ndarray:
    """Return trains as float64 (B, T, neurons)."""
    dense = np.asarray(trains.to_dense(), np.float64)
    return dense.reshape(*dense.shape[:2], -1)


def traces(layer, trains: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the membrane that each train alone would cause, with unit weight and no reset, and its decay per step."""
    steps, shape = trains.shape[1], trains.shape
    potential = np.zeros(shape)
    if layer.psp_kernel == "exact":
        v, q = np.zeros((shape[0], shape[2])), np.zeros((shape[0], shape[2]))
        for t in range(1, steps):
            q = q * (1 - 1 / layer.tau_s) + trains[:, t - 1]
            v = v * (1 - 1 / layer.tau_m) + q / layer.tau_s
            potential[:, t] = v
        return potential, 1 - 1 / layer.tau_m
    for since in range(steps - layer.t_ref):  # the continuous kernel, `since` steps after a spike has begun to act
        if layer.tau_m == layer.tau_s:
            response = since / layer.tau_m * np.exp(-since / layer.tau_m)
        else:
            c = 1 / (1 - layer.tau_s / layer.tau_m)
            response = c * (np.exp(-since / layer.tau_m) - np.exp(-since / layer.tau_s))
        delay = since + layer.t_ref
        potential[:, delay:] += response * trains[:, : steps - delay]
    return potential, np.exp(-1 / layer.tau_m)


def spike_train_psp(layer, inputs: np.ndarray, fired: np.ndarray) -> np.ndarray:
    """Return e (B, neurons, inputs): the contribution of each input to the membrane, summed over the firing times."""
    potential, decay = traces(layer, inputs)
    e = np.zeros((len(fired), fired.shape[2], inputs.shape[2]))
    for b, i in np.ndindex(len(fired), fired.shape[2]):
        since = 0  # nothing decays before the first firing; without input at step 0 this equals counting from step 1
        for t in np.flatnonzero(fired[b, :, i]):
            if since <= t:  # a filled-in train may have spikes within the refractory period: they add nothing
                e[b, i] += potential[b, t] - decay ** (t - since) * potential[b, since]
            since = t + layer.t_ref
    return e


def backward(layer, links: Synapses, inputs: np.ndarray, fired: np.ndarray, delta: np.ndarray):
    """Return the gradient of the flattened weights, the error of the inputs' counts (B, inputs), and its size.

    The size is the largest sum of the magnitudes of its terms; where they cancel, rounding errors are relative to that.
    """
    e = spike_train_psp(layer, inputs, fired)
    o, o_in = fired.sum(1), inputs.sum(1)
    silent, silent_in = (o == 0)[:, :, None], (o_in == 0)[:, None, :]
    slope = e / np.maximum(o_in, 1)[:, None, :] if layer.effect_ratio else np.ones_like(e)
    slope = np.where(silent | silent_in, layer.silent_slope, slope)
    if layer.kind_name == "pool":
        area = layer.kernel_size[0] * layer.kernel_size[1]
        terms = (delta / area)[:, :, None] * slope * links.exist
        return None, terms.sum(1), np.abs(terms).sum(1).max()
    scaled = delta / layer.v_th
    terms = scaled[:, :, None] * slope * links.weight
    share = np.where(silent, 0.5, e / np.maximum(o, 1)[:, :, None])
    h = np.einsum("bij,ij->bi", share, links.weight) / layer.v_th
    with np.errstate(divide="ignore"):
        f = 1 / lateral_divisor(layer, fired)
    contribution = np.where(silent, np.where(silent_in, 0.0, 0.1), e)
    each = np.einsum("bi,bij->ij", scaled * (1 + h) * f, contribution) / len(fired)
    gradient = np.zeros(layer.params["weight"].size)
    np.add.at(gradient, links.index[links.exist], each[links.exist])
    return gradient, terms.sum(1), np.abs(terms).sum(1).max()


def lateral_divisor(layer, fired: np.ndarray) -> np.ndarray:
    """Return the divisors (B, neurons) of the gradients in an inhibited layer; they may be 0."""
    o, strength = fired.sum(1), getattr(layer, "lateral_inhibition", 0.0)
    if not strength:
        return np.ones(o.shape)
    e = spike_train_psp(layer, fired, fired)  # e[b, l, j]: of train j at the firings of l
    silent = (o == 0)[:, :, None] | (o == 0)[:, None, :]
    ratio = np.where(silent, 1.0, e / np.maximum(o, 1)[:, None, :]).transpose(0, 2, 1)  # ratio[b, j, l]
    g = np.where(o > 0, 1 / layer.v_th, 0.0)
    around = ratio * ratio.transpose(0, 2, 1) * (1 - np.eye(o.shape[1]))
    return 1 - strength**2 * g * np.einsum("bjl,bl->bj", around, g)


def loss_error(loss, fired: np.ndarray, labels: np.ndarray, weights: np.ndarray):
    """Return the mean loss, delta (B, classes), and the trains with those of silent labels filled in."""
    counts, steps, rows = fired.sum(1), fired.shape[1], np.arange(len(labels))
    if isinstance(loss, losses.SpikeCount):
        target = np.full(counts.shape, float(loss.undesired))
        target[rows, labels] = loss.desired
        z = counts - target
        z[np.abs(z) <= loss.margin] = 0
        value, delta = (z**2).sum(1) / 2, z
    else:
        share = np.exp(counts - counts.max(1, keepdims=True))
        share /= share.sum(1, keepdims=True)
        value, delta = -np.log(share[rows, labels]), share.copy()
        delta[rows, labels] -= 1
    filled = fired.copy()
    for b in rows[counts[rows, labels] == 0]:
        filled[b, np.arange(steps // loss.desired, steps, steps // loss.desired), labels[b]] = 1
    return float((value * weights).mean()), delta * weights[:, None], filled
