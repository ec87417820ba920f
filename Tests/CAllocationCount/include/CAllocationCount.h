// Counts the calls of malloc and its kin in the whole process, libraries included.
#ifndef ALLREDUCE_CALLOCATIONCOUNT_H
#define ALLREDUCE_CALLOCATIONCOUNT_H

#include <stdint.h>

/// Allocations of this thread so far.
int64_t allocation_count(void);

#endif
