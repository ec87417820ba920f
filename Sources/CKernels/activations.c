#include "activations_variants.h"
#include "wire.h"

#define VARIANT(name) scalar_##name
#include "lanes_body.h"
#include "activations_math.h"
#include "dropout_body.h"
#include "activations_body.h"
#include "normalization_body.h"

#if defined(__x86_64__)
static int has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

/// The variant, if this processor has it, else NULL.
#define CHOOSE(TABLE)                                               \
  switch (variant) {                                                \
    case CK_SCALAR: return &scalar_##TABLE;                         \
    X86_VARIANTS(TABLE)                                             \
    default: return NULL;                                           \
  }

#if defined(__x86_64__)
#define X86_VARIANTS(TABLE)                                                        \
  case CK_AVX2: return __builtin_cpu_supports("avx2") ? &avx2_##TABLE : NULL;      \
  case CK_AVX512: return has_avx512() ? &avx512_##TABLE : NULL;
#else
#define X86_VARIANTS(TABLE)
#endif

const ck_activations *ck_activations_variant(int variant) { CHOOSE(activations) }
const ck_normalization *ck_normalization_variant(int variant) { CHOOSE(normalization) }
