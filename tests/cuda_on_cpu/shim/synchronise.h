// Barriers, votes and shuffles. Each is a meeting of a block's or a warp's threads, at a place that messages can name.
#pragma once

#define CUDA_ON_CPU_HERE(what) (shim::Place{what, __FILE__, __LINE__})

#define __syncthreads() ((void)shim::meet_block(false, CUDA_ON_CPU_HERE("__syncthreads")))
#define __syncthreads_count(p) ((int)shim::meet_block((p) != 0, CUDA_ON_CPU_HERE("__syncthreads_count")).votes)
#define __syncthreads_or(p) ((int)(shim::meet_block((p) != 0, CUDA_ON_CPU_HERE("__syncthreads_or")).votes != 0))
#define __syncthreads_and(p) ((int)(shim::meet_block((p) != 0, CUDA_ON_CPU_HERE("__syncthreads_and")).votes == shim::size))

#define __syncwarp(...) shim::syncwarp(CUDA_ON_CPU_HERE("__syncwarp"), ##__VA_ARGS__)
#define __activemask() (1u << shim::self % shim::WARP)  // the least that CUDA promises: a thread is active itself
#define __ballot_sync(mask, p) (shim::meet_warp(mask, (p) != 0, 0, CUDA_ON_CPU_HERE("__ballot_sync")).votes)
#define __any_sync(mask, p) ((int)(shim::meet_warp(mask, (p) != 0, 0, CUDA_ON_CPU_HERE("__any_sync")).votes != 0))
#define __all_sync(mask, p) shim::all(mask, (p) != 0, CUDA_ON_CPU_HERE("__all_sync"))
#define __shfl_sync(...) shim::shuffle<shim::Indexed>(CUDA_ON_CPU_HERE("__shfl_sync"), __VA_ARGS__)
#define __shfl_up_sync(...) shim::shuffle<shim::Up>(CUDA_ON_CPU_HERE("__shfl_up_sync"), __VA_ARGS__)
#define __shfl_down_sync(...) shim::shuffle<shim::Down>(CUDA_ON_CPU_HERE("__shfl_down_sync"), __VA_ARGS__)
#define __shfl_xor_sync(...) shim::shuffle<shim::Xor>(CUDA_ON_CPU_HERE("__shfl_xor_sync"), __VA_ARGS__)

namespace shim {

inline void syncwarp(Place place, unsigned mask = ~0u) { meet_warp(mask, 0, 0, place); }

inline int all(unsigned mask, bool vote, Place place) {
    return meet_warp(mask, vote, 0, place).votes == (mask & lanes_of_warp());
}

// Where a lane's value comes from, in segments of `width` lanes; out of the segment, a lane keeps its own.
struct Indexed { static int lane(int own, int i, int width) { return (own & -width) | (i & (width - 1)); } };
struct Up { static int lane(int own, int d, int width) { return own - d < (own & -width) ? own : own - d; } };
struct Down { static int lane(int own, int d, int width) { return own + d > (own | (width - 1)) ? own : own + d; } };
struct Xor { static int lane(int own, int m, int width) { return (own ^ m) > (own | (width - 1)) ? own : own ^ m; } };

template <class How, class T> T shuffle(Place place, unsigned mask, T value, int argument, int width = 32) {
    static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8), "a type that CUDA cannot shuffle");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    bits = meet_warp(mask, bits, How::lane((int)(self % WARP), argument, width), place).received;
    memcpy(&value, &bits, sizeof value);
    return value;
}

}  // namespace shim
