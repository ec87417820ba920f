#if defined(__x86_64__)
#define VARIANT sum_avx512
#define BYTES 64
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))
#include "sum_loops.h"
#endif
