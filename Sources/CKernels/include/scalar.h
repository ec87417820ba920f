// The types of numbers that kernels are there for.
#ifndef ALLREDUCE_SCALAR_H
#define ALLREDUCE_SCALAR_H

enum { CK_FLOAT = 0, CK_DOUBLE = 1, CK_INT32 = 2, CK_INT64 = 3, CK_TYPES = 4 };

#endif
