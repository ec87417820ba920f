#include "optimizers.h"

#include <stdint.h>

#include "optimizers_variants.h"
#include "wire.h"

#define TARGET
#define REAL float
#define NAME(x) optimizer_float_##x##_scalar
#include "optimizers_loops.h"
#undef REAL
#undef NAME
#define REAL double
#define NAME(x) optimizer_double_##x##_scalar
#include "optimizers_loops.h"

static const optimizer_passes *passes(int type, int variant) {
  switch (variant) {
    case CK_SCALAR:
      return type == CK_FLOAT ? &optimizer_float_passes_scalar : &optimizer_double_passes_scalar;
#if defined(__x86_64__)
    case CK_AVX2:
      if (!__builtin_cpu_supports("avx2")) return NULL;
      return type == CK_FLOAT ? &optimizer_float_passes_avx2 : &optimizer_double_passes_avx2;
#endif
    default:
      return NULL;
  }
}

ck_update_function ck_update_variant(int rule, int type, int variant) {
  const optimizer_passes *found = passes(type, variant);
  return found && rule >= 0 && rule < CK_RULES ? found->update[rule] : NULL;
}

ck_squares_function ck_squares_variant(int type, int variant) {
  const optimizer_passes *found = passes(type, variant);
  return found ? found->squares : NULL;
}
