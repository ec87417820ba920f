// Groups of 16 numbers, which compilers cut into whatever registers the processor has. The group is the
// same in all variants, so sums are added up in the same order.
#ifndef ALLREDUCE_LANES_H
#define ALLREDUCE_LANES_H

#include <stdint.h>
#include <string.h>

#define LANES 16

// Everything here is inlined: nothing depends on how groups are passed to functions.
#pragma clang diagnostic ignored "-Wpsabi"
// A fused operation rounds once where two operations round twice, and not every processor has it.
#pragma STDC FP_CONTRACT OFF

typedef float lanes __attribute__((ext_vector_type(LANES)));
typedef int32_t lane_bits __attribute__((ext_vector_type(LANES)));
// Memory that is aligned to single numbers only.
typedef float unaligned_lanes __attribute__((ext_vector_type(LANES), aligned(4)));

#define INLINE static inline __attribute__((always_inline))

#endif
