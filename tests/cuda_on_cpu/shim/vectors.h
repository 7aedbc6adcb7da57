// float2, uint4 and the like, aligned as on a GPU, so that a sanitizer sees a pointer that is not.
#pragma once

#define CUDA_ON_CPU_VECTORS(name, T)                                                                              \
    struct alignas(2 * sizeof(T)) name##2 { using element = T; static constexpr int count = 2; T x, y; };         \
    struct alignas(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)) name##4 { using element = T; static constexpr int count = 4; T x, y, z, w; }; \
    inline name##2 make_##name##2(T x, T y) { return {x, y}; }                                                    \
    inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
#define CUDA_ON_CPU_VECTOR3(name, T)                                                \
    struct name##3 { using element = T; static constexpr int count = 3; T x, y, z; }; \
    inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }

CUDA_ON_CPU_VECTORS(char, signed char)
CUDA_ON_CPU_VECTORS(uchar, unsigned char)
CUDA_ON_CPU_VECTORS(short, short)
CUDA_ON_CPU_VECTORS(ushort, unsigned short)
CUDA_ON_CPU_VECTORS(int, int)
CUDA_ON_CPU_VECTORS(uint, unsigned)
CUDA_ON_CPU_VECTORS(longlong, long long)
CUDA_ON_CPU_VECTORS(ulonglong, unsigned long long)
CUDA_ON_CPU_VECTORS(float, float)
CUDA_ON_CPU_VECTORS(double, double)
CUDA_ON_CPU_VECTOR3(char, signed char)
CUDA_ON_CPU_VECTOR3(uchar, unsigned char)
CUDA_ON_CPU_VECTOR3(int, int)
CUDA_ON_CPU_VECTOR3(float, float)
CUDA_ON_CPU_VECTOR3(double, double)
inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
