// Backward pass of fully connected neurons that have their own constants: twin of `dense_cpu.py`.
//
// responses (batch, n_out, steps): see `responses.py`; times_below (batch, n_in, most_below) and counts_below list the spikes below
// by neuron, counts (batch, n_out) counts those above; matrix (batch, n_out, n_in): S-PSPs.

// S-PSPs of all inputs on the neurons with an error, one thread per pair and sample: matrix, with SILENT_SPSP of inputs that fire on
// silent neurons. It is not written where the error is 0.
extern "C" __global__ void __launch_bounds__(128, 8)
potentials(const float* responses, const int* times_below, const int* counts_below, int most_below, const int* counts,
           const float* errors, int n_out, int n_in, int steps, int delay, float* matrix) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y, b = blockIdx.z;
    size_t own = (size_t)b * n_out + i, below = (size_t)b * n_in + j;
    if (j >= n_in || errors[own] == 0.0f) return;
    int spikes = counts_below[below];
    float e = spikes > 0 ? SILENT_SPSP : 0.0f;
    if (counts[own] > 0) e = answer(responses + own * steps, times_below + below * most_below, spikes, delay, steps);
    matrix[own * n_in + j] = e;
}

// As `weight_gradient` in `dense.cu`, with thresholds (n_out,).
extern "C" __global__ void __launch_bounds__(128, 8)
weight_gradient(const float* matrix, const int* counts, float* errors, const float* factors, const float* weight,
                const float* thresholds, int samples, int group, int begun, int n_out, int n_in, int overshoot, float share,
                float* partial) {
    __shared__ float scratch[128];
    int i = blockIdx.x, end = ((int)blockIdx.y + 1) * group - begun, first = max(0, end - group), last = min(samples, end);
    const float* w = weight + (size_t)i * n_in;
    float *gradient = partial + ((size_t)blockIdx.y * n_out + i) * n_in, v_th = thresholds[i];
    for (int b = first; b < last; ++b) {
        size_t own = (size_t)b * n_out + i;
        float error = errors[own], effect = 0.0f;
        if (error == 0.0f) continue;
        int count = counts[own];
        const float* found = matrix + own * n_in;
        for (int j = threadIdx.x; j < n_in; j += blockDim.x) effect += w[j] * (count == 0 ? SILENT_EFFECT : found[j]);
        effect = block_sum(effect, scratch) / max(count, 1);
        if (overshoot && count > 0) {
            error *= saturation(effect, v_th);
            if (threadIdx.x == 0) errors[own] = error;
        }
        float scale = error * factors[own] * (1.0f + effect / v_th) * share;
        for (int j = threadIdx.x; j < n_in; j += blockDim.x) gradient[j] += scale * found[j];
    }
}

// As `input_error` in `dense.cu`.
extern "C" __global__ void __launch_bounds__(128, 8)
input_error(const float* matrix, const int* counts_below, const int* counts, const float* errors, const float* weight, int n_out,
            int n_in, int effect_ratio, float silent_slope, float* result) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (j >= n_in) return;
    int spikes = counts_below[(size_t)b * n_in + j];
    float sum = 0.0f;
    for (int i = 0; i < n_out; ++i) {
        size_t own = (size_t)b * n_out + i;
        if (errors[own] == 0.0f) continue;
        float slope = error_slope(counts[own], spikes, effect_ratio, silent_slope, [&] { return matrix[own * n_in + j]; });
        sum += errors[own] * weight[(size_t)i * n_in + j] * slope;
    }
    result[(size_t)b * n_in + j] = sum;
}

// As `lateral_factors` in `dense.cu`; matrix: of the layer's own trains (batch, size, size); strengths (size,) of each neuron.
extern "C" __global__ void __launch_bounds__(128, 8)
lateral_factors(const float* matrix, const int* counts, const float* strengths, int size, float* factors) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (j >= size) return;
    const int* own_counts = counts + (size_t)b * size;
    const float* e = matrix + (size_t)b * size * size;
    float coupling = 0.0f;
    for (int l = 0; own_counts[j] > 0 && l < size; ++l) {
        if (l == j || own_counts[l] == 0) continue;
        float onto = e[(size_t)l * size + j] / own_counts[j], back = e[(size_t)j * size + l] / own_counts[l];
        coupling += onto * back * strengths[l];
    }
    factors[(size_t)b * size + j] = 1.0f / (1.0f - strengths[j] * coupling);
}
