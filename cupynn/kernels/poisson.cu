// Poisson trains: twin of `poisson.py`, with the same integers. One thread per neuron and sample. levels (batch, size); survival,
// guide: from `gap_tables`; samples (batch,). Writes bits (zero before) and counts (batch, size).
extern "C" __global__ void __launch_bounds__(256, 4)
poisson(const unsigned char* levels, const uint64* survival, const int* guide, int guide_bits, uint32 key0, uint32 key1,
        uint32 draw, const uint32* samples, int batch, int size, int steps, int words, uint32* bits, int* counts) {
    size_t thread = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (thread >= (size_t)batch * size) return;
    int b = thread / size, j = thread % size, level = levels[thread], count = 0;
    if (level > 0) {
        const uint64* survive = survival + (size_t)level * (steps + 1);
        const int* lead = guide + ((size_t)level << guide_bits);
        int t = 0;
        for (uint32 block = 0; t < steps; ++block) {
            Words words_drawn = philox(block, j, samples[b], draw, key0, key1);
            for (int k = 0; k < 4 && t < steps; ++k) {
                uint32 word = words_drawn.word[k];
                int gap = lead[word >> (32 - guide_bits)];
                while (gap <= steps && word < survive[gap]) ++gap;
                t += gap;
                if (t < steps) {
                    set_bit(bits, b, t, steps, words, j);
                    ++count;
                }
            }
        }
    }
    counts[thread] = count;
}
