// Products of a wide matrix with narrow ones, compiled once for each variant: the includer sets VARIANT,
// the vectors' BYTES and TARGET. The wide matrix comes from memory, so each loop reads it once for up to
// four narrow columns; these stay in the caches.
#include <stdint.h>

#include "compression_variants.h"

#pragma STDC FP_CONTRACT OFF

#define INLINE static inline TARGET __attribute__((always_inline))

// Columns whose part of four sums stays in the first cache.
enum { TILE = 1024 };

#define COMPRESSION_LOOPS(scalar)                                                                    \
  typedef scalar scalar##s __attribute__((vector_size(BYTES), aligned(sizeof(scalar)), may_alias));  \
  enum { scalar##_lanes = BYTES / sizeof(scalar) };                                                  \
                                                                                                     \
  /* One row of m by `width` columns q; `gradient` is added to it first, if there is one. */         \
  INLINE void project_row_##scalar(scalar *m, const scalar *gradient, size_t columns,                \
                                   const scalar *q, scalar *p, size_t rows, const size_t width) {    \
    scalar##s sums[4] = {};                                                                          \
    scalar rest[4] = {};                                                                             \
    size_t j = 0;                                                                                    \
    for (; j + scalar##_lanes <= columns; j += scalar##_lanes) {                                     \
      scalar##s value = *(scalar##s *)(m + j);                                                       \
      if (gradient) *(scalar##s *)(m + j) = value += *(const scalar##s *)(gradient + j);             \
      for (size_t r = 0; r < width; r++) sums[r] += value * *(const scalar##s *)(q + r * columns + j); \
    }                                                                                                \
    for (; j < columns; j++) {                                                                       \
      if (gradient) m[j] += gradient[j];                                                             \
      for (size_t r = 0; r < width; r++) rest[r] += m[j] * q[r * columns + j];                       \
    }                                                                                                \
    for (size_t r = 0; r < width; r++) {                                                             \
      for (size_t lane = 0; lane < scalar##_lanes; lane++) rest[r] += sums[r][lane];                 \
      p[r * rows] = rest[r];                                                                         \
    }                                                                                                \
  }                                                                                                  \
                                                                                                     \
  static TARGET void project_##scalar(void *m, const void *gradient, size_t rows, size_t columns,    \
                                      size_t rank, const void *q, void *p) {                         \
    for (size_t i = 0; i < rows; i++) {                                                              \
      scalar *row = (scalar *)m + i * columns;                                                       \
      const scalar *added = (const scalar *)gradient + i * columns;                                  \
      size_t r = 0;                                                                                  \
      for (; r + 4 <= rank; r += 4, added = NULL)                                                    \
        project_row_##scalar(row, added, columns, (const scalar *)q + r * columns,                   \
                             (scalar *)p + r * rows + i, rows, 4);                                   \
      for (; r < rank; r++, added = NULL)                                                            \
        project_row_##scalar(row, added, columns, (const scalar *)q + r * columns,                   \
                             (scalar *)p + r * rows + i, rows, 1);                                   \
    }                                                                                                \
  }                                                                                                  \
                                                                                                     \
  /* Adds a row of m, by `width` numbers of p, to as many rows of q. */                              \
  INLINE void add_row_##scalar(const scalar *m, size_t count, size_t columns, const scalar *p,       \
                               size_t rows, scalar *q, const size_t width) {                         \
    size_t j = 0;                                                                                    \
    for (; j + scalar##_lanes <= count; j += scalar##_lanes) {                                       \
      scalar##s value = *(const scalar##s *)(m + j);                                                 \
      for (size_t r = 0; r < width; r++) *(scalar##s *)(q + r * columns + j) += value * p[r * rows]; \
    }                                                                                                \
    for (; j < count; j++)                                                                           \
      for (size_t r = 0; r < width; r++) q[r * columns + j] += m[j] * p[r * rows];                   \
  }                                                                                                  \
                                                                                                     \
  static TARGET void project_back_##scalar(const void *m, size_t rows, size_t columns, size_t rank,  \
                                           const void *p, void *q) {                                 \
    for (size_t i = 0; i < rank * columns; i++) ((scalar *)q)[i] = 0;                                \
    for (size_t start = 0; start < columns; start += TILE) {                                         \
      size_t count = columns - start < TILE ? columns - start : TILE;                                \
      for (size_t i = 0; i < rows; i++) {                                                            \
        const scalar *row = (const scalar *)m + i * columns + start;                                 \
        size_t r = 0;                                                                                \
        for (; r + 4 <= rank; r += 4)                                                                \
          add_row_##scalar(row, count, columns, (const scalar *)p + r * rows + i, rows,              \
                           (scalar *)q + r * columns + start, 4);                                    \
        for (; r < rank; r++)                                                                        \
          add_row_##scalar(row, count, columns, (const scalar *)p + r * rows + i, rows,              \
                           (scalar *)q + r * columns + start, 1);                                    \
      }                                                                                              \
    }                                                                                                \
  }                                                                                                  \
                                                                                                     \
  static TARGET void reconstruct_##scalar(void *m, void *gradient, size_t rows, size_t columns,      \
                                          size_t rank, const void *p, const void *own,               \
                                          const void *q) {                                           \
    const scalar *one = own, *all = q;                                                               \
    scalar factors[CK_MOST_COLUMNS];                                                                 \
    for (size_t i = 0; i < rows; i++) {                                                              \
      scalar *row = (scalar *)m + i * columns, *result = (scalar *)gradient + i * columns;           \
      for (size_t r = 0; r < rank; r++) factors[r] = ((const scalar *)p)[r * rows + i];              \
      size_t j = 0;                                                                                  \
      for (; j + scalar##_lanes <= columns; j += scalar##_lanes) {                                   \
        scalar##s mine = {}, sum = {};                                                               \
        for (size_t r = 0; r < rank; r++) {                                                          \
          mine += *(const scalar##s *)(one + r * columns + j) * factors[r];                          \
          sum += *(const scalar##s *)(all + r * columns + j) * factors[r];                           \
        }                                                                                            \
        *(scalar##s *)(row + j) -= mine;                                                             \
        *(scalar##s *)(result + j) = sum;                                                            \
      }                                                                                              \
      for (; j < columns; j++) {                                                                     \
        scalar mine = 0, sum = 0;                                                                    \
        for (size_t r = 0; r < rank; r++) {                                                          \
          mine += one[r * columns + j] * factors[r];                                                 \
          sum += all[r * columns + j] * factors[r];                                                  \
        }                                                                                            \
        row[j] -= mine;                                                                              \
        result[j] = sum;                                                                             \
      }                                                                                              \
    }                                                                                                \
  }

COMPRESSION_LOOPS(float)
COMPRESSION_LOOPS(double)

#define COMPRESSION_TABLE(scalar)                                                                    \
  {project_##scalar,      project_back_##scalar,    reconstruct_##scalar, ck_orthonormalize_##scalar, \
   ck_normalize_##scalar, ck_take_largest_##scalar, ck_add_at_##scalar}

const ck_compression VARIANT[2] = {COMPRESSION_TABLE(float), COMPRESSION_TABLE(double)};
