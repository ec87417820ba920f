#define _GNU_SOURCE
#include "CKernels.h"

#include <signal.h>
#include <string.h>

// Lock-free atomics may be used in handlers, and by other threads meanwhile.
static int caught;
static struct sigaction before_term, before_user, before_report;
static int is_caught;
static int reports;

static void note(int number) {
  if (__atomic_fetch_add(&caught, 1, __ATOMIC_RELAXED) == 0) return;
  // Who asks twice does not want to wait.
  struct sigaction plain;
  memset(&plain, 0, sizeof plain);
  plain.sa_handler = SIG_DFL;
  sigaction(number, &plain, NULL);
  raise(number);
}

static void note_report(int number) {
  (void)number;
  __atomic_fetch_add(&reports, 1, __ATOMIC_RELAXED);
}

static void catch_one(int number, void (*handler)(int), struct sigaction *before) {
  struct sigaction own, now;
  // It may still be there from the last time.
  sigaction(number, NULL, &now);
  if (now.sa_handler == handler) return;
  *before = now;
  memset(&own, 0, sizeof own);
  own.sa_handler = handler;
  // System calls that wait go on.
  own.sa_flags = SA_RESTART;
  sigfillset(&own.sa_mask);
  sigdelset(&own.sa_mask, number);
  // Who started the process with the signal ignored, as nohup does for another, means it.
  if (before->sa_handler == SIG_DFL) sigaction(number, &own, NULL);
}

static void give_back(int number, void (*handler)(int), const struct sigaction *before) {
  struct sigaction now;
  sigaction(number, NULL, &now);
  if (now.sa_handler == handler) sigaction(number, before, NULL);
}

void ck_catch_signals(void) {
  if (is_caught) return;
  is_caught = 1;
  __atomic_store_n(&caught, 0, __ATOMIC_RELAXED);
  catch_one(SIGTERM, note, &before_term);
  catch_one(SIGUSR1, note, &before_user);
}

int ck_signals_caught(void) { return __atomic_load_n(&caught, __ATOMIC_RELAXED); }

void ck_release_signals(void) {
  if (!is_caught) return;
  is_caught = 0;
  // The launcher ends ranks that it takes for slow in the same way: what is kept is kept, and the end is near.
  if (ck_signals_caught() > 0) return;
  give_back(SIGTERM, note, &before_term);
  give_back(SIGUSR1, note, &before_user);
}

void ck_catch_report_signal(void) { catch_one(SIGUSR2, note_report, &before_report); }

void ck_release_report_signal(void) { give_back(SIGUSR2, note_report, &before_report); }

int ck_reports_asked(void) { return __atomic_load_n(&reports, __ATOMIC_RELAXED); }
