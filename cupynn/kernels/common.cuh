// Types, the neuron and the S-PSP, which `cuda.py` prepends to each `.cu` file.
//
// Neuron i of sample b fires at step t if bit i % 32 of word bits[(b * steps + t) * words + i / 32] is set. Sums have the order and
// products the rounding of the CPU (__fmul_rn and __fadd_rn never fuse), so that spikes and S-PSPs have the same bits.

typedef unsigned int uint32;
typedef unsigned long long uint64;

// Steps whose spikes a thread reads ahead: else, as it also writes, it would wait for each read.
#define AHEAD 8

// Start of the row of a sample and step in an array (B, T, width).
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

// Constants and state of the neuron: see `lif.py`.
struct Lif {
    float decay_m, decay_s, gain, threshold, t_ref;
};

struct Neuron {
    float membrane, current, refractory;
};

// Advance a neuron by one step; return whether it fires. `before` is the membrane before its reset.
__device__ __forceinline__ bool lif_step(float input, Neuron& neuron, const Lif& lif, float& before) {
    neuron.current = __fadd_rn(__fmul_rn(neuron.current, lif.decay_s), input);
    before = __fadd_rn(__fmul_rn(neuron.membrane, lif.decay_m), __fmul_rn(neuron.current, lif.gain));
    before = neuron.refractory <= 0.0f ? before : 0.0f;
    bool fires = before > lif.threshold;
    neuron.membrane = fires ? 0.0f : before;
    neuron.refractory = fires ? lif.t_ref : neuron.refractory - 1.0f;
    return fires;
}

// Constants of the neurons of a group, from an array (4, groups).
__device__ __forceinline__ Lif lif_of(const float* each, int groups, int group, float t_ref) {
    const float* own = each + group;
    return {own[0], own[groups], own[2 * groups], own[3 * groups], t_ref};
}

// Constants and state of the recursion of membranes for fixed trains, and the sums at firings: see `slopes.py`.
struct Slopes {
    float decay_m, decay_s, gain, decay_m_m, decay_s_s, gain_m, gain_s, t_ref;
};

struct Traced {
    float current, current_s, membrane, membrane_m, membrane_s, refractory, sum, sum_m, sum_s;
};

// Constants of a neuron, from an array (7, groups).
__device__ __forceinline__ Slopes slopes_of(const float* constants, int groups, int group, int t_ref) {
    const float* own = constants + (groups == 1 ? 0 : group);
    return {own[0], own[groups], own[2 * groups], own[3 * groups], own[4 * groups], own[5 * groups], own[6 * groups], (float)t_ref};
}

// Advance a neuron by one step of its fixed train.
__device__ __forceinline__ void slope_step(float input, bool fires, Traced& neuron, const Slopes& by) {
    neuron.current_s = neuron.current_s * by.decay_s + neuron.current * by.decay_s_s;
    neuron.current = neuron.current * by.decay_s + input;
    float before = neuron.membrane;
    neuron.membrane = before * by.decay_m + neuron.current * by.gain;
    neuron.membrane_m = neuron.membrane_m * by.decay_m + before * by.decay_m_m + neuron.current * by.gain_m;
    neuron.membrane_s = neuron.membrane_s * by.decay_m + neuron.current_s * by.gain + neuron.current * by.gain_s;
    bool rests = neuron.refractory > 0.0f;
    if (fires && !rests) {
        neuron.sum += neuron.membrane;
        neuron.sum_m += neuron.membrane_m;
        neuron.sum_s += neuron.membrane_s;
    }
    if (fires || rests) neuron.membrane = neuron.membrane_m = neuron.membrane_s = 0.0f;
    neuron.refractory = fires ? by.t_ref : neuron.refractory - 1.0f;
}

// Write the sums of neuron i of a sample to found (samples, 3, neurons).
__device__ __forceinline__ void write_sums(float* found, int sample, int neurons, int i, const Traced& neuron) {
    float* own = found + (size_t)sample * 3 * neurons + i;
    own[0] = neuron.sum;
    own[neurons] = neuron.sum_m;
    own[2 * (size_t)neurons] = neuron.sum_s;
}

// Silent neurons: see `psp.py`.
#define SILENT_SPSP 0.1f
#define SILENT_EFFECT 0.5f

// Factor by which overshoot reduces the slope of a count: see `rule.py`.
__device__ __forceinline__ float saturation(float membrane, float v_th) {
    return membrane <= v_th ? 1.0f : v_th / membrane * (v_th / membrane);
}

// S-PSP of one train on a neuron that fires at times[0..count-1], count > 0: see `psp.py`. trace: of the train, `stride` per step.
__device__ __forceinline__ float spsp(const float* trace, int stride, const int* times, int count, const float* decays, int t_ref) {
    float total = trace[(size_t)times[0] * stride];
    for (int k = 1; k < count; ++k) {
        int firing = times[k], release = times[k - 1] + t_ref;
        if (firing <= release) continue;  // in a filled-in train, the neuron is still refractory
        float forgotten = __fmul_rn(decays[firing - release], trace[(size_t)release * stride]);
        total = __fadd_rn(total, __fsub_rn(trace[(size_t)firing * stride], forgotten));
    }
    return total;
}

// S-PSP of a train with these spikes on a neuron, from its responses (steps,) to a spike that arrives: see `responses.py`.
__device__ __forceinline__ float answer(const float* responses, const int* spikes, int count, int delay, int steps) {
    float total = 0.0f;
    for (int k = 0; k < count; ++k) {
        int arrival = spikes[k] + 1 + delay;
        if (arrival >= steps) break;
        total = __fadd_rn(total, responses[arrival]);
    }
    return total;
}

// Slope e_ij / o_j by which an error passes to an input: see `input_error` in `rule.py`. find() computes e_ij if needed.
template <class Find>
__device__ __forceinline__ float error_slope(int count, int count_below, int effect_ratio, float silent_slope, Find find) {
    if (count == 0 || count_below == 0) return silent_slope;
    return effect_ratio ? find() / count_below : 1.0f;
}

// Sum of a value over all threads of a block, in an order fixed by the block's size. scratch: one shared value per thread.
template <class Value>
__device__ __forceinline__ Value block_sum(Value value, Value* scratch) {
    scratch[threadIdx.x] = value;
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) scratch[threadIdx.x] += scratch[threadIdx.x + half];
        __syncthreads();
    }
    Value total = scratch[0];
    __syncthreads();
    return total;
}
