// CUDA C++ on the CPU. What comes after this header is a preprocessed .cu file, unchanged but for `extern __shared__`.
// A block's threads run as fibers of one thread (fibers.h) or, for the thread sanitizer, as threads of their own (threads.h).
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include <cmath>
#include <type_traits>
#include <utility>

#ifdef CUDA_ON_CPU_THREADS
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>
#define CUDA_ON_CPU_LOCAL thread_local
#else
#define CUDA_ON_CPU_LOCAL
#endif

struct uint3 { unsigned x, y, z; };
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
static CUDA_ON_CPU_LOCAL uint3 threadIdx;
static uint3 blockIdx;
static dim3 blockDim, gridDim;
static constexpr int warpSize = 32;

#include "block.h"
#ifdef CUDA_ON_CPU_THREADS
#include "threads.h"
#else
#include "fibers.h"
#endif
#include "launch.h"

// Names of CUDA. They come last, as some of them are names of the C++ library's own.
#include "atomics.h"
#include "numbers.h"
#include "synchronise.h"
#include "vectors.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __restrict__ __restrict
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("cuda_shared")))  // one block at a time: block.h fills the section
