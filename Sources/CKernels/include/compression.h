// Kernels of gradient compression: selecting the numbers of largest magnitude (top-k), and products with narrow
// matrices (PowerSGD).
#ifndef ALLREDUCE_COMPRESSION_H
#define ALLREDUCE_COMPRESSION_H

#include <stddef.h>
#include <stdint.h>

#include "processor.h"

/// The largest number of columns that a narrow matrix may have.
enum { CK_MOST_COLUMNS = 64 };

/// The compression kernels for one element type at one level of vector instructions. Ranges must not overlap. M is a
/// [rows, columns] matrix. Narrow matrices are stored transposed, each column as a row in memory: p is [rank, rows], q
/// is [rank, columns]. In the formulas, ' is the transpose.
typedef struct ck_compression {
  /// M += gradient, then p = q * M'. How sums round depends on the level.
  void (*project)(void *m, const void *gradient, size_t rows, size_t columns, size_t rank,
                  const void *q, void *p);
  /// q = p * M. How sums round depends on the level.
  void (*project_back)(const void *m, size_t rows, size_t columns, size_t rank, const void *p,
                       void *q);
  /// gradient = p' * q, and M -= p' * own. All levels give the same bits.
  void (*reconstruct)(void *m, void *gradient, size_t rows, size_t columns, size_t rank,
                      const void *p, const void *own, const void *q);
  /// Makes the rows of p orthonormal, from the first to the last (Gram-Schmidt); a row that depends linearly on earlier
  /// rows becomes zero. All levels give the same bits.
  void (*orthonormalize)(void *p, size_t rows, size_t rank);
  /// Sets each row of `guess` to the same row of q, scaled to length 1; leaves the row as it is where the row of q is
  /// zero or holds a NaN. All levels give the same bits.
  void (*normalize)(void *guess, const void *q, size_t columns, size_t rank);
  /// values += gradient; then moves the `wanted` numbers of largest magnitude out of `values`, leaving zeros, and
  /// writes their indices to `places` and their values to `numbers`. Among equal magnitudes the first are taken; NaN
  /// counts as larger than any number. `scratch` has room for `count` words. All levels give the same bits.
  void (*take_largest)(void *values, const void *gradient, size_t count, size_t wanted,
                       uint32_t *places, void *numbers, uint32_t *scratch);
  /// values[places[i]] += numbers[i].
  void (*add_at)(void *values, const uint32_t *places, const void *numbers, size_t count);
} ck_compression;

/// Returns the kernels for float or double (`type`); NULL if this processor does not have the level.
const ck_compression *ck_compression_at(ck_level level, int type);

#endif
