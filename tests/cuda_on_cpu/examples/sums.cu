// Sums in three ways: shuffles and atomics, static shared memory, dynamic shared memory. Kernels made by a macro, as well.
#define WARPS 8

template <class T> __device__ __forceinline__ T warp_sum(T v) {
#pragma unroll
    for (int delta = 16; delta > 0; delta /= 2) v += __shfl_down_sync(0xffffffffu, v, delta);
    return v;
}

#define TOTAL(name, type)                                                                              \
    extern "C" __global__ void __launch_bounds__(32 * WARPS) name(const type* x, type* total, int n) { \
        const int i = blockIdx.x * blockDim.x + threadIdx.x;                                           \
        const type sum = warp_sum(i < n ? x[i] : (type)0);                                             \
        if (threadIdx.x % 32 == 0) atomicAdd(total, sum);                                              \
    }
TOTAL(total_f4, float)
TOTAL(total_i4, int)

// Column sums of x (rows, columns), by tiles of 8 rows and 32 columns.
extern "C" __global__ void __launch_bounds__(32 * WARPS)
column_sums(const float* __restrict__ x, float* __restrict__ sums, int rows, int columns) {
    __shared__ float tile[WARPS][32];
    const int column = blockIdx.x * 32 + threadIdx.x;
    float sum = 0.0f;
    for (int row = threadIdx.y; row < rows; row += WARPS)
        if (column < columns) sum += x[row * columns + column];
    tile[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    for (int half = WARPS / 2; half > 0; half /= 2) {
        if (threadIdx.y < half) tile[threadIdx.y][threadIdx.x] += tile[threadIdx.y + half][threadIdx.x];
        __syncthreads();
    }
    if (threadIdx.y == 0 && column < columns) sums[column] = tile[0][threadIdx.x];
}

// Running sums of each row of x (rows, blockDim.x), in place; two rows of dynamic shared memory.
extern "C" __global__ void row_scan(float* x) {
    extern __shared__ __align__(16) float rows[];
    float *from = rows, *to = rows + blockDim.x;
    float* at = x + (long long)blockIdx.x * blockDim.x + threadIdx.x;
    from[threadIdx.x] = *at;
    __syncthreads();
    for (int step = 1; step < blockDim.x; step *= 2) {
        to[threadIdx.x] = from[threadIdx.x] + (threadIdx.x >= step ? from[threadIdx.x - step] : 0.0f);
        float* swapped = from;
        from = to;
        to = swapped;
        __syncthreads();
    }
    *at = from[threadIdx.x];
}
