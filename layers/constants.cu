// Gradients of trained constants: twin of `constants_cpu.py`.

// Contribution of each sample, one block per group of neurons, sample and gradient k: partial (gradients, samples, groups) =
// factors[k, group] * share * the sum over the group of D_i times sum rows[k]. errors D (samples, neurons); found (samples, 3,
// neurons); factors (gradients, groups).
extern "C" __global__ void __launch_bounds__(128, 8)
add_up(const float* errors, const float* found, const int* rows, const float* factors, int neurons, int groups, float share,
       float* partial) {
    __shared__ float scratch[128];
    int group = blockIdx.x, b = blockIdx.y, k = blockIdx.z, size = neurons / groups;
    const float *own = errors + (size_t)b * neurons + (size_t)group * size;
    const float *sums = found + ((size_t)b * 3 + rows[k]) * neurons + (size_t)group * size;
    float total = 0.0f;
    for (int n = threadIdx.x; n < size; n += blockDim.x) {
        if (own[n] != 0.0f) total += own[n] * sums[n];
    }
    total = block_sum(total, scratch);
    if (threadIdx.x == 0) partial[((size_t)k * gridDim.y + b) * groups + group] = total * factors[k * groups + group] * share;
}
