// Kernels with one mistake each, which the shim, a sanitizer, or the reverse order of threads has to find. Tests expect
// messages that name lines of this file.
extern "C" __global__ void divergent(int* y) {
    if (threadIdx.x < 7)
        __syncthreads();
    else
        __syncthreads();
    y[threadIdx.x] = 1;
}
extern "C" __global__ void barrier_after_exit(int* y) {
    if (threadIdx.x == 5) return;
    __syncthreads();
    y[threadIdx.x] = 1;
}
extern "C" __global__ void shuffle_after_exit(int* y) {
    if (threadIdx.x == 5) return;
    y[threadIdx.x] = __shfl_sync(0xffffffffu, y[threadIdx.x], 0);
}
extern "C" __global__ void outside_mask(int* y) {
    y[threadIdx.x] = __ballot_sync(0x0000ffffu, y[threadIdx.x]);
}
extern "C" __global__ void deadlock(int* y) {
    if (threadIdx.x < 8)
        __syncwarp(0xffffffffu);
    else
        __syncthreads();
    y[threadIdx.x] = 1;
}
extern "C" __global__ void missing_barrier(int* y) {  // reverses the block
    __shared__ int x[64];
    x[threadIdx.x] = y[threadIdx.x];
    y[threadIdx.x] = x[63 - threadIdx.x];
}
extern "C" __global__ void missing_atomic(int* y) {
    y[0] += 1;
}
extern "C" __global__ void unset_shared(float* y) {
    __shared__ float fixed[64];
    extern __shared__ float given[];
    y[threadIdx.x] = threadIdx.x % 2 ? fixed[threadIdx.x] : given[threadIdx.x];
}
// Accesses at an offset that the launch decides: element n + threadIdx.x of arrays of 64.
extern "C" __global__ void past_array(float* y, int n) {
    y[n + threadIdx.x] = 1.0f;
}
extern "C" __global__ void past_static_shared(float* y, int n) {
    __shared__ float x[64];
    float* at = x + n;
    at[threadIdx.x] = 1.0f;
    y[threadIdx.x] = at[threadIdx.x];
}
extern "C" __global__ void past_dynamic_shared(float* y, int n) {
    extern __shared__ float x[];
    x[n + threadIdx.x] = 1.0f;
    y[threadIdx.x] = x[threadIdx.x];
}
extern "C" __global__ void past_local(float* y, int n) {
    float x[4] = {1.0f, 2.0f, 3.0f, 4.0f};
    __syncthreads();
    y[threadIdx.x] = x[n];
}
extern "C" __global__ void misaligned(float* y, int n) {
    if (threadIdx.x == 0) *reinterpret_cast<float4*>(y + n) = make_float4(1.0f, 2.0f, 3.0f, 4.0f);
}
extern "C" __global__ void index_overflow(float* y, int n) {
    y[0] = (n * 65536) * 16384;
}
// None: the sum of a block's ones, by votes, shuffles, shared memory and an atomic.
extern "C" __global__ void right(int* y) {
    __shared__ int sum;
    if (threadIdx.x == 0) sum = 0;
    __syncthreads();
    const int votes = __popc(__ballot_sync(0xffffffffu, 1));
    if (threadIdx.x % 32 == 0) atomicAdd(&sum, __shfl_sync(1u, votes, 0));
    __syncthreads();
    y[threadIdx.x] = sum;
}
