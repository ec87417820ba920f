#define _GNU_SOURCE
#include "CKernels.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/futex.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/random.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <time.h>
#endif

size_t ck_page_size(void) {
  long bytes = sysconf(_SC_PAGESIZE);
  return bytes > 0 ? (size_t)bytes : 4096;
}

int ck_random_word(uint64_t *word) {
#ifdef __linux__
  // An early start may have to wait until the system has collected randomness.
  for (;;) {
    ssize_t got = getrandom(word, sizeof *word, 0);
    if (got == (ssize_t)sizeof *word) return 0;
    if (got < 0 && errno != EINTR) return -1;
  }
#else
  arc4random_buf(word, sizeof *word);
  return 0;
#endif
}

int ck_memory_file(size_t bytes) {
#ifdef __linux__
  // To grow a file past this limit does not fail: it ends the process with SIGXFSZ.
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      bytes > limit.rlim_cur) {
    errno = EFBIG;
    return -1;
  }
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

int ck_identify(int file, struct ck_identity *identity) {
  struct stat found;
  if (fstat(file, &found) != 0) return -1;
  identity->device = (uint64_t)found.st_dev;
  identity->inode = (uint64_t)found.st_ino;
  identity->bytes = (int64_t)found.st_size;
  return 0;
}

static int is_expected(const struct stat *found, const struct ck_identity *expected) {
  return S_ISREG(found->st_mode) && (uint64_t)found->st_dev == expected->device &&
         (uint64_t)found->st_ino == expected->inode && (int64_t)found->st_size == expected->bytes;
}

int ck_open_of(int64_t process, int file, struct ck_identity expected) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%lld/fd/%d", (long long)process, file);
  struct stat found;
  // To open a device or a pipe can do harm, so it is looked at first.
  if (stat(path, &found) != 0) return -1;
  if (!is_expected(&found, &expected)) {
    errno = ESTALE;
    return -1;
  }
  int opened = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (opened < 0) return -1;
  // The other process may have put another file there in between.
  if (fstat(opened, &found) != 0 || !is_expected(&found, &expected)) {
    close(opened);
    errno = ESTALE;
    return -1;
  }
  return opened;
}

int ck_file_holds(int file, size_t offset, uint64_t word) {
  uint64_t found = ~word;
  if (pread(file, &found, sizeof found, (off_t)offset) != (ssize_t)sizeof found || found != word) {
    errno = ESTALE;
    return -1;
  }
  return 0;
}

int ck_system_v_make(size_t bytes) {
#ifdef __linux__
  return shmget(IPC_PRIVATE, bytes, IPC_CREAT | IPC_EXCL | 0600);
#else
  // Elsewhere a segment that was removed cannot be attached any more, and one that was not may stay.
  (void)bytes;
  errno = ENOSYS;
  return -1;
#endif
}

void ck_system_v_remove(int segment) {
#ifdef __linux__
  shmctl(segment, IPC_RMID, NULL);
#else
  (void)segment;
#endif
}

int ck_system_v_holds(int segment, size_t bytes, size_t offset, uint64_t word) {
#ifdef __linux__
  struct shmid_ds found;
  if (shmctl(segment, IPC_STAT, &found) != 0) return -1;
  errno = ESTALE;
  if (found.shm_segsz != bytes) return -1;
  char *start = shmat(segment, NULL, SHM_RDONLY);
  if (start == (char *)-1) return -1;
  const int holds = memcmp(start + offset, &word, sizeof word) == 0;
  shmdt(start);
  errno = ESTALE;
  return holds ? 0 : -1;
#else
  (void)segment, (void)bytes, (void)offset, (void)word;
  errno = ENOSYS;
  return -1;
#endif
}

void *ck_system_v_map(void *address, int segment, size_t bytes) {
#ifdef __linux__
  void *start = shmat(segment, address, SHM_REMAP);
  if (start == (void *)-1) return NULL;
  ck_prefer_large_pages(start, bytes);
  return start;
#else
  (void)address, (void)segment, (void)bytes;
  errno = ENOSYS;
  return NULL;
#endif
}

void *ck_reserve(size_t bytes) {
  void *start = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return start == MAP_FAILED ? NULL : start;
}

void *ck_map_shared(void *address, int file, size_t bytes) {
  void *start = mmap(address, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
  if (start == MAP_FAILED) return NULL;
  // Refused where the system's policy for shared memory is "never": then pages stay small.
  ck_prefer_large_pages(start, bytes);
  return start;
}

void *ck_map_private(void *address, size_t bytes) {
  void *start = mmap(address, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (start == MAP_FAILED) return NULL;
  ck_prefer_large_pages(start, bytes);
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

#ifdef MADV_POPULATE_WRITE
/// Whether the kernel took the range's pages (1), cannot do so (0), or has none (-1 and errno).
static int populate(void *start, size_t bytes, int advice) {
  while (madvise(start, bytes, advice) != 0) {
    if (errno == EINVAL) return 0;
    if (errno != EINTR && errno != EAGAIN) return -1;
  }
  return 1;
}
#endif

int ck_populate(void *start, size_t bytes, int file) {
#ifdef MADV_POPULATE_WRITE
  const int done = populate(start, bytes, MADV_POPULATE_WRITE);
  if (done != 0) return done > 0 ? 0 : -1;
#endif
  // An older kernel. A page that is missing in a file would be SIGBUS at the touch.
#ifdef __linux__
  if (file >= 0 && fallocate(file, 0, 0, (off_t)bytes) != 0) return -1;
#endif
  (void)file;
  const size_t page = ck_page_size();
  for (size_t offset = 0; offset < bytes; offset += page) {
    volatile char *byte = (volatile char *)start + offset;
    *byte = *byte;
  }
  return 0;
}

void ck_map_pages(void *start, size_t bytes) {
#ifdef MADV_POPULATE_WRITE
  if (populate(start, bytes, MADV_POPULATE_WRITE) != 0) return;
#endif
  // Only read: the pages are another process's, who may be writing.
  const size_t page = ck_page_size();
  for (size_t offset = 0; offset < bytes; offset += page) (void)((volatile char *)start)[offset];
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
