/* SPDX-License-Identifier: MIT */
#include "internal.h"
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static struct test *tests;
static size_t tests_count, tests_room;
/* All of them, once some were chosen: the leak checker finds through it what was lent to them. */
static __attribute__((used)) struct test *registered;
static uint64_t seed;

static struct test *test_new(const char *name) {
        if (tests_count == tests_room) {
                tests_room = tests_room ? 2 * tests_room : 64;
                tests = realloc(tests, tests_room * sizeof *tests);
        }
        char *copy = strdup(name);
        if (!tests || !copy)
                abort();
        struct test *test = &tests[tests_count++];
        *test = (struct test){ .name = copy };
        return test;
}

/* Constructors run in an order that the compiler chooses: tests of one file are put in the order of
 * their lines as they come. */
void harness_register(const char *name, void (*function)(void), const char *file, int line,
                      struct harness_options options) {
        struct test *test = test_new(name);
        test->plain = function;
        test->file = file;
        test->line = line;
        test->options = options;
        for (; test > tests && test[-1].file && !strcmp(test[-1].file, file) && test[-1].line > line; test--) {
                struct test swap = test[-1];
                test[-1] = *test;
                *test = swap;
        }
}

void harness_add_with(const char *name, void (*function)(void *argument), void *argument,
                      struct harness_options options) {
        struct test *test = test_new(name);
        test->function = function;
        test->argument = argument;
        test->options = options;
}

void harness_add(const char *name, void (*function)(void *argument), void *argument) {
        harness_add_with(name, function, argument, (struct harness_options){ 0 });
}

uint64_t harness_seed(void) {
        return seed;
}

/* A '#' would begin a directive of TAP. */
static void print_name(const char *name) {
        for (; *name; name++)
                if (*name == '#' || *name == '\\')
                        printf("\\%c", *name);
                else
                        putchar(*name == '\n' ? ' ' : *name);
}

#define OUTPUT_SHOWN 65536

/* Every line of the output becomes a comment of TAP, whatever it contains. */
static void print_output(int output) {
        static char buffer[OUTPUT_SHOWN];
        ssize_t n = pread(output, buffer, sizeof buffer, 0);
        bool start = true;
        for (ssize_t i = 0; i < n; i++) {
                if (start)
                        fputs("#   ", stdout);
                start = buffer[i] == '\n';
                if (buffer[i] != '\r' && buffer[i] != '\0')
                        putchar(buffer[i]);
        }
        if (!start)
                putchar('\n');
        if (n == OUTPUT_SHOWN)
                puts("#   (and more)");
}

static void print_result(size_t number, const struct test *test, enum verdict verdict, int output, bool verbose) {
        if (verdict == FAILED || verbose)
                print_output(output);
        if (verdict == FAILED)
                printf("# %s\n", harness_report->text);
        printf("%sok %zu - ", verdict == FAILED ? "not " : "", number);
        print_name(test->name);
        if (verdict == SKIPPED)
                printf(" # SKIP %s", harness_report->text);
        putchar('\n');
        fflush(stdout);
}

static bool is_wanted(const struct test *test, int patterns_count, char **patterns) {
        for (int i = 0; i < patterns_count; i++)
                if (fnmatch(patterns[i], test->name, 0) == 0)
                        return true;
        return patterns_count == 0;
}

struct arguments {
        bool list, verbose, debug;
        size_t shard, shards; /* every shards-th test, beginning with this one */
        int patterns_count;
        char **patterns;
};

static void random_seed(void) {
        const char *given = getenv("LEAT_TEST_SEED");
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        seed = given ? strtoull(given, NULL, 0) : ((uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 32) % 1000000000;
}

static int usage(const char *program) {
        fprintf(stderr, "usage: %s [--list] [--seed N] [--shard I/N] [--verbose] [--debug] [NAME|GLOB...]\n", program);
        return 2;
}

static bool parse(int argc, char **argv, struct arguments *ret_arguments) {
        struct arguments arguments = { .patterns = argv + 1, .shards = 1 };
        for (int i = 1; i < argc; i++)
                if (!strcmp(argv[i], "--list"))
                        arguments.list = true;
                else if (!strcmp(argv[i], "--verbose") || !strcmp(argv[i], "-v"))
                        arguments.verbose = true;
                else if (!strcmp(argv[i], "--debug"))
                        arguments.debug = true;
                else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
                        seed = strtoull(argv[++i], NULL, 0);
                else if (!strcmp(argv[i], "--shard") && i + 1 < argc) {
                        if (sscanf(argv[++i], "%zu/%zu", &arguments.shard, &arguments.shards) != 2 ||
                            arguments.shard >= arguments.shards)
                                return false;
                } else if (argv[i][0] == '-')
                        return false;
                else
                        arguments.patterns[arguments.patterns_count++] = argv[i];
        *ret_arguments = arguments;
        return true;
}

/* Returns how many tests are left: those that were asked for, in order. The others stay where they are, since whoever
 * added them may have lent them memory that is found only through them. */
static size_t choose(const struct arguments *arguments) {
        struct test *chosen = calloc(tests_count ? tests_count : 1, sizeof *chosen);
        size_t count = 0, wanted = 0;
        if (!chosen)
                abort();
        for (size_t i = 0; i < tests_count; i++)
                if (is_wanted(&tests[i], arguments->patterns_count, arguments->patterns) &&
                    wanted++ % arguments->shards == arguments->shard)
                        chosen[count++] = tests[i];
        registered = tests;
        tests = chosen;
        return tests_count = count;
}

static int run_all(bool verbose) {
        int failed = 0, output = memfd_create("output", MFD_CLOEXEC);
        if (output < 0)
                return perror("memfd_create"), 1;
        printf("TAP version 13\n1..%zu\n# seed %llu\n", tests_count, (unsigned long long)seed);
        fflush(stdout);
        for (size_t i = 0; i < tests_count; i++) {
                enum verdict verdict = harness_run(&tests[i], output);
                print_result(i + 1, &tests[i], verdict, output, verbose);
                failed += verdict == FAILED;
        }
        if (failed)
                printf("# %d of %zu failed; seed %llu\n", failed, tests_count, (unsigned long long)seed);
        return failed != 0;
}

static int dispatch(const struct arguments *arguments) {
        if (arguments->list)
                for (size_t i = 0; i < tests_count; i++)
                        puts(tests[i].name);
        if (arguments->list)
                return 0;
        harness_run_start();
        if (!arguments->debug)
                return run_all(arguments->verbose);
        for (size_t i = 0; i < tests_count; i++)
                harness_run_here(&tests[i]);
        return 0;
}

int harness_main(int argc, char **argv, void (*add_tests)(void)) {
        struct arguments arguments;
        random_seed();
        if (!parse(argc, argv, &arguments))
                return usage(argv[0]);
        if (add_tests)
                add_tests();
        if (choose(&arguments) == 0)
                return fprintf(stderr, "%s: no such test; --list names them\n", argv[0]), 1;
        int r = dispatch(&arguments);
        free(tests);
        tests = NULL;
        return r;
}
