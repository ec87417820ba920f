// What Swift cannot say, or not as fast: system calls with variable arguments,
// and the processor's hint that a loop only waits.
#ifndef ALLREDUCE_CKERNELS_H
#define ALLREDUCE_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "activations.h"
#include "compression.h"
#include "layers.h"
#include "optimizers.h"
#include "reduce.h"
#include "streams.h"
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

/// A nameless file in memory of so many bytes, all zero; -1 and errno on failure.
int ck_memory_file(size_t bytes);

/// Opens a file of another process of this user by its number there; -1 and errno on failure.
int ck_open_of(int64_t process, int file);

/// Sets addresses aside, without memory; NULL and errno on failure.
void *ck_reserve(size_t bytes);

/// Maps all of a file for reading and writing, shared, at an address that was set
/// aside; NULL and errno on failure.
void *ck_map_shared(void *address, int file, size_t bytes);

/// Memory of this process alone that is zero, in large pages where they are to be had, and takes none before
/// it is touched; NULL on failure. Whole pages at a multiple of `alignment`, a power of two; `ck_unmap` ends it.
void *ck_zeros(size_t bytes, size_t alignment);

/// Asks for large pages for a range that begins at one: fewer addresses to translate. A system without them,
/// or whose policy is "never", keeps to small ones.
void ck_prefer_large_pages(void *start, size_t bytes);

/// Takes the pages of a range now rather than at the first touch.
void ck_populate(void *start, size_t bytes);

void ck_unmap(void *start, size_t bytes);
void ck_close(int file);
int64_t ck_process(void);
int ck_errno(void);

/// Sleeps while a number in memory that processes share is `value`, until it is woken, and no longer than so
/// many nanoseconds. Where the system cannot, for 20 microseconds.
void ck_sleep_while(const uint64_t *number, uint64_t value, int64_t nanoseconds);

/// Wakes all that sleep on a number.
void ck_wake(const uint64_t *number);

/// The processors that this process may run on, as bits.
void ck_usable_processors(uint64_t bits[16]);

#endif
