// The steps of optimizers, each one pass over flat memory: weights, their gradient and what the
// optimizer remembers are read once, and what changes is written once.
#ifndef ALLREDUCE_OPTIMIZERS_H
#define ALLREDUCE_OPTIMIZERS_H

#include <stddef.h>
#include <stdint.h>

#include "scalar.h"

/// The numbers of a step; each is rounded once to the type of the weights. With
/// d = scale * gradient + decay * weight:
typedef struct ck_update {
  double scale;        ///< what the gradient is multiplied by
  double decay;        ///< what is added to it of the weight
  double shrink;       ///< what the weight is multiplied by first (adam)
  double keep;         ///< how much of the first vector stays
  double gain;         ///< how much of d is added to it (adam)
  double second_keep;  ///< how much of the second vector stays (adam)
  double second_gain;  ///< how much of d * d is added to it (adam)
  double rate;         ///< the length of the step
  double root;         ///< what the second vector's root is multiplied by (adam)
  double epsilon;      ///< what is added to the divisor (adagrad, adam)
  int streams;         ///< whether weights are stored past the caches: see streams.h
  int32_t *not_finite; ///< set to 1 if a new weight is NaN or infinite; may be NULL
} ck_update;

/// What a pass computes, element by element:
/// - CK_SGD: w -= rate * d
/// - CK_MOMENTUM: first = keep * first + d; w -= rate * first
/// - CK_NESTEROV: first = keep * first + d; w -= rate * (d + keep * first)
/// - CK_ADAGRAD: first += d * d; w -= rate * d / (sqrt(first) + epsilon)
/// - CK_ADAM: w *= shrink; first = keep * first + gain * d; second = second_keep * second
///   + second_gain * d * d; w -= rate * first / (root * sqrt(second) + epsilon)
enum { CK_SGD = 0, CK_MOMENTUM = 1, CK_NESTEROV = 2, CK_ADAGRAD = 3, CK_ADAM = 4, CK_RULES = 5 };

/// A pass over `count` elements; vectors that a rule does not have may be NULL. Ranges must not
/// overlap.
typedef void (*ck_update_function)(
    void *weights, const void *gradient, void *first, void *second, size_t count,
    const ck_update *how);

/// The sum of squares, added up in doubles in an order that depends on the count alone.
typedef double (*ck_squares_function)(const void *values, size_t count);

/// The pass of a rule for a type in a variant (CK_SCALAR, CK_AVX2: see wire.h; memory is the limit, so
/// AVX-512 was no faster); NULL if this processor does not have it. All variants give the same bits.
ck_update_function ck_update_variant(int rule, int type, int variant);

/// The same for sums of squares.
ck_squares_function ck_squares_variant(int type, int variant);

#endif
