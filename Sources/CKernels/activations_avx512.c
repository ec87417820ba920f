#if defined(__x86_64__)
#include "activations_variants.h"

#define VARIANT(name) avx512_##name
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#include "lanes_body.h"
#include "activations_math.h"
#include "dropout_body.h"
#include "activations_body.h"
#include "normalization_body.h"
#pragma clang attribute pop
#endif
