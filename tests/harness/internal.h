/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_INTERNAL_H
#define HARNESS_INTERNAL_H

/*
 * What the parts of the harness share: harness.c picks tests and prints, run.c runs one and judges it,
 * help.c is what tests call.
 */

#include "harness.h"
#include <signal.h>
#include <stdatomic.h>

struct test {
        char *name;
        void (*plain)(void); /* or */
        void (*function)(void *argument);
        void *argument;
        const char *file;
        int line;
        struct harness_options options;
};

enum verdict { PASSED, FAILED, SKIPPED };

#define LEFTOVERS_MAX 1024

/* To be removed after the test; the function is at the same place in every process of it. */
struct leftover {
        void (*remove)(const char *what);
        char what[160];
};

/* Shared between the harness and the processes of the running test. */
struct report {
        _Atomic int failed;   /* a CHECK failed, in whichever process */
        _Atomic int skipped;  /* SKIP was called */
        _Atomic int finished; /* the test came to its end: an exit() in the middle is no success */
        char text[512];       /* why: of the first failure, or of the skip */
        struct leftover leftovers[LEFTOVERS_MAX];
        _Atomic unsigned leftovers_count; /* places given out; one may still be empty */
};

extern struct report *harness_report;
extern char harness_directory[64];
extern bool harness_in_test_process;

void harness_random_start(uint64_t seed, const char *name);
int64_t harness_now(void);
int harness_timeout_s(int wanted_s);
const char *harness_signal_name(int number);
void harness_remove_tree(const char *path);
void harness_note_failure(const char *text);

/* Run one test. Its output stays in the file `output` (truncated first). */
enum verdict harness_run(const struct test *test, int output);
void harness_run_here(const struct test *test);
void harness_run_start(void);

#endif
