#include "reduce.h"

#include "variants.h"
#include "wire.h"

#define VARIANT reduce_scalar
#define BYTES 16
#define TARGET
#include "reduce_loops.h"

#if defined(__x86_64__)
extern const ck_reduction reduce_avx2[CK_TYPES * CK_OPERATIONS];
extern const ck_reduction reduce_avx512[CK_TYPES * CK_OPERATIONS];
#endif

const ck_reduction *ck_reductions(int variant) {
  switch (variant) {
    case CK_SCALAR:
      return reduce_scalar;
#if defined(__x86_64__)
    case CK_AVX2:
      return has_avx2() ? reduce_avx2 : NULL;
    case CK_AVX512:
      return has_avx512() ? reduce_avx512 : NULL;
#endif
    default:
      return NULL;
  }
}
