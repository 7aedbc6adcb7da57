// Optimizer updates, the regularizer, and sums of partial gradients: twin of `update.py`.

// Factor of each row in the regularizer's term, one block per row: decay (rows,). scale = strength * beta / w_max.
extern "C" __global__ void __launch_bounds__(256, 4)
row_decay(const float* weight, int columns, float scale, float beta, float w_max_squared, float* decay) {
    __shared__ float scratch[256];
    const float* row = weight + (size_t)blockIdx.x * columns;
    float square = 0.0f;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) square += row[j] * row[j];
    float level = block_sum(square, scratch) / (w_max_squared * columns);
    if (threadIdx.x == 0) decay[blockIdx.x] = scale * expf(beta * (level - 1.0f));
}

// Mean of each row of a gradient, one block per row: mean (rows,).
extern "C" __global__ void __launch_bounds__(256, 4)
row_mean(const float* gradient, int columns, float* mean) {
    __shared__ float scratch[256];
    const float* row = gradient + (size_t)blockIdx.x * columns;
    float sum = 0.0f;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) sum += row[j];
    sum = block_sum(sum, scratch);
    if (threadIdx.x == 0) mean[blockIdx.x] = sum / columns;
}

// Sum of the squares of each row of a gradient, one block per row: square (rows,).
extern "C" __global__ void __launch_bounds__(256, 4)
row_square(const float* gradient, int columns, double* square) {
    __shared__ double scratch[256];
    const float* row = gradient + (size_t)blockIdx.x * columns;
    double sum = 0.0;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) sum += (double)row[j] * row[j];
    sum = block_sum(sum, scratch);
    if (threadIdx.x == 0) square[blockIdx.x] = sum;
}

// Factor (1,) that scales gradients whose squares have these sums (count,) to a norm of at most `limit`, in one block.
extern "C" __global__ void __launch_bounds__(256, 4)
clip_factor(const double* square, int count, float limit, float* factor) {
    __shared__ double scratch[256];
    double sum = 0.0;
    for (int i = threadIdx.x; i < count; i += blockDim.x) sum += square[i];
    double norm = sqrt(block_sum(sum, scratch));
    if (threadIdx.x == 0) factor[0] = norm <= limit ? 1.0f : (float)(limit / norm);
}

extern "C" __global__ void __launch_bounds__(256, 4)
scale(float* gradient, int rows, int columns, const float* factor) {
    size_t k = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (k < (size_t)rows * columns) gradient[k] *= factor[0];
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

// Add partial sums in order: total (size,) += sum over p of partial (parts, size).
extern "C" __global__ void __launch_bounds__(256, 4)
add_parts(const float* partial, int parts, int size, float* total) {
    int k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k >= size) return;
    float sum = total[k];
    for (int p = 0; p < parts; ++p) sum += partial[(size_t)p * size + k];
    total[k] = sum;
}
