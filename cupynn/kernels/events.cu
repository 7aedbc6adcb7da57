// The orders in which kernels read trains, made from their bits: twin of `events.py`. Lists have room for the worst case, so
// that their length need not be known on the host.

// Neurons of each step, a block a sample: offsets (batch, steps + 1), and neurons (batch, capacity), ascending in each step.
extern "C" __global__ void __launch_bounds__(256, 4)
list_by_step(const uint32* bits, int steps, int words, int capacity, int* offsets, int* neurons) {
    const uint32* rows = bits + row_of(blockIdx.x, 0, steps, words);
    int* ends = offsets + (size_t)blockIdx.x * (steps + 1);
    int* list = neurons + (size_t)blockIdx.x * capacity;
    for (int t = threadIdx.x; t < steps; t += blockDim.x) {
        const uint4* row = (const uint4*)(rows + (size_t)t * words);
        int count = 0;
        for (int w = 0; w < words / 4; ++w) {
            uint4 four = row[w];
            count += __popc(four.x) + __popc(four.y) + __popc(four.z) + __popc(four.w);
        }
        ends[t + 1] = count;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        ends[0] = 0;
        for (int t = 0; t < steps; ++t) ends[t + 1] += ends[t];
    }
    __syncthreads();
    for (int t = threadIdx.x; t < steps; t += blockDim.x) {
        const uint32* row = rows + (size_t)t * words;
        int at = ends[t], end = ends[t + 1];
        for (int w = 0; at < end; ++w) {
            for (uint32 word = row[w]; word; word &= word - 1) list[at++] = w * 32 + __ffs(word) - 1;
        }
    }
}

// Firing times of each neuron, a thread a neuron: times (batch, size, most), of which counts (batch, size) say how many hold.
extern "C" __global__ void __launch_bounds__(256, 4)
list_by_neuron(const uint32* bits, int batch, int size, int steps, int words, int most, int* times) {
    size_t thread = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (thread >= (size_t)batch * size) return;
    int b = thread / size, i = thread % size;
    int* own = times + thread * most;
    for (int begin = 0; begin < steps; begin += AHEAD) {
        bool fires[AHEAD];
#pragma unroll
        for (int n = 0; n < AHEAD; ++n) fires[n] = begin + n < steps && fires_at(bits, b, begin + n, steps, words, i);
#pragma unroll
        for (int n = 0; n < AHEAD; ++n) {
            if (fires[n]) *own++ = begin + n;
        }
    }
}

// Neurons that fire at all, a block a sample: active (batch, size), ascending, and their number (batch,).
extern "C" __global__ void __launch_bounds__(256, 4)
list_active(const int* counts, int size, int* active, int* active_counts) {
    __shared__ int ends[257];
    const int* own = counts + (size_t)blockIdx.x * size;
    int share = (size + blockDim.x - 1) / blockDim.x;
    int low = min(size, (int)threadIdx.x * share), high = min(size, low + share), found = 0;
    for (int j = low; j < high; ++j) found += own[j] > 0;
    ends[threadIdx.x + 1] = found;
    __syncthreads();
    if (threadIdx.x == 0) {
        ends[0] = 0;
        for (int k = 0; k < blockDim.x; ++k) ends[k + 1] += ends[k];
        active_counts[blockIdx.x] = ends[blockDim.x];
    }
    __syncthreads();
    int* list = active + (size_t)blockIdx.x * size + ends[threadIdx.x];
    for (int j = low; j < high; ++j) {
        if (own[j] > 0) *list++ = j;
    }
}
