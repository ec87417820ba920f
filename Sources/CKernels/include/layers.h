// The loops of a network's layers: convolution of images in memory, `[height, width, channels]`, without
// a matrix of windows, and its gradients; pooling; products of a batch with large weights.
#ifndef ALLREDUCE_LAYERS_H
#define ALLREDUCE_LAYERS_H

#include <stddef.h>
#include <stdint.h>

#include "optimizers.h"
#include "processor.h"

/// Windows of an image at regular steps. A window is `runs` runs of `run` contiguous elements.
typedef struct ck_windows {
  /// How many windows there are below, and beside each other.
  size_t rows, columns;
  /// Elements from a window to the next one below, and beside it.
  size_t row_step, column_step;
  size_t runs, run;
  /// Elements from a run to the next of the same window.
  size_t run_step;
} ck_windows;

/// Where the element of each index triple is, for rearranging weights: steps may be negative.
typedef struct ck_indices {
  size_t counts[3];
  ptrdiff_t steps[3];
} ck_indices;

/// Pooling of one image: windows of height x width at steps of `stride`, without padding.
typedef struct ck_pool {
  size_t image_width, channels;
  size_t rows, columns;
  size_t height, width, row_stride, column_stride;
} ck_pool;

/// A step of an optimizer for a matrix of weights, and what it remembers of them.
typedef struct ck_step {
  ck_update_function update;
  ck_update how;
  void *weights, *first, *second;
} ck_step;

/// Columns are handled in panels: [inner][64] numbers for 64 columns, the last panel narrower. The
/// number of columns is rounded up to whole `CK_COLUMNS`.
enum { CK_COLUMNS = 16, CK_PANEL = 64, CK_SCRATCH = 32768 };

/// Elements are float or double, by the table. All levels with fused multiply-add give the same bits:
/// a sum is one chain of them in the order of memory. Tables without say so in `fused`.
typedef struct ck_layers {
  int fused;
  /// Rearranges a matrix into panels: `columns` columns, `step` elements apart; rows by the indices.
  void (*pack)(const void *from, const ck_indices *rows, size_t columns, ptrdiff_t step, void *panels);
  /// to = panels + keep * to, where `to` is laid out as in `pack`.
  void (*unpack)(
      const void *panels, const ck_indices *rows, size_t columns, ptrdiff_t step, int keep, void *to);
  /// Copies `count` elements of every pixel from an image of [height][width] to one of
  /// [rows][columns] whose first pixel is that at (top, left), which may lie outside. Pixels are
  /// `channels` elements in the one and `pitch` in the other. What is outside is zero.
  void (*window)(
      const void *image, size_t height, size_t width, size_t channels, ptrdiff_t top,
      ptrdiff_t left, size_t rows, size_t columns, size_t pitch, void *to);
  /// out[window][column] = start[column] + the sum of window x panels. `start`, as long as the panels are
  /// wide, may be NULL. The steps are those between the results of windows, in elements.
  void (*convolve)(
      const ck_windows *windows, const void *in, const void *panels, const void *start,
      size_t columns, void *out, size_t out_row_step, size_t out_column_step);
  /// panels[element][column] += the sum over all windows of window[element] gradient[window][column],
  /// whose rows are `pitch` long: the rounded number of columns at least.
  void (*correlate)(
      const ck_windows *windows, const void *in, const void *gradient, size_t pitch,
      size_t columns, void *panels);
  /// sums[column] += the sum of `count` rows.
  void (*add_rows)(const void *rows, size_t count, size_t columns, void *sums);
  /// out = the largest of each window, which = where in the window it was first; a NaN is largest.
  void (*max_pool)(const ck_pool *pool, const void *in, void *out, uint16_t *which);
  /// in = the gradient where the largest was, else zero. `height` is that of the image.
  void (*max_unpool)(
      const ck_pool *pool, size_t height, const void *gradient, const uint16_t *which, void *in);
  /// out = the mean of each window.
  void (*mean_pool)(const ck_pool *pool, const void *in, void *out);
  /// in = the gradient's share of every window an element is in.
  void (*mean_unpool)(const ck_pool *pool, size_t height, const void *gradient, void *in);
  /// out = start + left x right: [rows][columns] = [columns] + [rows][inner] x [inner][columns], or
  /// x [columns][inner] transposed. For few rows and a large right matrix. `start` may be NULL;
  /// `scratch` has room for `CK_SCRATCH` elements.
  void (*product)(
      const void *left, size_t rows, size_t inner, const void *right, int transposed,
      size_t columns, const void *start, void *out, void *scratch);
  /// out = left transposed x right, plus what was there if `keep`: [left_columns][right_columns] =
  /// [rows][left_columns] x [rows][right_columns]. For few rows. `scratch` has room for rows times
  /// left_columns and the rounded right_columns.
  void (*outer_product)(
      const void *left, const void *right, size_t rows, size_t left_columns, size_t right_columns,
      int keep, void *out, void *scratch);
  /// The step with the gradient left transposed x right, which is not kept: as `outer_product` without
  /// `keep`, then the step's pass.
  void (*outer_update)(
      const void *left, const void *right, size_t rows, size_t left_columns, size_t right_columns,
      const ck_step *step, void *scratch);
} ck_layers;

/// The loops of float or double; NULL if this processor does not have the level.
const ck_layers *ck_layers_at(ck_level level, int type);

#endif
