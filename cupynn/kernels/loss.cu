// Losses on firing counts, one thread per sample, and trains of silent labels: twins of `cupynn/losses`. counts (batch, classes);
// labels, weights (batch,). Writes losses (batch,) and delta (batch, classes).
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
    if (labels[b] < 0 || labels[b] >= classes) {  // only labels on the host are checked before
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

// Squared distance from targets (batch, classes), in the precision of the CPU.
extern "C" __global__ void __launch_bounds__(256, 4)
count_distance(const int* counts, const float* targets, const float* weights, int batch, int classes, float margin,
               double* losses, float* delta) {
    int b = blockIdx.x * blockDim.x + threadIdx.x;
    if (b >= batch) return;
    double loss = 0.0;
    for (int i = b * classes; i < (b + 1) * classes; ++i) {
        double distance = counts[i] - (double)targets[i];
        if (fabs(distance) <= margin) distance = 0.0;
        loss += 0.5 * distance * distance;
        delta[i] = (float)(weights[b] * distance);
    }
    losses[b] = weights[b] * loss;
}

// Make all neurons of silent classes of labels fire at the multiples of `spacing`, in bits and counts (batch, classes *
// population). sums (batch, classes): counts of the classes.
extern "C" __global__ void __launch_bounds__(256, 4)
fill_silent_labels(const int* labels, const int* sums, int batch, int classes, int population, int steps, int words, int spacing,
                   uint32* bits, int* counts) {
    int b = blockIdx.x * blockDim.x + threadIdx.x;
    if (b >= batch || labels[b] < 0 || labels[b] >= classes || sums[b * classes + labels[b]] > 0) return;
    for (int i = labels[b] * population; i < (labels[b] + 1) * population; ++i) {
        int count = 0;
        for (int t = spacing; t < steps; t += spacing, ++count) set_bit(bits, b, t, steps, words, i);
        counts[b * classes * population + i] = count;
    }
}

// Make neurons fire at the multiples of floor(steps / wanted), where wanted (batch, neurons) is not zero.
extern "C" __global__ void __launch_bounds__(256, 4)
fill_silent(const int* wanted, int batch, int neurons, int steps, int words, uint32* bits, int* counts) {
    int b = blockIdx.x * blockDim.x + threadIdx.x;
    if (b >= batch) return;
    for (int i = 0; i < neurons; ++i) {
        int spikes = min(wanted[b * neurons + i], steps), count = 0;
        if (spikes <= 0) continue;
        for (int t = steps / spikes; t < steps; t += steps / spikes, ++count) set_bit(bits, b, t, steps, words, i);
        counts[b * neurons + i] = count;
    }
}
