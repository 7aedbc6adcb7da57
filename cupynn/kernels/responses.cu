// Responses of neurons to a spike that arrives: twin of `responses.py`. One thread per neuron and sample: responses (batch, neurons, steps).
// times (batch, neurons, most) and counts list their spikes; constants (3, groups): decay_m, decay_s and gain of groups of adjacent
// neurons.
extern "C" __global__ void __launch_bounds__(128, 8)
respond(const int* times, const int* counts, int most, int batch, int neurons, int steps, int t_ref, const float* constants, int groups,
        float* responses) {
    size_t at = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= (size_t)batch * neurons) return;
    int group = at % neurons / (neurons / groups), k = counts[at] - 1;
    float decay_m = constants[group], decay_s = constants[groups + group], gain = constants[2 * groups + group];
    const int* firings = times + at * most;
    float *own = responses + at * steps, effect = 0.0f, response = 0.0f;
    for (int t = steps - 1; t >= 0; --t) {
        while (k >= 0 && firings[k] > t) --k;
        bool fires = k >= 0 && firings[k] == t;
        int before = fires ? k - 1 : k;
        bool rests = before >= 0 && firings[before] + t_ref >= t;
        effect = rests ? 0.0f : fires ? 1.0f : effect * decay_m;
        response = __fadd_rn(__fmul_rn(response, decay_s), __fmul_rn(effect, gain));
        own[t] = response;
    }
}
