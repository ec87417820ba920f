#include <math.h>

#include "compression_variants.h"

#pragma STDC FP_CONTRACT OFF

// Sums in 64 bits, in an order of their own, so that vectors do not change them.
#define ORTHONORMAL_LOOPS(scalar, noise)                                                                \
  static double dot_##scalar(const scalar *a, const scalar *b, size_t count) {                       \
    double sums[4] = {0, 0, 0, 0};                                                                   \
    size_t i = 0;                                                                                    \
    for (; i + 4 <= count; i += 4)                                                                   \
      for (size_t lane = 0; lane < 4; lane++)                                                        \
        sums[lane] += (double)a[i + lane] * (double)b[i + lane];                                     \
    for (; i < count; i++) sums[0] += (double)a[i] * (double)b[i];                                   \
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);                                                \
  }                                                                                                  \
                                                                                                     \
  void ck_orthonormalize_##scalar(void *p, size_t rows, size_t rank) {                               \
    for (size_t r = 0; r < rank; r++) {                                                              \
      scalar *column = (scalar *)p + r * rows;                                                       \
      const double before = sqrt(dot_##scalar(column, column, rows));                                \
      /* Twice: what the first round leaves of nearly dependent columns is mostly rounding. */       \
      for (int round = 0; round < 2; round++)                                                        \
        for (size_t s = 0; s < r; s++) {                                                             \
          const scalar *earlier = (const scalar *)p + s * rows;                                      \
          const double part = dot_##scalar(column, earlier, rows);                                   \
          for (size_t i = 0; i < rows; i++)                                                          \
            column[i] = (scalar)((double)column[i] - part * (double)earlier[i]);                     \
        }                                                                                            \
      const double norm = sqrt(dot_##scalar(column, column, rows));                                  \
      /* A NaN passes: whoever looks at the result must see it. */                                    \
      const double factor = norm <= noise * before ? 0 : 1 / norm;                                   \
      for (size_t i = 0; i < rows; i++) column[i] = (scalar)((double)column[i] * factor);            \
    }                                                                                                \
  }                                                                                                  \
                                                                                                     \
  void ck_normalize_##scalar(void *guess, const void *q, size_t columns, size_t rank) {              \
    for (size_t r = 0; r < rank; r++) {                                                              \
      const scalar *from = (const scalar *)q + r * columns;                                          \
      const double norm = sqrt(dot_##scalar(from, from, columns));                                   \
      if (!(norm > 0)) continue;                                                                     \
      for (size_t i = 0; i < columns; i++)                                                           \
        ((scalar *)guess)[r * columns + i] = (scalar)((double)from[i] / norm);                       \
    }                                                                                                \
  }

ORTHONORMAL_LOOPS(float, 1e-6)
ORTHONORMAL_LOOPS(double, 1e-14)
