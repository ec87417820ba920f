// What the variants of the loops of layers share.
#ifndef ALLREDUCE_LAYERS_LOOPS_H
#define ALLREDUCE_LAYERS_LOOPS_H

#include <string.h>

#include "layers.h"

/// The windows of a tile, or the elements of a window.
#define SIX 6
#define CACHE_LINE 64
/// The bytes of a result from which on it is written past the caches.
#define STREAM_FROM ((size_t)16 << 20)
#define ROUNDED(columns) (((columns) + CK_COLUMNS - 1) / CK_COLUMNS * CK_COLUMNS)
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

/// Memory wanted soon: `rows` of so many cache lines, `step` bytes apart, and as many `beside` them, so
/// many bytes on. Lines past its end may be asked for: a prefetch of what is not there does nothing.
typedef struct fetch {
  const char *at;
  size_t step, rows, lines;
  ptrdiff_t beside;
} fetch;

/// Calls a macro with a constant number of vectors.
#define BY_TWO(vectors, CALL) \
  if (vectors == 2) {         \
    CALL(2);                  \
  } else {                    \
    CALL(1);                  \
  }
#define BY_FOUR(vectors, CALL) \
  switch (vectors) {           \
    case 4: CALL(4); break;    \
    case 3: CALL(3); break;    \
    case 2: CALL(2); break;    \
    default: CALL(1);          \
  }

extern const ck_layers layers_float_scalar, layers_double_scalar;
extern const ck_layers layers_float_avx2, layers_double_avx2;
extern const ck_layers layers_float_avx512, layers_double_avx512;

#endif
