"""HM2-BP as the paper writes it: NumPy float64, loops and all, nothing imported from the package.

Slow and obviously right. Trains are arrays of zeros and ones, (T, N) for one sample. Every function takes one sample.
"""

from functools import cache

import numpy as np

MARGIN = 1e-6


def simulate(spikes, weight, v_th, tau_m, tau_s, t_ref, inhibition=0.0, margin=MARGIN, lateral=None):
    """Trains, membranes before reset and currents of a dense layer, each (T, N); lateral (N, N) is [to, from]."""
    steps, n_out = len(spikes), len(weight)
    fired, membrane, current = (np.zeros((steps, n_out)) for _ in range(3))
    v, q, r = np.zeros(n_out), np.zeros(n_out), np.zeros(n_out, int)
    for t in range(1, steps):
        for i in range(n_out):
            v[i] *= 1 - 1 / tau_m
            q[i] *= 1 - 1 / tau_s
            q[i] += sum(weight[i, j] * spikes[t - 1, j] for j in range(spikes.shape[1]))
            q[i] -= sum(inhibition * fired[t - 1, k] for k in range(n_out) if k != i)
            if lateral is not None:
                q[i] += sum(lateral[i, k] * fired[t - 1, k] for k in range(n_out))
            v[i] += q[i] / tau_s
            if r[i] > 0:
                v[i] = 0
                r[i] -= 1
            membrane[t, i], current[t, i] = v[i], q[i]
            if v[i] > v_th - margin:
                fired[t, i] = 1
                v[i] = 0
                r[i] = t_ref
    return fired, membrane, current


@cache
def kernel(kind, t, tau_m, tau_s, t_ref):
    """Membrane that one spike at step 0 has made at step t, and its decay in one step."""
    if kind == "exact":  # the recursion of `simulate`, solved
        d, ds = 1 - 1 / tau_m, 1 - 1 / tau_s
        value = sum(d ** (t - k) * ds ** (k - 1) for k in range(1, t + 1)) / tau_s
        return value, d
    t -= t_ref
    if t <= 0:
        value = 0.0
    elif tau_s == tau_m:
        value = t / tau_m * np.exp(-t / tau_m)
    else:
        value = (np.exp(-t / tau_m) - np.exp(-t / tau_s)) / (1 - tau_s / tau_m)
    return value, np.exp(-1 / tau_m)


def spsp(pre, post, kind, tau_m, tau_s, t_ref):
    """e of one pre-synaptic on one post-synaptic train: the sum over all pairs of their spikes."""
    total, last = 0.0, None
    for firing in np.flatnonzero(post):
        for spike in np.flatnonzero(pre):
            if spike < firing:
                value, d = kernel(kind, firing - spike, tau_m, tau_s, t_ref)
                total += value
                if last is not None and spike < last + t_ref:
                    forgotten, _ = kernel(kind, last + t_ref - spike, tau_m, tau_s, t_ref)
                    total -= d ** (firing - last - t_ref) * forgotten
        last = firing
    return total


def spsp_matrix(pre, post, kind, tau_m, tau_s, t_ref):
    """e_ij for all pairs, (N_post, N_pre)."""
    return np.array([[spsp(j, i, kind, tau_m, tau_s, t_ref) for j in pre.T] for i in post.T])


def lateral_factor(post, v_th, inhibition, kind, tau_m, tau_s, t_ref):
    """f_j of the weight gradient."""
    n = post.shape[1]
    e = spsp_matrix(post, post, kind, tau_m, tau_s, t_ref)
    o = post.sum(0)
    g = np.where(o > 0, 1 / v_th, 0.0)
    r = np.ones((n, n))
    for i in range(n):
        for j in range(n):
            if o[i] > 0 and o[j] > 0:
                r[i, j] = e[i, j] / o[j]
    return np.array(
        [1 / (1 - inhibition**2 * g[j] * sum(r[m, j] * r[j, m] * g[m] for m in range(n) if m != j)) for j in range(n)]
    )


def backward(
    pre,
    post,
    delta,
    weight,
    v_th,
    kind,
    tau_m,
    tau_s,
    t_ref,
    inhibition=0.0,
    effect_ratio=True,
    silent_slope=1.0,
    overshoot=False,
    sent=None,
):
    """Weight gradient (N_post, N_pre) and error of the counts below (N_pre,); `sent`: their trains before a delay."""
    n_post, n_pre = weight.shape
    e = spsp_matrix(pre, post, kind, tau_m, tau_s, t_ref)
    o_post, o_pre, o_sent = post.sum(0), pre.sum(0), (pre if sent is None else sent).sum(0)
    f = lateral_factor(post, v_th, inhibition, kind, tau_m, tau_s, t_ref) if inhibition else np.ones(n_post)
    gradient, below = np.zeros_like(weight), np.zeros(n_pre)
    for i in range(n_post):
        d = delta[i] / v_th
        effect = [e[i, j] / o_post[i] if o_post[i] > 0 else 0.5 for j in range(n_pre)]
        h = sum(weight[i, j] * effect[j] for j in range(n_pre)) / v_th
        if overshoot and o_post[i] > 0 and h > 1:
            d /= h**2
        for j in range(n_pre):
            potential = 0.1 if o_post[i] == 0 and o_pre[j] > 0 else e[i, j]
            gradient[i, j] += d * (1 + h) * f[i] * potential
            slope = silent_slope
            if o_post[i] > 0 and o_sent[j] > 0:
                slope = e[i, j] / o_sent[j] if effect_ratio else 1.0
            below[j] += d * weight[i, j] * slope
    return gradient, below


