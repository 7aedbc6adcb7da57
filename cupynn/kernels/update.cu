// Optimizer updates, the regulariser, and sums of partial gradients: twin of `update.py`.

// A row's factor in the regulariser's term, a block a row: decay (rows,). scale = strength * beta / w_max; w_max squared.
extern "C" __global__ void __launch_bounds__(256, 4)
row_decay(const float* weight, int columns, float scale, float beta, float w_max_squared, float* decay) {
    __shared__ float scratch[256];
    const float* row = weight + (size_t)blockIdx.x * columns;
    float square = 0.0f;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) square += row[j] * row[j];
    float level = block_sum(square, scratch) / (w_max_squared * columns);
    if (threadIdx.x == 0) decay[blockIdx.x] = scale * expf(beta * (level - 1.0f));
}

// Mean of a row of a gradient, a block a row: mean (rows,).
extern "C" __global__ void __launch_bounds__(256, 4)
row_mean(const float* gradient, int columns, float* mean) {
    __shared__ float scratch[256];
    const float* row = gradient + (size_t)blockIdx.x * columns;
    float sum = 0.0f;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) sum += row[j];
    sum = block_sum(sum, scratch);
    if (threadIdx.x == 0) mean[blockIdx.x] = sum / columns;
}

extern "C" __global__ void __launch_bounds__(256, 4)
sgd(float* weight, const float* gradient, const float* shift, const float* decay, float* velocity, int rows, int columns, float rate,
    float momentum) {
    size_t k = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (k >= (size_t)rows * columns) return;
    float g = gradient[k] - shift[k / columns] + decay[k / columns] * weight[k];
    velocity[k] = momentum * velocity[k] + g;
    weight[k] -= rate * velocity[k];
}

extern "C" __global__ void __launch_bounds__(256, 4)
adam(float* weight, const float* gradient, const float* shift, const float* decay, float* mean, float* square, int rows, int columns,
     float rate, float beta1, float beta2, float epsilon, float correction1, float correction2) {
    size_t k = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (k >= (size_t)rows * columns) return;
    float g = gradient[k] - shift[k / columns] + decay[k / columns] * weight[k];
    mean[k] = beta1 * mean[k] + (1.0f - beta1) * g;
    square[k] = beta2 * square[k] + (1.0f - beta2) * g * g;
    weight[k] -= rate * (mean[k] * correction1) / (sqrtf(square[k] * correction2) + epsilon);
}

extern "C" __global__ void __launch_bounds__(256, 4)
average(const float* weight, float* mean, int rows, int columns, float share) {
    size_t k = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (k < (size_t)rows * columns) mean[k] += share * (weight[k] - mean[k]);
}

// Add partial sums, in their order: total (size,) += sum over p of partial (parts, size).
extern "C" __global__ void __launch_bounds__(256, 4)
add_parts(const float* partial, int parts, int size, float* total) {
    int k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k >= size) return;
    float sum = total[k];
    for (int p = 0; p < parts; ++p) sum += partial[(size_t)p * size + k];
    total[k] = sum;
}
