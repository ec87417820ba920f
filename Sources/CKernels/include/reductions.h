// The elementwise operations of all reductions, vectorized as wide as the processor allows.
#ifndef ALLREDUCE_REDUCTIONS_H
#define ALLREDUCE_REDUCTIONS_H

#include <stddef.h>

#include "processor.h"

/// The loops of one operation on one element type at one level. All levels give the same bits. Ranges must not overlap.
typedef struct ck_reduction {
  /// into[i] = into[i] (op) from[i].
  void (*_Nonnull combine)(void *_Nonnull into, const void *_Nonnull from, size_t count);
  /// The same as `combine`, but every NaN becomes the canonical NaN: positive, quiet, without payload. So two ranks
  /// that combine the same numbers in opposite order get the same bits.
  void (*_Nonnull combine_symmetrically)(
      void *_Nonnull into, const void *_Nonnull from, size_t count);
  /// into[i] = first[i] (op) second[i].
  void (*_Nonnull combine_apart)(
      void *_Nonnull into, const void *_Nonnull first, const void *_Nonnull second, size_t count);
  /// first[i] = second[i] = first[i] (op) second[i]; for a mean, both become the mean of the two numbers.
  void (*_Nonnull combine_both)(void *_Nonnull first, void *_Nonnull second, size_t count);
  /// values[i] /= ranks, to complete a mean; NULL for all other operations.
  void (*_Nullable finish)(void *_Nonnull values, size_t count, size_t ranks);
} ck_reduction;

/// The operations, on all element types; integers wrap. Minimum and maximum are those of IEEE 754-2019: a NaN on either
/// side gives NaN, and -0 is less than +0. A mean is a sum until `finish` divides it. A mean of integers is not
/// defined: its entry in the table is the sum's.
enum { CK_SUM = 0, CK_MEAN = 1, CK_MINIMUM = 2, CK_MAXIMUM = 3, CK_PRODUCT = 4, CK_OPERATIONS = 5 };

/// Returns the loops of all operations on an element type, indexed by operation (CK_SUM and so on); NULL if this
/// processor does not have the level.
const ck_reduction *_Nullable ck_reductions_at(ck_level level, int type);

#endif
