// Takes the place of MPI's functions, by the standard's profiling interface: a program's own definitions come
// before those of the library, which are there by their PMPI names too.
#include "CMessageCount.h"

#include <mpi.h>

enum { most_ranks = 1024 };

static int64_t bytes_to[most_ranks];
static int64_t collectives;

int64_t message_bytes_to(int world_rank) { return bytes_to[world_rank]; }

int64_t collective_calls(void) { return collectives; }

static void note(int count, MPI_Datatype type, int rank, MPI_Comm comm) {
  MPI_Group group, world;
  int size = 0, world_rank = 0;
  PMPI_Type_size(type, &size);
  PMPI_Comm_group(comm, &group);
  PMPI_Comm_group(MPI_COMM_WORLD, &world);
  PMPI_Group_translate_ranks(group, 1, &rank, world, &world_rank);
  PMPI_Group_free(&group);
  PMPI_Group_free(&world);
  bytes_to[world_rank] += (int64_t)count * size;
}

int MPI_Isend(const void *values, int count, MPI_Datatype type, int rank, int tag, MPI_Comm comm,
              MPI_Request *request) {
  note(count, type, rank, comm);
  return PMPI_Isend(values, count, type, rank, tag, comm, request);
}

int MPI_Allreduce(const void *own, void *all, int count, MPI_Datatype type, MPI_Op op,
                  MPI_Comm comm) {
  collectives++;
  return PMPI_Allreduce(own, all, count, type, op, comm);
}

int MPI_Reduce(const void *own, void *all, int count, MPI_Datatype type, MPI_Op op, int root,
               MPI_Comm comm) {
  collectives++;
  return PMPI_Reduce(own, all, count, type, op, root, comm);
}

int MPI_Bcast(void *values, int count, MPI_Datatype type, int root, MPI_Comm comm) {
  collectives++;
  return PMPI_Bcast(values, count, type, root, comm);
}

int MPI_Allgather(const void *own, int count, MPI_Datatype type, void *all, int each,
                  MPI_Datatype all_type, MPI_Comm comm) {
  collectives++;
  return PMPI_Allgather(own, count, type, all, each, all_type, comm);
}

int MPI_Allgatherv(const void *own, int count, MPI_Datatype type, void *all, const int counts[],
                   const int starts[], MPI_Datatype all_type, MPI_Comm comm) {
  collectives++;
  return PMPI_Allgatherv(own, count, type, all, counts, starts, all_type, comm);
}

int MPI_Reduce_scatter(const void *own, void *block, const int counts[], MPI_Datatype type,
                       MPI_Op op, MPI_Comm comm) {
  collectives++;
  return PMPI_Reduce_scatter(own, block, counts, type, op, comm);
}

int MPI_Alltoall(const void *own, int count, MPI_Datatype type, void *all, int each,
                 MPI_Datatype all_type, MPI_Comm comm) {
  collectives++;
  return PMPI_Alltoall(own, count, type, all, each, all_type, comm);
}
