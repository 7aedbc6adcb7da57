"""HM2-BP as the paper writes it: NumPy float64, loops and all, nothing imported from the package.

Slow and obviously right. Trains are arrays of zeros and ones, (T, N) for one sample. Every function takes one sample.
"""

import numpy as np

MARGIN = 1e-6


def simulate(spikes, weight, v_th, tau_m, tau_s, t_ref, inhibition=0.0, margin=MARGIN):
    """Trains, membranes before reset and currents of a dense layer, each (T, N)."""
    steps, n_out = len(spikes), len(weight)
    fired, membrane, current = (np.zeros((steps, n_out)) for _ in range(3))
    v, q, r = np.zeros(n_out), np.zeros(n_out), np.zeros(n_out, int)
    for t in range(1, steps):
        for i in range(n_out):
            v[i] *= 1 - 1 / tau_m
            q[i] *= 1 - 1 / tau_s
            q[i] += sum(weight[i, j] * spikes[t - 1, j] for j in range(spikes.shape[1]))
            q[i] -= sum(inhibition * fired[t - 1, k] for k in range(n_out) if k != i)
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
):
    """Weight gradient (N_post, N_pre) and error of the counts below (N_pre,)."""
    n_post, n_pre = weight.shape
    e = spsp_matrix(pre, post, kind, tau_m, tau_s, t_ref)
    o_post, o_pre = post.sum(0), pre.sum(0)
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
            if o_post[i] > 0 and o_pre[j] > 0:
                slope = e[i, j] / o_pre[j] if effect_ratio else 1.0
            below[j] += d * weight[i, j] * slope
    return gradient, below


def unrolled(weight, input_shape, padding):
    """A convolution's weights (maps, channels, kh, kw) as those of a dense layer, and which kernel entry each one is."""
    maps, channels, kh, kw = weight.shape
    _, height, width = input_shape
    rows, columns = height + 2 * padding[0] - kh + 1, width + 2 * padding[1] - kw + 1
    dense = np.zeros((maps * rows * columns, channels * height * width))
    entry = np.full(dense.shape, -1)
    for m, r, s in np.ndindex(maps, rows, columns):
        for c, ky, kx in np.ndindex(channels, kh, kw):
            y, x = r + ky - padding[0], s + kx - padding[1]
            if 0 <= y < height and 0 <= x < width:
                i, j = (m * rows + r) * columns + s, (c * height + y) * width + x
                dense[i, j] = weight[m, c, ky, kx]
                entry[i, j] = ((m * channels + c) * kh + ky) * kw + kx
    return dense, entry
