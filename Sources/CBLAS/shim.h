#ifndef ALLREDUCE_CBLAS_SHIM_H
#define ALLREDUCE_CBLAS_SHIM_H

#include <cblas.h>

// LAPACK's QR factorization, which OpenBLAS contains (unless it was built with NO_LAPACK) and cblas.h does not declare.
// Fortran's conventions: arguments by address, matrices column by column.
void dgeqrf_(const int *rows, const int *columns, double *matrix, const int *leading_dimension, double *factors,
             double *space, const int *space_count, int *status);

#endif
