#if defined(__x86_64__)
#include "activations_variants.h"

#define VARIANT(name) avx2_##name
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#include "lanes_body.h"
#include "activations_math.h"
#include "dropout_body.h"
#include "activations_body.h"
#include "normalization_body.h"
#pragma clang attribute pop
#endif
