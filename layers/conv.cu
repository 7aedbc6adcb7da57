// Convolutions of spiking neurons: twin of `conv_cpu.py`. `conv.py` says what the arguments mean.
//
// A neuron above is i = (map * rows + row) * columns + column, one below j = (channel * height + y) * width + x. The backward pass
// reads what belongs to neurons below with the channel last, and kernels likewise: j = (y * width + x) * channels + channel and
// k = (ky * kw + kx) * channels + channel, so that the field of a neuron is a few rows of neighbours, which neighbouring threads
// read. offsets, neurons: the spikes below by step; times, counts: those above by neuron.

#define MAPS 4  // of a thread: what it finds out about a spike below serves so many neurons

// Weights of a spike below for MAPS neurons, or zeros if it is not in their field. spike: its y, x and the entry at which neurons
// at (0, 0) see it; corner: that entry of the top left corner of the field.
__device__ __forceinline__ float4 weights_of(int4 spike, int top, int left, int corner, int kh, int kw, const float4* weight) {
    bool seen = (uint32)(spike.x - top) < (uint32)kh && (uint32)(spike.y - left) < (uint32)kw;
    return seen ? weight[spike.z - corner] : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
}

__device__ __forceinline__ void add(float* x, float4 w) {
    x[0] = __fadd_rn(x[0], w.x);
    x[1] = __fadd_rn(x[1], w.y);
    x[2] = __fadd_rn(x[2], w.z);
    x[3] = __fadd_rn(x[3], w.w);
}

// A thread is the neurons of MAPS maps at a place of a sample. weight (ceil(maps / MAPS), entries) of MAPS floats each, zero
// beyond the last map. bits, zero before, and counts are written, and membranes and currents if they are wanted.
extern "C" __global__ void __launch_bounds__(128, 8)
forward(const int* offsets, const int* neurons, int capacity, const float4* weight, int maps, int channels, int height, int width,
        int kh, int kw, int pad_y, int pad_x, int rows, int columns, int steps, int words, float decay_m, float decay_s, float gain,
        float threshold, float t_ref, int record, uint32* bits, int* counts, float* membranes, float* currents) {
    __shared__ int4 coming[128];
    int places = rows * columns, place = blockIdx.x * blockDim.x + threadIdx.x, first_map = blockIdx.y * MAPS, b = blockIdx.z;
    int area = height * width, top = place / columns - pad_y, left = place % columns - pad_x, corner = top * kw + left;
    int block = blockDim.x, event = 0, next = block;
    bool inside = place < places;
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
        int end = ends[t];
        while (event < end) {
            if (next == block) {  // all threads are at this spike: each finds out where one of the coming ones lies
                int mine = event + threadIdx.x;
                __syncthreads();
                if (mine < ends[steps]) {
                    int j = list[mine], channel = j / area, y = j % area / width, x = j % width;
                    coming[threadIdx.x] = make_int4(y, x, (channel * kh + y) * kw + x, 0);
                }
                __syncthreads();
                next = 0;
            }
            int stop = min(block, next + end - event);
            event += stop - next;
            for (; next + 4 <= stop; next += 4) {  // four loads under way at a time; the sum keeps its order
                float4 w[4];
#pragma unroll
                for (int n = 0; n < 4; ++n) w[n] = weights_of(coming[next + n], top, left, corner, kh, kw, own);
#pragma unroll
                for (int n = 0; n < 4; ++n) add(x, w[n]);
            }
            for (; next < stop; ++next) add(x, weights_of(coming[next], top, left, corner, kh, kw, own));
        }
#pragma unroll
        for (int m = 0; m < MAPS; ++m) {
            if (!inside || first_map + m >= maps) continue;
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
        if (inside && first_map + m < maps) counts[((size_t)b * maps + first_map + m) * places + place] = fired[m];
    }
}

