// The part of <mpi.h> that Swift cannot import: constants that are macros over
// the addresses of Open MPI's objects, and status fields behind accessors.
#ifndef ALLREDUCE_CMPI_SHIM_H
#define ALLREDUCE_CMPI_SHIM_H

#include <mpi.h>

#ifndef OMPI_MAJOR_VERSION
#error "AllReduce needs Open MPI, and this mpi.h is another MPI's (MPICH's?). Install Open MPI (Debian: libopenmpi-dev), have pkg-config --cflags ompi-c name its folder (PKG_CONFIG_PATH), take the other's folder out of CPATH and C_INCLUDE_PATH, and build again."
#endif

static inline MPI_Comm cmpi_comm_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Comm cmpi_comm_null(void) { return MPI_COMM_NULL; }
static inline MPI_Info cmpi_info_null(void) { return MPI_INFO_NULL; }
static inline MPI_Request cmpi_request_null(void) { return MPI_REQUEST_NULL; }
static inline MPI_Errhandler cmpi_errors_return(void) { return MPI_ERRORS_RETURN; }
static inline const void *cmpi_in_place(void) { return MPI_IN_PLACE; }
static inline MPI_Status *cmpi_status_ignore(void) { return MPI_STATUS_IGNORE; }
static inline MPI_Status *cmpi_statuses_ignore(void) { return MPI_STATUSES_IGNORE; }

static inline MPI_Datatype cmpi_byte(void) { return MPI_BYTE; }
static inline MPI_Datatype cmpi_float(void) { return MPI_FLOAT; }
static inline MPI_Datatype cmpi_double(void) { return MPI_DOUBLE; }
static inline MPI_Datatype cmpi_int32(void) { return MPI_INT32_T; }
static inline MPI_Datatype cmpi_int64(void) { return MPI_INT64_T; }

static inline MPI_Op cmpi_sum(void) { return MPI_SUM; }
static inline MPI_Op cmpi_product(void) { return MPI_PROD; }
static inline MPI_Op cmpi_minimum(void) { return MPI_MIN; }
static inline MPI_Op cmpi_maximum(void) { return MPI_MAX; }

// The largest tag that messages may have (MPI_TAG_UB); what the standard promises if MPI does not say.
static inline int cmpi_largest_tag(MPI_Comm comm) {
  int *largest = 0, found = 0;
  MPI_Comm_get_attr(comm, MPI_TAG_UB, &largest, &found);
  return found ? *largest : 32767;
}

#endif
