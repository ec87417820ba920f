#if defined(__x86_64__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#define LEVEL avx512
#define VECTOR_BYTES 64
#define TILE_VECTORS 4
#define HAS_FMA 1
#define HAS_FLOAT16 1
#include "level.h"
#pragma clang attribute pop
#endif
