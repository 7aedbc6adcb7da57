// Losses on firing counts, a thread a sample, and the trains of silent labels: twins of `losses.py`.

// counts (batch, classes); labels, weights (batch,); losses (batch,) and delta (batch, classes) are written.
extern "C" __global__ void __launch_bounds__(256, 4)
spike_count(const int* counts, const int* labels, const float* weights, int batch, int classes, int desired, int undesired,
            int margin, double* losses, float* delta) {
    int b = blockIdx.x * blockDim.x + threadIdx.x;
    if (b >= batch) return;
    double loss = 0.0;
    for (int i = 0; i < classes; ++i) {
        int distance = counts[b * classes + i] - (i == labels[b] ? desired : undesired);
        if (abs(distance) <= margin) distance = 0;
        loss += 0.5 * distance * distance;
        delta[b * classes + i] = weights[b] * distance;
    }
    losses[b] = weights[b] * loss;
}

extern "C" __global__ void __launch_bounds__(256, 4)
softmax_count(const int* counts, const int* labels, const float* weights, int batch, int classes, double* losses, float* delta) {
    int b = blockIdx.x * blockDim.x + threadIdx.x;
    if (b >= batch) return;
    const int* own = counts + b * classes;
    if (labels[b] < 0 || labels[b] >= classes) {  // labels of the host are checked there
        for (int i = 0; i < classes; ++i) delta[b * classes + i] = 0.0f;
        losses[b] = nan("");
        return;
    }
    int highest = own[0];
    for (int i = 1; i < classes; ++i) highest = max(highest, own[i]);
    double sum = 0.0;
    for (int i = 0; i < classes; ++i) sum += exp((double)(own[i] - highest));
    for (int i = 0; i < classes; ++i) {
        double chance = exp((double)(own[i] - highest)) / sum;
        delta[b * classes + i] = (float)(weights[b] * (chance - (i == labels[b])));
    }
    losses[b] = weights[b] * (log(sum) - (own[labels[b]] - highest));
}

// Give each label whose neuron is silent spikes at the multiples of `spacing`: bits and counts hold the trains as they are.
extern "C" __global__ void __launch_bounds__(256, 4)
fill_silent_labels(const int* labels, int batch, int classes, int steps, int words, int spacing, uint32* bits, int* counts) {
    int b = blockIdx.x * blockDim.x + threadIdx.x;
    if (b >= batch || labels[b] < 0 || labels[b] >= classes || counts[b * classes + labels[b]] > 0) return;
    int count = 0;
    for (int t = spacing; t < steps; t += spacing, ++count) set_bit(bits, b, t, steps, words, labels[b]);
    counts[b * classes + labels[b]] = count;
}
