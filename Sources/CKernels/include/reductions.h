// Operations over ranges: the arithmetic of every reduction, as wide as the processor can.
#ifndef ALLREDUCE_REDUCTIONS_H
#define ALLREDUCE_REDUCTIONS_H

#include <stddef.h>

#include "processor.h"

/// The loops of one operation on one element type, at one level. All levels give the same bits.
/// Ranges must not overlap.
typedef struct ck_reduction {
  /// into[i] = into[i] (op) from[i].
  void (*_Nonnull combine)(void *_Nonnull into, const void *_Nonnull from, size_t count);
  /// As combine, and every NaN becomes the canonical one: positive, quiet, without payload. So two ranks
  /// that combine the same numbers in mirrored order get the same bits.
  void (*_Nonnull combine_symmetrically)(
      void *_Nonnull into, const void *_Nonnull from, size_t count);
  /// into[i] = first[i] (op) second[i].
  void (*_Nonnull combine_apart)(
      void *_Nonnull into, const void *_Nonnull first, const void *_Nonnull second, size_t count);
  /// first[i] = second[i] = first[i] (op) second[i]; for a mean, the mean of both.
  void (*_Nonnull combine_both)(void *_Nonnull first, void *_Nonnull second, size_t count);
  /// values[i] /= ranks; NULL but for a mean.
  void (*_Nullable finish)(void *_Nonnull values, size_t count, size_t ranks);
} ck_reduction;

/// The operations, on all element types; integers wrap. Minimum and maximum are those of IEEE 754-2019: a NaN
/// on either side is never lost, and zeros are ordered by sign. A mean is a sum until it is finished; of
/// integers it is not defined, and its entry is the sum's.
enum { CK_SUM = 0, CK_MEAN = 1, CK_MINIMUM = 2, CK_MAXIMUM = 3, CK_PRODUCT = 4, CK_OPERATIONS = 5 };

/// The loops of all operations on an element type, in the order of the operations; NULL if this processor
/// does not have the level.
const ck_reduction *_Nullable ck_reductions_at(ck_level level, int type);

#endif
