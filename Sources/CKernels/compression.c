#include "compression.h"

#include "variants.h"
#include "wire.h"

#define VARIANT compression_scalar
#define BYTES 16
#define TARGET
#include "compression_loops.h"

const ck_compression *ck_compression_variant(int type, int variant) {
  if (type != CK_FLOAT && type != CK_DOUBLE) return NULL;
  switch (variant) {
    case CK_SCALAR:
      return &compression_scalar[type];
#if defined(__x86_64__)
    case CK_AVX2:
      return has_avx2() ? &compression_avx2[type] : NULL;
    case CK_AVX512:
      return has_avx512() ? &compression_avx512[type] : NULL;
#endif
    default:
      return NULL;
  }
}
