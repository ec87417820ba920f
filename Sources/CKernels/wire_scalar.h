// One number at a time, and the loops that every variant has. The vector variants use the former for
// what is left over at the end of a range.
#ifndef ALLREDUCE_WIRE_SCALAR_H
#define ALLREDUCE_WIRE_SCALAR_H

#include <string.h>

#include "wire.h"

static inline uint32_t wire_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float wire_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint16_t encode_bfloat16(float value) {
  uint32_t bits = wire_bits(value);
  // Half a unit of the last place kept, less one where that place is even; a carry out of the
  // significand is right too, up to infinity.
  uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  return value != value ? 0x7FC0 : (uint16_t)rounded;
}

static inline float decode_bfloat16(uint16_t bits) { return wire_float((uint32_t)bits << 16); }

static inline uint16_t encode_float16(float value) {
  uint32_t bits = wire_bits(value);
  uint32_t sign = bits >> 16 & 0x8000;
  uint32_t size = bits & 0x7FFFFFFF;
  // The exponent's bias goes from 127 to 15; then as above.
  uint32_t shifted = size - (112u << 23);
  uint32_t normal = (shifted + 0xFFF + (shifted >> 13 & 1)) >> 13;
  // Below 2^-14 the places end at 2^-24, as those of 0.5 do: adding 0.5 rounds there.
  uint32_t small = wire_bits(wire_float(size) + 0.5f) - 0x3F000000;
  uint32_t result = size < 0x38800000 ? small : size >= 0x47800000 ? 0x7C00 : normal;
  return value != value ? 0x7E00 : (uint16_t)(sign | result);
}

static inline float decode_float16(uint16_t bits) {
  uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
  uint32_t size = bits & 0x7FFF;
  uint32_t normal = (size << 13) + (112u << 23);
  uint32_t small = wire_bits((float)(int32_t)size * 0x1p-24f);
  // A signalling NaN becomes a quiet one, as the processor's own instruction does it.
  uint32_t special = size << 13 | 0x7F800000 | (size > 0x7C00 ? 0x400000 : 0);
  return wire_float(sign | (size < 0x0400 ? small : size >= 0x7C00 ? special : normal));
}

static inline float add_canonically(float a, float b) {
  float sum = a + b;
  return sum != sum ? wire_float(0x7FC00000) : sum;
}

/// The four loops of a format over blocks of LANES numbers. A variant defines the type `lanes`, the
/// macros LANES and TARGET, load_floats, store_floats, add_lanes, and for the format narrow_FORMAT
/// (lanes to 16-bit numbers in memory), widen_FORMAT (back) and round_FORMAT (lanes to lanes).
#define WIRE_LOOPS(FORMAT)                                                                    \
  TARGET static void encode_all_##FORMAT(const float *from, uint16_t *to, size_t count) {     \
    size_t i = 0;                                                                             \
    for (; i + LANES <= count; i += LANES) narrow_##FORMAT(load_floats(from + i), to + i);    \
    for (; i < count; i++) to[i] = encode_##FORMAT(from[i]);                                  \
  }                                                                                           \
  TARGET static void decode_all_##FORMAT(const uint16_t *from, float *to, size_t count) {     \
    size_t i = 0;                                                                             \
    for (; i + LANES <= count; i += LANES) store_floats(to + i, widen_##FORMAT(from + i));    \
    for (; i < count; i++) to[i] = decode_##FORMAT(from[i]);                                  \
  }                                                                                           \
  TARGET static void round_all_##FORMAT(float *values, size_t count) {                        \
    size_t i = 0;                                                                             \
    for (; i + LANES <= count; i += LANES)                                                    \
      store_floats(values + i, round_##FORMAT(load_floats(values + i)));                      \
    for (; i < count; i++) values[i] = decode_##FORMAT(encode_##FORMAT(values[i]));           \
  }                                                                                           \
  TARGET static void add_all_##FORMAT(float *values, const uint16_t *other, size_t count) {   \
    size_t i = 0;                                                                             \
    for (; i + LANES <= count; i += LANES)                                                    \
      store_floats(values + i, add_lanes(load_floats(values + i), widen_##FORMAT(other + i)));\
    for (; i < count; i++) values[i] = add_canonically(values[i], decode_##FORMAT(other[i])); \
  }

/// A `ck_wire` of the loops above.
#define WIRE_TABLE(FORMAT) \
  { encode_all_##FORMAT, decode_all_##FORMAT, round_all_##FORMAT, add_all_##FORMAT }

extern const ck_wire wire_scalar[2];
#if defined(__x86_64__)
extern const ck_wire wire_avx2[2];
extern const ck_wire wire_avx512[2];
#endif

#endif
