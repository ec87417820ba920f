// The loops behind sum.h, compiled once for each variant: the includer sets VARIANT, the vectors' BYTES
// and TARGET. Written with the compilers' vector types; what a processor lacks becomes several
// instructions.
#include <stdint.h>

#include "sum.h"

#define INLINE static inline TARGET __attribute__((always_inline))

#define SUM_LOOPS(scalar, bits, one_nan)                                                             \
  typedef scalar scalar##s __attribute__((vector_size(BYTES), aligned(sizeof(scalar)), may_alias));  \
  typedef bits scalar##_bits __attribute__((vector_size(BYTES)));                                    \
  enum { scalar##_lanes = BYTES / sizeof(scalar) };                                                  \
                                                                                                     \
  INLINE scalar##s canonical_##scalar(scalar##s values) {                                            \
    scalar##_bits ordered = (scalar##_bits)(values == values);                                       \
    scalar##_bits nan = (scalar##_bits){} + one_nan;                                                 \
    return (scalar##s)(((scalar##_bits)values & ordered) | (nan & ~ordered));                        \
  }                                                                                                  \
                                                                                                     \
  static TARGET void add_##scalar(void *into, const void *from, size_t count) {                      \
    scalar *a = into;                                                                                \
    const scalar *b = from;                                                                          \
    size_t i = 0;                                                                                    \
    for (; i + scalar##_lanes <= count; i += scalar##_lanes)                                         \
      *(scalar##s *)(a + i) += *(const scalar##s *)(b + i);                                          \
    for (; i < count; i++) a[i] += b[i];                                                             \
  }                                                                                                  \
                                                                                                     \
  static TARGET void add_symmetrically_##scalar(void *into, const void *from, size_t count) {        \
    scalar *a = into;                                                                                \
    const scalar *b = from;                                                                          \
    size_t i = 0;                                                                                    \
    for (; i + scalar##_lanes <= count; i += scalar##_lanes)                                         \
      *(scalar##s *)(a + i) =                                                                        \
          canonical_##scalar(*(scalar##s *)(a + i) + *(const scalar##s *)(b + i));                   \
    for (; i < count; i++) {                                                                         \
      scalar sum = a[i] + b[i];                                                                      \
      a[i] = sum == sum ? sum : (scalar)__builtin_nan("");                                           \
    }                                                                                                \
  }                                                                                                  \
                                                                                                     \
  static TARGET void add_both_##scalar(void *one, void *other, size_t count) {                       \
    scalar *a = one, *b = other;                                                                     \
    size_t i = 0;                                                                                    \
    for (; i + scalar##_lanes <= count; i += scalar##_lanes) {                                       \
      scalar##s sum = *(scalar##s *)(a + i) + *(scalar##s *)(b + i);                                 \
      *(scalar##s *)(a + i) = sum;                                                                   \
      *(scalar##s *)(b + i) = sum;                                                                   \
    }                                                                                                \
    for (; i < count; i++) a[i] = b[i] = a[i] + b[i];                                                \
  }                                                                                                  \
                                                                                                     \
  static TARGET void average_both_##scalar(void *one, void *other, size_t count) {                   \
    scalar *a = one, *b = other;                                                                     \
    size_t i = 0;                                                                                    \
    for (; i + scalar##_lanes <= count; i += scalar##_lanes) {                                       \
      scalar##s mean = (*(scalar##s *)(a + i) + *(scalar##s *)(b + i)) / 2;                          \
      *(scalar##s *)(a + i) = mean;                                                                  \
      *(scalar##s *)(b + i) = mean;                                                                  \
    }                                                                                                \
    for (; i < count; i++) a[i] = b[i] = (a[i] + b[i]) / 2;                                          \
  }

SUM_LOOPS(float, int32_t, 0x7FC00000)
SUM_LOOPS(double, int64_t, 0x7FF8000000000000)

#define SUM_TABLE(scalar) \
  {add_##scalar, add_symmetrically_##scalar, add_both_##scalar, average_both_##scalar}

const ck_sum VARIANT[2] = {SUM_TABLE(float), SUM_TABLE(double)};
