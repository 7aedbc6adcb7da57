// Convolutions of spiking neurons: twin of `conv_cpu.py`. `conv.py` documents the arguments.
//
// A neuron above is i = (map * rows + row) * columns + column, one below j = (channel * height + y) * width + x. The backward pass
// takes inputs and weights channel last, j = (y * width + x) * channels + channel and k = (ky * kw + kx) * channels + channel, so
// that a neuron's field is a few contiguous rows. offsets, neurons: spikes below by step; times, counts: spikes above by neuron.
// With groups of channels, each sees its own: channels of weights, and of spikes in lists, are counted within the group.

#define MAPS 4  // per thread, which locates a spike below once for all of them

// Weights of a spike below for MAPS neurons, zero outside their field. spike: y, x and kernel entry for a field at (0, 0); corner:
// offset of the entry for this field.
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

// Add the weights of the spikes from `event` up to `end`, of `all` in the sample, to the inputs x of MAPS neurons. The threads of a
// block locate as many spikes at a time as they are, in `coming`, of which `next` is the next.
__device__ __forceinline__ void add_spikes(float* x, int4* coming, const int* list, int all, int end, int& event, int& next, int area,
                                           int width, int kh, int kw, int top, int left, int corner, const float4* own) {
    int block = blockDim.x;
    while (event < end) {
        if (next == block) {  // all threads are at this spike: each locates one of the next
            int mine = event + threadIdx.x;
            __syncthreads();
            if (mine < all) {
                int j = list[mine], channel = j / area, y = j % area / width, x = j % width;
                coming[threadIdx.x] = make_int4(y, x, (channel * kh + y) * kw + x, 0);
            }
            __syncthreads();
            next = 0;
        }
        int stop = min(block, next + end - event);
        event += stop - next;
        for (; next + 4 <= stop; next += 4) {  // four loads in flight; the sum keeps its order
            float4 w[4];
#pragma unroll
            for (int n = 0; n < 4; ++n) w[n] = weights_of(coming[next + n], top, left, corner, kh, kw, own);
#pragma unroll
            for (int n = 0; n < 4; ++n) add(x, w[n]);
        }
        for (; next < stop; ++next) add(x, weights_of(coming[next], top, left, corner, kh, kw, own));
    }
}

