#if defined(__x86_64__)
#include <stdint.h>

#include "optimizers_variants.h"

#define TARGET __attribute__((target("avx2")))
#define REAL float
#define NAME(x) optimizer_float_##x##_avx2
#include "optimizers_loops.h"
#undef REAL
#undef NAME
#define REAL double
#define NAME(x) optimizer_double_##x##_avx2
#include "optimizers_loops.h"
#endif
