// Traces of trains: twin of `psp.py`. One thread per train: traces (batch, steps, size), channel last.
extern "C" __global__ void __launch_bounds__(256, 4)
traces(const uint32* bits, int batch, int size, int channels, int steps, int words, float decay_m, float decay_s, float gain,
       int delay, float* traces) {
    size_t thread = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (thread >= (size_t)batch * size) return;
    int b = thread / size, at = thread % size, j = at % channels * (size / channels) + at / channels;
    float current = 0.0f, trace = 0.0f;
    for (int begin = 0; begin < steps; begin += AHEAD) {
        bool fires[AHEAD];
#pragma unroll
        for (int n = 0; n < AHEAD; ++n) {
            int source = begin + n - 1 - delay;
            fires[n] = source >= 0 && source < steps && fires_at(bits, b, source, steps, words, j);
        }
#pragma unroll
        for (int n = 0; n < AHEAD; ++n) {
            if (begin + n >= steps) break;
            current = __fmul_rn(current, decay_s);
            if (fires[n]) current = __fadd_rn(current, 1.0f);
            trace = __fadd_rn(__fmul_rn(trace, decay_m), __fmul_rn(gain, current));
            traces[row_of(b, begin + n, steps, size) + at] = trace;
        }
    }
}
