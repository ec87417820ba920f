// The loops over images of one element type in one variant, and their table. Before it is included:
// `real`, `integer` (as wide, signed), `VECTOR_BYTES`, `VECTORS` (a tile's, 2 or 4), `VARIANT_NAME(x)`,
// `MULTIPLY_ADD(a, b, c)` and `FUSED`, whether that rounds once. No include guard: included once a type.

#define NAME(x) VARIANT_NAME(x)
#define LANES (VECTOR_BYTES / sizeof(real))

typedef real NAME(lanes) __attribute__((ext_vector_type(LANES)));
typedef integer NAME(integers) __attribute__((ext_vector_type(LANES)));
typedef uint16_t NAME(places) __attribute__((ext_vector_type(LANES)));
// Where numbers lie, vectors need not be aligned.
typedef NAME(lanes) NAME(loose_lanes) __attribute__((aligned(sizeof(real)), may_alias));
typedef NAME(places) NAME(loose_places) __attribute__((aligned(sizeof(uint16_t)), may_alias));
#define lanes NAME(lanes)
#define integers NAME(integers)
#define places NAME(places)
#define loose_places NAME(loose_places)

#define LOAD(from) ((lanes) * (const NAME(loose_lanes) *)(from))
#define STORE(to, value) (*(NAME(loose_lanes) *)(to) = (value))

#include "convolution_loops.h"
#include "pooling_loops.h"

const ck_images NAME(images) = {
    FUSED,          NAME(pack),     NAME(unpack),     NAME(window),    NAME(convolve),   NAME(correlate),
    NAME(add_rows), NAME(max_pool), NAME(max_unpool), NAME(mean_pool), NAME(mean_unpool)};

#undef lanes
#undef integers
#undef places
#undef loose_places
#undef NAME
#undef LANES
#undef LOAD
#undef STORE
