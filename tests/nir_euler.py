"""A graph of NIR, computed as NIR's documentation says it, by forward Euler in float64: an oracle that knows no layers."""

import nir
import numpy as np

DT = 1e-4


def spikes(graph, inputs, dt=DT):
    """Spikes of every node of neurons, a dict of arrays (T, *shape), for the inputs (T, *input_shape) of one sample."""
    graph.infer_types()
    after = {source: target for source, target in graph.edges}
    state, fired = {}, {}
    for x in inputs.astype(np.float64):
        name, value = after["input"], x
        while name != "output":
            value = step(name, graph.nodes[name], value, state, dt)
            if isinstance(graph.nodes[name], nir.NIRGraph | nir.CubaLIF | nir.LIF):
                fired.setdefault(name, []).append(value)
            name = after[name]
    return {name: np.array(each) for name, each in fired.items()}


def step(name, node, x, state, dt):
    if isinstance(node, nir.Affine):
        return node.weight.astype(float) @ x + node.bias
    if isinstance(node, nir.Linear):
        return node.weight.astype(float) @ x
    if isinstance(node, nir.Flatten):
        return x.ravel()
    if isinstance(node, nir.Delay):
        steps = np.round(node.delay / dt).astype(int)
        past = state.setdefault(name, [])
        past.append(x)
        return np.array([past[-1 - late].flat[j] if late < len(past) else 0 for j, late in enumerate(steps.flat)]).reshape(
            x.shape
        )
    if isinstance(node, nir.Conv2d):
        return convolved(x, node)
    if isinstance(node, nir.SumPool2d | nir.AvgPool2d):
        return pooled(x, node)
    if isinstance(node, nir.NIRGraph):  # recurrent weights see the spikes of the step before
        back = step(name, node.nodes["w_rec"], state.get((name, "fired"), np.zeros(x.shape)), state, dt)
        state[name, "fired"] = step(name, node.nodes["lif"], x + back, state, dt)
        return state[name, "fired"]
    current, membrane = state.get(name, (np.zeros(x.shape), np.zeros(x.shape)))
    if isinstance(node, nir.CubaLIF):
        current = current + dt / node.tau_syn.astype(float) * (node.w_in * x - current)
        membrane = membrane + dt / node.tau_mem.astype(float) * (node.v_leak - membrane + node.r * current)
    else:
        membrane = membrane + dt / node.tau.astype(float) * (node.v_leak - membrane + node.r * x)
    fires = membrane > node.v_threshold
    state[name] = current, np.where(fires, node.v_reset, membrane)
    return fires.astype(float)


def convolved(x, node):
    kernel, (ph, pw) = node.weight.astype(float), node.padding
    padded = np.pad(x, ((0, 0), (ph, ph), (pw, pw)))
    (down, across), (kh, kw) = node.dilation, kernel.shape[2:]
    covered = ((kh - 1) * down + 1, (kw - 1) * across + 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, covered, axis=(1, 2))
    windows = windows[:, :: node.stride[0], :: node.stride[1], ::down, ::across]
    parts = zip(np.split(windows, node.groups), np.split(kernel, node.groups), strict=True)
    return np.concatenate([np.einsum("chwij,ocij->ohw", *part) for part in parts]) + node.bias[:, None, None]


def pooled(x, node):
    windows = np.lib.stride_tricks.sliding_window_view(x, tuple(node.kernel_size), axis=(1, 2))
    windows = windows[:, :: node.stride[0], :: node.stride[1]]
    return windows.sum((-1, -2)) if isinstance(node, nir.SumPool2d) else windows.mean((-1, -2))
