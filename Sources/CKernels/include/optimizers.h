// The steps of optimizers, each in one pass over flat memory: weights, gradient and optimizer state are read once, and
// what changes is written once.
#ifndef ALLREDUCE_OPTIMIZERS_H
#define ALLREDUCE_OPTIMIZERS_H

#include <stddef.h>
#include <stdint.h>

#include "processor.h"

/// The coefficients of an optimizer's step; each is rounded once to the type of the weights. In the formulas of
/// `ck_optimizers`, d = scale * gradient + decay * weight.
typedef struct ck_update {
  double scale;        ///< the factor of the gradient in d
  double decay;        ///< the factor of the weight in d (weight decay)
  double shrink;       ///< the factor of the weight before the step (adam)
  double keep;         ///< the factor of the old first state vector
  double gain;         ///< the factor of d in the new first vector (adam)
  double second_keep;  ///< the factor of the old second state vector (adam)
  double second_gain;  ///< the factor of d * d in the new second vector (adam)
  double rate;         ///< the step size: the factor of the change of the weight
  double root;         ///< the factor of the second vector's square root (adam)
  double epsilon;      ///< the number added to the divisor (adagrad, adam)
  int streams;         ///< whether weights are written by non-temporal stores: see ck_stream
  int32_t *not_finite; ///< set to 1 if a new weight is NaN or infinite; may be NULL
} ck_update;

/// The matrix of elements that a pass updates. Rows of the weights and of the optimizer's state are `step` elements
/// apart, rows of the gradient `gradient_step` elements.
typedef struct ck_block {
  size_t rows, columns, step, gradient_step;
} ck_block;

/// Updates the weights and the optimizer's state of a block in one pass. `first` and `second` may be NULL if the rule
/// does not use them. Ranges must not overlap.
typedef void (*ck_update_function)(
    void *weights, const void *gradient, void *first, void *second, const ck_block *block,
    const ck_update *how);

/// The update functions for one element type at one level. All levels give the same bits, so that ranks on different
/// machines hold equal weights.
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
  /// Returns the sum of squares, accumulated in doubles in an order that depends only on the count.
  double (*sum_of_squares)(const void *values, size_t count);
} ck_optimizers;

/// Returns the update functions for float or double (`type`); NULL if this processor does not have the level.
const ck_optimizers *ck_optimizers_at(ck_level level, int type);

#endif
