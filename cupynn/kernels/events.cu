// Lists of events, made from the bits of trains: twin of `events.py`.

// Neurons of each step, one block per sample: offsets (batch, steps + 1) and neurons (batch, capacity), ascending in each step.
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

// The same for groups of `size` adjacent neurons, one block per sample and group: offsets (groups, batch, steps + 1) and neurons
// (groups, batch, capacity), counted from the first neuron of the group.
extern "C" __global__ void __launch_bounds__(256, 4)
list_groups(const uint32* bits, int size, int steps, int words, int capacity, int* offsets, int* neurons) {
    int first = (int)blockIdx.y * size, end = first + size;
    size_t own = (size_t)blockIdx.y * gridDim.x + blockIdx.x;
    const uint32* rows = bits + row_of(blockIdx.x, 0, steps, words);
    int* ends = offsets + own * (steps + 1);
    int* list = neurons + own * capacity;
    for (int pass = 0; pass < 2; ++pass) {  // counts, then lists
        for (int t = threadIdx.x; t < steps; t += blockDim.x) {
            const uint32* row = rows + (size_t)t * words;
            int at = pass == 0 ? 0 : ends[t];
            for (int w = first >> 5; w * 32 < end; ++w) {
                uint32 word = row[w];
                if (w * 32 < first) word &= ~0u << (first & 31);
                if (end - w * 32 < 32) word &= ~(~0u << (end & 31));
                if (pass == 0) at += __popc(word);
                for (; pass == 1 && word; word &= word - 1) list[at++] = w * 32 + __ffs(word) - 1 - first;
            }
            if (pass == 0) ends[t + 1] = at;
        }
        __syncthreads();
        if (pass == 1) return;
        if (threadIdx.x == 0) {
            ends[0] = 0;
            for (int t = 0; t < steps; ++t) ends[t + 1] += ends[t];
        }
        __syncthreads();
    }
}

// Firing times of each neuron, one thread per neuron: times (batch, size, most), with as many entries as the neuron fires.
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

// Neurons that fire, one block per sample: active (batch, size), ascending, and their number (batch,).
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
