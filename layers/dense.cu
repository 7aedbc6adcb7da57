// Fully connected spiking neurons: twin of `dense_cpu.py`. `dense.py` documents the arguments.
//
// offsets (batch, steps + 1) and neurons (batch, capacity) list the spikes below by step, times (batch, n_out, most) and counts
// (batch, n_out) those above by neuron; columns (n_in, n_out): transposed weights, which adjacent threads read contiguously.

// Input of neuron i at a step: the sum of the weights of the spikes below, in order.
__device__ __forceinline__ float add_columns(float x, const int* neurons, int first, int last, const float* columns, int n_out, int i) {
    int event = first;
    for (; event + 4 <= last; event += 4) {  // four loads in flight; the sum keeps its order
        float w0 = columns[(size_t)neurons[event] * n_out + i], w1 = columns[(size_t)neurons[event + 1] * n_out + i];
        float w2 = columns[(size_t)neurons[event + 2] * n_out + i], w3 = columns[(size_t)neurons[event + 3] * n_out + i];
        x = __fadd_rn(__fadd_rn(__fadd_rn(__fadd_rn(x, w0), w1), w2), w3);
    }
    for (; event < last; ++event) x = __fadd_rn(x, columns[(size_t)neurons[event] * n_out + i]);
    return x;
}

// One thread per neuron and sample, its state in registers. each (4, groups): constants of each neuron, or none. Writes bits (zero before) and counts of the spikes above, and with
// `record` membranes and currents (batch, steps, n_out).
extern "C" __global__ void __launch_bounds__(128, 8)
forward(const int* offsets, const int* neurons, int capacity, const float* columns, int n_out, int steps, int words, float decay_m,
        float decay_s, float gain, float threshold, float t_ref, const float* each, int groups, int record, uint32* bits,
        int* counts, float* membranes, float* currents) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (i >= n_out) return;
    const Lif lif = {decay_m, decay_s, gain, threshold, t_ref};
    const int* ends = offsets + (size_t)b * (steps + 1);
    const int* list = neurons + (size_t)b * capacity;
    Neuron neuron = {0.0f, 0.0f, 0.0f};
    int count = 0;
    for (int t = 1; t < steps; ++t) {
        float x = add_columns(0.0f, list, ends[t - 1], ends[t], columns, n_out, i), before;
        if (lif_step(x, neuron, groups ? lif_of(each, groups, i, t_ref) : lif, before)) {
            set_bit(bits, b, t, steps, words, i);
            ++count;
        }
        if (record) {
            membranes[row_of(b, t, steps, n_out) + i] = before;
            currents[row_of(b, t, steps, n_out) + i] = neuron.current;
        }
    }
    counts[(size_t)b * n_out + i] = count;
}

