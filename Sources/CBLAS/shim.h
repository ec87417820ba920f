#ifndef ALLREDUCE_CBLAS_SHIM_H
#define ALLREDUCE_CBLAS_SHIM_H

#include <cblas.h>

// LAPACK, which OpenBLAS has too, under Fortran's name and with Fortran's arguments: all by address, matrices column by
// column. The QR factorization of a matrix.
void dgeqrf_(const int *rows, const int *columns, double *matrix, const int *leading_dimension, double *factors,
             double *space, const int *space_count, int *status);

#endif
