// Axonal delays: twin of `delay.py`.

// Trains that act later, one thread per neuron and sample: writes bits (zero before) and counts (batch, size).
extern "C" __global__ void __launch_bounds__(128, 8)
delay(const uint32* below, const int* delays, int size, int steps, int words, uint32* bits, int* counts) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (i >= size) return;
    int later = delays[i], count = 0;
    for (int t = later; t < steps; ++t) {
        if (!fires_at(below, b, t - later, steps, words, i)) continue;
        set_bit(bits, b, t, steps, words, i);
        ++count;
    }
    counts[(size_t)b * size + i] = count;
}

// Slopes of the S-PSPs in the delay of an input, one thread per input and sample: result (samples, n_in) = sum_i D_i w_ij times the
// change of e_ij if input j acted a step later. traces (samples, steps, n_in); times (samples, n_out, most), counts, D (samples,
// n_out): of the neurons above.
extern "C" __global__ void __launch_bounds__(128, 8)
delay_slopes(const float* traces, const int* times, const int* counts, int most, const float* errors, const float* weight,
             const float* decays, int n_out, int n_in, int steps, int t_ref, float* result) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (j >= n_in) return;
    const float* trace = traces + row_of(b, 0, steps, n_in) + j;
    float sum = 0.0f;
    for (int i = 0; i < n_out; ++i) {
        size_t own = (size_t)b * n_out + i;
        if (errors[own] == 0.0f || counts[own] == 0) continue;
        const int* firings = times + own * most;
        float slope = 0.0f;
        for (int k = 0; k < counts[own]; ++k) {
            const float* firing = trace + (size_t)firings[k] * n_in;  // no neuron fires at step 0
            float change = firing[-n_in] - firing[0];
            if (k > 0) {
                int release = firings[k - 1] + t_ref;
                if (firings[k] <= release) continue;  // in a filled-in train, the neuron is still refractory
                const float* released = trace + (size_t)release * n_in;
                change -= decays[firings[k] - release] * (released[-n_in] - released[0]);
            }
            slope += change;
        }
        sum += errors[own] * weight[(size_t)i * n_in + j] * slope;
    }
    result[(size_t)b * n_in + j] = sum;
}
