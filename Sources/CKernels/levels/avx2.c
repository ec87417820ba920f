#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define LEVEL avx2
#define VECTOR_BYTES 32
#define TILE_VECTORS 2
#define HAS_FMA 1
#define HAS_FLOAT16 1
#include "level.h"
#pragma clang attribute pop
#endif
