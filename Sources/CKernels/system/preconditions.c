#include "preconditions.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static void (*_Atomic custom_end)(const char *words);

void ck_on_precondition_failed(void (*end)(const char *words)) { atomic_store(&custom_end, end); }

static void write_all(const char *text) {
  size_t left = strlen(text);
  while (left > 0) {
    const ssize_t count = write(STDERR_FILENO, text, left);
    if (count <= 0) return;
    text += count;
    left -= (size_t)count;
  }
}

_Noreturn void ck_precondition_failed(const char *words) {
  void (*end)(const char *words) = atomic_load(&custom_end);
  if (end != NULL) end(words);
  write_all("error: ");
  write_all(words);
  write_all("\n");
  _exit(70);
}
