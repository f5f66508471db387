/* SPDX-License-Identifier: MIT */
#include "tools/leat/progress.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define WIPE "\r\033[K"

/* Shared with the handler: relaxed is enough within one thread, and lock-free is what handlers need. */
static _Atomic(const char *) doing;
static _Atomic(uint64_t) messages, bytes;
static _Atomic(int) shown;

static size_t put_text(char *line, size_t at, size_t size, const char *text) {
        while (*text && at < size)
                line[at++] = *text++;
        return at;
}

static size_t put_number(char *line, size_t at, size_t size, uint64_t number) {
        char digits[21];
        size_t first = sizeof(digits) - 1;
        digits[first] = '\0';
        do
                digits[--first] = (char)('0' + number % 10);
        while (number /= 10);
        return put_text(line, at, size, digits + first);
}

/* stdio is not for handlers. */
static void show(int signal_number) {
        (void)signal_number;
        int saved = errno;
        char line[160];
        uint64_t count = atomic_load_explicit(&messages, memory_order_relaxed);
        size_t at = put_text(line, 0, sizeof(line), WIPE);
        at = put_text(line, at, sizeof(line), atomic_load_explicit(&doing, memory_order_relaxed));
        if (count) {
                at = put_text(line, at, sizeof(line), ": ");
                at = put_number(line, at, sizeof(line), count);
                at = put_text(line, at, sizeof(line), count == 1 ? " message, " : " messages, ");
                at = put_number(line, at, sizeof(line), atomic_load_explicit(&bytes, memory_order_relaxed) / 1000000);
                at = put_text(line, at, sizeof(line), " MB");
        }
        if (write(STDERR_FILENO, line, at) > 0)
                atomic_store_explicit(&shown, 1, memory_order_relaxed);
        errno = saved;
}

void progress_begin(const char *what) {
        const char *before = atomic_exchange_explicit(&doing, what, memory_order_relaxed);
        if (before || !isatty(STDERR_FILENO))
                return;
        struct sigaction action = { .sa_handler = show, .sa_flags = SA_RESTART };
        struct itimerval timer = { .it_interval = { .tv_usec = 250000 }, .it_value = { .tv_sec = 1 } };
        if (sigaction(SIGALRM, &action, NULL) == 0)
                (void)setitimer(ITIMER_REAL, &timer, NULL); /* without it there is no progress, no more */
}

void progress_count(size_t size_bytes) {
        atomic_fetch_add_explicit(&messages, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&bytes, size_bytes, memory_order_relaxed);
}

void progress_clear(void) {
        if (atomic_exchange_explicit(&shown, 0, memory_order_relaxed))
                (void)!write(STDERR_FILENO, WIPE, strlen(WIPE));
}

void progress_end(void) {
        struct itimerval never = { 0 };
        if (!atomic_load_explicit(&doing, memory_order_relaxed))
                return;
        (void)setitimer(ITIMER_REAL, &never, NULL);
        atomic_store_explicit(&doing, NULL, memory_order_relaxed);
        progress_clear();
}
