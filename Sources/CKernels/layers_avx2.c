#if defined(__x86_64__)
#include "layers_loops.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define VECTOR_BYTES 32
#define VECTORS 2
#define BY_VECTORS BY_TWO
#define FUSED 1
#define CAN_STREAM 1
#define STREAM_FENCE() __builtin_ia32_sfence()
#define MULTIPLY_ADD(a, b, c) __builtin_elementwise_fma(a, b, c)

#define real float
#define integer int32_t
#define VARIANT_NAME(x) x##_float_avx2
#include "layers_type.h"
#undef real
#undef integer
#undef VARIANT_NAME

#define real double
#define integer int64_t
#define VARIANT_NAME(x) x##_double_avx2
#include "layers_type.h"

#pragma clang attribute pop
#endif
