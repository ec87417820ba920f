#define _GNU_SOURCE
#include "CKernels.h"

#include <errno.h>
#include <fcntl.h>

#ifdef SYNC_FILE_RANGE_WRITE
int ck_begin_flush(int file, int64_t start, int64_t bytes) {
  if (sync_file_range(file, start, bytes, SYNC_FILE_RANGE_WRITE) == 0) return 0;
  // A filter of system calls may refuse this one with EPERM.
  int isMissing = errno == ENOSYS || errno == EINVAL || errno == ESPIPE || errno == EOPNOTSUPP
      || errno == EPERM;
  return isMissing ? -1 : errno;
}

int ck_end_flush(int file, int64_t start, int64_t bytes) {
  // The system reports an error of the disk once, so what is ignored here is lost.
  const unsigned wait = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE
      | SYNC_FILE_RANGE_WAIT_AFTER;
  if (sync_file_range(file, start, bytes, wait) != 0) return errno;
  posix_fadvise(file, start, bytes, POSIX_FADV_DONTNEED);
  return 0;
}
#else
int ck_begin_flush(int file, int64_t start, int64_t bytes) { return -1; }
int ck_end_flush(int file, int64_t start, int64_t bytes) { return 0; }
#endif
