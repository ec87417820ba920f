// The steps of optimizers, each one pass over flat memory: weights, their gradient and what the
// optimizer remembers are read once, and what changes is written once.
#ifndef ALLREDUCE_OPTIMIZERS_H
#define ALLREDUCE_OPTIMIZERS_H

#include <stddef.h>
#include <stdint.h>

#include "processor.h"

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
  int streams;         ///< whether weights are stored past the caches: see ck_stream
  int32_t *not_finite; ///< set to 1 if a new weight is NaN or infinite; may be NULL
} ck_update;

/// The elements of a pass: rows of weights, and of what the optimizer remembers, `step` elements apart,
/// those of the gradient `gradient_step`.
typedef struct ck_block {
  size_t rows, columns, step, gradient_step;
} ck_block;

/// A pass over a block; vectors that a rule does not have may be NULL. Ranges must not overlap.
typedef void (*ck_update_function)(
    void *weights, const void *gradient, void *first, void *second, const ck_block *block,
    const ck_update *how);

/// The passes over one type of element, at one level. All levels give the same bits, so that ranks on
/// different machines hold equal weights.
typedef struct ck_optimizers {
  /// w -= rate * d
  ck_update_function sgd;
  /// first = keep * first + d; w -= rate * first
  ck_update_function momentum;
  /// first = keep * first + d; w -= rate * (d + keep * first)
  ck_update_function nesterov;
  /// first += d * d; w -= rate * d / (sqrt(first) + epsilon)
  ck_update_function adagrad;
  /// w *= shrink; first = keep * first + gain * d; second = second_keep * second + second_gain * d * d;
  /// w -= rate * first / (root * sqrt(second) + epsilon)
  ck_update_function adam;
  /// The sum of squares, added up in doubles in an order that depends on the count alone.
  double (*sum_of_squares)(const void *values, size_t count);
} ck_optimizers;

/// The passes over float or double; NULL if this processor does not have the level.
const ck_optimizers *ck_optimizers_at(ck_level level, int type);

#endif
