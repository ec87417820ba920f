#include "CKernels.h"

#include <stdint.h>
#include <string.h>

typedef float part __attribute__((vector_size(16)));
typedef part any_part __attribute__((aligned(1), may_alias));

enum { LINE = 64 };

void ck_stream(void *to, const void *from, size_t bytes) {
  char *target = to;
  const char *source = from;
  size_t head = -(uintptr_t)target % LINE;
  if (head > bytes) head = bytes;
  memcpy(target, source, head);
  size_t end = head + (bytes - head) / LINE * LINE;
  for (size_t at = head; at < end; at += LINE) {
    for (size_t place = at; place < at + LINE; place += sizeof(part)) {
      part value = *(const any_part *)(source + place);
      __builtin_nontemporal_store(value, (part *)(target + place));
    }
  }
  memcpy(target + end, source + end, bytes - end);
}

void ck_end_streams(void) {
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#else
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}
