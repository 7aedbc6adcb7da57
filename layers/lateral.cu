// Backward pass of trained recurrent weights: twin of `lateral_cpu.py`. `lateral.py` explains it.
//
// times (batch, n_out, most) and counts (batch, n_out) list the spikes of the layer by neuron; matrix (batch, n_out, n_out), [onto,
// of]: the S-PSPs of its trains on itself.

// S-PSPs of a layer's trains on itself, one thread per pair of neurons and sample: writes matrix, with SILENT_SPSP of neurons that
// fire on those that do not. traces (batch, steps, size): of the layer's trains.
extern "C" __global__ void __launch_bounds__(128, 8)
own_spsp(const float* traces, const int* times, const int* counts, int most, const float* decays, int size, int steps, int t_ref,
         float* matrix) {
    int l = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y, b = blockIdx.z;
    if (l >= size) return;
    size_t own = (size_t)b * size + i;
    float e = 0.0f;
    if (counts[(size_t)b * size + l] > 0) {
        e = counts[own] == 0 ? SILENT_SPSP
                             : spsp(traces + row_of(b, 0, steps, size) + l, size, times + own * most, counts[own], decays, t_ref);
    }
    matrix[own * size + l] = e;
}

// Error that the neurons of a layer pass to each other, one thread per neuron and sample: result (batch, size) = sum_i D_i u_il
// e_il / o_l over neurons that fire, or with a slope of 1 without `effect_ratio`. errors D (batch, size); lateral (size, size).
extern "C" __global__ void __launch_bounds__(128, 8)
pass_among(const float* matrix, const int* counts, const float* errors, const float* lateral, int size, int effect_ratio,
           float* result) {
    int l = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (l >= size) return;
    int spikes = counts[(size_t)b * size + l];
    float sum = 0.0f;
    for (int i = 0; spikes > 0 && i < size; ++i) {
        size_t own = (size_t)b * size + i;
        if (errors[own] == 0.0f || counts[own] == 0) continue;
        float share = errors[own] * lateral[(size_t)i * size + l];
        sum += effect_ratio ? share * (matrix[own * size + l] / spikes) : share;
    }
    result[(size_t)b * size + l] = sum;
}

// Gradients of a neuron from a group of samples, one block per row of partial (groups, n_out, n_in + n_out), zero before except for
// the `begun` samples already in the first group: += D_i (1 + h_i) e * share, h_i from inputs and recurrence. traces (samples,
// steps, n_in); active (samples, n_in): the inputs that fire. S-PSPs of the inputs are kept in shared memory if they `fit`, else
// computed twice.
extern "C" __global__ void __launch_bounds__(128, 8)
gradients(const float* traces, const int* active, const int* active_counts, const float* matrix, const int* times, const int* counts,
          int most, const float* errors, const float* weight, const float* lateral, const float* decays, int samples, int group,
          int begun, int n_out, int n_in, int steps, int t_ref, float v_th, float share, int fits, float* partial) {
    extern __shared__ float shared[];
    __shared__ float scratch[128];
    int i = blockIdx.x, end = ((int)blockIdx.y + 1) * group - begun, first = max(0, end - group), last = min(samples, end);
    const float *w = weight + (size_t)i * n_in, *u = lateral + (size_t)i * n_out;
    float* gradient = partial + ((size_t)blockIdx.y * n_out + i) * (n_in + n_out);
    for (int b = first; b < last; ++b) {
        size_t own = (size_t)b * n_out + i;
        float error = errors[own];
        if (error == 0.0f) continue;
        int count = counts[own], width = active_counts[b];
        const int *firings = times + own * most, *inputs = active + (size_t)b * n_in;
        const float *trace = traces + row_of(b, 0, steps, n_in), *among = matrix + own * n_out;
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
        for (int l = threadIdx.x; l < n_out; l += blockDim.x) effect += u[l] * (count == 0 ? SILENT_EFFECT : among[l]);
        effect = block_sum(effect, scratch) / max(count, 1);
        float scale = error * (1.0f + effect / v_th) * share;
        for (int k = threadIdx.x; k < width; k += blockDim.x) {
            float e = SILENT_SPSP;
            if (count > 0) e = fits ? shared[k] : spsp(trace + inputs[k], n_in, firings, count, decays, t_ref);
            gradient[inputs[k]] += scale * e;
        }
        for (int l = threadIdx.x; l < n_out; l += blockDim.x) gradient[n_in + l] += scale * among[l];
    }
}
