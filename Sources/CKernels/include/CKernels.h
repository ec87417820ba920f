// Vector loops, and what Swift cannot say of the system: memory that processes share, their states and
// their end, and the processor's hint that a loop only waits.
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

/// Tells the processor that the loop around it waits for another one.
static inline void ck_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Asks for bytes that will be read soon, while other work goes on.
static inline void ck_prefetch(const void *start, size_t bytes) {
  for (size_t offset = 0; offset < bytes; offset += 64)
    __builtin_prefetch((const char *)start + offset);
}

/// Copies bytes by stores that go to memory rather than into this processor's caches.
///
/// To write a cache line that another processor holds, this one must first have that copy dropped. An
/// ordinary store waits for it, and keeps the stores behind it waiting: measured at 7 ns a line where both
/// share a cache, 30 ns where they do not. Lines written here in full wait for nothing: 4 ns.
/// The bytes are there for other processors after `ck_end_streams`. Ranges must not overlap.
void ck_stream(void *to, const void *from, size_t bytes);

/// Puts all that was streamed before in front of all that is stored after: once at the end of a pass.
void ck_end_streams(void);

/// Bytes of a page of memory.
size_t ck_page_size(void);

/// A random number that no other process has; -1 and errno on failure.
int ck_random_word(uint64_t *word);

/// A nameless file of `bytes` bytes in memory, all zero; -1 and errno on failure (EFBIG above RLIMIT_FSIZE).
int ck_memory_file(size_t bytes);

/// What tells a file from all others of this system.
struct ck_identity {
  uint64_t device;
  uint64_t inode;
  int64_t bytes;
};

/// Finds out a file's identity; -1 and errno on failure.
int ck_identify(int file, struct ck_identity *identity);

/// Opens a file of another process of this user by its number there, if it is the one that is expected; -1 and
/// errno on failure (ESTALE if it is another file). Nothing but that file is ever opened.
int ck_open_of(int64_t process, int file, struct ck_identity expected);

/// Whether a file has a word at an offset: 0, or -1 and errno (ESTALE).
int ck_file_holds(int file, size_t offset, uint64_t word);

/// A segment of System V shared memory, all zero; -1 and errno on failure.
int ck_system_v_make(size_t bytes);

/// Lets the system free a segment when the last process that has attached it ends; until then others can attach it.
void ck_system_v_remove(int segment);

/// Whether a segment has a size, and a word at an offset: 0, or -1 and errno (ESTALE). Changes nothing in it.
int ck_system_v_holds(int segment, size_t bytes, size_t offset, uint64_t word);

/// Maps a segment for reading and writing at an address that was set aside; NULL and errno on failure.
void *ck_system_v_map(void *address, int segment, size_t bytes);

/// Sets addresses aside, without memory; NULL and errno on failure.
void *ck_reserve(size_t bytes);

/// Maps all of a file for reading and writing, shared, at an address that was set
/// aside; NULL and errno on failure.
void *ck_map_shared(void *address, int file, size_t bytes);

/// Maps memory of this process alone, zero, at an address that was set aside; NULL and errno on failure.
void *ck_map_private(void *address, size_t bytes);

/// Memory of this process alone that is zero, in large pages where they are to be had, and takes none before
/// it is touched; NULL on failure. Whole pages at a multiple of `alignment`, a power of two; `ck_unmap` ends it.
void *ck_zeros(size_t bytes, size_t alignment);

/// Asks for large pages for a range that begins at one: fewer addresses to translate. A system without them,
/// or whose policy is "never", keeps to small ones.
void ck_prefer_large_pages(void *start, size_t bytes);

/// Takes the pages of a range, which begins at one, now rather than at the first touch; -1 and errno if there
/// are none. `file` is what is mapped there from its beginning, or -1. No other process may be writing there.
int ck_populate(void *start, size_t bytes, int file);

/// Maps pages that another process has taken, so that the first touch need not. A hint: it may do nothing.
void ck_map_pages(void *start, size_t bytes);

/// What memory this process may still take, in bytes; INT64_MAX where there is no limit or none is known.
struct ck_memory_room {
  /// Memory and swap space of the whole system that is free or can be freed at once.
  int64_t system;
  /// What the tightest control group (cgroup, version 1 or 2) of this process leaves.
  int64_t group;
  /// Which group that is: the same number in all processes of it; 0 for none.
  uint64_t group_number;
  /// Addresses that RLIMIT_AS leaves (`ulimit -v`).
  int64_t addresses;
};

/// Finds out what memory there is. Reads files of /proc and of control groups: 0.5 ms.
struct ck_memory_room ck_memory_room(void);

/// Writes a number of bytes as people read it: "24.0 GB".
void ck_byte_text(int64_t bytes, char text[32]);

void ck_unmap(void *start, size_t bytes);
void ck_close(int file);
int64_t ck_process(void);
int ck_errno(void);

/// A nameless file in memory whose name can be read in /proc/PID/fd, mapped for reading and writing, all zero; NULL
/// and errno on failure. It stays open until the process ends; programs that the process starts do not inherit it.
void *ck_visible_memory(const char *name, size_t bytes);

/// A process's state, as the letter of /proc/PID/stat, and when it began, in clock
/// ticks since the system began; 0 if there is no such process or no /proc.
char ck_process_state(int64_t process, uint64_t *start);

/// Starts a process that ends others by SIGKILL: those of `processes`, begun at
/// `starts`, that are still there after `milliseconds`. It ends as soon as none is
/// left. It holds no file open and survives the end of this process and its group.
/// Returns 0, or -1 and errno on failure.
int ck_end_later(const int64_t *processes, const uint64_t *starts, int count, int milliseconds);

/// From here on SIGTERM and SIGUSR1 are counted, where the program has no handler of its own: the first of them does
/// nothing else, the second ends the process.
void ck_catch_signals(void);

/// How many of these signals have come since then. A load.
int ck_signals_caught(void);

/// Gives the signals back, if none has come.
void ck_release_signals(void);

/// Sleeps while a number in memory that processes share is `value`, until it is woken, and no longer than
/// `nanoseconds`. Where the system cannot, for 20 microseconds.
void ck_sleep_while(const uint64_t *number, uint64_t value, int64_t nanoseconds);

/// Wakes all that sleep on a number.
void ck_wake(const uint64_t *number);

/// The processors that this process may run on, as bits.
void ck_usable_processors(uint64_t bits[16]);

#endif
