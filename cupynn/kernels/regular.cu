// Evenly spaced trains: twin of `regular.py`, with the same integers. One thread per neuron and sample. levels (batch, size);
// rates (256,); samples (batch,). Writes bits (zero before) and counts (batch, size).
extern "C" __global__ void __launch_bounds__(256, 4)
regular(const unsigned char* levels, const uint64* rates, int drawn, uint32 key0, uint32 key1, uint32 draw, const uint32* samples,
        int batch, int size, int steps, int words, uint32* bits, int* counts) {
    size_t thread = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (thread >= (size_t)batch * size) return;
    int b = thread / size, j = thread % size, count = 0;
    uint64 rate = rates[levels[thread]], one = 1ull << 32;
    if (rate > 0) {
        uint64 phase = one >> 1;
        if (drawn) phase = philox(0, j / 4, samples[b], draw, key0, key1).word[j % 4];
        for (uint64 ahead = one - phase;; ahead += one) {
            uint64 t = (ahead + rate - 1) / rate;
            if (t >= (uint64)steps) break;
            set_bit(bits, b, (int)t, steps, words, j);
            ++count;
        }
    }
    counts[thread] = count;
}
