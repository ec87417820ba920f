// Conversions of 32-bit floating-point numbers to 16 bits and back, for callers that ask for messages of half the
// bytes.
#ifndef ALLREDUCE_WIRE_H
#define ALLREDUCE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "processor.h"

/// The conversions of one 16-bit format, at one level. All levels give the same bits.
///
/// Conversion to 16 bits rounds to nearest, ties to even. A number that is too large becomes an infinity; every NaN
/// becomes the canonical NaN: positive, quiet, without payload. Ranges must not overlap.
typedef struct ck_wire {
  /// to[i] = from[i], rounded to 16 bits.
  void (*encode)(const float *from, uint16_t *to, size_t count);
  /// to[i] = from[i] in 32 bits, exactly.
  void (*decode)(const uint16_t *from, float *to, size_t count);
  /// values[i] = decode(encode(values[i])).
  void (*round)(float *values, size_t count);
  /// values[i] += decode(other[i]), in 32 bits; every NaN becomes the canonical one.
  void (*add)(float *values, const uint16_t *other, size_t count);
} ck_wire;

enum { CK_BFLOAT16 = 0, CK_FLOAT16 = 1 };

/// Returns the conversions of a format; NULL if this processor does not have the level. The AVX512_BF16 instructions
/// are not used, because they treat subnormal numbers as zeros.
const ck_wire *ck_wire_at(ck_level level, int format);

#endif
