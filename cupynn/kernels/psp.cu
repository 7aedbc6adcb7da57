// Traces of trains: twin of `psp.py`, which says what they are.

// A thread follows one train: traces (batch, steps, size).
extern "C" __global__ void __launch_bounds__(256, 4)
traces(const uint32* bits, int batch, int size, int steps, int words, float decay_m, float decay_s, float gain, int delay,
       float* traces) {
    size_t thread = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (thread >= (size_t)batch * size) return;
    int b = thread / size, j = thread % size;
    float current = 0.0f, trace = 0.0f;
    for (int t = 0; t < steps; ++t) {
        int source = t - 1 - delay;
        current = __fmul_rn(current, decay_s);
        if (source >= 0 && fires_at(bits, b, source, steps, words, j)) current = __fadd_rn(current, 1.0f);
        trace = __fadd_rn(__fmul_rn(trace, decay_m), __fmul_rn(gain, current));
        traces[row_of(b, t, steps, size) + j] = trace;
    }
}