def delayed(pre, delays):
    """The trains (T, N) as they act: each event later by its neuron's delay, if that is within the steps."""
    acting = np.zeros_like(pre)
    for t, j in np.argwhere(pre):
        if t + delays[j] < len(pre):
            acting[t + delays[j], j] = 1
    return acting


def delay_gradient(pre, post, delta, weight, v_th, kind, tau_m, tau_s, t_ref, delays):
    """Derivative in each delay (N_pre,): what one more step of it changes, with the trains above held fixed."""
    longer = np.concatenate([pre, np.zeros_like(pre[:2])]), np.concatenate([post, np.zeros_like(post[:2])])
    now, later = (spsp_matrix(delayed(longer[0], delays + n), longer[1], kind, tau_m, tau_s, t_ref) for n in (0, 1))
    return (delta[:, None] / v_th * weight * (later - now)).sum(0)


def among(post, lateral, v_th, kind, tau_m, tau_s, t_ref, effect_ratio=True):
    """K of trained recurrent weights: what a spike of neuron l adds to the count of neuron i, [i, l]; 0 of silent ones."""
    e, o = spsp_matrix(post, post, kind, tau_m, tau_s, t_ref), post.sum(0)
    matrix = np.zeros_like(e)
    for i, k in np.ndindex(*e.shape):
        if o[i] > 0 and o[k] > 0:
            matrix[i, k] = lateral[i, k] / v_th * (e[i, k] / o[k] if effect_ratio else 1.0)
    return matrix


def recurrent_backward(
    pre, post, delta, weight, lateral, v_th, kind, tau_m, tau_s, t_ref, effect_ratio=True, silent_slope=1.0, iterations=None
):
    """Gradients (N, N_pre) and (N, N), error of the counts below (N_pre,), and g; solved at once, or by iterations."""
    k = among(post, lateral, v_th, kind, tau_m, tau_s, t_ref, effect_ratio)
    if iterations is None:
        g = np.linalg.solve(np.eye(len(k)) - k.T, delta)
    else:
        g = delta
        for _ in range(iterations):
            g = delta + k.T @ g
    both, weights = np.concatenate([pre, post], axis=1), np.concatenate([weight, lateral], axis=1)
    rule = {"effect_ratio": effect_ratio, "silent_slope": silent_slope}
    gradient, below = backward(both, post, g, weights, v_th, kind, tau_m, tau_s, t_ref, **rule)
    inputs = pre.shape[1]
    return gradient[:, :inputs], gradient[:, inputs:], below[:inputs], g


def tpsp(pre, post, weight, kind, tau_m, tau_s, t_ref, among=None, own=None):
    """a_i = sum_j w_ij e_ij + sum_l u_il e_il, the T-PSP of each neuron, from inputs and from the layer's trains, `own`."""
    total = (weight * spsp_matrix(pre, post, kind, tau_m, tau_s, t_ref)).sum(1)
    if among is None:
        return total
    return total + (among * spsp_matrix(post if own is None else own, post, kind, tau_m, tau_s, t_ref)).sum(1)


def constant_gradients(pre, post, delta, weight, v_th, kind, tau_m, tau_s, t_ref, among=None, overshoot=False, own=None):
    """dE/dv_th, dE/dtau_m and dE/dtau_s of each neuron, (3, N_post), for fixed trains: o_i is about a_i / v_th.

    Derivatives by complex steps, which are exact: f(x + ih) = f(x) + ih f'(x) for a tiny h.
    """
    tiny, trains, o = 1e-30, (pre, post, weight, kind), post.sum(0)
    a = tpsp(*trains, tau_m, tau_s, t_ref, among, own)
    by_m = tpsp(*trains, tau_m + tiny * 1j, tau_s, t_ref, among, own).imag / tiny
    by_s = tpsp(*trains, tau_m, tau_s + tiny * 1j, t_ref, among, own).imag / tiny
    d = delta / v_th
    for i in range(len(d)):
        if overshoot and o[i] > 0:
            mean = tpsp(pre, post[:, [i]], weight[[i]], kind, tau_m, tau_s, t_ref)[0] / o[i]
            d[i] /= max(1, mean / v_th) ** 2
    return np.array([-d * a / v_th, d * by_m, d * by_s])


def unrolled(weight, input_shape, padding=(0, 0), stride=(1, 1), dilation=(1, 1), groups=1):
    """A convolution's weights (maps, channels / groups, kh, kw) as a dense layer's, and which kernel entry each one is."""
    maps, channels, kh, kw = weight.shape
    all_channels, height, width = input_shape
    rows = (height + 2 * padding[0] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    columns = (width + 2 * padding[1] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    dense = np.zeros((maps * rows * columns, all_channels * height * width))
    entry = np.full(dense.shape, -1)
    for m, r, s in np.ndindex(maps, rows, columns):
        for c, ky, kx in np.ndindex(channels, kh, kw):
            y = r * stride[0] + ky * dilation[0] - padding[0]
            x = s * stride[1] + kx * dilation[1] - padding[1]
            if 0 <= y < height and 0 <= x < width:
                below = m // (maps // groups) * channels + c
                i, j = (m * rows + r) * columns + s, (below * height + y) * width + x
                dense[i, j] = weight[m, c, ky, kx]
                entry[i, j] = ((m * channels + c) * kh + ky) * kw + kx
    return dense, entry
