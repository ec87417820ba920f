// The loops of layers of one element type in one variant, and their table. Before it is included:
// `real`, `integer` (as wide, signed), `VECTOR_BYTES`, `VECTORS` (a tile's, 2 or 4), `VARIANT_NAME(x)`,
// `MULTIPLY_ADD(a, b, c)` and `FUSED`, whether that rounds once, `CAN_STREAM` and `STREAM_FENCE()`. No include guard: included once a type.

#define NAME(x) VARIANT_NAME(x)
#define LANES (VECTOR_BYTES / sizeof(real))

typedef real NAME(lanes) __attribute__((ext_vector_type(LANES)));
typedef integer NAME(integers) __attribute__((ext_vector_type(LANES)));
typedef uint16_t NAME(places) __attribute__((ext_vector_type(LANES)));
// Where numbers lie, vectors need not be aligned.
typedef NAME(lanes) NAME(loose_lanes) __attribute__((aligned(sizeof(real)), may_alias));
typedef NAME(places) NAME(loose_places) __attribute__((aligned(sizeof(uint16_t)), may_alias));
typedef real NAME(quad) __attribute__((ext_vector_type(4)));
typedef NAME(quad) NAME(loose_quad) __attribute__((aligned(sizeof(real)), may_alias));
#define lanes NAME(lanes)
#define quad NAME(quad)
#define integers NAME(integers)
#define places NAME(places)
#define loose_places NAME(loose_places)

#define LOAD(from) ((lanes) * (const NAME(loose_lanes) *)(from))
#define STORE(to, value) (*(NAME(loose_lanes) *)(to) = (value))

#define QUAD(at) (*(NAME(loose_quad) *)(at))
#define STREAM(to, value) __builtin_nontemporal_store(value, (lanes *)(to))

#include "convolution_loops.h"
#include "pooling_loops.h"
#include "product_loops.h"

const ck_layers NAME(layers) = {
    .fused = FUSED,
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

#undef lanes
#undef quad
#undef integers
#undef places
#undef loose_places
#undef NAME
#undef LANES
#undef LOAD
#undef STORE
#undef QUAD
#undef STREAM
