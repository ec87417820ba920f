// Vector functions of networks on 32-bit floating-point numbers.
#ifndef ALLREDUCE_ACTIVATIONS_H
#define ALLREDUCE_ACTIVATIONS_H

#include <stddef.h>
#include <stdint.h>

#include "processor.h"

/// The functions at one level. All levels give the same bits: each computes in groups of 16 numbers,
/// in the same order, without fused multiplication and addition.
///
/// A result may take the place of an operand; otherwise ranges do not overlap. Errors are given in units
/// of the last place (ulp) of the exact result, for all operands. A NaN gives a NaN (whose bits may differ
/// between levels if it comes from a sum); infinities give the limits, and subnormal results are not
/// flushed to zero.
typedef struct ck_activations {
  /// y = exp(x), within 1 ulp.
  void (*exponential)(const float *x, float *y, size_t count);
  /// y = tanh(x), within 2.5 ulp.
  void (*tanh)(const float *x, float *y, size_t count);
  /// y = 1 / (1 + exp(-x)), within 2.5 ulp.
  void (*sigmoid)(const float *x, float *y, size_t count);
  /// y = x P, where P = (1 + erf(x / sqrt 2)) / 2, within 5 ulp, or 2^-145 where y is below 2^-120.
  void (*gelu)(const float *x, float *y, size_t count);
  /// y = x sigmoid(2 u), where u = sqrt(2 / pi) (x + 0.044715 x^3); within 2^-22 (1 + |y|).
  void (*gelu_tanh)(const float *x, float *y, size_t count);
  /// y = x, or slope x where x is negative; a slope of 0 gives 0 there.
  void (*rectify)(const float *x, float *y, size_t count, float slope);

  /// g = g (1 - y^2), from y = tanh(x).
  void (*tanh_gradient)(const float *y, float *g, size_t count);
  /// g = g y (1 - y), from y = sigmoid(x).
  void (*sigmoid_gradient)(const float *y, float *g, size_t count);
  /// g times the derivative at x, which is within 2^-22.
  void (*gelu_gradient)(const float *x, float *g, size_t count);
  /// g times the derivative at x, which is within 2^-22.
  void (*gelu_tanh_gradient)(const float *x, float *g, size_t count);
  /// g = g, or slope g where y is not positive, from y = rectify(x).
  void (*rectify_gradient)(const float *y, float *g, size_t count, float slope);

  /// y = x + z.
  void (*add)(const float *x, const float *z, float *y, size_t count);

  /// The largest number; NaNs are passed over, and -infinity is the largest of none.
  float (*largest)(const float *x, size_t count);
  /// The sum.
  double (*sum)(const float *x, size_t count);
  /// y = exp(x - offset), unless y is NULL, and the sum of that.
  float (*exponentials)(const float *x, float offset, float *y, size_t count);
  /// x = x scale - offset.
  void (*scale_and_shift)(float *x, size_t count, float scale, float offset);
  /// g = scale (x - t), unless g is NULL; the sum of the squared differences.
  double (*squared_differences)(const float *x, const float *t, float *g, size_t count, float scale);
  /// g = scale (sigmoid(x) - t), unless g is NULL; the sum of log(1 + exp(x)) - t x; in `right` how many x
  /// are positive where t is above 0.5 and not positive elsewhere.
  double (*binary_cross_entropy)(
      const float *x, const float *t, float *g, size_t count, float scale, ptrdiff_t *right);

  /// y = x scale, or 0 for elements that are dropped: those whose 16 random bits are not below `kept`.
  ///
  /// The bits of element e are from Philox's block 8 (e / 64) + (e % 32) / 4, which is added to `index`; of
  /// that word 2 (e / 32 % 2) + e % 4 / 2; of that half e % 2, the lower one first.
  void (*drop)(
      const float *x, float *y, size_t count, uint64_t seed, uint64_t index, uint64_t stream,
      uint32_t kept, float scale);
} ck_activations;

/// Functions of normalization, over rows; `width` is the length of a row. As above in all else.
typedef struct ck_normalization {
  /// sums[c] += the sum of x - shift[c] over the rows, squares[c] += that of their squares.
  void (*column_sums)(
      const float *x, size_t rows, size_t width, const float *shift, double *sums, double *squares);
  /// y = (x - mean[c]) scale[c] + offset[c].
  void (*columns)(
      const float *x, float *y, size_t rows, size_t width, const float *mean, const float *scale,
      const float *offset);
  /// sums[c] += the sum of g over the rows, products[c] += that of g (x - mean[c]).
  void (*column_products)(
      const float *g, const float *x, size_t rows, size_t width, const float *mean, double *sums,
      double *products);
  /// g = g scale[c] - offset[c] - (x - mean[c]) slope[c].
  void (*columns_gradient)(
      float *g, const float *x, size_t rows, size_t width, const float *mean, const float *scale,
      const float *offset, const float *slope);

  /// y = (x - mean) inverse weight[c] + bias[c], with the mean of each row and the inverse of its
  /// deviation, 1 / sqrt(variance + epsilon), which are stored.
  void (*rows)(
      const float *x, float *y, size_t rows, size_t width, const float *weight, const float *bias,
      float epsilon, float *mean, float *inverse);
  /// weight_gradient[c] += the sum of g (x - mean) inverse over the rows, bias_gradient[c] += that of g.
  void (*rows_parameters)(
      const float *g, const float *x, size_t rows, size_t width, const float *mean,
      const float *inverse, float *weight_gradient, float *bias_gradient);
  /// g = the gradient of x.
  void (*rows_gradient)(
      float *g, const float *x, size_t rows, size_t width, const float *weight, const float *mean,
      const float *inverse);
} ck_normalization;

/// The functions; NULL if this processor does not have the level.
const ck_activations *ck_activations_at(ck_level level);
const ck_normalization *ck_normalization_at(ck_level level);

#endif
