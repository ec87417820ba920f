// The loops of layers: the functions of layers.h. What convolutions and products have in common is the tile: some
// rows by a few vectors of columns, whose sums stay in registers.

/// The rows of a tile: windows, or elements of a window, or rows of a batch.
#define TILE_ROWS 6

#define ROUNDED(columns) (((columns) + CK_COLUMNS - 1) / CK_COLUMNS * CK_COLUMNS)

/// Calls a macro with the number of vectors as a constant.
#if TILE_VECTORS == 4
#define WITH_VECTORS(vectors, CALL) \
  switch (vectors) {                \
    case 4: CALL(4); break;         \
    case 3: CALL(3); break;         \
    case 2: CALL(2); break;         \
    default: CALL(1);               \
  }
#else
#define WITH_VECTORS(vectors, CALL) \
  switch (vectors) {                \
    case 2: CALL(2); break;         \
    default: CALL(1);               \
  }
#endif

INLINE vector NAME(multiply_add)(vector a, vector b, vector c) {
#if HAS_FMA
  return __builtin_elementwise_fma(a, b, c);
#else
  return a * b + c;
#endif
}

#include "convolution_loops.h"
#include "pooling_loops.h"
#include "product_loops.h"

static const ck_layers NAME(layers) = {
    .fused = HAS_FMA,
    .pack = NAME(pack),
    .unpack = NAME(unpack),
    .window = NAME(window),
    .convolve = NAME(convolve),
    .correlate = NAME(correlate),
    .add_rows = NAME(add_rows),
    .max_pool = NAME(max_pool),
    .max_unpool = NAME(max_unpool),
    .mean_pool = NAME(mean_pool),
    .mean_unpool = NAME(mean_unpool),
    .product = NAME(product),
    .outer_product = NAME(outer_product),
    .outer_update = NAME(outer_update),
};

#undef TILE_ROWS
#undef ROUNDED
#undef WITH_VECTORS
