#if defined(__x86_64__)
#define VARIANT sum_avx2
#define BYTES 32
#define TARGET __attribute__((target("avx2")))
#include "sum_loops.h"
#endif
