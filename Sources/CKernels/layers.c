#include "layers_loops.h"
#include "wire.h"

#define VECTOR_BYTES 16
#define VECTORS 2
#define BY_VECTORS BY_TWO
#define CAN_STREAM 0
#define STREAM_FENCE()
#if defined(__aarch64__)
#define FUSED 1
#define MULTIPLY_ADD(a, b, c) __builtin_elementwise_fma(a, b, c)
#else
// Without the instruction a fused multiply-add is a call: two roundings instead.
#define FUSED 0
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

#define real float
#define integer int32_t
#define VARIANT_NAME(x) x##_float_scalar
#include "layers_type.h"
#undef real
#undef integer
#undef VARIANT_NAME

#define real double
#define integer int64_t
#define VARIANT_NAME(x) x##_double_scalar
#include "layers_type.h"

const ck_layers *ck_layers_variant(int type, int variant) {
  if (type != CK_FLOAT && type != CK_DOUBLE) return NULL;
  const int wide = type == CK_DOUBLE;
  switch (variant) {
    case CK_SCALAR:
      return wide ? &layers_double_scalar : &layers_float_scalar;
#if defined(__x86_64__)
    case CK_AVX2:
      if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return NULL;
      return wide ? &layers_double_avx2 : &layers_float_avx2;
    case CK_AVX512:
      if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
          !__builtin_cpu_supports("avx512vl"))
        return NULL;
      return wide ? &layers_double_avx512 : &layers_float_avx512;
#endif
    default:
      return NULL;
  }
}
