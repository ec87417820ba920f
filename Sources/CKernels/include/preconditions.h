// What a program gets wrong: a sentence, and the end of the process.
#ifndef ALLREDUCE_CKERNELS_PRECONDITIONS_H
#define ALLREDUCE_CKERNELS_PRECONDITIONS_H

#include <stdint.h>

/// Ends the process with 70 after a sentence on standard error: "error: WORDS". Swift's own
/// precondition ends a release build without its sentence. A debugger stops here with a
/// breakpoint on ck_precondition_failed.
_Noreturn void ck_precondition_failed(const char *words);

/// Lets a function end the process instead, as one that knows of other ranks can; NULL
/// takes it back.
void ck_on_precondition_failed(void (*end)(const char *words));

/// A number for the thread that asks, which no other thread alive has.
static inline uintptr_t ck_thread(void) { return (uintptr_t)__builtin_thread_pointer(); }

#endif
