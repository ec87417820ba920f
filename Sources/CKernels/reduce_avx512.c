#if defined(__x86_64__)
#define VARIANT reduce_avx512
#define BYTES 64
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))
#include "reduce_loops.h"
#endif
