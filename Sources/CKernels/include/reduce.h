// Operations over ranges: the arithmetic of every reduction, as wide as the processor can.
#ifndef ALLREDUCE_REDUCE_H
#define ALLREDUCE_REDUCE_H

#include <stddef.h>

#include "scalar.h"

/// The loops of one operation on one element type, in one variant. All variants give the same bits.
/// Ranges must not overlap.
typedef struct ck_reduction {
  /// into[i] = into[i] (op) from[i].
  void (*_Nonnull combine)(void *_Nonnull into, const void *_Nonnull from, size_t count);
  /// As combine, and every NaN becomes the one that is positive, quiet and has no payload, so that
  /// two who combine the same numbers in mirrored order get the same bits.
  void (*_Nonnull combine_symmetrically)(
      void *_Nonnull into, const void *_Nonnull from, size_t count);
  /// into[i] = one[i] (op) other[i].
  void (*_Nonnull combine_apart)(
      void *_Nonnull into, const void *_Nonnull one, const void *_Nonnull other, size_t count);
  /// one[i] = other[i] = one[i] (op) other[i]; for a mean the half of the sum.
  void (*_Nonnull combine_both)(void *_Nonnull one, void *_Nonnull other, size_t count);
  /// values[i] /= ranks; NULL but for a mean.
  void (*_Nullable finish)(void *_Nonnull values, size_t count, size_t ranks);
} ck_reduction;

/// Operations, on all types of scalar.h; integers wrap. Minimum and maximum are those of IEEE 754-2019: a NaN on either side is never lost, and
/// zeros are ordered by sign. A mean is a sum until it is finished; of integers it is not defined, and
/// its entry is the sum's.
enum { CK_SUM = 0, CK_MEAN = 1, CK_MINIMUM = 2, CK_MAXIMUM = 3, CK_PRODUCT = 4, CK_OPERATIONS = 5 };

/// The loops in a variant (CK_SCALAR, CK_AVX2, CK_AVX512 of wire.h), that of a type and an operation at
/// type * CK_OPERATIONS + operation; NULL if this processor does not have it.
const ck_reduction *_Nullable ck_reductions(int variant);

#endif
