#if defined(__x86_64__)
#define VARIANT reduce_avx2
#define BYTES 32
#define TARGET __attribute__((target("avx2")))
#include "reduce_loops.h"
#endif
