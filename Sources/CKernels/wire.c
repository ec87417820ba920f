#include "wire.h"

#include "variants.h"
#include "wire_scalar.h"

// A "vector" of one number; compilers make of it what the baseline processor has.
#define LANES 1
#define TARGET
typedef float lanes;

static inline lanes load_floats(const float *from) { return *from; }
static inline void store_floats(float *to, lanes value) { *to = value; }
static inline lanes add_lanes(lanes a, lanes b) { return add_canonically(a, b); }

static inline void narrow_bfloat16(lanes value, uint16_t *to) { *to = encode_bfloat16(value); }
static inline lanes widen_bfloat16(const uint16_t *from) { return decode_bfloat16(*from); }
static inline lanes round_bfloat16(lanes value) { return decode_bfloat16(encode_bfloat16(value)); }

static inline void narrow_float16(lanes value, uint16_t *to) { *to = encode_float16(value); }
static inline lanes widen_float16(const uint16_t *from) { return decode_float16(*from); }
static inline lanes round_float16(lanes value) { return decode_float16(encode_float16(value)); }

WIRE_LOOPS(bfloat16)
WIRE_LOOPS(float16)

const ck_wire wire_scalar[2] = {WIRE_TABLE(bfloat16), WIRE_TABLE(float16)};

const ck_wire *ck_wire_variant(int format, int variant) {
  if (format != CK_BFLOAT16 && format != CK_FLOAT16) return NULL;
  switch (variant) {
    case CK_SCALAR:
      return &wire_scalar[format];
#if defined(__x86_64__)
    case CK_AVX2:
      return has_avx2() ? &wire_avx2[format] : NULL;
    case CK_AVX512:
      return has_avx512() ? &wire_avx512[format] : NULL;
#endif
    default:
      return NULL;
  }
}
