#define _GNU_SOURCE
#include "CKernels.h"

#include <errno.h>
#include <fcntl.h>

#ifdef SYNC_FILE_RANGE_WRITE
// An error of the disk is reported once: to this call, or else when the file is flushed.
static int flush(int file, int64_t start, int64_t bytes, unsigned flags) {
  if (sync_file_range(file, start, bytes, flags) == 0) return 0;
  return errno == EIO || errno == ENOSPC || errno == EDQUOT ? errno : 0;
}

int ck_begin_flush(int file, int64_t start, int64_t bytes) {
  return flush(file, start, bytes, SYNC_FILE_RANGE_WRITE);
}

int ck_end_flush(int file, int64_t start, int64_t bytes) {
  int error = flush(
      file, start, bytes,
      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
  posix_fadvise(file, start, bytes, POSIX_FADV_DONTNEED);
  return error;
}
#else
int ck_begin_flush(int file, int64_t start, int64_t bytes) { return 0; }
int ck_end_flush(int file, int64_t start, int64_t bytes) { return 0; }
#endif
