#ifndef ALLREDUCE_CBLAS_SHIM_H
#define ALLREDUCE_CBLAS_SHIM_H

#include <cblas.h>

#endif
