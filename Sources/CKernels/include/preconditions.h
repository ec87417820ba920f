// Failed preconditions: print a sentence that says what the program did wrong, and end the process.
#ifndef ALLREDUCE_CKERNELS_PRECONDITIONS_H
#define ALLREDUCE_CKERNELS_PRECONDITIONS_H

#include <stdint.h>

/// Ends the process with exit status 70 after writing "error: WORDS" to standard error. Swift's own precondition ends a
/// release build without its message. To stop here in a debugger, set a breakpoint on ck_precondition_failed.
_Noreturn void ck_precondition_failed(const char *words);

/// Sets a function that ends the process after a failed precondition instead, such as one that knows of other ranks;
/// NULL restores the default.
void ck_on_precondition_failed(void (*end)(const char *words));

/// Returns a number that identifies the calling thread among all living threads.
static inline uintptr_t ck_thread(void) { return (uintptr_t)__builtin_thread_pointer(); }

#endif
