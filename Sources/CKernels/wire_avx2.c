#if defined(__x86_64__)
#include <immintrin.h>

#include "wire_scalar.h"

#define LANES 8
#define TARGET __attribute__((target("avx2,f16c")))
#define INLINE static inline __attribute__((target("avx2,f16c"), always_inline))

typedef __m256 lanes;

INLINE lanes load_floats(const float *from) { return _mm256_loadu_ps(from); }
INLINE void store_floats(float *to, lanes values) { _mm256_storeu_ps(to, values); }

/// The values, with the one NaN for any.
INLINE lanes with_one_nan(lanes values) {
  return _mm256_blendv_ps(
      values, _mm256_castsi256_ps(_mm256_set1_epi32(0x7FC00000)),
      _mm256_cmp_ps(values, values, _CMP_UNORD_Q));
}

INLINE lanes add_lanes(lanes a, lanes b) { return with_one_nan(_mm256_add_ps(a, b)); }

/// The rounded numbers in the upper halves; the lower halves are left over.
INLINE __m256i rounded_bfloat16(lanes values) {
  __m256i bits = _mm256_castps_si256(values);
  __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  __m256i sum = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
  return _mm256_castps_si256(_mm256_blendv_ps(
      _mm256_castsi256_ps(sum), _mm256_castsi256_ps(_mm256_set1_epi32(0x7FC00000)),
      _mm256_cmp_ps(values, values, _CMP_UNORD_Q)));
}

INLINE void narrow_bfloat16(lanes values, uint16_t *to) {
  __m256i upper = _mm256_srli_epi32(rounded_bfloat16(values), 16);
  __m128i packed =
      _mm_packus_epi32(_mm256_castsi256_si128(upper), _mm256_extracti128_si256(upper, 1));
  _mm_storeu_si128((__m128i *)to, packed);
}

INLINE lanes widen_bfloat16(const uint16_t *from) {
  __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)from));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

INLINE lanes round_bfloat16(lanes values) {
  return _mm256_castsi256_ps(_mm256_and_si256(
      rounded_bfloat16(values), _mm256_set1_epi32((int)0xFFFF0000)));
}

INLINE __m128i half_of(lanes values) {
  return _mm256_cvtps_ph(with_one_nan(values), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

INLINE void narrow_float16(lanes values, uint16_t *to) {
  _mm_storeu_si128((__m128i *)to, half_of(values));
}

INLINE lanes widen_float16(const uint16_t *from) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from));
}

INLINE lanes round_float16(lanes values) { return _mm256_cvtph_ps(half_of(values)); }

WIRE_LOOPS(bfloat16)
WIRE_LOOPS(float16)

const ck_wire wire_avx2[2] = {WIRE_TABLE(bfloat16), WIRE_TABLE(float16)};
#endif
