#if defined(__x86_64__)
#include <immintrin.h>

#include "wire_scalar.h"

#define LANES 16
#define FEATURES "avx512f,avx512bw,avx512vl"
#define TARGET __attribute__((target(FEATURES)))
#define INLINE static inline __attribute__((target(FEATURES), always_inline))

typedef __m512 lanes;

INLINE lanes load_floats(const float *from) { return _mm512_loadu_ps(from); }
INLINE void store_floats(float *to, lanes values) { _mm512_storeu_ps(to, values); }

/// The values, with the one NaN for any.
INLINE lanes with_one_nan(lanes values) {
  return _mm512_mask_mov_ps(
      values, _mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q),
      _mm512_castsi512_ps(_mm512_set1_epi32(0x7FC00000)));
}

INLINE lanes add_lanes(lanes a, lanes b) { return with_one_nan(_mm512_add_ps(a, b)); }

/// The rounded numbers in the upper halves; the lower halves are left over.
INLINE __m512i rounded_bfloat16(lanes values) {
  __m512i bits = _mm512_castps_si512(values);
  __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  __m512i sum = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
  return _mm512_mask_mov_epi32(
      sum, _mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q), _mm512_set1_epi32(0x7FC00000));
}

INLINE void narrow_bfloat16(lanes values, uint16_t *to) {
  __m256i packed = _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded_bfloat16(values), 16));
  _mm256_storeu_si256((__m256i *)to, packed);
}

INLINE lanes widen_bfloat16(const uint16_t *from) {
  __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

INLINE lanes round_bfloat16(lanes values) {
  return _mm512_castsi512_ps(_mm512_and_si512(
      rounded_bfloat16(values), _mm512_set1_epi32((int)0xFFFF0000)));
}

INLINE __m256i half_of(lanes values) {
  return _mm512_cvtps_ph(with_one_nan(values), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

INLINE void narrow_float16(lanes values, uint16_t *to) {
  _mm256_storeu_si256((__m256i *)to, half_of(values));
}

INLINE lanes widen_float16(const uint16_t *from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)from));
}

INLINE lanes round_float16(lanes values) { return _mm512_cvtph_ps(half_of(values)); }

WIRE_LOOPS(bfloat16)
WIRE_LOOPS(float16)

const ck_wire wire_avx512[2] = {WIRE_TABLE(bfloat16), WIRE_TABLE(float16)};
#endif
