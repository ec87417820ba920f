#define _GNU_SOURCE
#include "CKernels.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#include <time.h>
#endif

void *ck_visible_memory(const char *name, size_t bytes) {
#ifdef __linux__
  int file = memfd_create(name, MFD_CLOEXEC);
  if (file < 0) return NULL;
  if (ftruncate(file, (off_t)bytes) == 0) {
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (start != MAP_FAILED) return start;
  }
  int reason = errno;
  close(file);
  errno = reason;
  return NULL;
#else
  (void)name, (void)bytes;
  errno = ENOSYS;
  return NULL;
#endif
}

// "/proc/PID/stat". Without snprintf, for it is used after a clone too.
static void stat_path(int64_t process, char path[40]) {
  char digits[24];
  int count = 0;
  do {
    digits[count++] = (char)('0' + process % 10);
    process /= 10;
  } while (process > 0);
  memcpy(path, "/proc/", 6);
  int end = 6;
  while (count > 0) path[end++] = digits[--count];
  memcpy(path + end, "/stat", 6);
}

char ck_process_state(int64_t process, uint64_t *start) {
  char path[40], text[1024];
  *start = 0;
  if (process <= 0) return 0;
  stat_path(process, path);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t count = read(file, text, sizeof text - 1);
  close(file);
  if (count <= 0) return 0;
  text[count] = 0;
  // The second field is a name in parentheses, which may hold any character.
  char *field = strrchr(text, ')');
  if (field == NULL || field[1] != ' ') return 0;
  field += 2;
  const char state = *field;
  // The state is the third field, the start the 22nd.
  for (int number = 3; number < 22; ++number) {
    field = strchr(field, ' ');
    if (field == NULL) return 0;
    ++field;
  }
  for (; *field >= '0' && *field <= '9'; ++field) *start = *start * 10 + (uint64_t)(*field - '0');
  return state;
}

#ifdef __linux__
static int is_there(int64_t process, uint64_t start) {
  uint64_t found;
  const char state = ck_process_state(process, &found);
  return state != 0 && state != 'Z' && state != 'X' && found == start;
}

static void close_all(void) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, 0, ~0u, 0) == 0) return;
#endif
  long most = sysconf(_SC_OPEN_MAX);
  if (most < 0 || most > 65536) most = 65536;
  for (int file = 0; file < most; ++file) close(file);
}

static void end_those_left(const int64_t *processes, const uint64_t *starts, int count,
                           int milliseconds) {
  const struct timespec moment = {0, 20 * 1000000};
  for (int waited = 0; waited < milliseconds; waited += 20) {
    int left = 0;
    for (int i = 0; i < count; ++i) left += is_there(processes[i], starts[i]);
    if (left == 0) return;
    nanosleep(&moment, NULL);
  }
  for (int i = 0; i < count; ++i)
    if (is_there(processes[i], starts[i])) kill((pid_t)processes[i], SIGKILL);
}
#endif

int ck_end_later(const int64_t *processes, const uint64_t *starts, int count, int milliseconds) {
#ifdef __linux__
  // Not fork(): its handlers, those of the MPI library among them, may take locks
  // that another thread holds.
  const long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child != 0) return child < 0 ? -1 : 0;
  setsid();
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  // The launcher waits for the end of the pipes that its ranks write to.
  close_all();
  end_those_left(processes, starts, count, milliseconds);
  _exit(0);
#else
  (void)processes, (void)starts, (void)count, (void)milliseconds;
  errno = ENOSYS;
  return -1;
#endif
}
