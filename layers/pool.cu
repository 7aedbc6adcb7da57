// Pooling by spiking neurons: twin of `pool_cpu.py`. `pool.py` documents the arguments.

// One thread per neuron and sample, driven by the number of spikes in its window. Writes bits (zero before) and counts, and with
// `record` membranes and currents (batch, steps, neurons).
extern "C" __global__ void __launch_bounds__(128, 8)
forward(const uint32* below, int words_below, int channels, int height, int width, int rows, int columns, int size_y, int size_x,
        int stride_y, int stride_x, int steps, int words, float decay_m, float decay_s, float gain, float threshold, float t_ref,
        const float* each, int groups, int record, uint32* bits, int* counts, float* membranes, float* currents) {
    int neurons = channels * rows * columns, i = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (i >= neurons) return;
    int channel = i / (rows * columns), top = i / columns % rows * stride_y, left = i % columns * stride_x;
    int bottom = min(height, top + size_y), right = min(width, left + size_x);
    const Lif lif = groups ? lif_of(each, groups, channel, t_ref) : Lif{decay_m, decay_s, gain, threshold, t_ref};
    Neuron neuron = {0.0f, 0.0f, 0.0f};
    int count = 0;
    for (int begin = 1; begin < steps; begin += AHEAD) {
        int spikes[AHEAD] = {0};
        for (int y = top; y < bottom; ++y) {
            for (int x = left; x < right; ++x) {
                int j = (channel * height + y) * width + x;
#pragma unroll
                for (int n = 0; n < AHEAD; ++n) {
                    if (begin + n < steps) spikes[n] += fires_at(below, b, begin + n - 1, steps, words_below, j);
                }
            }
        }
#pragma unroll
        for (int n = 0; n < AHEAD; ++n) {
            int t = begin + n;
            float before;
            if (t >= steps) break;
            if (lif_step(spikes[n], neuron, lif, before)) {
                set_bit(bits, b, t, steps, words, i);
                ++count;
            }
            if (record) {
                membranes[row_of(b, t, steps, neurons) + i] = before;
                currents[row_of(b, t, steps, neurons) + i] = neuron.current;
            }
        }
    }
    counts[(size_t)b * neurons + i] = count;
}

// Membranes at firings and their slopes, one thread per neuron and sample: writes found (batch, 3, neurons), see
// `constants_cpu.py`. bits: the layer's own spikes; constants (7, groups), one group or a group per map.
extern "C" __global__ void __launch_bounds__(128, 4)
membranes(const uint32* below, int words_below, int channels, int height, int width, int rows, int columns, int size_y, int size_x,
          int stride_y, int stride_x, int steps, int words, const float* constants, int groups, int t_ref, int delay,
          const uint32* bits, float* found) {
    int neurons = channels * rows * columns, i = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (i >= neurons) return;
    int channel = i / (rows * columns), top = i / columns % rows * stride_y, left = i % columns * stride_x;
    int bottom = min(height, top + size_y), right = min(width, left + size_x);
    const Slopes slopes = slopes_of(constants, groups, channel, t_ref);
    Traced neuron = {0.0f};
    for (int begin = 0; begin < steps; begin += AHEAD) {
        int spikes[AHEAD] = {0};
        for (int y = top; y < bottom; ++y) {
            for (int x = left; x < right; ++x) {
                int j = (channel * height + y) * width + x;
#pragma unroll
                for (int n = 0; n < AHEAD; ++n) {
                    int source = begin + n - 1 - delay;
                    if (source >= 0 && source < steps) spikes[n] += fires_at(below, b, source, steps, words_below, j);
                }
            }
        }
#pragma unroll
        for (int n = 0; n < AHEAD; ++n) {
            int t = begin + n;
            if (t < steps) slope_step(spikes[n], fires_at(bits, b, t, steps, words, i), neuron, slopes);
        }
    }
    write_sums(found, b, neurons, i, neuron);
}

// S-PSP of one train on another: see `spsp_pair` in `pool_cpu.py`.
__device__ float spsp_pair(const int* spikes, int spike_count, const int* firings, int firing_count, const float* decays,
                           const float* decays_s, const float* rises, float gain, int delay, int t_ref) {
    float total = 0.0f, trace = 0.0f, current = 0.0f;
    int now = 0, upcoming = 0;
    for (int k = 0; k < firing_count; ++k) {
        int firing = firings[k], release = k > 0 ? firings[k - 1] + t_ref : 0;
        if (firing <= release) continue;  // in a filled-in train, the neuron is still refractory
        float at_release = 0.0f;
        for (int half = 0; half < 2; ++half) {
            int stop = half == 0 ? release : firing;
            while (upcoming < spike_count && spikes[upcoming] + delay + 1 <= stop) {
                int arrival = spikes[upcoming++] + delay + 1;
                trace = decays[arrival - now] * trace + rises[arrival - now] * current + gain;
                current = decays_s[arrival - now] * current + 1.0f;
                now = arrival;
            }
            trace = decays[stop - now] * trace + rises[stop - now] * current;
            current = decays_s[stop - now] * current;
            now = stop;
            if (half == 0 && k > 0) at_release = trace;
        }
        total += trace - decays[firing - release] * at_release;
    }
    return total;
}

// Error of the trains below, one thread per input and sample: result (samples, inputs) = sum over its windows of D_i / area *
// `error_slope`. times_below, counts_below and times, counts: the trains below and above, by neuron. decays, decays_s, rises (groups,
// steps + 1) and gains (groups,): of each map, or with no groups those of all.
extern "C" __global__ void __launch_bounds__(128, 8)
input_error(const int* times_below, const int* counts_below, int most_below, const int* times, const int* counts, int most,
            const float* errors, const float* decays, const float* decays_s, const float* rises, float gain, const float* gains,
            int groups, int delay, int t_ref, int steps,
            int channels, int height, int width, int rows, int columns, int size_y, int size_x, int stride_y, int stride_x,
            int effect_ratio, float silent_slope, float* result) {
    int inputs = channels * height * width, j = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (j >= inputs) return;
    int channel = j / (height * width), y = j / width % height, x = j % width;
    size_t below = (size_t)b * inputs + j;
    float area = size_y * size_x, error = 0.0f;
    if (groups) {
        size_t own = (size_t)channel * (steps + 1);
        decays += own, decays_s += own, rises += own, gain = gains[channel];
    }
    int top = max(0, (y - size_y + stride_y) / stride_y), bottom = min(rows, y / stride_y + 1);
    int left = max(0, (x - size_x + stride_x) / stride_x), right = min(columns, x / stride_x + 1);
    for (int row = top; row < bottom; ++row) {
        for (int column = left; column < right; ++column) {
            size_t own = (((size_t)b * channels + channel) * rows + row) * columns + column;
            if (errors[own] == 0.0f) continue;
            float slope = error_slope(counts[own], counts_below[below], effect_ratio, silent_slope, [&] {
                return spsp_pair(times_below + below * most_below, counts_below[below], times + own * most, counts[own], decays,
                                 decays_s, rises, gain, delay, t_ref);
            });
            error += errors[own] / area * slope;
        }
    }
    result[below] = error;
}
