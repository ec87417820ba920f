#define _GNU_SOURCE
#include "CKernels.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#endif

int ck_memory_file(size_t bytes) {
#ifdef __linux__
  int file = memfd_create("allreduce", MFD_CLOEXEC);
  if (file < 0) return -1;
  if (ftruncate(file, (off_t)bytes) != 0) {
    int reason = errno;
    close(file);
    errno = reason;
    return -1;
  }
  return file;
#else
  (void)bytes;
  errno = ENOSYS;
  return -1;
#endif
}

int ck_open_of(int64_t process, int file) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%lld/fd/%d", (long long)process, file);
  return open(path, O_RDWR | O_CLOEXEC);
}

void *ck_reserve(size_t bytes) {
  void *start = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return start == MAP_FAILED ? NULL : start;
}

void *ck_map_shared(void *address, int file, size_t bytes) {
  void *start = mmap(address, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
  if (start == MAP_FAILED) return NULL;
#ifdef MADV_HUGEPAGE
  // Refused where the system's policy for shared memory is "never": then pages stay small.
  madvise(start, bytes, MADV_HUGEPAGE);
#endif
  return start;
}

void *ck_zeros(size_t bytes, size_t alignment) {
  char *start = mmap(NULL, bytes + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                     -1, 0);
  if (start == MAP_FAILED) return NULL;
  const size_t before = -(uintptr_t)start & (alignment - 1);
  if (before > 0) munmap(start, before);
  if (alignment > before) munmap(start + before + bytes, alignment - before);
  ck_prefer_large_pages(start + before, bytes);
  return start + before;
}

void ck_prefer_large_pages(void *start, size_t bytes) {
#ifdef MADV_HUGEPAGE
  madvise(start, bytes, MADV_HUGEPAGE);
#endif
}

void ck_populate(void *start, size_t bytes) {
  long page = sysconf(_SC_PAGESIZE);
#ifdef MADV_POPULATE_WRITE
  uintptr_t first = (uintptr_t)start & ~(uintptr_t)(page - 1);
  if (madvise((void *)first, (uintptr_t)start + bytes - first, MADV_POPULATE_WRITE) == 0) return;
#endif
  // An older kernel: touch every page, changing nothing.
  for (size_t offset = 0; offset < bytes; offset += (size_t)page) {
    volatile char *byte = (volatile char *)start + offset;
    *byte = *byte;
  }
}

void ck_unmap(void *start, size_t bytes) { munmap(start, bytes); }

void ck_close(int file) { close(file); }

int64_t ck_process(void) { return getpid(); }

int ck_errno(void) { return errno; }

#ifdef __linux__
/// The half that changes: a futex is 32 bits.
static const uint32_t *low_half(const uint64_t *number) {
  return (const uint32_t *)number + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}
#endif

void ck_sleep_while(const uint64_t *number, uint64_t value, int64_t nanoseconds) {
#ifdef __linux__
  struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  syscall(SYS_futex, low_half(number), FUTEX_WAIT, (uint32_t)value, &time, NULL, 0);
#else
  (void)number, (void)value, (void)nanoseconds;
  usleep(20);
#endif
}

void ck_wake(const uint64_t *number) {
#ifdef __linux__
  syscall(SYS_futex, low_half(number), FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
#else
  (void)number;
#endif
}

void ck_usable_processors(uint64_t bits[16]) {
  for (int word = 0; word < 16; word++) bits[word] = 0;
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int cpu = 0; cpu < 1024 && cpu < CPU_SETSIZE; cpu++)
      if (CPU_ISSET(cpu, &set)) bits[cpu / 64] |= (uint64_t)1 << (cpu % 64);
    return;
  }
#endif
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  for (long cpu = 0; cpu < count && cpu < 1024; cpu++) bits[cpu / 64] |= (uint64_t)1 << (cpu % 64);
}
