// Vector kernels, and the system calls and processor instructions that Swift cannot express: memory shared by
// processes, the state and the end of processes, signals, and hints for loops that wait.
#ifndef ALLREDUCE_CKERNELS_H
#define ALLREDUCE_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "activations.h"
#include "compression.h"
#include "layers.h"
#include "optimizers.h"
#include "preconditions.h"
#include "processor.h"
#include "reductions.h"
#include "wire.h"

/// Tells the processor that the caller is in a spin-wait loop (`pause` on x86, `yield` on aarch64).
static inline void ck_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Fetches a cache line into the first cache without blocking, because it will be written soon.
static inline void ck_prefetch_to_write(const void *line) { __builtin_prefetch(line, 1); }

/// Prefetches `bytes` bytes from `start` into the caches without blocking, for data that will be read soon.
static inline void ck_prefetch(const void *start, size_t bytes) {
  for (size_t offset = 0; offset < bytes; offset += 64)
    __builtin_prefetch((const char *)start + offset);
}

/// Copies bytes with non-temporal stores, which go to memory and bypass this processor's caches.
///
/// Before an ordinary store to a cache line that another processor's cache holds, that copy must be invalidated. The
/// store waits for this and delays the stores behind it: measured at 7 ns per line where the two processors share a
/// cache, 30 ns where they do not. A line written here in full waits for nothing: 4 ns. Other processors see the bytes
/// after `ck_end_streams`. The ranges must not overlap.
void ck_stream(void *to, const void *from, size_t bytes);

/// Store fence: makes all bytes that `ck_stream` has written visible before any later store. Call it once, at the end
/// of a pass.
void ck_end_streams(void);

/// Returns the size of a page of memory, in bytes.
size_t ck_page_size(void);

/// Sets `*word` to a random number that no other process draws; returns 0, or -1 and sets errno on failure.
int ck_random_word(uint64_t *word);

/// Creates a nameless file in memory (memfd) of `bytes` bytes, all zero, and returns its descriptor; returns -1 and
/// sets errno on failure (EFBIG above RLIMIT_FSIZE).
int ck_memory_file(size_t bytes);

/// What distinguishes a file from all other files of this system.
struct ck_identity {
  uint64_t device;
  uint64_t inode;
  int64_t bytes;
};

/// Sets `*identity` to the identity of an open file; returns 0, or -1 and sets errno on failure.
int ck_identify(int file, struct ck_identity *identity);

/// Opens the file that another process of this user has open as descriptor `file`, if its identity is `expected`.
/// Returns a descriptor of this process; returns -1 and sets errno on failure (ESTALE if it is another file). The
/// identity is checked before and after opening, so no other file is ever used.
int ck_open_of(int64_t process, int file, struct ck_identity expected);

/// Checks that a file contains `word` at byte `offset`: returns 0 if it does, otherwise -1 and sets errno (ESTALE).
int ck_file_holds(int file, size_t offset, uint64_t word);

/// Creates a segment of System V shared memory of `bytes` bytes, all zero, and returns its identifier; returns -1 and
/// sets errno on failure.
int ck_system_v_make(size_t bytes);

/// Marks a segment for removal: the system frees it when the last process that has attached it ends. Until then other
/// processes can still attach it.
void ck_system_v_remove(int segment);

/// Checks that a segment has `bytes` bytes and contains `word` at byte `offset`: returns 0 if so, otherwise -1 and sets
/// errno (ESTALE). Does not change the segment.
int ck_system_v_holds(int segment, size_t bytes, size_t offset, uint64_t word);

/// Maps a segment for reading and writing at an address that `ck_reserve` has reserved; returns NULL and sets errno on
/// failure.
void *ck_system_v_map(void *address, int segment, size_t bytes);

/// Reserves a range of addresses without memory and returns its start; returns NULL and sets errno on failure.
void *ck_reserve(size_t bytes);

/// Maps the first `bytes` bytes of a file for reading and writing, shared with other processes, at an address that
/// `ck_reserve` has reserved; returns NULL and sets errno on failure.
void *ck_map_shared(void *address, int file, size_t bytes);

/// Maps zeroed memory, private to this process, at an address that `ck_reserve` has reserved; returns NULL and sets
/// errno on failure.
void *ck_map_private(void *address, size_t bytes);

/// Allocates zeroed memory that is private to this process, in large pages where they are available; returns NULL on
/// failure. It takes no physical memory before it is touched. `bytes` is a number of whole pages; the address is a
/// multiple of `alignment`, a power of two. Free the memory with `ck_unmap`.
void *ck_zeros(size_t bytes, size_t alignment);

