// The tables of compression.c and its variants, and what they have in common.
#ifndef ALLREDUCE_COMPRESSION_VARIANTS_H
#define ALLREDUCE_COMPRESSION_VARIANTS_H

#include "compression.h"

#define COMPRESSION_SHARED(scalar)                                                                   \
  void ck_orthonormalize_##scalar(void *p, size_t rows, size_t rank);                                \
  void ck_normalize_##scalar(void *guess, const void *q, size_t columns, size_t rank);               \
  void ck_take_largest_##scalar(void *values, const void *gradient, size_t count, size_t wanted,     \
                                uint32_t *places, void *numbers, uint32_t *scratch);                 \
  void ck_add_at_##scalar(void *values, const uint32_t *places, const void *numbers, size_t count);

COMPRESSION_SHARED(float)
COMPRESSION_SHARED(double)

#if defined(__x86_64__)
extern const ck_compression compression_avx2[2], compression_avx512[2];
#endif

#endif
