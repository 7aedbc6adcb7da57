// Leaky integrate-and-fire neurons: a thread a neuron, time in registers, no barrier.
// current (steps, size) -> spikes (steps, size), in 0 and 1; potential (size,) at the end
extern "C" __global__ void __launch_bounds__(128)
lif_forward(const float* __restrict__ current, unsigned char* __restrict__ spikes, float* __restrict__ potential,
            int steps, int size, float decay, float v_th, int t_ref) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= size) return;
    float v = 0.0f;
    int rest = 0;
    for (int t = 0; t < steps; ++t) {
        const long long at = (long long)t * size + i;
        v = __fadd_rn(__fmul_rn(v, decay), current[at]);
        if (rest > 0) {
            v = 0.0f;
            --rest;
        }
        const bool fires = v > v_th;
        spikes[at] = fires;
        if (fires) {
            v = 0.0f;
            rest = t_ref;
        }
    }
    potential[i] = v;
}
