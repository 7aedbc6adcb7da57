// Random scaling, rotation and elastic distortion of images: twin of `augment.py`, with its formula and order of rounding.

#define STREAM 0x80000000u

// A random word's leading 24 bits, exactly, in [-1, 1).
__device__ __forceinline__ float uniform(uint32 word) {
    return (int)(word >> 8) * 1.1920928955078125e-7f - 1.0f;
}

// An integer from -largest to largest, by a random word's leading 24 bits.
__device__ __forceinline__ float whole(uint32 word, int largest) {
    return (int)((uint64)(word >> 8) * (2 * largest + 1) >> 24) - largest;
}

__device__ __forceinline__ float pixel(const unsigned char* image, int height, int width, int i, int j) {
    return 0 <= i && i < height && 0 <= j && j < width ? (float)image[i * width + j] : 0.0f;
}

// One block per sample. images (batch, channels, height, width); weights (2 radius + 1,) of the Gaussian; field (batch, 3,
// height, width): scratch for two directions and a filter's first pass. Writes augmented.
extern "C" __global__ void __launch_bounds__(256, 4)
augment(const unsigned char* images, int channels, int height, int width, float scale, float rotation, int shift, uint32 flip,
        float strength, const float* weights, int radius, uint32 key0, uint32 key1, uint32 draw, const uint32* samples, float* field,
        unsigned char* augmented) {
    int b = blockIdx.x, area = height * width;
    float *own = field + (size_t)b * 3 * area, *rows = own + 2 * area;
    for (int block = threadIdx.x; strength > 0.0f && 4 * block < 2 * area; block += blockDim.x) {
        Words words = philox(1 + block, STREAM, samples[b], draw, key0, key1);
        for (int k = 0; k < 4 && 4 * block + k < 2 * area; ++k) own[4 * block + k] = uniform(words.word[k]);
    }
    __syncthreads();
    for (int direction = 0; strength > 0.0f && direction < 2; ++direction) {
        float* noise = own + direction * area;
        for (int p = threadIdx.x; p < area; p += blockDim.x) {
            float sum = 0.0f;
            for (int k = 0; k <= 2 * radius; ++k) {
                int j = p % width + k - radius;
                if (0 <= j && j < width) sum = __fadd_rn(sum, __fmul_rn(weights[k], noise[p + k - radius]));
            }
            rows[p] = sum;
        }
        __syncthreads();
        for (int p = threadIdx.x; p < area; p += blockDim.x) {
            float sum = 0.0f;
            for (int k = 0; k <= 2 * radius; ++k) {
                int i = p / width + k - radius;
                if (0 <= i && i < height) sum = __fadd_rn(sum, __fmul_rn(weights[k], rows[i * width + p % width]));
            }
            noise[p] = sum;
        }
        __syncthreads();
    }
    Words shape = philox(0, STREAM, samples[b], draw, key0, key1);
    float zoom = __fadd_rn(1.0f, __fmul_rn(scale, uniform(shape.word[0])));
    double angle = __fmul_rn(rotation, uniform(shape.word[1]));
    float cosine = __fdiv_rn((float)cos(angle), zoom), sine = __fdiv_rn((float)sin(angle), zoom);
    float shift_i = whole(shape.word[2], shift), shift_j = whole(shape.word[3], shift);
    bool mirrored = shape.word[0] & flip;
    float middle_i = (height - 1) * 0.5f, middle_j = (width - 1) * 0.5f;
    for (int p = threadIdx.x; p < area; p += blockDim.x) {
        float y = p / width - middle_i, x = p % width - middle_j;
        if (mirrored) x = -x;
        float source_i = __fadd_rn(__fadd_rn(__fsub_rn(__fmul_rn(cosine, y), __fmul_rn(sine, x)), middle_i), shift_i);
        float source_j = __fadd_rn(__fadd_rn(__fadd_rn(__fmul_rn(sine, y), __fmul_rn(cosine, x)), middle_j), shift_j);
        if (strength > 0.0f) {
            source_i = __fadd_rn(source_i, __fmul_rn(strength, own[p]));
            source_j = __fadd_rn(source_j, __fmul_rn(strength, own[area + p]));
        }
        int top = (int)floorf(source_i), left = (int)floorf(source_j);
        float down = __fsub_rn(source_i, top), right = __fsub_rn(source_j, left), up = 1.0f - down, back = 1.0f - right;
        for (int c = 0; c < channels; ++c) {
            const unsigned char* image = images + ((size_t)b * channels + c) * area;
            float upper = __fadd_rn(__fmul_rn(back, pixel(image, height, width, top, left)),
                                    __fmul_rn(right, pixel(image, height, width, top, left + 1)));
            float lower = __fadd_rn(__fmul_rn(back, pixel(image, height, width, top + 1, left)),
                                    __fmul_rn(right, pixel(image, height, width, top + 1, left + 1)));
            float value = __fadd_rn(__fadd_rn(__fmul_rn(up, upper), __fmul_rn(down, lower)), 0.5f);
            augmented[((size_t)b * channels + c) * area + p] = (unsigned char)value;
        }
    }
}
