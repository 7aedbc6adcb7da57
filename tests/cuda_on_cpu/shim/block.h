// The running block: its threads' numbers, its shared memory, and what went wrong in it.
#pragma once

// Static shared memory lies in a section of its own, whose bounds the linker knows (the first line makes sure that there is one).
static char shared_memory_exists __attribute__((section("cuda_shared"), used));
extern "C" char __start_cuda_shared[] __attribute__((visibility("hidden")));
extern "C" char __stop_cuda_shared[] __attribute__((visibility("hidden")));

#if defined(__SANITIZE_ADDRESS__)
extern "C" void __asan_poison_memory_region(void const volatile*, size_t);
extern "C" void __asan_unpoison_memory_region(void const volatile*, size_t);
#endif

namespace shim {

constexpr unsigned MAX_THREADS = 1024, WARP = 32, MAX_SHARED = 227 * 1024;

struct Place { const char *what, *file; int line; };  // where a thread waits for others

static unsigned size;                      // threads of the block
static bool backwards;                     // run them, and the blocks, in reverse order
static uint3 index_of[MAX_THREADS];        // threadIdx of a thread
static CUDA_ON_CPU_LOCAL unsigned self;    // the thread that runs
static void (*kernel)(void**);
static void** arguments;
static char failure[600];                  // empty while all is well
alignas(128) static char dynamic_shared[MAX_SHARED];

inline void enter(unsigned thread) {
    self = thread;
    threadIdx = index_of[thread];
}

inline unsigned lanes_of_warp() {  // that the block has: all but in its last warp
    const unsigned left = size - self / WARP * WARP;
    return left < WARP ? (1u << left) - 1 : ~0u;
}

template <class... A> void note(const char* format, A... a) {  // the first failure stays
    if (!failure[0]) snprintf(failure, sizeof failure, format, a...);
}

struct Name { char text[40]; };
inline Name name(unsigned t) {
    Name n;
    snprintf(n.text, sizeof n.text, "thread (%u, %u, %u)", index_of[t].x, index_of[t].y, index_of[t].z);
    return n;
}

// Every byte of shared memory is 0xff when a block begins: a float that was never written is NaN, an int is -1.
// The loop is volatile so that it stays one: the address sanitizer would object to a memset over its red zones.
__attribute__((no_sanitize("address"), no_sanitize("thread"))) static void forget_shared_memory(unsigned bytes) {
    for (volatile char* p = __start_cuda_shared; p < __stop_cuda_shared; ++p) *p = (char)0xff;
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(dynamic_shared, bytes);
    __asan_poison_memory_region(dynamic_shared + bytes, MAX_SHARED - bytes);
#endif
    memset(dynamic_shared, 0xff, bytes);
}

}  // namespace shim
