// The tables that the files of the variants define.
#ifndef ALLREDUCE_ACTIVATIONS_VARIANTS_H
#define ALLREDUCE_ACTIVATIONS_VARIANTS_H

#include <math.h>

#include "activations.h"
#include "lanes.h"

extern const ck_activations scalar_activations, avx2_activations, avx512_activations;
extern const ck_normalization scalar_normalization, avx2_normalization, avx512_normalization;

#endif
