// The level of this processor, the kernels of the lowest level, and the choice among all.
#define LEVEL scalar
#define VECTOR_BYTES 16
#define TILE_VECTORS 2
#if defined(__aarch64__)
#define HAS_FMA 1
#define HAS_FLOAT16 1
#else
// Without these instructions both are calls of a library.
#define HAS_FMA 0
#define HAS_FLOAT16 0
#endif
#include "level.h"

#if defined(__x86_64__)
#include <cpuid.h>

static int has_avx2(void) {
  unsigned a, b, c = 0, d;
  // The first two answers include that the system keeps the wide registers; older libraries do not know F16C.
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

static int has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

ck_level ck_processor_level(void) {
  if (!has_avx2()) return CK_SCALAR;
  return has_avx512() ? CK_AVX512 : CK_AVX2;
}

static const ck_kernels *const kernels[] = {
    [CK_SCALAR] = &ck_kernels_scalar, [CK_AVX2] = &ck_kernels_avx2, [CK_AVX512] = &ck_kernels_avx512};
#else
ck_level ck_processor_level(void) { return CK_SCALAR; }

static const ck_kernels *const kernels[] = {[CK_SCALAR] = &ck_kernels_scalar};
#endif

/// The table of a level; NULL if this processor does not have it.
static const ck_kernels *kernels_at(ck_level level) {
  return level <= ck_processor_level() ? kernels[level] : NULL;
}

const ck_reduction *ck_reductions_at(ck_level level, int type) {
  const ck_kernels *found = kernels_at(level);
  return found ? found->reductions[type] : NULL;
}

const ck_wire *ck_wire_at(ck_level level, int format) {
  const ck_kernels *found = kernels_at(level);
  return found ? &found->wire[format] : NULL;
}

const ck_compression *ck_compression_at(ck_level level, int type) {
  const ck_kernels *found = kernels_at(level);
  return found ? found->compression[type] : NULL;
}

const ck_optimizers *ck_optimizers_at(ck_level level, int type) {
  const ck_kernels *found = kernels_at(level);
  return found ? found->optimizers[type] : NULL;
}

const ck_layers *ck_layers_at(ck_level level, int type) {
  const ck_kernels *found = kernels_at(level);
  return found ? found->layers[type] : NULL;
}

const ck_activations *ck_activations_at(ck_level level) {
  const ck_kernels *found = kernels_at(level);
  return found ? found->activations : NULL;
}

const ck_normalization *ck_normalization_at(ck_level level) {
  const ck_kernels *found = kernels_at(level);
  return found ? found->normalization : NULL;
}
