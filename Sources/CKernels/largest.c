#include <string.h>

#include "compression_variants.h"

// A magnitude, as an integer, is compared by 11 bits at a time: exponent and first digits, then the rest of
// those few numbers that agree in these with the smallest one wanted.
enum { DIGIT = 11, BINS = 1 << DIGIT };

// The bin of the smallest number wanted; `*wanted` becomes how many of that bin are.
static size_t smallest_bin(const uint32_t *counts, size_t *wanted) {
  size_t bin = BINS - 1;
  while (counts[bin] < *wanted) *wanted -= counts[bin--];
  return bin;
}

#define LARGEST(scalar, bits, all_bits)                                                              \
  static inline bits magnitude_##scalar(scalar value) {                                              \
    bits number;                                                                                     \
    memcpy(&number, &value, sizeof number);                                                          \
    return number & ((bits)-1 >> 1);                                                                 \
  }                                                                                                  \
                                                                                                     \
  typedef struct {                                                                                   \
    scalar *values;                                                                                  \
    uint32_t *places;                                                                                \
    scalar *numbers;                                                                                 \
    size_t taken;                                                                                    \
  } taker_##scalar;                                                                                  \
                                                                                                     \
  static inline void take_##scalar(taker_##scalar *to, uint32_t place) {                             \
    to->places[to->taken] = place;                                                                   \
    to->numbers[to->taken++] = to->values[place];                                                    \
    to->values[place] = 0;                                                                           \
  }                                                                                                  \
                                                                                                     \
  void ck_take_largest_##scalar(void *all, const void *gradient, size_t count, size_t wanted,        \
                                uint32_t *places, void *numbers, uint32_t *candidates) {             \
    scalar *values = all;                                                                            \
    const scalar *added = gradient;                                                                  \
    int shift = all_bits - 1 - DIGIT;                                                                \
    /* Four counts: neighbours often agree, and would wait for each other. */                        \
    uint32_t counts[4][BINS];                                                                        \
    memset(counts, 0, sizeof counts);                                                                \
    size_t i = 0;                                                                                    \
    for (; i + 4 <= count; i += 4)                                                                   \
      for (size_t lane = 0; lane < 4; lane++)                                                        \
        counts[lane][magnitude_##scalar(values[i + lane] += added[i + lane]) >> shift]++;            \
    for (; i < count; i++) counts[0][magnitude_##scalar(values[i] += added[i]) >> shift]++;          \
    for (size_t bin = 0; bin < BINS; bin++)                                                          \
      counts[0][bin] += counts[1][bin] + counts[2][bin] + counts[3][bin];                            \
    if (wanted == 0) return;                                                                         \
                                                                                                     \
    taker_##scalar to = {values, places, numbers, 0};                                                \
    size_t bin = smallest_bin(counts[0], &wanted), left = 0;                                         \
    const bits from = (bits)bin << shift;                                                            \
    for (i = 0; i < count;) {                                                                        \
      enum { AT_ONCE = 16 };                                                                         \
      size_t end = i + AT_ONCE < count ? i + AT_ONCE : count;                                        \
      if (end - i == AT_ONCE) {                                                                      \
        int some = 0;                                                                                \
        for (size_t lane = 0; lane < AT_ONCE; lane++)                                                \
          some |= magnitude_##scalar(values[i + lane]) >= from;                                      \
        if (!some) i = end;                                                                          \
      }                                                                                              \
      for (; i < end; i++) {                                                                         \
        const bits high = magnitude_##scalar(values[i]) >> shift;                                    \
        if (high > bin) take_##scalar(&to, (uint32_t)i);                                             \
        if (high == bin) candidates[left++] = (uint32_t)i;                                           \
      }                                                                                              \
    }                                                                                                \
    while (left > wanted && shift > 0) {                                                             \
      const int width = shift < DIGIT ? shift : DIGIT;                                               \
      const bits mask = ((bits)1 << width) - 1;                                                      \
      shift -= width;                                                                                \
      memset(counts[0], 0, sizeof counts[0]);                                                        \
      for (i = 0; i < left; i++)                                                                     \
        counts[0][(magnitude_##scalar(values[candidates[i]]) >> shift) & mask]++;                    \
      bin = smallest_bin(counts[0], &wanted);                                                        \
      size_t kept = 0;                                                                               \
      for (i = 0; i < left; i++) {                                                                   \
        const uint32_t place = candidates[i];                                                        \
        const bits digit = (magnitude_##scalar(values[place]) >> shift) & mask;                      \
        if (digit > bin) take_##scalar(&to, place);                                                  \
        if (digit == bin) candidates[kept++] = place;                                                \
      }                                                                                              \
      left = kept;                                                                                   \
    }                                                                                                \
    for (i = 0; i < wanted; i++) take_##scalar(&to, candidates[i]);                                  \
  }                                                                                                  \
                                                                                                     \
  void ck_add_at_##scalar(void *values, const uint32_t *places, const void *numbers, size_t count) { \
    for (size_t i = 0; i < count; i++)                                                               \
      ((scalar *)values)[places[i]] += ((const scalar *)numbers)[i];                                 \
  }

LARGEST(float, uint32_t, 32)
LARGEST(double, uint64_t, 64)
