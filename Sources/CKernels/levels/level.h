// All kernels at one processor level. A file of `levels` includes this once, with the compiler told which
// instructions it may use, and these macros:
//   LEVEL         the level's name
//   VECTOR_BYTES  the width of its registers
//   TILE_VECTORS  how many vectors of columns the tile of a product has, 2 or 4
//   HAS_FMA       whether it can multiply and add with one rounding
//   HAS_FLOAT16   whether it can convert 16-bit floating-point numbers
//
// Kernels are written once, in `loops`, for any element type and any level. A name there that is written
// NAME(sum_in_place) is, for floats at the level avx2, the function sum_in_place_float_avx2.
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "CKernels.h"

// Everything that takes vectors is inlined: nothing depends on how they are passed to functions.
#pragma clang diagnostic ignored "-Wpsabi"
// A fused operation rounds once where two operations round twice, and not every level has it: results would
// differ. Where one is wanted, it is called by its name.
#pragma STDC FP_CONTRACT OFF

/// All kernels of a level; those of several element types in the order of the types.
typedef struct ck_kernels {
  const ck_reduction *reductions[CK_TYPES];
  const ck_wire *wire;
  const ck_compression *compression[2];
  const ck_optimizers *optimizers[2];
  const ck_layers *layers[2];
  const ck_activations *activations;
  const ck_normalization *normalization;
} ck_kernels;

extern const ck_kernels ck_kernels_scalar, ck_kernels_avx2, ck_kernels_avx512;

#define JOIN_TOKENS(a, b) a##_##b
#define JOIN(a, b) JOIN_TOKENS(a, b)
#define NAME(x) JOIN(JOIN(x, element), LEVEL)

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")
/// For the few elements at the end of a range: to vectorize them again would only take time.
#define SINGLY _Pragma("clang loop vectorize(disable)")

/// Bytes of a cache line, and of what every level handles at once where the order of additions is part of the
/// result: a line of elements, which compilers cut into the registers that the level has.
enum { LINE_BYTES = 64 };

// The types of an element: a register and a line of them, and those of integers of the same width.
#define vector NAME(vector)
#define signed_vector NAME(signed_vector)
#define unsigned_vector NAME(unsigned_vector)
#define uint16_vector NAME(uint16_vector)
#define line NAME(line)

/// How many elements a register and a line have.
#define LANES (VECTOR_BYTES / sizeof(element))
#define LINE (LINE_BYTES / sizeof(element))

/// The bits of the NaN that is positive, quiet and has no payload.
#define CANONICAL_NAN ((signed_element)(FLOATING == 32 ? 0x7FC00000 : 0x7FF8000000000000))

// Vectors in memory, which is aligned to single elements only.
#define VECTOR_AT(place) (*(NAME(unaligned_vector) *)(place))
#define LOAD(place) ((vector) * (const NAME(unaligned_vector) *)(place))
#define STORE(place, value) (VECTOR_AT(place) = (value))
#define LINE_AT(place) (*(NAME(unaligned_line) *)(place))
#define LOAD_LINE(place) ((line) * (const NAME(unaligned_line) *)(place))
#define LOAD_UINT16(place) ((uint16_vector) * (const NAME(unaligned_uint16_vector) *)(place))
#define STORE_UINT16(place, value) (*(NAME(unaligned_uint16_vector) *)(place) = (value))

#define element float
#define signed_element int32_t
#define unsigned_element uint32_t
#define FLOATING 32
#include "element.h"

#define element double
#define signed_element int64_t
#define unsigned_element uint64_t
#define FLOATING 64
#include "element.h"

#define element int32_t
#define signed_element int32_t
#define unsigned_element uint32_t
#define FLOATING 0
#include "element.h"

#define element int64_t
#define signed_element int64_t
#define unsigned_element uint64_t
#define FLOATING 0
#include "element.h"

#define OF_TYPE(table, type) JOIN(JOIN(table, type), LEVEL)

const ck_kernels JOIN(ck_kernels, LEVEL) = {
    .reductions = {OF_TYPE(reductions, float), OF_TYPE(reductions, double),
                   OF_TYPE(reductions, int32_t), OF_TYPE(reductions, int64_t)},
    .wire = OF_TYPE(wire, float),
    .compression = {&OF_TYPE(compression, float), &OF_TYPE(compression, double)},
    .optimizers = {&OF_TYPE(optimizers, float), &OF_TYPE(optimizers, double)},
    .layers = {&OF_TYPE(layers, float), &OF_TYPE(layers, double)},
    .activations = &OF_TYPE(activations, float),
    .normalization = &OF_TYPE(normalization, float),
};