// The same for neurons that receive each other's spikes of the previous step, one block per sample. Each spike subtracts
// `inhibition` from the current of all other neurons; lateral (n_out, n_out), [from, to], if `recurrent`. Shared memory holds the
// neurons' states, counts and spikes of three steps, so that one barrier per step is enough.
extern "C" __global__ void __launch_bounds__(1024, 1)
forward_coupled(const int* offsets, const int* neurons, int capacity, const float* columns, int n_out, int steps, int words,
                float decay_m, float decay_s, float gain, float threshold, float t_ref, const float* each, int groups,
                float inhibition, int recurrent, const float* lateral, int record, uint32* bits, int* counts, float* membranes,
                float* currents) {
    extern __shared__ float shared[];
    Neuron* state = (Neuron*)shared;
    int* fired_so_far = (int*)(shared + 3 * n_out);
    uint32* spikes = (uint32*)(shared + 4 * n_out);
    const Lif lif = {decay_m, decay_s, gain, threshold, t_ref};
    int b = blockIdx.x;
    const int* ends = offsets + (size_t)b * (steps + 1);
    const int* list = neurons + (size_t)b * capacity;
    for (int i = threadIdx.x; i < n_out; i += blockDim.x) {
        state[i] = {0.0f, 0.0f, 0.0f};
        fired_so_far[i] = 0;
    }
    for (int w = threadIdx.x; w < 3 * words; w += blockDim.x) spikes[w] = 0;
    __syncthreads();
    for (int t = 1; t < steps; ++t) {
        const uint32* previous = spikes + (t + 2) % 3 * words;
        uint32 *now = spikes + t % 3 * words, *next = spikes + (t + 1) % 3 * words;
        int total = 0;
        for (int w = 0; w < words; ++w) total += __popc(previous[w]);
        for (int w = threadIdx.x; w < words; w += blockDim.x) next[w] = 0;
        for (int i = threadIdx.x; i < n_out; i += blockDim.x) {
            float own = previous[i >> 5] >> (i & 31) & 1, before;
            float x = __fmul_rn(inhibition, own - (float)total);
            x = add_columns(x, list, ends[t - 1], ends[t], columns, n_out, i);
            for (int w = 0; recurrent && w < words; ++w) {
                for (uint32 word = previous[w]; word; word &= word - 1) {
                    x = __fadd_rn(x, lateral[(size_t)(w * 32 + __ffs(word) - 1) * n_out + i]);
                }
            }
            if (lif_step(x, state[i], groups ? lif_of(each, groups, i, t_ref) : lif, before)) {
                atomicOr(&now[i >> 5], 1u << (i & 31));
                set_bit(bits, b, t, steps, words, i);
                ++fired_so_far[i];
            }
            if (record) {
                membranes[row_of(b, t, steps, n_out) + i] = before;
                currents[row_of(b, t, steps, n_out) + i] = state[i].current;
            }
        }
        __syncthreads();
    }
    for (int i = threadIdx.x; i < n_out; i += blockDim.x) counts[(size_t)b * n_out + i] = fired_so_far[i];
}

// Membranes at firings and their slopes, one thread per neuron and sample: writes found (batch, 3, n_out), see `constants_cpu.py`.
// own_offsets, own_neurons (batch, own_capacity) and bits list the layer's own spikes; constants (7, groups); lateral (n_out, n_out),
// [from, to], if `recurrent`.
extern "C" __global__ void __launch_bounds__(128, 8)
membranes(const int* offsets, const int* neurons, int capacity, const float* columns, int n_out, int steps, int words,
          const float* constants, int groups, int t_ref, int delay, float inhibition, int recurrent, const float* lateral,
          const int* own_offsets, const int* own_neurons, int own_capacity, const uint32* bits, float* found) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (i >= n_out) return;
    const Slopes slopes = slopes_of(constants, groups, i, t_ref);
    const int *ends = offsets + (size_t)b * (steps + 1), *own_ends = own_offsets + (size_t)b * (steps + 1);
    const int *list = neurons + (size_t)b * capacity, *own_list = own_neurons + (size_t)b * own_capacity;
    Traced neuron = {0.0f};
    for (int t = 0; t < steps; ++t) {
        int source = t - 1 - delay;
        float x = 0.0f;
        if (source >= 0) {
            if (inhibition != 0.0f) {
                float own = fires_at(bits, b, source, steps, words, i);
                x = inhibition * (own - (float)(own_ends[source + 1] - own_ends[source]));
            }
            x = add_columns(x, list, ends[source], ends[source + 1], columns, n_out, i);
            if (recurrent) x = add_columns(x, own_list, own_ends[source], own_ends[source + 1], lateral, n_out, i);
        }
        slope_step(x, fires_at(bits, b, t, steps, words, i), neuron, slopes);
    }
    write_sums(found, b, n_out, i, neuron);
}

