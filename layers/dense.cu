// Fully connected spiking neurons: twin of `dense_cpu.py`. `dense.py` says what the arguments mean.
//
// offsets (batch, steps + 1) and neurons (batch, capacity) list the spikes below by step, times (batch, n_out, most) and counts
// (batch, n_out) those above by neuron; columns (n_in, n_out) are the weights transposed, so that neighbouring threads read
// neighbouring weights.

// Input of neuron i at a step: the sum of the weights of the spikes below, one after the other.
__device__ __forceinline__ float add_columns(float x, const int* neurons, int first, int last, const float* columns, int n_out, int i) {
    int event = first;
    for (; event + 4 <= last; event += 4) {  // four loads under way at a time; the sum keeps its order
        float w0 = columns[(size_t)neurons[event] * n_out + i], w1 = columns[(size_t)neurons[event + 1] * n_out + i];
        float w2 = columns[(size_t)neurons[event + 2] * n_out + i], w3 = columns[(size_t)neurons[event + 3] * n_out + i];
        x = __fadd_rn(__fadd_rn(__fadd_rn(__fadd_rn(x, w0), w1), w2), w3);
    }
    for (; event < last; ++event) x = __fadd_rn(x, columns[(size_t)neurons[event] * n_out + i]);
    return x;
}

// A thread is a neuron of a sample, its state in registers. bits, zero before, and counts of the spikes above are written, and
// membranes and currents (batch, steps, n_out) if they are wanted.
extern "C" __global__ void __launch_bounds__(128, 8)
forward(const int* offsets, const int* neurons, int capacity, const float* columns, int n_out, int steps, int words, float decay_m,
        float decay_s, float gain, float threshold, float t_ref, int record, uint32* bits, int* counts, float* membranes,
        float* currents) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (i >= n_out) return;
    const Lif lif = {decay_m, decay_s, gain, threshold, t_ref};
    const int* ends = offsets + (size_t)b * (steps + 1);
    const int* list = neurons + (size_t)b * capacity;
    Neuron neuron = {0.0f, 0.0f, 0.0f};
    int count = 0;
    for (int t = 1; t < steps; ++t) {
        float x = add_columns(0.0f, list, ends[t - 1], ends[t], columns, n_out, i), before;
        if (lif_step(x, neuron, lif, before)) {
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

// The same where neurons see each other's spikes of the step before: a block is a sample. inhibition: what each spike takes
// from the current of all other neurons; lateral (n_out, n_out), [from, to], if `recurrent`. Shared: the state of n_out
// neurons and their counts, and their spikes of three steps in turn, so that one barrier a step will do.
extern "C" __global__ void __launch_bounds__(1024, 1)
forward_coupled(const int* offsets, const int* neurons, int capacity, const float* columns, int n_out, int steps, int words,
                float decay_m, float decay_s, float gain, float threshold, float t_ref, float inhibition, int recurrent,
                const float* lateral, int record, uint32* bits, int* counts, float* membranes, float* currents) {
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
            if (lif_step(x, state[i], lif, before)) {
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

// Part of the weight gradient that a group of samples gives a neuron: partial (groups, n_out, n_in), a row of it a block's own,
// += D_i (1 + h_i) f_i e_ij * share; with `overshoot`, D of saturated neurons is lessened before. `begun` samples of the
// first group were summed before; all else is zero before. traces (samples, steps, n_in); errors D, factors f (samples, n_out);
// active (samples, n_in): the inputs that fire. The S-PSPs of a neuron stay in shared memory where they fit, and are else found twice.
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

// Error of the trains below, a thread an input of a sample: result (samples, n_in) = sum_i D_i w_ij e_ij / o_j, the slope
// by `error_slope`. counts_below: o_j (samples, n_in).
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

// Factor f of the weight gradient in an inhibited layer, a thread a neuron of a sample: see `_coupling` in `dense_cpu.py`.
// traces (samples, steps, size) and times of the layer's own trains; factors (samples, size) are written.
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
