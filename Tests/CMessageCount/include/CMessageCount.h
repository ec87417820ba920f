// Counts the messages of the whole process where MPI takes them: a counting transport.
#ifndef ALLREDUCE_CMESSAGECOUNT_H
#define ALLREDUCE_CMESSAGECOUNT_H

#include <stdint.h>

/// Bytes sent as messages to a rank of MPI_COMM_WORLD so far.
int64_t message_bytes_to(int world_rank);

/// Calls so far of MPI's own collectives that move data, whose bytes nobody sees.
int64_t collective_calls(void);

#endif
