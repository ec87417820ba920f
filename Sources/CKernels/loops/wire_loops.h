// Conversions to 16-bit floating-point numbers and back, a line at a time: the functions of wire.h.

/// Any NaN as the canonical one. Integers choose: a compiler may take one NaN for another.
INLINE line with_canonical_nan(line x) {
  return line_of(x == x ? bits_of(x) : (line_bits)(CANONICAL_NAN));
}

/// The numbers rounded to bfloat16, in the upper halves; the lower halves are left over.
INLINE line_unsigned rounded_to_bfloat16(line x) {
  const line_unsigned bits = (line_unsigned)x;
  // Half a unit of the last place kept, less one where that place is even; a carry out of the significand is
  // right too, up to infinity.
  const line_unsigned rounded = bits + 0x7FFF + (bits >> 16 & 1);
  return x == x ? rounded : (line_unsigned)(CANONICAL_NAN);
}

INLINE line_halves to_bfloat16(line x) {
  return __builtin_convertvector(rounded_to_bfloat16(x) >> 16, line_halves);
}

INLINE line from_bfloat16(line_halves x) {
  return (line)(__builtin_convertvector(x, line_unsigned) << 16);
}

INLINE line round_to_bfloat16(line x) { return (line)(rounded_to_bfloat16(x) & 0xFFFF0000); }

#if HAS_FLOAT16
typedef _Float16 line_float16 __attribute__((ext_vector_type(LINE)));

INLINE line_halves to_float16(line x) {
  return (line_halves)__builtin_convertvector(with_canonical_nan(x), line_float16);
}

INLINE line from_float16(line_halves x) { return __builtin_convertvector((line_float16)x, line); }
#else
INLINE line_halves to_float16(line x) {
  const line_bits bits = bits_of(x), size = bits & 0x7FFFFFFF;
  // The exponent's bias goes from 127 to 15; then as for bfloat16.
  const line_bits shifted = size - (112 << 23);
  const line_bits normal = (shifted + 0xFFF + (shifted >> 13 & 1)) >> 13;
  // Below 2^-14 the places end at 2^-24, as those of 0.5 do: adding 0.5 rounds there.
  const line_bits small = bits_of(line_of(size) + 0.5f) - 0x3F000000;
  const line_bits large = size < 0x47800000 ? normal : (line_bits)(0x7C00);
  const line_bits number = (size < 0x38800000 ? small : large) | (bits >> 16 & 0x8000);
  return __builtin_convertvector(x == x ? number : (line_bits)(0x7E00), line_halves);
}

INLINE line from_float16(line_halves x) {
  const line_bits bits = __builtin_convertvector(x, line_bits), size = bits & 0x7FFF;
  const line_bits normal = (size << 13) + (112 << 23);
  const line_bits small = bits_of(__builtin_convertvector(size, line) * 0x1p-24f);
  // A signalling NaN becomes a quiet one, as the processor's own instruction does it.
  const line_bits quiet = size > 0x7C00 ? (line_bits)(0x400000) : (line_bits)(0);
  const line_bits large = size < 0x7C00 ? normal : size << 13 | 0x7F800000 | quiet;
  return line_of((bits & 0x8000) << 16 | (size < 0x0400 ? small : large));
}
#endif

INLINE line round_to_float16(line x) { return from_float16(to_float16(x)); }

// The conversions are always constants, so that they are inlined into the loops below. Elements left over at the
// end are lines too, by the same operations.
typedef line_halves line_encoder(line);
typedef line line_decoder(line_halves);
typedef line line_rounder(line);

INLINE void NAME(encode)(const float *from, uint16_t *to, size_t count, line_encoder *encoder) {
  size_t i = 0;
  for (; i + LINE <= count; i += LINE) store_halves(to + i, encoder(load_line(from + i)));
  SINGLY for (; i < count; i++) to[i] = encoder(splat(from[i]))[0];
}

INLINE void NAME(decode)(const uint16_t *from, float *to, size_t count, line_decoder *decoder) {
  size_t i = 0;
  for (; i + LINE <= count; i += LINE) store_line(to + i, decoder(load_halves(from + i)));
  SINGLY for (; i < count; i++) to[i] = decoder((line_halves)(from[i]))[0];
}

INLINE void NAME(round)(float *values, size_t count, line_rounder *rounder) {
  size_t i = 0;
  for (; i + LINE <= count; i += LINE) store_line(values + i, rounder(load_line(values + i)));
  SINGLY for (; i < count; i++) values[i] = rounder(splat(values[i]))[0];
}

INLINE void NAME(add_decoded)(
    float *values, const uint16_t *other, size_t count, line_decoder *decoder) {
  size_t i = 0;
  for (; i + LINE <= count; i += LINE) {
    const line sum = load_line(values + i) + decoder(load_halves(other + i));
    store_line(values + i, with_canonical_nan(sum));
  }
  SINGLY for (; i < count; i++) {
    const line sum = splat(values[i]) + decoder((line_halves)(other[i]));
    values[i] = with_canonical_nan(sum)[0];
  }
}

static void NAME(encode_bfloat16)(const float *from, uint16_t *to, size_t count) {
  NAME(encode)(from, to, count, to_bfloat16);
}
static void NAME(decode_bfloat16)(const uint16_t *from, float *to, size_t count) {
  NAME(decode)(from, to, count, from_bfloat16);
}
static void NAME(round_bfloat16)(float *values, size_t count) {
  NAME(round)(values, count, round_to_bfloat16);
}
static void NAME(add_bfloat16)(float *values, const uint16_t *other, size_t count) {
  NAME(add_decoded)(values, other, count, from_bfloat16);
}

static void NAME(encode_float16)(const float *from, uint16_t *to, size_t count) {
  NAME(encode)(from, to, count, to_float16);
}
static void NAME(decode_float16)(const uint16_t *from, float *to, size_t count) {
  NAME(decode)(from, to, count, from_float16);
}
static void NAME(round_float16)(float *values, size_t count) {
  NAME(round)(values, count, round_to_float16);
}
static void NAME(add_float16)(float *values, const uint16_t *other, size_t count) {
  NAME(add_decoded)(values, other, count, from_float16);
}

static const ck_wire NAME(wire)[] = {
    [CK_BFLOAT16] = {NAME(encode_bfloat16), NAME(decode_bfloat16), NAME(round_bfloat16),
                     NAME(add_bfloat16)},
    [CK_FLOAT16] = {NAME(encode_float16), NAME(decode_float16), NAME(round_float16),
                    NAME(add_float16)},
};
