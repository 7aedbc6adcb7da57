// Convolutions of spiking neurons: twin of `conv_cpu.py`. `conv.py` says what the arguments mean.
//
// A neuron above is i = (map * rows + row) * columns + column, one below j = (channel * height + y) * width + x, an entry of a
// kernel k = (channel * kh + ky) * kw + kx. offsets, neurons: the spikes below by step; times, counts: those above by neuron.

#define MAPS 4  // of a thread: what it finds out about a spike below serves so many neurons

struct Field {  // what a neuron at a place sees
    int channels, height, width, kh, kw, pad_y, pad_x, rows, columns;
};

// Neuron below at entry k of the field of a place, or -1 in the padding.
__device__ __forceinline__ int neuron_below(const Field& f, int place, int k) {
    int kx = k % f.kw, ky = k / f.kw % f.kh, channel = k / (f.kw * f.kh);
    int y = place / f.columns + ky - f.pad_y, x = place % f.columns + kx - f.pad_x;
    return 0 <= y && y < f.height && 0 <= x && x < f.width ? (channel * f.height + y) * f.width + x : -1;
}

// A thread is the neurons of MAPS maps at a place of a sample. weight (ceil(maps / MAPS), entries) of MAPS floats each, zero
// beyond the last map. bits, zero before, and counts are written, and membranes and currents if they are wanted.
extern "C" __global__ void __launch_bounds__(128, 8)
forward(const int* offsets, const int* neurons, int capacity, const float4* weight, int maps, int channels, int height, int width,
        int kh, int kw, int pad_y, int pad_x, int rows, int columns, int steps, int words, float decay_m, float decay_s, float gain,
        float threshold, float t_ref, int record, uint32* bits, int* counts, float* membranes, float* currents) {
    int places = rows * columns, place = blockIdx.x * blockDim.x + threadIdx.x, first_map = blockIdx.y * MAPS, b = blockIdx.z;
    if (place >= places) return;
    int area = height * width, top = place / columns - pad_y, left = place % columns - pad_x;
    const Lif lif = {decay_m, decay_s, gain, threshold, t_ref};
    const int* ends = offsets + (size_t)b * (steps + 1);
    const int* list = neurons + (size_t)b * capacity;
    const float4* own = weight + (size_t)blockIdx.y * channels * kh * kw;
    Neuron state[MAPS];
    int fired[MAPS];
#pragma unroll
    for (int m = 0; m < MAPS; ++m) state[m] = {0.0f, 0.0f, 0.0f}, fired[m] = 0;
    for (int t = 1; t < steps; ++t) {
        float x[MAPS] = {0.0f, 0.0f, 0.0f, 0.0f};
        for (int event = ends[t - 1]; event < ends[t]; ++event) {
            int j = list[event], channel = j / area, at = j % area, ky = at / width - top, kx = at % width - left;
            if (0 <= ky && ky < kh && 0 <= kx && kx < kw) {
                float4 w = own[(channel * kh + ky) * kw + kx];
                x[0] = __fadd_rn(x[0], w.x);
                x[1] = __fadd_rn(x[1], w.y);
                x[2] = __fadd_rn(x[2], w.z);
                x[3] = __fadd_rn(x[3], w.w);
            }
        }
#pragma unroll
        for (int m = 0; m < MAPS; ++m) {
            if (first_map + m >= maps) continue;
            int i = (first_map + m) * places + place;
            float before;
            if (lif_step(x[m], state[m], lif, before)) {
                set_bit(bits, b, t, steps, words, i);
                ++fired[m];
            }
            if (record) {
                membranes[row_of(b, t, steps, maps * places) + i] = before;
                currents[row_of(b, t, steps, maps * places) + i] = state[m].current;
            }
        }
    }
#pragma unroll
    for (int m = 0; m < MAPS; ++m) {
        if (first_map + m < maps) counts[((size_t)b * maps + first_map + m) * places + place] = fired[m];
    }
}

