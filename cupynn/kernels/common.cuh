// What every CUDA source begins with: types, sizes, the neuron, the S-PSP. `cuda.py` puts this text before each `.cu` file.
//
// A batch of trains is held as bits: neuron i of sample b fires at step t if bit i % 32 of word
// bits[(b * steps + t) * words + i / 32] is set. Sums are taken in the order in which the CPU takes them, and products that
// the CPU rounds are rounded here (__fmul_rn and __fadd_rn never fuse), so that spikes and S-PSPs have the same bits on both.

typedef unsigned int uint32;
typedef unsigned long long uint64;

// Steps whose spikes a thread reads before it goes through them: as it writes, it would else wait for each.
#define AHEAD 8

// Row of the bits, or of any array (B, T, width), that belongs to a sample and a step.
__device__ __forceinline__ size_t row_of(int sample, int step, int steps, int width) {
    return ((size_t)sample * steps + step) * width;
}

__device__ __forceinline__ bool fires_at(const uint32* bits, int sample, int step, int steps, int words, int neuron) {
    return bits[row_of(sample, step, steps, words) + (neuron >> 5)] >> (neuron & 31) & 1;
}

__device__ __forceinline__ void set_bit(uint32* bits, int sample, int step, int steps, int words, int neuron) {
    atomicOr(&bits[row_of(sample, step, steps, words) + (neuron >> 5)], 1u << (neuron & 31));
}

// Four random words of Philox-4x32-10: see `philox.py`.
struct Words {
    uint32 word[4];
};

__device__ __forceinline__ Words philox(uint32 c0, uint32 c1, uint32 c2, uint32 c3, uint32 k0, uint32 k1) {
    for (int round = 0; round < 10; ++round) {
        uint64 p0 = (uint64)0xD2511F53u * c0, p1 = (uint64)0xCD9E8D57u * c2;
        c0 = (uint32)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32)p1;
        c2 = (uint32)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
}

// Constants of the neuron, and its state: see `lif.py`.
struct Lif {
    float decay_m, decay_s, gain, threshold, t_ref;
};

struct Neuron {
    float membrane, current, refractory;
};

// Advance a neuron by one step; returns whether it fires. `before` is the membrane before its reset.
__device__ __forceinline__ bool lif_step(float input, Neuron& neuron, const Lif& lif, float& before) {
    neuron.current = __fadd_rn(__fmul_rn(neuron.current, lif.decay_s), input);
    before = __fadd_rn(__fmul_rn(neuron.membrane, lif.decay_m), __fmul_rn(neuron.current, lif.gain));
    before = neuron.refractory <= 0.0f ? before : 0.0f;
    bool fires = before > lif.threshold;
    neuron.membrane = fires ? 0.0f : before;
    neuron.refractory = fires ? lif.t_ref : neuron.refractory - 1.0f;
    return fires;
}

// Silent neurons: see `psp.py`.
#define SILENT_SPSP 0.1f
#define SILENT_EFFECT 0.5f

// How much less a count follows its drive where neurons overshoot: see `rule.py`.
__device__ __forceinline__ float saturation(float membrane, float v_th) {
    return membrane <= v_th ? 1.0f : v_th / membrane * (v_th / membrane);
}

// S-PSP of one train on a neuron that fires at times[0..count-1], count > 0: the sum over firings of the train's trace, less
// what the release from the firing before has made the membrane forget. trace: of the train, `stride` from step to step.
__device__ __forceinline__ float spsp(const float* trace, int stride, const int* times, int count, const float* decays, int t_ref) {
    float total = trace[(size_t)times[0] * stride];
    for (int k = 1; k < count; ++k) {
        int firing = times[k], release = times[k - 1] + t_ref;
        if (firing <= release) continue;  // in a filled-in train: the membrane is still at rest
        float forgotten = __fmul_rn(decays[firing - release], trace[(size_t)release * stride]);
        total = __fadd_rn(total, __fsub_rn(trace[(size_t)firing * stride], forgotten));
    }
    return total;
}

// Slope e_ij / o_j by which an error passes from a neuron to an input, by their counts: 1 without `effect_ratio`, and
// `silent_slope` where one of the two is silent. find: gives e_ij, called only where it is needed.
template <class Find>
__device__ __forceinline__ float error_slope(int count, int count_below, int effect_ratio, float silent_slope, Find find) {
    if (count == 0 || count_below == 0) return silent_slope;
    return effect_ratio ? find() / count_below : 1.0f;
}

// Sum of a value over all threads of a block, for each of them, in an order that the size of the block fixes.
// scratch: one float a thread, shared.
__device__ __forceinline__ float block_sum(float value, float* scratch) {
    scratch[threadIdx.x] = value;
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) scratch[threadIdx.x] += scratch[threadIdx.x + half];
        __syncthreads();
    }
    float total = scratch[0];
    __syncthreads();
    return total;
}