/// Asks the system for large pages for a range that begins at a page boundary, so that fewer addresses have to be
/// translated. A system without large pages, or whose policy is "never", keeps small pages.
void ck_prefer_large_pages(void *start, size_t bytes);

/// Allocates the physical pages of a range now rather than at the first touch; returns 0, or -1 and sets errno if there
/// are none. The range begins at a page boundary. `file` is the descriptor of the file that is mapped there from its
/// beginning, or -1. No other process may be writing to the range.
int ck_populate(void *start, size_t bytes, int file);

/// Maps pages that another process has already allocated, so that this process's first touch causes no page fault. Only
/// a hint: it may do nothing.
void ck_map_pages(void *start, size_t bytes);

/// The number of bytes that this process can still allocate; INT64_MAX where there is no limit or none is known.
struct ck_memory_room {
  /// Memory and swap space of the whole system that are free or can be freed at once.
  int64_t system;
  /// Memory left in the control group (cgroup, version 1 or 2) that limits this process most tightly.
  int64_t group;
  /// The number of that control group, the same in all processes of the group; 0 if no group has a limit.
  uint64_t group_number;
  /// The address space that RLIMIT_AS leaves (`ulimit -v`).
  int64_t addresses;
};

/// Returns how much memory this process can still allocate. Reads files of /proc and of the control groups: takes 0.5
/// ms.
struct ck_memory_room ck_memory_room(void);

/// Writes a number of bytes to `text` in readable form, such as "24.0 GB".
void ck_byte_text(int64_t bytes, char text[32]);

void ck_unmap(void *start, size_t bytes);
void ck_close(int file);
int64_t ck_process(void);
int ck_errno(void);

/// Creates zeroed memory that other processes can find: a memory file whose name can be read in /proc/PID/fd, mapped
/// for reading and writing. Returns NULL and sets errno on failure. The file stays open until the process ends;
/// programs that the process starts do not inherit it.
void *ck_visible_memory(const char *name, size_t bytes);

/// Begins to write a part of a file from the system's cache to the disk. Returns 0, the number of an error, or -1 where
/// the system or the file has no such call.
int ck_begin_flush(int file, int64_t start, int64_t bytes);

/// Waits until a part of a file is on the disk, and drops it from the system's cache. Call it only after
/// `ck_begin_flush` has returned 0. Returns 0, or the number of the error that the disk has reported, which is not
/// reported again.
int ck_end_flush(int file, int64_t start, int64_t bytes);

/// Returns a process's state, as the letter in /proc/PID/stat, and sets `*start` to its start time, in clock ticks
/// since the system started; returns 0 if there is no such process or no /proc.
char ck_process_state(int64_t process, uint64_t *start);

/// Starts a helper process that waits `milliseconds` and then sends SIGKILL to those of `processes` that are still
/// running. `starts` are their start times, so that a reused process ID is not killed. The helper ends as soon as none
/// of the processes is left. It holds no file open and survives the end of this process and of its process group.
/// Returns 0, or -1 and sets errno on failure.
int ck_end_later(const int64_t *processes, const uint64_t *starts, int count, int milliseconds);

/// From now on, counts SIGTERM and SIGUSR1 unless the program handles or ignores them: the first of these signals is
/// only counted, the second ends the process.
void ck_catch_signals(void);

/// Returns how many of these signals (SIGTERM, SIGUSR1) have been counted since `ck_catch_signals`. Costs one load.
int ck_signals_caught(void);

/// Restores the handling of SIGTERM and SIGUSR1 from before `ck_catch_signals`, unless a signal has been counted.
void ck_release_signals(void);

/// From now on, counts SIGUSR2, unless the program handles or ignores it.
void ck_catch_report_signal(void);

/// Restores the handling of SIGUSR2 from before `ck_catch_report_signal`.
void ck_release_report_signal(void);

/// Returns how often SIGUSR2 has been counted. Costs one load.
int ck_reports_asked(void);

/// Sleeps while `*number`, in memory that processes share, equals `value`, until `ck_wake` is called on it, but not
/// longer than `nanoseconds`. On systems without futexes, sleeps for 20 microseconds.
void ck_sleep_while(const uint64_t *number, uint64_t value, int64_t nanoseconds);

/// Wakes all threads, of any process, that sleep on `number` in `ck_sleep_while`.
void ck_wake(const uint64_t *number);

/// Sets bit i of `bits` for each processor i that this process may run on.
void ck_usable_processors(uint64_t bits[16]);

#endif