// One thread per place, sample and MAPS maps of a group of channels; there are `chunks` per group. weight (all chunks, entries) of
// MAPS floats each, zero beyond the group's last map; one more entry holds the biases, or zeros. offsets, neurons: of each group and
// sample. each (4, groups): constants of each map, or none. Writes bits (zero before) and counts, and with `record` membranes and
// currents.
extern "C" __global__ void __launch_bounds__(128, 8)
forward(const int* offsets, const int* neurons, int capacity, const float4* weight, int maps, int chunks, int channels, int height,
        int width, int kh, int kw, int pad_y, int pad_x, int stride_y, int stride_x, int rows, int columns, int steps, int words,
        float decay_m, float decay_s, float gain, float threshold, float t_ref, const float* each, int groups, int record, uint32* bits,
        int* counts, float* membranes, float* currents) {
    __shared__ int4 coming[128];
    int places = rows * columns, place = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.z;
    int group = blockIdx.y / chunks, last_map = maps / (gridDim.y / chunks) * (group + 1);
    int first_map = maps / (gridDim.y / chunks) * group + blockIdx.y % chunks * MAPS;
    int area = height * width, top = place / columns * stride_y - pad_y, left = place % columns * stride_x - pad_x;
    int event = 0, next = blockDim.x, corner = top * kw + left;
    bool inside = place < places;
    const Lif lif = {decay_m, decay_s, gain, threshold, t_ref};
    const int* ends = offsets + ((size_t)group * gridDim.z + b) * (steps + 1);
    const int* list = neurons + ((size_t)group * gridDim.z + b) * capacity;
    const float4* own = weight + (size_t)blockIdx.y * (channels * kh * kw + 1);
    Neuron state[MAPS];
    int fired[MAPS];
#pragma unroll
    for (int m = 0; m < MAPS; ++m) state[m] = {0.0f, 0.0f, 0.0f}, fired[m] = 0;
    for (int t = 1; t < steps; ++t) {
        float4 bias = own[channels * kh * kw];
        float x[MAPS] = {bias.x, bias.y, bias.z, bias.w};
        add_spikes(x, coming, list, ends[steps], ends[t], event, next, area, width, kh, kw, top, left, corner, own);
#pragma unroll
        for (int m = 0; m < MAPS; ++m) {
            if (!inside || first_map + m >= last_map) continue;
            int i = (first_map + m) * places + place;
            float before;
            if (lif_step(x[m], state[m], groups ? lif_of(each, groups, first_map + m, t_ref) : lif, before)) {
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
        if (inside && first_map + m < last_map) counts[((size_t)b * maps + first_map + m) * places + place] = fired[m];
    }
}

// Membranes at firings and their slopes, one thread per place, sample and MAPS maps, as in `forward`: writes found (batch, 3,
// neurons), see `constants_cpu.py`. bits: the layer's own spikes; constants (7, groups), one group or a group per map.
extern "C" __global__ void __launch_bounds__(128, 4)
membranes(const int* offsets, const int* neurons, int capacity, const float4* weight, int maps, int channels, int height, int width,
          int kh, int kw, int pad_y, int pad_x, int rows, int columns, int steps, int words, const float* constants, int groups,
          int t_ref, int delay, const uint32* bits, float* found) {
    __shared__ int4 coming[128];
    int places = rows * columns, place = blockIdx.x * blockDim.x + threadIdx.x, first_map = blockIdx.y * MAPS, b = blockIdx.z;
    int area = height * width, top = place / columns - pad_y, left = place % columns - pad_x, corner = top * kw + left;
    int event = 0, next = blockDim.x;
    const int* ends = offsets + (size_t)b * (steps + 1);
    const int* list = neurons + (size_t)b * capacity;
    const float4* own = weight + (size_t)blockIdx.y * (channels * kh * kw + 1);
    Traced state[MAPS];
    Slopes slopes[MAPS];
#pragma unroll
    for (int m = 0; m < MAPS; ++m) {
        state[m] = {0.0f};
        slopes[m] = slopes_of(constants, groups, min(first_map + m, maps - 1), t_ref);
    }
    for (int t = 0; t < steps; ++t) {
        float x[MAPS] = {0.0f, 0.0f, 0.0f, 0.0f};
        if (t - delay > 0) {
            add_spikes(x, coming, list, ends[steps], ends[t - delay], event, next, area, width, kh, kw, top, left, corner, own);
        }
#pragma unroll
        for (int m = 0; m < MAPS; ++m) {
            if (place >= places || first_map + m >= maps) continue;
            slope_step(x[m], fires_at(bits, b, t, steps, words, (first_map + m) * places + place), state[m], slopes[m]);
        }
    }
#pragma unroll
    for (int m = 0; m < MAPS; ++m) {
        if (place >= places || first_map + m >= maps) continue;
        write_sums(found, b, maps * places, (first_map + m) * places + place, state[m]);
    }
}

// S-PSPs on the neurons of maps first..last-1, one warp per neuron: potentials (samples, last - first, places, entries) and scales
// (samples, maps, places) = D_i (1 + h_i) * share. If D is 0, the scale is 0 and potentials are not written. With `overshoot`, D of
// saturated neurons is reduced first. traces (samples, steps, size), counts_below (samples, size): o_j; weight (maps, entries). With
// `each`, maps have thresholds (maps,) of their own, and S-PSPs come from the responses (samples, neurons, steps). If `biased`, the
// last of the entries is the bias, whose trace is `constant` (steps,).
extern "C" __global__ void __launch_bounds__(128, 8)
fields(const float* traces, const int* counts_below, const int* times, const int* counts, int most, float* errors,
       const float* weight, const float* decays, int first, int last, int maps, int groups, int channels, int height, int width,
       int kh, int kw, int pad_y, int pad_x, int stride_y, int stride_x, int dilation_y, int dilation_x, int rows, int columns,
       int steps, int t_ref, float v_th, int overshoot, float share, const float* responses, const int* times_below, int most_below,
       int delay, const float* thresholds, int each, int biased, const float* constant, float* potentials, float* scales) {
    __shared__ float sums[128];
    int place = blockIdx.x, map = first + (blockIdx.y * blockDim.x + threadIdx.x) / 32, b = blockIdx.z, lane = threadIdx.x % 32;
    if (map >= last) return;
    int all = groups * channels, size = all * height * width, entries = channels * kh * kw + biased, places = rows * columns;
    int top = place / columns * stride_y - pad_y, left = place % columns * stride_x - pad_x;
    int first_channel = map / (maps / groups) * channels;
    size_t own = ((size_t)b * maps + map) * places + place;
    float* found = potentials + (((size_t)b * (last - first) + map - first) * places + place) * entries;
    if (each) v_th = thresholds[map];
    float error = errors[own], effect = 0.0f;
    if (error == 0.0f) {
        if (lane == 0) scales[own] = 0.0f;
        return;
    }
    const float *w = weight + (size_t)map * entries, *trace = traces + row_of(b, 0, steps, size);
    const int* alive = counts_below + (size_t)b * size;
    int count = counts[own];
    for (int k = lane; k < entries - biased; k += 32) {
        int y = top + k / channels / kw * dilation_y, x = left + k / channels % kw * dilation_x;
        int channel = first_channel + k % channels, j = (y * width + x) * all + channel;
        float e = 0.0f;
        if (0 <= y && y < height && 0 <= x && x < width) {
            bool fires = alive[j] > 0;
            if (count == 0) {
                effect += w[k] * SILENT_EFFECT;
                e = fires ? SILENT_SPSP : 0.0f;
            } else if (fires) {
                if (each) {
                    const int* spikes = times_below + ((size_t)b * size + (channel * height + y) * width + x) * most_below;
                    e = answer(responses + own * steps, spikes, alive[j], delay, steps);
                } else {
                    e = spsp(trace + j, size, times + own * most, count, decays, t_ref);
                }
                effect += w[k] * e;
            }
        }
        found[k] = e;
    }
    if (biased && lane == 0) {
        float e = count > 0 ? spsp(constant, 1, times + own * most, count, decays, t_ref) : SILENT_SPSP;
        effect += w[entries - 1] * (count > 0 ? e : SILENT_EFFECT);
        found[entries - 1] = e;
    }
    sums[threadIdx.x] = effect;
    __syncwarp();
    if (lane > 0) return;
    for (int other = 1; other < 32; ++other) effect += sums[threadIdx.x + other];
    effect /= max(count, 1);
    if (overshoot && count > 0) errors[own] = error *= saturation(effect, v_th);
    scales[own] = error * (1.0f + effect / v_th) * share;
}

// Weight gradient of each sample and map from `first` on, one block each: partial (samples, maps, entries), as (channels, kh, kw)
// and if `biased` the bias, the sum of scale * potential over the map's neurons. A block has groups of `lanes` threads, one per entry, which share the neurons.
extern "C" __global__ void __launch_bounds__(128, 8)
weight_gradient(const float* potentials, const float* scales, int first, int maps, int places, int channels, int area, int biased,
                int lanes, float* partial) {
    __shared__ float sums[128];
    int entries = channels * area + biased, groups = blockDim.x / lanes, group = threadIdx.x / lanes, lane = threadIdx.x % lanes;
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
        gradient[k < channels * area ? k % channels * area + k / channels : k] = sum;
    }
}

// Error of the trains below, one thread per input and sample: result (samples, all channels, height, width) = sum_i D_i w_ij *
// `error_slope` over the neurons of maps first..last-1 that see it, added to the result of the maps before.
extern "C" __global__ void __launch_bounds__(128, 8)
input_error(const float* potentials, const int* counts_below, const int* counts, const float* errors, const float* weight, int first,
            int last, int maps, int groups, int channels, int height, int width, int kh, int kw, int pad_y, int pad_x, int stride_y,
            int stride_x, int dilation_y, int dilation_x, int rows, int columns, int effect_ratio, float silent_slope, int biased,
            float* result) {
    int area = height * width, all = groups * channels, size = all * area, places = rows * columns;
    int entries = channels * kh * kw + biased;
    int j = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (j >= size) return;
    int spikes = counts_below[(size_t)b * size + j], channel = j % all, y = j / all / width, x = j / all % width;
    int group = channel / channels, low = max(first, maps / groups * group), high = min(last, maps / groups * (group + 1));
    float* own_error = result + ((size_t)b * all + channel) * area + y * width + x;
    float sum = first == 0 ? 0.0f : *own_error;
    channel -= group * channels;
    for (int ky = 0; ky < kh; ++ky) {
        int row = y + pad_y - ky * dilation_y;
        if (row < 0 || row % stride_y || (row /= stride_y) >= rows) continue;
        for (int kx = 0; kx < kw; ++kx) {
            int column = x + pad_x - kx * dilation_x, k = (ky * kw + kx) * channels + channel;
            if (column < 0 || column % stride_x || (column /= stride_x) >= columns) continue;
            for (int map = low; map < high; ++map) {
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
