// The kernels of one element type at one level. Before it is included: `element`, `signed_element` and
// `unsigned_element` (integers of the same width), and FLOATING, the bits of a floating-point type or 0.

typedef element vector __attribute__((ext_vector_type(LANES)));
typedef signed_element signed_vector __attribute__((ext_vector_type(LANES)));
typedef unsigned_element unsigned_vector __attribute__((ext_vector_type(LANES)));
typedef uint16_t uint16_vector __attribute__((ext_vector_type(LANES)));
typedef element line __attribute__((ext_vector_type(LINE)));
typedef vector NAME(unaligned_vector) __attribute__((aligned(sizeof(element)), may_alias));
typedef line NAME(unaligned_line) __attribute__((aligned(sizeof(element)), may_alias));
typedef uint16_vector NAME(unaligned_uint16_vector) __attribute__((aligned(2), may_alias));

#include "../loops/reduction_loops.h"

#if FLOATING
#include "../loops/compression_loops.h"
#include "../loops/optimizer_loops.h"
#include "../loops/layer_loops.h"
#endif

#if FLOATING == 32
#include "../loops/vector_math.h"
#include "../loops/wire_loops.h"
#include "../loops/activation_loops.h"
#include "../loops/normalization_loops.h"
#endif

#undef element
#undef signed_element
#undef unsigned_element
#undef FLOATING
