/* Times the MPI_Allreduce (float, sum) of the MPI library it is compiled with, as allreduce-bench
 * times its algorithms.
 *
 *   allreduce_peer [--seconds S] BYTES ...
 *
 * Before each call every rank rewrites its elements. Where the ranks share a machine and have a
 * core each, they agree on an instant shortly ahead and wait for it; else they start from a
 * barrier. A call lasts from the first rank's start to the last one's end. Half of the calls are in
 * place, half from a separate buffer; the line printed is that of the faster kind.
 *
 * Prints bytes,median_us,p10_us,p90_us,algbw_GBps on rank 0. Ends with 1 if a sum is wrong.
 */
#define _GNU_SOURCE
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PERIOD = 1021, MOST_CALLS = 5000, FEWEST_CALLS = 7 };

static int rank, ranks;
/* Whether all ranks are on one machine. */
static int shares_clock;
/* How far ahead the agreed instant lies, in nanoseconds; negative where a barrier is used. */
static int64_t slack = -1;
static float pattern[2 * PERIOD];

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Returns the instant from which the call counts; in *late by how much this rank missed it. */
static int64_t start_line(double *late) {
  *late = 0;
  if (slack < 0) {
    MPI_Barrier(MPI_COMM_WORLD);
    return now();
  }
  int64_t start = now() + slack;
  MPI_Allreduce(MPI_IN_PLACE, &start, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
  int64_t time;
  do time = now();
  while (time < start);
  *late = (double)(time - start);
  return start;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double quantile(const double *sorted, int count, double part) {
  int index = (int)(part * count);
  return sorted[index < count ? index : count - 1];
}

/* Finds out how ranks can start together; an instant is agreed on long enough ahead for nearly all
 * agreements to reach every rank in time. */
static void choose_start(void) {
  MPI_Comm host;
  int on_host;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &host);
  MPI_Comm_size(host, &on_host);
  MPI_Comm_free(&host);
  shares_clock = on_host == ranks;
  if (!shares_clock || ranks > sysconf(_SC_NPROCESSORS_ONLN) || ranks == 1) return;
  double delays[300];
  slack = 0;
  for (int i = 0; i < 300; i++) start_line(&delays[i]);
  MPI_Allreduce(MPI_IN_PLACE, delays, 300, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  qsort(delays + 100, 200, sizeof(double), ascending);
  double wanted = 2 * quantile(delays + 100, 200, 0.95);
  slack = (int64_t)(wanted < 2000 ? 2000 : wanted > 200000 ? 200000 : wanted);
}

static void rewrite(float *values, size_t count, int call) {
  const float *source = pattern + call * 7 % PERIOD;
  for (size_t done = 0; done < count; done += PERIOD)
    memcpy(values + done, source, sizeof(float) * (count - done < PERIOD ? count - done : PERIOD));
}

static int is_wrong(const float *values, size_t count, int call) {
  for (size_t i = 0; i < count; i++) {
    int step = (int)(((size_t)(call * 7 % PERIOD) + i % PERIOD) % PERIOD % 13);
    if (values[i] != (float)(ranks * (ranks - 1) / 2 + ranks * step)) return 1;
  }
  return 0;
}

/* What was seen of one way of calling. Starts are kept negated: the largest is then the first. */
struct Samples {
  double ends[MOST_CALLS], starts[MOST_CALLS], late[MOST_CALLS];
};
static struct Samples ways[2];
static float *own, *result;
static int calls;

static int call_once(size_t count, int way, int sample) {
  const int number = ++calls;
  rewrite(way ? own : result, count, number);
  double late;
  int64_t start = start_line(&late);
  MPI_Allreduce(
      way ? own : MPI_IN_PLACE, result, (int)count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
  int64_t end = now();
  if (sample >= 0) {
    ways[way].ends[sample] = (double)end;
    ways[way].starts[sample] = -(double)start;
    ways[way].late[sample] = late;
  }
  return is_wrong(result, count, number);
}

/* Leaves the calls' times in ends, sorted, and returns how many count. */
static int combine(struct Samples *samples, int count) {
  if (!shares_clock)
    for (int i = 0; i < count; i++) samples->ends[i] += samples->starts[i], samples->starts[i] = 0;
  MPI_Allreduce(MPI_IN_PLACE, samples->ends, count, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  MPI_Allreduce(MPI_IN_PLACE, samples->starts, count, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  MPI_Allreduce(MPI_IN_PLACE, samples->late, count, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  int good = 0;
  for (int i = 0; i < count; i++) {
    samples->ends[i] += samples->starts[i];
    double allowed = 0.02 * samples->ends[i];
    good += samples->late[i] <= (allowed > 200 ? allowed : 200);
  }
  int kept = 0;
  for (int i = 0; i < count; i++) {
    double allowed = 0.02 * samples->ends[i];
    /* A call that began late says more of a core than of the call, unless most did. */
    if (2 * good > count && samples->late[i] > (allowed > 200 ? allowed : 200)) continue;
    samples->ends[kept++] = samples->ends[i];
  }
  qsort(samples->ends, kept, sizeof(double), ascending);
  return kept;
}

static int measure(size_t bytes, double seconds) {
  const size_t count = bytes / sizeof(float);
  const int warmup = bytes < 1 << 20 ? 10 : bytes < 64 << 20 ? 2 : 1;
  int wrong = 0;
  double fastest = 1e9;
  for (int i = 0; i < warmup; i++) {
    int64_t start = now();
    for (int way = 0; way < 2; way++) wrong |= call_once(count, way, -1);
    double round = (double)(now() - start) / 1e9;
    if (round < fastest) fastest = round;
  }
  MPI_Allreduce(MPI_IN_PLACE, &fastest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  double wanted = 2 * seconds / fastest;
  int rounds = wanted > MOST_CALLS ? MOST_CALLS : wanted < FEWEST_CALLS ? FEWEST_CALLS : (int)wanted;
  for (int i = 0; i < rounds; i++)
    for (int turn = 0; turn < 2; turn++) wrong |= call_once(count, (i + turn) % 2, i);

  int kept[2] = {combine(&ways[0], rounds), combine(&ways[1], rounds)};
  int best = quantile(ways[1].ends, kept[1], 0.5) < quantile(ways[0].ends, kept[0], 0.5);
  MPI_Allreduce(MPI_IN_PLACE, &wrong, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  if (rank == 0) {
    const double *sorted = ways[best].ends;
    double median = quantile(sorted, kept[best], 0.5);
    printf("%zu,%.3f,%.3f,%.3f,%.6f%s\n", bytes, median / 1e3,
           quantile(sorted, kept[best], 0.1) / 1e3, quantile(sorted, kept[best], 0.9) / 1e3,
           (double)bytes / median, wrong ? ",WRONG" : "");
    fflush(stdout);
  }
  return wrong;
}

int main(int argc, char **argv) {
  double seconds = 0.2;
  size_t largest = 0;
  int wrong = 0, first = 1;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (argc > 2 && !strcmp(argv[1], "--seconds")) seconds = atof(argv[2]), first = 3;
  for (int i = first; i < argc; i++) {
    size_t bytes = strtoull(argv[i], 0, 10);
    if (bytes > largest) largest = bytes;
  }
  if (largest < sizeof(float) || seconds <= 0) {
    if (rank == 0) fprintf(stderr, "usage: allreduce_peer [--seconds S] BYTES ...\n");
    MPI_Abort(MPI_COMM_WORLD, 64);
  }
  for (int i = 0; i < 2 * PERIOD; i++) pattern[i] = (float)(rank + i % PERIOD % 13);
  own = aligned_alloc(4096, (largest + 4095) / 4096 * 4096);
  result = aligned_alloc(4096, (largest + 4095) / 4096 * 4096);
  memset(own, 0, largest);
  memset(result, 0, largest);
  choose_start();
  if (rank == 0) printf("bytes,median_us,p10_us,p90_us,algbw_GBps\n");
  for (int i = first; i < argc; i++) wrong |= measure(strtoull(argv[i], 0, 10), seconds);
  free(own);
  free(result);
  MPI_Finalize();
  return wrong;
}
