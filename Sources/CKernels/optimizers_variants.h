// What the variants of optimizers.h are to those who choose among them.
#ifndef ALLREDUCE_OPTIMIZERS_VARIANTS_H
#define ALLREDUCE_OPTIMIZERS_VARIANTS_H

#include "optimizers.h"

typedef struct optimizer_passes {
  ck_update_function update[CK_RULES];
  ck_squares_function squares;
} optimizer_passes;

extern const optimizer_passes optimizer_float_passes_scalar, optimizer_double_passes_scalar;
#if defined(__x86_64__)
extern const optimizer_passes optimizer_float_passes_avx2, optimizer_double_passes_avx2;
#endif

#endif
