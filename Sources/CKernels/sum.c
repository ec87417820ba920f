#include "sum.h"

#include "variants.h"
#include "wire.h"

#define VARIANT sum_scalar
#define BYTES 16
#define TARGET
#include "sum_loops.h"

#if defined(__x86_64__)
extern const ck_sum sum_avx2[2], sum_avx512[2];
#endif

const ck_sum *ck_sum_variant(int type, int variant) {
  if (type != CK_FLOAT && type != CK_DOUBLE) return NULL;
  switch (variant) {
    case CK_SCALAR:
      return &sum_scalar[type];
#if defined(__x86_64__)
    case CK_AVX2:
      return has_avx2() ? &sum_avx2[type] : NULL;
    case CK_AVX512:
      return has_avx512() ? &sum_avx512[type] : NULL;
#endif
    default:
      return NULL;
  }
}

const ck_sum *ck_sum_best(int type) {
  for (int variant = CK_AVX512; variant > CK_SCALAR; variant--) {
    const ck_sum *found = ck_sum_variant(type, variant);
    if (found) return found;
  }
  return ck_sum_variant(type, CK_SCALAR);
}
