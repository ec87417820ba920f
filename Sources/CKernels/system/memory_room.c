#define _GNU_SOURCE
#include "CKernels.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

void ck_byte_text(int64_t bytes, char text[32]) {
  static const char *const units[] = {"KB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) {
    snprintf(text, 32, "%lld bytes", (long long)bytes);
    return;
  }
  double value = (double)bytes / 1000;
  int unit = 0;
  for (; value >= 999.95 && unit < 5; unit++) value /= 1000;
  snprintf(text, 32, "%.1f %s", value, units[unit]);
}

#ifdef __linux__

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/// The number in a file; INT64_MAX for "max", for what is larger than any memory, and without the file.
static int64_t number_in(const char *folder, const char *name) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return INT64_MAX;
  FILE *file = fopen(path, "re");
  if (!file) return INT64_MAX;
  unsigned long long value = 0;
  const int found = fscanf(file, "%llu", &value);
  fclose(file);
  return found == 1 && value < (1ull << 60) ? (int64_t)value : INT64_MAX;
}

/// The sum of those lines of a file whose names are given, each "name value" or "name: value".
static int64_t sum_of_lines(const char *path, const char *const *names, int64_t unit) {
  FILE *file = fopen(path, "re");
  if (!file) return -1;
  char line[256];
  int64_t sum = 0;
  int found = 0;
  while (fgets(line, sizeof line, file)) {
    for (const char *const *name = names; *name; name++) {
      const size_t length = strlen(*name);
      if (strncmp(line, *name, length) != 0 || (line[length] != ' ' && line[length] != ':')) continue;
      sum += strtoll(line + length + 1, NULL, 10) * unit;
      found = 1;
    }
  }
  fclose(file);
  return found ? sum : -1;
}

/// What one group leaves: its limit less what is used and cannot be freed at once.
static int64_t room_of_group(const char *folder, int is_version_2, int64_t free_swap) {
  const int64_t limit = number_in(folder, is_version_2 ? "memory.max" : "memory.limit_in_bytes");
  if (limit == INT64_MAX) return INT64_MAX;
  const int64_t used = number_in(folder, is_version_2 ? "memory.current" : "memory.usage_in_bytes");
  if (used == INT64_MAX) return INT64_MAX;
  // Pages of files on disk count as used, and go when memory is wanted.
  static const char *const now[] = {"inactive_file", "active_file", "slab_reclaimable", NULL};
  static const char *const then[] = {"total_inactive_file", "total_active_file", NULL};
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/memory.stat", folder) >= (int)sizeof path) return INT64_MAX;
  int64_t reclaimable = sum_of_lines(path, is_version_2 ? now : then, 1);
  if (reclaimable < 0) reclaimable = 0;
  int64_t swap = 0;
  if (is_version_2 && free_swap > 0) {
    const int64_t most = number_in(folder, "memory.swap.max");
    const int64_t swapped = number_in(folder, "memory.swap.current");
    swap = most == INT64_MAX || swapped == INT64_MAX ? free_swap : smaller(free_swap, most - swapped);
    if (swap < 0) swap = 0;
  }
  const int64_t room = limit - used + smaller(reclaimable, used) + swap;
  return room > 0 ? room : 0;
}

/// Looks at a group and those that it is in, up to where groups are mounted.
static void look_at_groups(
    const char *mount, const char *root, const char *group, int is_version_2, int64_t free_swap,
    struct ck_memory_room *room) {
  // A container may see only a part of the tree: there what is mounted is not the root.
  const size_t rooted = strcmp(root, "/") == 0 ? 0 : strlen(root);
  if (strncmp(group, root, rooted) == 0) group += rooted; else group = "";
  char folder[PATH_MAX];
  if (snprintf(folder, sizeof folder, "%s%s", mount, group) >= (int)sizeof folder) return;
  const size_t top = strlen(mount);
  for (;;) {
    const size_t length = strlen(folder);
    if (length > top && folder[length - 1] == '/') folder[length - 1] = 0;
    const int64_t here = room_of_group(folder, is_version_2, free_swap);
    if (here < room->group) {
      struct stat found;
      room->group = here;
      room->group_number = stat(folder, &found) == 0 ? (uint64_t)found.st_ino : 0;
    }
    char *slash = strrchr(folder, '/');
    if (!slash || (size_t)(slash - folder) < top) return;
    *slash = 0;
  }
}

/// This process's group in a hierarchy: of version 2, or the one of version 1 that controls memory.
static int find_group(int is_version_2, char group[PATH_MAX]) {
  FILE *file = fopen("/proc/self/cgroup", "re");
  if (!file) return 0;
  char line[PATH_MAX + 64];
  int found = 0;
  while (!found && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path) continue;
    *path++ = 0;
    controllers++;
    if (is_version_2) {
      found = strncmp(line, "0:", 2) == 0 && *controllers == 0;
    } else {
      char *rest = controllers;
      for (char *name; (name = strsep(&rest, ","));) found |= strcmp(name, "memory") == 0;
    }
    if (found && snprintf(group, PATH_MAX, "%s", path) >= PATH_MAX) found = 0;
  }
  fclose(file);
  return found;
}

static void look_at_all_groups(int64_t free_swap, struct ck_memory_room *room) {
  FILE *file = fopen("/proc/self/mountinfo", "re");
  if (!file) return;
  static const size_t size = 4 * PATH_MAX;
  char *line = malloc(size);
  while (line && fgets(line, (int)size, file)) {
    // "31 23 0:28 ROOT MOUNT options - TYPE source options"
    char root[PATH_MAX], mount[PATH_MAX], type[32], options[1024], group[PATH_MAX];
    char *after = strstr(line, " - ");
    if (!after || sscanf(line, "%*d %*d %*s %4095s %4095s", root, mount) != 2) continue;
    if (sscanf(after, " - %31s %*s %1023s", type, options) != 2) continue;
    const int is_version_2 = strcmp(type, "cgroup2") == 0;
    if (!is_version_2) {
      if (strcmp(type, "cgroup") != 0) continue;
      int has_memory = 0;
      char *rest = options;
      for (char *name; (name = strsep(&rest, ",\n"));) has_memory |= strcmp(name, "memory") == 0;
      if (!has_memory) continue;
    }
    if (find_group(is_version_2, group))
      look_at_groups(mount, root, group, is_version_2, free_swap, room);
  }
  free(line);
  fclose(file);
}

/// What RLIMIT_AS leaves.
static int64_t room_of_addresses(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return INT64_MAX;
  static const char *const size[] = {"VmSize", NULL};
  const int64_t used = sum_of_lines("/proc/self/status", size, 1024);
  if (used < 0 || limit.rlim_cur > INT64_MAX) return INT64_MAX;
  return used < (int64_t)limit.rlim_cur ? (int64_t)limit.rlim_cur - used : 0;
}

struct ck_memory_room ck_memory_room(void) {
  struct ck_memory_room room = {INT64_MAX, INT64_MAX, 0, INT64_MAX};
  static const char *const swap[] = {"SwapFree", NULL};
  static const char *const both[] = {"MemAvailable", "SwapFree", NULL};
  int64_t free_swap = sum_of_lines("/proc/meminfo", swap, 1024);
  if (free_swap < 0) free_swap = 0;
  const int64_t available = sum_of_lines("/proc/meminfo", both, 1024);
  if (available >= 0) room.system = available;
  look_at_all_groups(free_swap, &room);
  room.addresses = room_of_addresses();
  return room;
}

#else

struct ck_memory_room ck_memory_room(void) {
  struct ck_memory_room room = {INT64_MAX, INT64_MAX, 0, INT64_MAX};
  return room;
}

#endif