// S-PSPs of the neurons below a neuron on it, a warp a neuron, for the maps from `first` to before `last`: potentials (samples,
// last - first, places, entries) and scales (samples, maps, places) = D_i (1 + h_i) * share, where D is not 0, and else 0 and no
// potentials; with `overshoot`, D of saturated neurons is lessened before. traces (samples, steps, size), counts_below (samples,
// size): o_j; weight (maps, entries). All else as in `dense.cu`.
extern "C" __global__ void __launch_bounds__(128, 8)
fields(const float* traces, const int* counts_below, const int* times, const int* counts, int most, float* errors,
       const float* weight, const float* decays, int first, int last, int maps, int channels, int height, int width, int kh, int kw,
       int pad_y, int pad_x, int rows, int columns, int steps, int t_ref, float v_th, int overshoot, float share, float* potentials,
       float* scales) {
    __shared__ float sums[128];
    int place = blockIdx.x, map = first + (blockIdx.y * blockDim.x + threadIdx.x) / 32, b = blockIdx.z, lane = threadIdx.x % 32;
    if (map >= last) return;
    int size = channels * height * width, entries = channels * kh * kw, places = rows * columns;
    int top = place / columns - pad_y, left = place % columns - pad_x;
    size_t own = ((size_t)b * maps + map) * places + place;
    float* found = potentials + (((size_t)b * (last - first) + map - first) * places + place) * entries;
    float error = errors[own], effect = 0.0f;
    if (error == 0.0f) {
        if (lane == 0) scales[own] = 0.0f;
        return;
    }
    const float *w = weight + (size_t)map * entries, *trace = traces + row_of(b, 0, steps, size);
    const int* alive = counts_below + (size_t)b * size;
    int count = counts[own];
    for (int k = lane; k < entries; k += 32) {
        int y = top + k / channels / kw, x = left + k / channels % kw, j = (y * width + x) * channels + k % channels;
        float e = 0.0f;
        if (0 <= y && y < height && 0 <= x && x < width) {
            bool fires = alive[j] > 0;
            if (count == 0) {
                effect += w[k] * SILENT_EFFECT;
                e = fires ? SILENT_SPSP : 0.0f;
            } else if (fires) {
                e = spsp(trace + j, size, times + own * most, count, decays, t_ref);
                effect += w[k] * e;
            }
        }
        found[k] = e;
    }
    sums[threadIdx.x] = effect;
    __syncwarp();
    if (lane > 0) return;
    for (int other = 1; other < 32; ++other) effect += sums[threadIdx.x + other];
    effect /= max(count, 1);
    if (overshoot && count > 0) errors[own] = error *= saturation(effect, v_th);
    scales[own] = error * (1.0f + effect / v_th) * share;
}

// Part of the weight gradient that a sample gives a map from `first` on, a block each: partial (samples, maps, channels, kh, kw),
// the sum of scale * potential over the map's neurons. `lanes` threads side by side take an entry each; as many times as they go
// into a block, they share the neurons between them.
extern "C" __global__ void __launch_bounds__(128, 8)
weight_gradient(const float* potentials, const float* scales, int first, int maps, int places, int channels, int area, int lanes,
                float* partial) {
    __shared__ float sums[128];
    int entries = channels * area, groups = blockDim.x / lanes, group = threadIdx.x / lanes, lane = threadIdx.x % lanes;
    size_t map = (size_t)blockIdx.y * maps + first + blockIdx.x;
    const float* found = potentials + ((size_t)blockIdx.y * gridDim.x + blockIdx.x) * places * entries;
    const float* scale = scales + map * places;
    float* gradient = partial + map * entries;
    for (int begin = 0; begin < entries; begin += lanes) {
        int k = begin + lane;
        float sum = 0.0f;
        for (int place = group; k < entries && place < places; place += groups) {
            if (scale[place] != 0.0f) sum += scale[place] * found[(size_t)place * entries + k];
        }
        __syncthreads();
        sums[threadIdx.x] = sum;
        __syncthreads();
        if (group > 0 || k >= entries) continue;
        for (int other = 1; other < groups; ++other) sum += sums[other * lanes + lane];
        gradient[k % channels * area + k / channels] = sum;
    }
}

// Error of the trains below, a thread an input of a sample: result (samples, channels, height, width) = sum_i D_i w_ij e_ij / o_j
// over the neurons that see it, of the maps from `first` to before `last`, and what is there of those before; the slope by
// `error_slope`.
extern "C" __global__ void __launch_bounds__(128, 8)
input_error(const float* potentials, const int* counts_below, const int* counts, const float* errors, const float* weight, int first,
            int last, int maps, int channels, int height, int width, int kh, int kw, int pad_y, int pad_x, int rows, int columns,
            int effect_ratio, float silent_slope, float* result) {
    int area = height * width, size = channels * area, places = rows * columns, entries = channels * kh * kw;
    int j = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (j >= size) return;
    int spikes = counts_below[(size_t)b * size + j], channel = j % channels, y = j / channels / width, x = j / channels % width;
    float* own_error = result + ((size_t)b * channels + channel) * area + y * width + x;
    float sum = first == 0 ? 0.0f : *own_error;
    for (int ky = 0; ky < kh; ++ky) {
        int row = y + pad_y - ky;
        for (int kx = 0; kx < kw; ++kx) {
            int column = x + pad_x - kx, k = (ky * kw + kx) * channels + channel;
            if (row < 0 || row >= rows || column < 0 || column >= columns) continue;
            for (int map = first; map < last; ++map) {
                int place = row * columns + column;
                size_t own = ((size_t)b * maps + map) * places + place;
                size_t found = ((size_t)b * (last - first) + map - first) * places + place;
                float error = errors[own];
                if (error == 0.0f) continue;
                float slope = error_slope(counts[own], spikes, effect_ratio, silent_slope,
                                          [&] { return potentials[found * entries + k]; });
                sum += error * weight[(size_t)map * entries + k] * slope;
            }
        }
    }
    *own_error = sum;
}