// Part of the weight gradient that a sample gives a map, a block each: partial (samples, maps, entries), zero before, +=
// D_i (1 + h_i) e_ij * share over the map's neurons i; with `overshoot`, D of saturated neurons is lessened
// before. Arguments as in `dense.cu`; counts_below: o_j. Shared: an S-PSP an entry.
extern "C" __global__ void __launch_bounds__(128, 8)
weight_gradient(const float* traces, const int* counts_below, const int* times, const int* counts, int most, float* errors,
                const float* weight, const float* decays, int maps, int channels, int height, int width, int kh, int kw, int pad_y,
                int pad_x, int rows, int columns, int steps, int t_ref, float v_th, int overshoot, float share, float* partial) {
    extern __shared__ float potentials[];
    __shared__ float scratch[128];
    const Field field = {channels, height, width, kh, kw, pad_y, pad_x, rows, columns};
    int map = blockIdx.x, b = blockIdx.y, places = rows * columns, entries = channels * kh * kw, size = channels * height * width;
    const float *w = weight + (size_t)map * entries, *trace = traces + row_of(b, 0, steps, size);
    const int* alive = counts_below + (size_t)b * size;
    float* gradient = partial + ((size_t)b * maps + map) * entries;
    for (int place = 0; place < places; ++place) {
        size_t own = ((size_t)b * maps + map) * places + place;
        float error = errors[own], effect = 0.0f;
        if (error == 0.0f) continue;
        int count = counts[own];
        for (int k = threadIdx.x; k < entries; k += blockDim.x) {
            int j = neuron_below(field, place, k);
            float e = 0.0f;
            if (j >= 0) {
                bool fires = alive[j] > 0;
                if (count == 0) {
                    effect += w[k] * SILENT_EFFECT;
                    e = fires ? SILENT_SPSP : 0.0f;
                } else if (fires) {
                    e = spsp(trace + j, size, times + own * most, count, decays, t_ref);
                    effect += w[k] * e;
                }
            }
            potentials[k] = e;
        }
        effect = block_sum(effect, scratch) / max(count, 1);
        if (overshoot && count > 0) {
            error *= saturation(effect, v_th);
            if (threadIdx.x == 0) errors[own] = error;
        }
        float scale = error * (1.0f + effect / v_th) * share;
        for (int k = threadIdx.x; k < entries; k += blockDim.x) gradient[k] += scale * potentials[k];
    }
}

// Error of the trains below, a thread an input of a sample: result (samples, size) = sum_i D_i w_ij e_ij / o_j over the neurons
// that see it, the slope e_ij / o_j being 1 without `effect_ratio`, and `silent_slope` where i or j is silent.
extern "C" __global__ void __launch_bounds__(128, 8)
input_error(const float* traces, const int* counts_below, const int* times, const int* counts, int most, const float* errors,
            const float* weight, const float* decays, int maps, int channels, int height, int width, int kh, int kw, int pad_y,
            int pad_x, int rows, int columns, int steps, int t_ref, int effect_ratio, float silent_slope,
            float* result) {
    int area = height * width, size = channels * area, places = rows * columns, entries = channels * kh * kw;
    int j = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (j >= size) return;
    int spikes = counts_below[(size_t)b * size + j], channel = j / area, y = j % area / width, x = j % width;
    const float* trace = traces + row_of(b, 0, steps, size) + j;
    float sum = 0.0f;
    for (int ky = 0; ky < kh; ++ky) {
        int row = y + pad_y - ky;
        for (int kx = 0; kx < kw; ++kx) {
            int column = x + pad_x - kx;
            if (row < 0 || row >= rows || column < 0 || column >= columns) continue;
            for (int map = 0; map < maps; ++map) {
                size_t own = ((size_t)b * maps + map) * places + row * columns + column;
                if (errors[own] == 0.0f) continue;
                float slope = silent_slope;
                if (counts[own] > 0 && spikes > 0) {
                    slope = effect_ratio ? spsp(trace, size, times + own * most, counts[own], decays, t_ref) / spikes : 1.0f;
                }
                sum += errors[own] * weight[(size_t)map * entries + (channel * kh + ky) * kw + kx] * slope;
            }
        }
    }
    result[(size_t)b * size + j] = sum;
}
