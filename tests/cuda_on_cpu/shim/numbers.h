// Arithmetic of CUDA that C++ lacks. Nothing is contracted into a fused operation (-ffp-contract=off): only fmaf is one.
#pragma once

// min and max of any two numbers; of two reals, a NaN loses.
template <class A, class B> auto min(A a, B b) {
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) return std::fmin((T)a, (T)b);
    else return (T)b < (T)a ? (T)b : (T)a;
}
template <class A, class B> auto max(A a, B b) {
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) return std::fmax((T)a, (T)b);
    else return (T)a < (T)b ? (T)b : (T)a;
}

inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline float __fsqrt_rn(float a) { return __builtin_sqrtf(a); }
inline float __frcp_rn(float a) { return 1.0f / a; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __fma_rn(double a, double b, double c) { return __builtin_fma(a, b, c); }
inline float rsqrtf(float a) { return 1.0f / __builtin_sqrtf(a); }
inline double rsqrt(double a) { return 1.0 / __builtin_sqrt(a); }
inline float __saturatef(float a) { return a > 0 ? (a < 1 ? a : 1.0f) : 0.0f; }
inline float __fdividef(float a, float b) { return a / b; }

// Fast on a GPU and exact here. As macros, since the C library has some of the names for itself.
#define __expf(x) (expf(x))
#define __exp10f(x) (exp10f(x))
#define __logf(x) (logf(x))
#define __log2f(x) (log2f(x))
#define __log10f(x) (log10f(x))
#define __powf(x, y) (powf(x, y))
#define __sinf(x) (sinf(x))
#define __cosf(x) (cosf(x))

inline int __mulhi(int a, int b) { return (int)((int64_t)a * b >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
inline long long __mul64hi(long long a, long long b) { return (long long)((__int128)a * b >> 64); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}

inline int __popc(unsigned a) { return __builtin_popcount(a); }
inline int __popcll(unsigned long long a) { return __builtin_popcountll(a); }
inline int __ffs(int a) { return __builtin_ffs(a); }
inline int __ffsll(long long a) { return __builtin_ffsll(a); }
inline int __clz(int a) { return a ? __builtin_clz((unsigned)a) : 32; }
inline int __clzll(long long a) { return a ? __builtin_clzll((unsigned long long)a) : 64; }
inline unsigned __brev(unsigned a) {
    unsigned r = 0;
    for (int bit = 0; bit < 32; ++bit) r |= (a >> bit & 1) << (31 - bit);
    return r;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned s) {
    return (unsigned)(((uint64_t)high << 32 | low) << (s & 31) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned s) {
    return (unsigned)(((uint64_t)high << 32 | low) >> (s & 31));
}

namespace shim {
template <class To, class From> To bits(From a) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    memcpy(&to, &a, sizeof to);
    return to;
}
}  // namespace shim
inline int __float_as_int(float a) { return shim::bits<int>(a); }
inline unsigned __float_as_uint(float a) { return shim::bits<unsigned>(a); }
inline float __int_as_float(int a) { return shim::bits<float>(a); }
inline float __uint_as_float(unsigned a) { return shim::bits<float>(a); }
inline long long __double_as_longlong(double a) { return shim::bits<long long>(a); }
inline double __longlong_as_double(long long a) { return shim::bits<double>(a); }

inline int __float2int_rn(float a) { return (int)rintf(a); }
inline int __float2int_rz(float a) { return (int)a; }
inline int __float2int_rd(float a) { return (int)floorf(a); }
inline int __float2int_ru(float a) { return (int)ceilf(a); }
inline unsigned __float2uint_rn(float a) { return (unsigned)rintf(a); }
inline unsigned __float2uint_rz(float a) { return (unsigned)a; }
inline float __int2float_rn(int a) { return (float)a; }
inline float __uint2float_rn(unsigned a) { return (float)a; }
inline float __double2float_rn(double a) { return (float)a; }

template <class T> T __ldg(const T* at) { return *at; }
template <class T> T __ldcg(const T* at) { return *at; }
template <class T> T __ldcs(const T* at) { return *at; }
template <class T> void __stcg(T* at, T v) { *at = v; }
template <class T> void __stcs(T* at, T v) { *at = v; }
