// Processes of this host: what state they are in, and their end.
#ifndef ALLREDUCE_CKERNELS_PROCESSES_H
#define ALLREDUCE_CKERNELS_PROCESSES_H

#include <stddef.h>
#include <stdint.h>

/// A nameless file in memory whose name can be read in /proc/PID/fd, mapped for
/// reading and writing, all zero; NULL and errno on failure. It stays open until
/// the process ends and is not inherited by programs that the process starts.
void *ck_visible_memory(const char *name, size_t bytes);

/// A process's state, as the letter of /proc/PID/stat, and when it began, in clock
/// ticks since the system began; 0 if there is no such process or no /proc.
char ck_process_state(int64_t process, uint64_t *start);

/// Starts a process that ends others by SIGKILL: those of `processes`, begun at
/// `starts`, that are there after so many milliseconds. It ends as soon as none is
/// left. It holds no file open and survives the end of this process and its group.
/// Returns 0, or -1 and errno on failure.
int ck_end_later(const int64_t *processes, const uint64_t *starts, int count, int milliseconds);

#endif
