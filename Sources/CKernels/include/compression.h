// Gradients made smaller before they are exchanged: their largest numbers, and products with narrow matrices.
#ifndef ALLREDUCE_COMPRESSION_H
#define ALLREDUCE_COMPRESSION_H

#include <stddef.h>
#include <stdint.h>

#include "processor.h"

/// The most columns of a narrow matrix.
enum { CK_MOST_COLUMNS = 64 };

/// The loops of one element type, at one level. Ranges must not overlap. A matrix M is [rows, columns];
/// of the narrow ones, each column is a row in memory: p is [rank, rows], q is [rank, columns].
typedef struct ck_compression {
  /// M += gradient, then p = the transpose of M q'. How sums round depends on the level.
  void (*project)(void *m, const void *gradient, size_t rows, size_t columns, size_t rank,
                  const void *q, void *p);
  /// q = p M. How sums round depends on the level.
  void (*project_back)(const void *m, size_t rows, size_t columns, size_t rank, const void *p,
                       void *q);
  /// gradient = p' q, and M -= p' own. All levels give the same bits.
  void (*reconstruct)(void *m, void *gradient, size_t rows, size_t columns, size_t rank,
                      const void *p, const void *own, const void *q);
  /// Makes the rows of p orthonormal, from the first to the last (Gram and Schmidt); one that depends on
  /// those before becomes zero. The same bits everywhere.
  void (*orthonormalize)(void *p, size_t rows, size_t rank);
  /// Makes the rows of `guess` those of q with length 1, except where a row of q is zero or holds a NaN.
  /// The same bits everywhere.
  void (*normalize)(void *guess, const void *q, size_t columns, size_t rank);
  /// values += gradient; then takes the `wanted` greatest magnitudes out of values, where zeros are left,
  /// and writes their places and numbers. Of equal ones the first go; NaN is greater than all. Scratch: as
  /// many words as values. The same everywhere.
  void (*take_largest)(void *values, const void *gradient, size_t count, size_t wanted,
                       uint32_t *places, void *numbers, uint32_t *scratch);
  /// values[places[i]] += numbers[i].
  void (*add_at)(void *values, const uint32_t *places, const void *numbers, size_t count);
} ck_compression;

/// The loops of float or double; NULL if this processor does not have the level.
const ck_compression *ck_compression_at(ck_level level, int type);

#endif
