/* SPDX-License-Identifier: MIT */
#include "regions.h"

#include "shared/region.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

/* The guard's handler of SIGBUS, and those that the program had before, and has behind it. */

static sigjmp_buf out;
static int firsts, seconds;
static struct sigaction found; /* by who set the second */
static char *missing;          /* a page that is no region's, and has no file behind it */

static void lose_a_page(void) {
        char path[300];
        snprintf(path, sizeof path, "%s/missing", harness_tmpdir());
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        CHECK_EQ(ftruncate(fd, 4096), 0);
        missing = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
        CHECK(missing != MAP_FAILED);
        CHECK_EQ(ftruncate(fd, 0), 0);
        close(fd);
}

static void touch(void *argument) {
        (void)*(volatile char *)argument;
}

static void do_nothing(void *argument) {
        (void)argument;
}

static void install(void) {
        struct leat_region *region = region_open_or_fail("anon:", 64);
        CHECK_EQ(leat_region_guard(region, do_nothing, NULL), 0);
        leat_region_close(region);
}

static void handle(int number, void (*function)(int number, siginfo_t *info, void *context), struct sigaction *old) {
        struct sigaction action = { .sa_sigaction = function, .sa_flags = SA_SIGINFO | SA_NODEFER };
        CHECK_EQ(sigaction(number, &action, old), 0);
}

static void first(int number, siginfo_t *info, void *context) {
        (void)context;
        firsts++;
        CHECK_EQ(number, SIGBUS);
        CHECK(info->si_addr == missing);
        siglongjmp(out, 1);
}

/* As handlers are chained: it looks, and calls what it found. */
static void second(int number, siginfo_t *info, void *context) {
        seconds++;
        CHECK(info->si_addr == missing);
        found.sa_sigaction(number, info, context);
}

/* Each of them is called once, and none again. */
TEST(handlers_that_call_what_they_found_end) {
        lose_a_page();
        handle(SIGBUS, first, NULL);
        install();
        handle(SIGBUS, second, &found);
        install(); /* the guard's again, over one that calls it */
        for (int i = 1; i <= 3; i++) {
                if (sigsetjmp(out, 1) == 0)
                        touch(missing);
                CHECK_EQ(seconds, i);
                CHECK_EQ(firsts, i);
        }
        munmap(missing, 4096);
}

/* A guard under way is none of theirs; and goes on to work. */
TEST(a_guard_works_over_a_chain) {
        struct leat_region *region = region_open_or_fail(region_address(KIND_REGION, 1, ""), 100000);
        char *end = (char *)leat_region_data(region) + 99000;
        lose_a_page();
        handle(SIGBUS, first, NULL);
        install();
        handle(SIGBUS, second, &found);
        CHECK_EQ(ftruncate(region->place.fd, (off_t)region->data_at), 0);
        for (int i = 1; i <= 3; i++) {
                CHECK_EQ(leat_region_guard(region, touch, end), -EIO);
                CHECK_EQ(firsts + seconds, 2 * (i - 1));
                if (sigsetjmp(out, 1) == 0)
                        FAIL("guarded: %d", leat_region_guard(region, touch, missing));
                CHECK_EQ(seconds, i);
                CHECK_EQ(firsts, i);
        }
        munmap(missing, 4096);
        leat_region_close(region);
}

static void be_told(int number) {
        firsts += number == SIGBUS;
}

/* Sent by somebody, and no fault: to a handler without siginfo; or nobody. */
TEST(one_that_was_sent_goes_where_it_went_before) {
        CHECK(signal(SIGBUS, be_told) != SIG_ERR);
        install();
        CHECK_EQ(raise(SIGBUS), 0);
        CHECK_EQ(firsts, 1);
        CHECK(signal(SIGBUS, SIG_IGN) != SIG_ERR);
        install();
        CHECK_EQ(raise(SIGBUS), 0);
        CHECK_EQ(firsts, 1);
}

static void touch_ignored(void *argument) {
        (void)argument;
        CHECK(signal(SIGBUS, SIG_IGN) != SIG_ERR);
        install();
        CHECK_EQ(raise(SIGBUS), 0);
        touch(missing);
}

static void be_sent(void *argument) {
        (void)argument;
        CHECK(signal(SIGBUS, SIG_DFL) != SIG_ERR);
        install();
        (void)raise(SIGBUS);
}

TEST(the_process_ends_where_it_ended_before) {
        lose_a_page();
        CHECK_EQ(harness_wait(harness_fork(touch_ignored, NULL)), -SIGBUS); /* a fault is not ignored */
        CHECK_EQ(harness_wait(harness_fork(be_sent, NULL)), -SIGBUS);
        munmap(missing, 4096);
}

TEST_MAIN()
