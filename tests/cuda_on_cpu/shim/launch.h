// Runs a grid block by block, and tells Python what a kernel's parameters are.
#pragma once
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace shim {

// A type as NumPy names it: kind and bytes, "f4"; a vector type has its number of elements in front, "4f4".
template <class T, class = void> struct Elements { using type = T; static constexpr int count = 1; };
template <class T> struct Elements<T, std::void_t<typename T::element>> {
    using type = typename T::element;
    static constexpr int count = T::count;
};

template <class T> void describe(char*& at) {
    if constexpr (std::is_pointer_v<T>) {
        at += sprintf(at, "*");
        describe<std::remove_cv_t<std::remove_pointer_t<T>>>(at);
    } else if constexpr (std::is_void_v<T>) {
        at += sprintf(at, "void");
    } else {
        using E = typename Elements<T>::type;
        char kind = std::is_same_v<E, bool> ? 'b' : std::is_floating_point_v<E> ? 'f' : std::is_signed_v<E> ? 'i' : std::is_unsigned_v<E> ? 'u' : 'V';
        if (Elements<T>::count > 1) at += sprintf(at, "%d", Elements<T>::count);
        at += sprintf(at, "%c%d", kind, (int)sizeof(E));
    }
}

template <auto Function> struct Kernel;
template <class... A, void (*Function)(A...)> struct Kernel<Function> {
    template <size_t... I> static void unpack(void** a, std::index_sequence<I...>) { Function(*(std::remove_cv_t<A>*)a[I]...); }
    static void call(void** a) { unpack(a, std::index_sequence_for<A...>{}); }
    static void signature(char* at) {
        *at = 0;
        ((describe<std::remove_cv_t<A>>(at), at += sprintf(at, " ")), ...);
    }
};

inline void number_threads() {
    for (unsigned t = 0; t < size; ++t)
        index_of[t] = {t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y)};
}

static const char* launch(void (*call)(void**), const unsigned* grid, const unsigned* block, unsigned shared, int reverse, void** args) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    size = block[0] * block[1] * block[2];
    backwards = reverse, kernel = call, arguments = args, failure[0] = 0;
    number_threads();
#if defined(__SSE__)
    const unsigned rounding = _mm_getcsr();
    _mm_setcsr(rounding | 0x8040);  // denormal numbers are zero, as CuPy compiles with -ftz=true
#endif
    const uint64_t blocks = (uint64_t)grid[0] * grid[1] * grid[2];
    for (uint64_t k = 0; k < blocks && !failure[0]; ++k) {
        const uint64_t b = backwards ? blocks - 1 - k : k;
        blockIdx = {(unsigned)(b % grid[0]), (unsigned)(b / grid[0] % grid[1]), (unsigned)(b / grid[0] / grid[1])};
        forget_shared_memory(shared);
        run_block();
    }
#if defined(__SSE__)
    _mm_setcsr(rounding);
#endif
    if (!failure[0]) return nullptr;
    const size_t end = strlen(failure);
    snprintf(failure + end, sizeof failure - end, " (block (%u, %u, %u))", blockIdx.x, blockIdx.y, blockIdx.z);
    return failure;
}

}  // namespace shim

#define CUDA_ON_CPU_EXPORT(k, bounds)                                                                                                  \
    extern "C" const char* cuda_on_cpu_launch_##k(const unsigned* grid, const unsigned* block, unsigned shared, int reverse, void** a) { \
        return shim::launch(shim::Kernel<k>::call, grid, block, shared, reverse, a);                                                   \
    }                                                                                                                                  \
    extern "C" void cuda_on_cpu_signature_##k(char* text) { shim::Kernel<k>::signature(text); }                                        \
    extern "C" int cuda_on_cpu_bounds_##k() { return shim::first bounds; }
#if defined(__SANITIZE_ADDRESS__)
#define CUDA_ON_CPU_EXPORT_COMMON extern "C" int cuda_on_cpu_static_shared() { return 0; }  // red zones would count
#else
#define CUDA_ON_CPU_EXPORT_COMMON \
    extern "C" int cuda_on_cpu_static_shared() { return (int)(__stop_cuda_shared - __start_cuda_shared) - 1; }  // less block.h's
#endif
namespace shim {
template <class... A> constexpr int first(int a = 1024, A...) { return a; }  // of __launch_bounds__(threads, blocks, ...)
}
