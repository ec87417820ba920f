// Sums over ranges: the arithmetic of most reductions, as wide as the processor can.
#ifndef ALLREDUCE_SUM_H
#define ALLREDUCE_SUM_H

#include <stddef.h>

#include "scalar.h"

/// The loops of one element type, in one variant. All variants give the same bits. Ranges must not
/// overlap.
typedef struct ck_sum {
  /// into[i] += from[i].
  void (*add)(void *into, const void *from, size_t count);
  /// As add, and every NaN becomes the one that is positive, quiet and has no payload, so that two who
  /// add the same numbers in mirrored order get the same bits.
  void (*add_symmetrically)(void *into, const void *from, size_t count);
  /// one[i] = other[i] = one[i] + other[i].
  void (*add_both)(void *one, void *other, size_t count);
  /// one[i] = other[i] = (one[i] + other[i]) / 2.
  void (*average_both)(void *one, void *other, size_t count);
} ck_sum;

/// The loops of an element type in a variant (CK_SCALAR, CK_AVX2, CK_AVX512 of wire.h); NULL if this
/// processor does not have it.
const ck_sum *ck_sum_variant(int type, int variant);

/// The widest that this processor has.
const ck_sum *ck_sum_best(int type);

#endif
