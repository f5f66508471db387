/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "wait/wait.h"

#include <errno.h>
#include <leat.h>
#include <pthread.h>
#include <unistd.h>

TEST(deadlines_do_not_overflow) {
        CHECK_EQ(leat_in_s(INT64_MAX), LEAT_NEVER);
        CHECK_EQ(leat_in_ns(INT64_MAX), LEAT_NEVER);
        CHECK_EQ(leat_in_ms(INT64_MIN), 1);
        CHECK_EQ(leat_in_ns(INT64_MIN), 1);
        CHECK(leat_in_us(-1) < leat_now());
        CHECK(leat_in_us(-1) != LEAT_NOW);
        int64_t now = leat_now(), later = leat_in_s(1);
        CHECK(later >= now + 1000000000);
}

TEST(a_wait_ends_at_its_deadline_and_not_before) {
        struct wait wait;
        int64_t deadline = leat_in_ms(20);
        wait_init(&wait);
        CHECK_EQ(wait_until(&wait, deadline), -ETIMEDOUT);
        CHECK(leat_now() >= deadline);
        wait_init(&wait);
        wait_look_again(&wait, leat_in_ms(1));
        CHECK_EQ(wait_until(&wait, harness_deadline_ms(60000)), 0);
        wait_init(&wait);
        CHECK_EQ(wait_until(&wait, leat_in_s(-1)), -ETIMEDOUT);
        CHECK_EQ(wait_until(&wait, INT64_MIN), -ETIMEDOUT);
}

TEST(a_wake_is_seen_once) {
        struct wake wake;
        struct wait wait;
        CHECK_EQ(wake_init(&wake), 0);
        wake_signal(&wake);
        wake_signal(&wake);
        wait_init(&wait);
        wait_add(&wait, wake.fd, POLLIN);
        CHECK_EQ(wait_until(&wait, harness_deadline_ms(40000)), 0);
        wake_clear(&wake);
        CHECK_EQ(wait_until(&wait, leat_in_ms(1)), -ETIMEDOUT);
        wake_clear(&wake);
        wake_close(&wake);
}

/* Many signallers file numbers, one waiter sums them: it never sleeps on something filed. */
#define SIGNALLERS 3
#define NUMBERS 20000

static struct wake shared = WAKE_NONE;
static atomic_long filed;

static void *signaller(void *argument) {
        (void)argument;
        for (int i = 0; i < NUMBERS; i++) {
                atomic_fetch_add(&filed, 1);
                wake_signal(&shared);
        }
        return NULL;
}

TEST(no_wake_is_lost) {
        pthread_t threads[SIGNALLERS];
        long taken = 0;
        CHECK_EQ(wake_init(&shared), 0);
        for (int i = 0; i < SIGNALLERS; i++)
                CHECK_EQ(pthread_create(&threads[i], NULL, signaller, NULL), 0);
        while (taken < SIGNALLERS * (long)NUMBERS) {
                struct wait wait;
                wait_init(&wait);
                wait_add(&wait, shared.fd, POLLIN);
                CHECK_EQ(wait_until(&wait, harness_deadline_ms(40000)), 0);
                wake_clear(&shared);
                taken += atomic_exchange(&filed, 0);
        }
        CHECK_EQ(taken, SIGNALLERS * (long)NUMBERS);
        for (int i = 0; i < SIGNALLERS; i++)
                (void)pthread_join(threads[i], NULL);
        wake_close(&shared);
}

TEST(an_empty_flag_means_an_empty_descriptor) {
        struct wake wake;
        uint64_t count;
        CHECK_EQ(wake_init(&wake), 0);
        /* The signaller stands between its swap and its write. */
        atomic_store(&wake.signalled, 1);
        wake_clear(&wake);
        CHECK_EQ(atomic_load(&wake.signalled), 1);
        const uint64_t one = 1;
        CHECK_EQ(write(wake.fd, &one, sizeof(one)), sizeof(one));
        wake_clear(&wake);
        CHECK_EQ(atomic_load(&wake.signalled), 0);
        CHECK_EQ(read(wake.fd, &count, sizeof(count)), -1);
        wake_close(&wake);
}

TEST_MAIN()
