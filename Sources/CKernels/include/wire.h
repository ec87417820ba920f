// 32-bit floating-point numbers as 16-bit ones, and back: what crosses a network when a caller asks
// for half the bytes.
#ifndef ALLREDUCE_WIRE_H
#define ALLREDUCE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "processor.h"

/// The conversions of one format, at one level. All levels give the same bits.
///
/// To 16 bits: to the nearest, ties to even. What is too large becomes an infinity; every NaN becomes
/// the canonical one: positive, quiet, without payload. Ranges must not overlap.
typedef struct ck_wire {
  /// to[i] = from[i] in 16 bits.
  void (*encode)(const float *from, uint16_t *to, size_t count);
  /// to[i] = from[i] in 32 bits, which is exact.
  void (*decode)(const uint16_t *from, float *to, size_t count);
  /// values[i] = what decode(encode(values[i])) gives.
  void (*round)(float *values, size_t count);
  /// values[i] += decode(other[i]), in 32 bits; every NaN becomes the canonical one.
  void (*add)(float *values, const uint16_t *other, size_t count);
} ck_wire;

enum { CK_BFLOAT16 = 0, CK_FLOAT16 = 1 };

/// The conversions of a format; NULL if this processor does not have the level. The instructions of
/// AVX512_BF16 are not used: they take subnormal numbers for zeros.
const ck_wire *ck_wire_at(ck_level level, int format);

#endif
