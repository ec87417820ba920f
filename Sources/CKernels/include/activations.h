// Vectorized activation, loss, dropout and normalization functions for 32-bit floating-point numbers.
#ifndef ALLREDUCE_ACTIVATIONS_H
#define ALLREDUCE_ACTIVATIONS_H

#include <stddef.h>
#include <stdint.h>

#include "processor.h"

/// The functions compiled for one level of vector instructions. All levels return the same bits: each level computes in
/// groups of 16 numbers, in the same order, without fused multiply-add.
///
/// A result may be written over an operand; otherwise ranges must not overlap. Error bounds hold for all operands and
/// are in units in the last place (ulp) of the exact result. A NaN gives a NaN (whose bits may differ between levels if
/// it comes from a sum); infinities give the limits, and subnormal results are not flushed to zero.
typedef struct ck_activations {
  /// y = exp(x), within 1 ulp.
  void (*exponential)(const float *x, float *y, size_t count);
  /// y = tanh(x), within 2.5 ulp.
  void (*tanh)(const float *x, float *y, size_t count);
  /// y = 1 / (1 + exp(-x)), within 2.5 ulp.
  void (*sigmoid)(const float *x, float *y, size_t count);
  /// y = x * P, where P = (1 + erf(x / sqrt(2))) / 2, within 5 ulp, or 2^-145 where y is below 2^-120.
  void (*gelu)(const float *x, float *y, size_t count);
  /// y = x * sigmoid(2 * u), where u = sqrt(2 / pi) * (x + 0.044715 * x^3); within 2^-22 * (1 + |y|).
  void (*gelu_tanh)(const float *x, float *y, size_t count);
  /// y = x, or slope * x where x is negative; a slope of 0 gives 0 there.
  void (*rectify)(const float *x, float *y, size_t count, float slope);

  /// Multiplies g by the derivative of tanh: g = g * (1 - y^2), where y = tanh(x).
  void (*tanh_gradient)(const float *y, float *g, size_t count);
  /// Multiplies g by the derivative of sigmoid: g = g * y * (1 - y), where y = sigmoid(x).
  void (*sigmoid_gradient)(const float *y, float *g, size_t count);
  /// Multiplies g by the derivative of `gelu` at x, which is exact to within 2^-22.
  void (*gelu_gradient)(const float *x, float *g, size_t count);
  /// Multiplies g by the derivative of `gelu_tanh` at x, which is exact to within 2^-22.
  void (*gelu_tanh_gradient)(const float *x, float *g, size_t count);
  /// Multiplies g by the derivative of `rectify`: by `slope` where y = rectify(x) is not positive, otherwise by 1.
  void (*rectify_gradient)(const float *y, float *g, size_t count, float slope);

  /// y = x + z.
  void (*add)(const float *x, const float *z, float *y, size_t count);

  /// Returns the largest number, ignoring NaNs; -infinity if there is none.
  float (*largest)(const float *x, size_t count);
  /// Returns the sum of the numbers.
  double (*sum)(const float *x, size_t count);
  /// Returns the sum of exp(x - offset), and stores these values in y unless y is NULL.
  float (*exponentials)(const float *x, float offset, float *y, size_t count);
  /// x = x * scale - offset.
  void (*scale_and_shift)(float *x, size_t count, float scale, float offset);
  /// Returns the sum of (x - t)^2, and stores g = scale * (x - t) unless g is NULL.
  double (*squared_differences)(const float *x, const float *t, float *g, size_t count, float scale);
  /// Returns the sum of log(1 + exp(x)) - t * x, and stores g = scale * (sigmoid(x) - t) unless g is NULL. Sets
  /// `*right` to the number of correct predictions: x is positive where t is above 0.5, and not positive elsewhere.
  double (*binary_cross_entropy)(
      const float *x, const float *t, float *g, size_t count, float scale, ptrdiff_t *right);

  /// Dropout: y = x * scale, or 0 for dropped elements, which are those whose 16 random bits are not below `kept`.
  ///
  /// The bits of element e come from block index + 8 * (e / 64) + (e % 32) / 4 of the Philox generator: from 32-bit
  /// word 2 * (e / 32 % 2) + (e % 4) / 2 of that block, and there from the lower half if e is even, the upper half if e
  /// is odd.
  void (*drop)(
      const float *x, float *y, size_t count, uint64_t seed, uint64_t index, uint64_t stream,
      uint32_t kept, float scale);
} ck_activations;

/// Normalization functions over matrices of `rows` rows, each of `width` numbers. What `ck_activations` says of levels,
/// overlapping ranges and NaN holds here too.
typedef struct ck_normalization {
  /// sums[c] += the sum of x - shift[c] over the rows; squares[c] += the sum of (x - shift[c])^2 over the rows.
  void (*column_sums)(
      const float *x, size_t rows, size_t width, const float *shift, double *sums, double *squares);
  /// y = (x - mean[c]) * scale[c] + offset[c], for each column c.
  void (*columns)(
      const float *x, float *y, size_t rows, size_t width, const float *mean, const float *scale,
      const float *offset);
  /// sums[c] += the sum of g over the rows; products[c] += the sum of g * (x - mean[c]) over the rows.
  void (*column_products)(
      const float *g, const float *x, size_t rows, size_t width, const float *mean, double *sums,
      double *products);
  /// g = g * scale[c] - offset[c] - (x - mean[c]) * slope[c], for each column c.
  void (*columns_gradient)(
      float *g, const float *x, size_t rows, size_t width, const float *mean, const float *scale,
      const float *offset, const float *slope);

  /// Normalizes each row: y = (x - mean) * inverse * weight[c] + bias[c], where inverse = 1 / sqrt(variance + epsilon).
  /// Stores the mean and the inverse of each row.
  void (*rows)(
      const float *x, float *y, size_t rows, size_t width, const float *weight, const float *bias,
      float epsilon, float *mean, float *inverse);
  /// weight_gradient[c] += the sum of g * (x - mean) * inverse over the rows; bias_gradient[c] += the sum of g.
  void (*rows_parameters)(
      const float *g, const float *x, size_t rows, size_t width, const float *mean,
      const float *inverse, float *weight_gradient, float *bias_gradient);
  /// Replaces g, the gradient with respect to the output y of `rows`, by the gradient with respect to x.
  void (*rows_gradient)(
      float *g, const float *x, size_t rows, size_t width, const float *weight, const float *mean,
      const float *inverse);
} ck_normalization;

/// Returns the functions for a level; NULL if this processor does not have the level.
const ck_activations *ck_activations_at(ck_level level);
const ck_normalization *ck_normalization_at(ck_level level);

#endif
