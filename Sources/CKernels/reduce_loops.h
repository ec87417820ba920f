// The loops behind reduce.h, compiled once for each variant: the includer sets VARIANT, the vectors'
// BYTES and TARGET. Written with the compilers' vector types; what a processor lacks becomes several
// instructions. What is left over at the end of a range goes through vectors of one element, by the
// same expressions.
#include <stdint.h>

#include "reduce.h"

#define INLINE static inline TARGET __attribute__((always_inline))

/// A vector of elements, and one of integers of the same width, signed and not.
#define VECTORS(vector, element, bits, bytes)                                                      \
  typedef element vector __attribute__((vector_size(bytes), aligned(sizeof(element)), may_alias)); \
  typedef bits vector##_bits __attribute__((vector_size(bytes)));                                  \
  typedef u##bits vector##_natural __attribute__((vector_size(bytes)));                            \
  INLINE vector vector##_choose(vector##_bits first, vector a, vector b) {                         \
    return (vector)(((vector##_bits)a & first) | ((vector##_bits)b & ~first));                     \
  }

#define FLOATING(vector, element, bits, bytes, one_nan)                                            \
  VECTORS(vector, element, bits, bytes)                                                            \
  INLINE vector vector##_canonical(vector a) {                                                     \
    return vector##_choose(a == a, a, (vector)((vector##_bits){} + one_nan));                      \
  }                                                                                                \
  INLINE vector vector##_sum(vector a, vector b) { return a + b; }                                 \
  INLINE vector vector##_half(vector a, vector b) { return (a + b) / 2; }                          \
  INLINE vector vector##_product(vector a, vector b) { return a * b; }                             \
  INLINE vector vector##_equal_sum(vector a, vector b) { return vector##_canonical(a + b); }       \
  INLINE vector vector##_equal_product(vector a, vector b) { return vector##_canonical(a * b); }   \
  INLINE vector vector##_least(vector a, vector b) {                                               \
    vector zero = (vector)((vector##_bits)a | (vector##_bits)b);                                   \
    vector number = vector##_choose(a < b, a, vector##_choose(a == b, zero, b));                   \
    return vector##_choose((a == a) & (b == b), number, (vector)((vector##_bits){} + one_nan));    \
  }                                                                                                \
  INLINE vector vector##_most(vector a, vector b) {                                                \
    vector zero = (vector)((vector##_bits)a & (vector##_bits)b);                                   \
    vector number = vector##_choose(a > b, a, vector##_choose(a == b, zero, b));                   \
    return vector##_choose((a == a) & (b == b), number, (vector)((vector##_bits){} + one_nan));    \
  }

// Unsigned numbers wrap; for signed ones C leaves it open.
#define INTEGER(vector, element, bits, bytes)                                                      \
  VECTORS(vector, element, bits, bytes)                                                            \
  INLINE vector vector##_sum(vector a, vector b) {                                                 \
    return (vector)((vector##_natural)a + (vector##_natural)b);                                    \
  }                                                                                                \
  INLINE vector vector##_product(vector a, vector b) {                                             \
    return (vector)((vector##_natural)a * (vector##_natural)b);                                    \
  }                                                                                                \
  INLINE vector vector##_least(vector a, vector b) { return vector##_choose(a < b, a, b); }        \
  INLINE vector vector##_most(vector a, vector b) { return vector##_choose(a > b, a, b); }

FLOATING(floats, float, int32_t, BYTES, 0x7FC00000)
FLOATING(floats_1, float, int32_t, 4, 0x7FC00000)
FLOATING(doubles, double, int64_t, BYTES, 0x7FF8000000000000)
FLOATING(doubles_1, double, int64_t, 8, 0x7FF8000000000000)
INTEGER(int32s, int32_t, int32_t, BYTES)
INTEGER(int32s_1, int32_t, int32_t, 4)
INTEGER(int64s, int64_t, int64_t, BYTES)
INTEGER(int64s_1, int64_t, int64_t, 8)

/// The result in the first place.
#define ONE(vector, element, operation)                                                            \
  static TARGET void vector##_##operation##_one(void *into, const void *from, size_t count) {      \
    element *a = into;                                                                             \
    const element *b = from;                                                                       \
    size_t i = 0;                                                                                  \
    for (; i + sizeof(vector) / sizeof(element) <= count; i += sizeof(vector) / sizeof(element))   \
      *(vector *)(a + i) = vector##_##operation(*(vector *)(a + i), *(const vector *)(b + i));     \
    for (; i < count; i++)                                                                         \
      *(vector##_1 *)(a + i) =                                                                     \
          vector##_1_##operation(*(vector##_1 *)(a + i), *(const vector##_1 *)(b + i));            \
  }

/// The result in a third place.
#define APART(vector, element, operation)                                                          \
  static TARGET void vector##_##operation##_apart(                                                 \
      void *restrict into, const void *one, const void *other, size_t count) {                     \
    element *to = into;                                                                            \
    const element *a = one, *b = other;                                                            \
    size_t i = 0;                                                                                  \
    for (; i + sizeof(vector) / sizeof(element) <= count; i += sizeof(vector) / sizeof(element))   \
      *(vector *)(to + i) =                                                                        \
          vector##_##operation(*(const vector *)(a + i), *(const vector *)(b + i));                \
    for (; i < count; i++)                                                                         \
      *(vector##_1 *)(to + i) =                                                                    \
          vector##_1_##operation(*(const vector##_1 *)(a + i), *(const vector##_1 *)(b + i));      \
  }

/// The result in both places.
#define BOTH(vector, element, operation)                                                           \
  static TARGET void vector##_##operation##_both(void *one, void *other, size_t count) {           \
    element *a = one, *b = other;                                                                  \
    size_t i = 0;                                                                                  \
    for (; i + sizeof(vector) / sizeof(element) <= count; i += sizeof(vector) / sizeof(element))   \
      *(vector *)(b + i) = *(vector *)(a + i) =                                                    \
          vector##_##operation(*(vector *)(a + i), *(vector *)(b + i));                            \
    for (; i < count; i++)                                                                         \
      *(vector##_1 *)(b + i) = *(vector##_1 *)(a + i) =                                            \
          vector##_1_##operation(*(vector##_1 *)(a + i), *(vector##_1 *)(b + i));                  \
  }

#define LOOPS(vector, element)                                                                     \
  ONE(vector, element, sum) APART(vector, element, sum) BOTH(vector, element, sum)                 \
  ONE(vector, element, least) APART(vector, element, least) BOTH(vector, element, least)           \
  ONE(vector, element, most) APART(vector, element, most) BOTH(vector, element, most)              \
  ONE(vector, element, product) APART(vector, element, product) BOTH(vector, element, product)

#define FLOATING_LOOPS(vector, element)                                                            \
  LOOPS(vector, element)                                                                           \
  ONE(vector, element, equal_sum) ONE(vector, element, equal_product)                              \
  BOTH(vector, element, half)                                                                      \
  static TARGET void vector##_divide(void *values, size_t count, size_t ranks) {                   \
    element *a = values;                                                                           \
    const element divisor = (element)ranks;                                                        \
    size_t i = 0;                                                                                  \
    for (; i + sizeof(vector) / sizeof(element) <= count; i += sizeof(vector) / sizeof(element))   \
      *(vector *)(a + i) /= divisor;                                                               \
    for (; i < count; i++) a[i] /= divisor;                                                        \
  }

FLOATING_LOOPS(floats, float)
FLOATING_LOOPS(doubles, double)
LOOPS(int32s, int32_t)
LOOPS(int64s, int64_t)

/// An entry of an operation whose result has the same bits whichever side is which.
#define EVEN(vector, operation)                                                                    \
  {vector##_##operation##_one, vector##_##operation##_one, vector##_##operation##_apart,             \
   vector##_##operation##_both, NULL}

/// The entries of a type, in the order of the operations.
#define FLOATING_ENTRIES(vector)                                                                   \
  {vector##_sum_one, vector##_equal_sum_one, vector##_sum_apart, vector##_sum_both, NULL},         \
  {vector##_sum_one, vector##_equal_sum_one, vector##_sum_apart, vector##_half_both,               \
   vector##_divide},                                                                               \
  EVEN(vector, least), EVEN(vector, most),                                                         \
  {vector##_product_one, vector##_equal_product_one, vector##_product_apart,                       \
   vector##_product_both, NULL}

#define INTEGER_ENTRIES(vector)                                                                    \
  EVEN(vector, sum), EVEN(vector, sum), EVEN(vector, least), EVEN(vector, most),                   \
  EVEN(vector, product)

const ck_reduction VARIANT[CK_TYPES * CK_OPERATIONS] = {
    FLOATING_ENTRIES(floats), FLOATING_ENTRIES(doubles), INTEGER_ENTRIES(int32s),
    INTEGER_ENTRIES(int64s)};
