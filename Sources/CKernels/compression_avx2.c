#if defined(__x86_64__)
#define VARIANT compression_avx2
#define BYTES 32
#define TARGET __attribute__((target("avx2")))
#include "compression_loops.h"
#endif
