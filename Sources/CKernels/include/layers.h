// The kernels of a network's layers: convolution of images in memory, `[height, width, channels]`, without a matrix of
// windows (im2col), and its gradients; pooling; products of a batch with large weight matrices.
#ifndef ALLREDUCE_LAYERS_H
#define ALLREDUCE_LAYERS_H

#include <stddef.h>
#include <stdint.h>

#include "optimizers.h"
#include "processor.h"

/// The windows of an image, at regular steps. A window consists of `runs` runs of `run` contiguous elements each.
typedef struct ck_windows {
  /// The number of windows below each other, and beside each other.
  size_t rows, columns;
  /// The distance in elements from a window to the next one below it, and to the next one beside it.
  size_t row_step, column_step;
  size_t runs, run;
  /// The distance in elements from a run to the next run of the same window.
  size_t run_step;
} ck_windows;

/// Where the element of each triple of indices lies, for rearranging weights: the number of values of each index, and
/// the distance in elements between two successive values, which may be negative.
typedef struct ck_indices {
  size_t counts[3];
  ptrdiff_t steps[3];
} ck_indices;

/// Pooling of one image, without padding: rows x columns windows of height x width pixels each, at steps of
/// `row_stride` and `column_stride` pixels.
typedef struct ck_pool {
  size_t image_width, channels;
  size_t rows, columns;
  size_t height, width, row_stride, column_stride;
} ck_pool;

/// A step of an optimizer on a matrix of weights: the update function, its coefficients, the weights and the
/// optimizer's state vectors.
typedef struct ck_step {
  ck_update_function update;
  ck_update how;
  void *weights, *first, *second;
} ck_step;

/// Matrices are packed into panels: [inner][64] numbers for 64 columns; the last panel may be narrower. The number of
/// columns is rounded up to a multiple of `CK_COLUMNS`.
enum { CK_COLUMNS = 16, CK_PANEL = 64, CK_SCRATCH = 32768 };

/// The layer kernels for one element type (float or double) at one level. `fused` tells whether the level has fused
/// multiply-add. All levels that do give the same bits: a sum is one chain of fused multiply-adds in the order of
/// memory.
typedef struct ck_layers {
  int fused;
  /// Packs a matrix into panels. It has `columns` columns, `step` elements apart; `rows` says where its rows begin.
  void (*pack)(const void *from, const ck_indices *rows, size_t columns, ptrdiff_t step, void *panels);
  /// Copies panels back into a matrix laid out as in `pack`: to = panels, or to += panels if `keep` is not 0.
  void (*unpack)(
      const void *panels, const ck_indices *rows, size_t columns, ptrdiff_t step, int keep, void *to);
  /// Copies a window of [rows][columns] pixels out of an image of [height][width] pixels. The window begins at pixel
  /// (top, left) and may extend beyond the image; pixels outside are zero. A pixel has `channels` elements in the image
  /// and `pitch` in the copy, where the additional elements are zero.
  void (*window)(
      const void *image, size_t height, size_t width, size_t channels, ptrdiff_t top,
      ptrdiff_t left, size_t rows, size_t columns, size_t pitch, void *to);
  /// out[window][column] = start[column] + the sum over the window's elements of window[element] *
  /// panels[element][column]. `start` has a number for each column of the panels, and may be NULL. `out_row_step` and
  /// `out_column_step` are the distances in elements between the results of neighbouring windows.
  void (*convolve)(
      const ck_windows *windows, const void *in, const void *panels, const void *start,
      size_t columns, void *out, size_t out_row_step, size_t out_column_step);
  /// panels[element][column] += the sum over all windows of window[element] * gradient[window][column]. The rows of
  /// `gradient` are `pitch` elements long, which is at least the rounded number of columns.
  void (*correlate)(
      const ck_windows *windows, const void *in, const void *gradient, size_t pitch,
      size_t columns, void *panels);
  /// sums[column] += the sum of that column over `count` rows.
  void (*add_rows)(const void *rows, size_t count, size_t columns, void *sums);
  /// out = the largest element of each window; which = the index in the window of its first occurrence. NaN counts as
  /// largest; of several NaNs the last is taken.
  void (*max_pool)(const ck_pool *pool, const void *in, void *out, uint16_t *which);
  /// in = for each element, the sum of the gradients of the windows whose `which` names it; 0 if there are none.
  /// `height` is the height of the image.
  void (*max_unpool)(
      const ck_pool *pool, size_t height, const void *gradient, const uint16_t *which, void *in);
  /// out = the mean of each window.
  void (*mean_pool)(const ck_pool *pool, const void *in, void *out);
  /// in = for each element, the sum over the windows that contain it of the window's gradient / (height * width).
  void (*mean_unpool)(const ck_pool *pool, size_t height, const void *gradient, void *in);
  /// out = start + left * right, with shapes [rows][columns] = [columns] + [rows][inner] * [inner][columns]; if
  /// `transposed`, right is stored as [columns][inner]. Meant for few rows and a large right matrix. `start` may be
  /// NULL; `scratch` has room for `CK_SCRATCH` elements.
  void (*product)(
      const void *left, size_t rows, size_t inner, const void *right, int transposed,
      size_t columns, const void *start, void *out, void *scratch);
  /// out = the transpose of left * right, added to the old out if `keep` is not 0. Left is [rows][left_columns], right
  /// is [rows][right_columns], out is [left_columns][right_columns]. Meant for few rows. `scratch` has room for `rows`
  /// times the sum of left_columns and the rounded right_columns, in elements.
  void (*outer_product)(
      const void *left, const void *right, size_t rows, size_t left_columns, size_t right_columns,
      int keep, void *out, void *scratch);
  /// Takes an optimizer's step whose gradient is the product that `outer_product` computes without `keep`; the gradient
  /// itself is not stored.
  void (*outer_update)(
      const void *left, const void *right, size_t rows, size_t left_columns, size_t right_columns,
      const ck_step *step, void *scratch);
} ck_layers;

/// Returns the layer kernels for float or double (`type`); NULL if this processor does not have the level.
const ck_layers *ck_layers_at(ck_level level, int type);

#endif