// Weight gradient of a neuron from a group of samples, one block per row of partial (groups, n_out, n_in), zero before except for
// the `begun` samples already in the first group: += D_i (1 + h_i) f_i e_ij * share. With `overshoot`, D of saturated neurons is
// reduced first. traces (samples, steps, n_in); errors D, factors f (samples, n_out); active (samples, n_in): the inputs that
// fire. S-PSPs of a neuron are kept in shared memory if it `fits`, else computed twice.
extern "C" __global__ void __launch_bounds__(128, 8)
weight_gradient(const float* traces, const int* active, const int* active_counts, const int* times, const int* counts, int most,
                float* errors, const float* factors, const float* weight, const float* decays, int samples, int group,
                int begun, int n_out, int n_in, int steps, int t_ref, float v_th, int overshoot, float share, int fits,
                float* partial) {
    extern __shared__ float shared[];
    __shared__ float scratch[128];
    int i = blockIdx.x, end = ((int)blockIdx.y + 1) * group - begun, first = max(0, end - group), last = min(samples, end);
    const float* w = weight + (size_t)i * n_in;
    float* gradient = partial + ((size_t)blockIdx.y * n_out + i) * n_in;
    for (int b = first; b < last; ++b) {
        size_t own = (size_t)b * n_out + i;
        float error = errors[own];
        if (error == 0.0f) continue;
        int count = counts[own], width = active_counts[b];
        const int *firings = times + own * most, *inputs = active + (size_t)b * n_in;
        const float* trace = traces + row_of(b, 0, steps, n_in);
        float effect = 0.0f;
        if (count == 0) {
            for (int j = threadIdx.x; j < n_in; j += blockDim.x) effect += w[j] * SILENT_EFFECT;
        } else {
            for (int k = threadIdx.x; k < width; k += blockDim.x) {
                float e = spsp(trace + inputs[k], n_in, firings, count, decays, t_ref);
                if (fits) shared[k] = e;
                effect += w[inputs[k]] * e;
            }
        }
        effect = block_sum(effect, scratch) / max(count, 1);
        if (overshoot && count > 0) {
            error *= saturation(effect, v_th);
            if (threadIdx.x == 0) errors[own] = error;
        }
        float scale = error * factors[own] * (1.0f + effect / v_th) * share;
        for (int k = threadIdx.x; k < width; k += blockDim.x) {
            float e = SILENT_SPSP;
            if (count > 0) e = fits ? shared[k] : spsp(trace + inputs[k], n_in, firings, count, decays, t_ref);
            gradient[inputs[k]] += scale * e;
        }
    }
}

// Error of the trains below, one thread per input and sample: result (samples, n_in) = sum_i D_i w_ij * `error_slope`.
// counts_below: o_j (samples, n_in).
extern "C" __global__ void __launch_bounds__(128, 8)
input_error(const float* traces, const int* counts_below, const int* times, const int* counts, int most, const float* errors,
            const float* weight, const float* decays, int n_out, int n_in, int steps, int t_ref, int effect_ratio,
            float silent_slope, float* result) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (j >= n_in) return;
    int spikes = counts_below[(size_t)b * n_in + j];
    const float* trace = traces + row_of(b, 0, steps, n_in) + j;
    float sum = 0.0f;
    for (int i = 0; i < n_out; ++i) {
        size_t own = (size_t)b * n_out + i;
        if (errors[own] == 0.0f) continue;
        float slope = error_slope(counts[own], spikes, effect_ratio, silent_slope, [&] {
            return spsp(trace, n_in, times + own * most, counts[own], decays, t_ref);
        });
        sum += errors[own] * weight[(size_t)i * n_in + j] * slope;
    }
    result[(size_t)b * n_in + j] = sum;
}

// Factor f of the weight gradient with lateral inhibition, one thread per neuron and sample: see `_coupling` in `dense_cpu.py`.
// traces (samples, steps, size) and times of the layer's own trains; writes factors (samples, size).
extern "C" __global__ void __launch_bounds__(128, 8)
lateral_factors(const float* traces, const int* times, const int* counts, int most, const float* decays, int size, int steps,
                int t_ref, float strength, float* factors) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (j >= size) return;
    const int *own_counts = counts + (size_t)b * size, *own_times = times + (size_t)b * size * most;
    const float* trace = traces + row_of(b, 0, steps, size);
    float coupling = 0.0f;
    for (int l = 0; own_counts[j] > 0 && l < size; ++l) {
        if (l == j || own_counts[l] == 0) continue;
        float onto = spsp(trace + j, size, own_times + (size_t)l * most, own_counts[l], decays, t_ref) / own_counts[j];
        float back = spsp(trace + l, size, own_times + (size_t)j * most, own_counts[j], decays, t_ref) / own_counts[l];
        coupling += onto * back;
    }
    factors[(size_t)b * size + j] = 1.0f / (1.0f - strength * strength * coupling);
}
