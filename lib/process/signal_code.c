/* SPDX-License-Identifier: MIT */
/* How a signal was sent (sigaction(2), si_code): the numbers are the kernel's, the same on every architecture. */
#include <leat/signal.h>
#include <stddef.h>

#define MOST 16

/* What the signal's own codes are called, from 1 on. */
struct group {
        int number;
        const char *names[MOST];
};

static const struct group groups[] = {
        { SIGILL,
          { NULL, "ILL_ILLOPC", "ILL_ILLOPN", "ILL_ILLADR", "ILL_ILLTRP", "ILL_PRVOPC", "ILL_PRVREG", "ILL_COPROC",
            "ILL_BADSTK", "ILL_BADIADDR" } },
        { SIGFPE,
          { NULL, "FPE_INTDIV", "FPE_INTOVF", "FPE_FLTDIV", "FPE_FLTOVF", "FPE_FLTUND", "FPE_FLTRES", "FPE_FLTINV",
            "FPE_FLTSUB", NULL, NULL, NULL, NULL, NULL, "FPE_FLTUNK", "FPE_CONDTRAP" } },
        { SIGSEGV,
          { NULL, "SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR", "SEGV_ACCADI", "SEGV_ADIDERR",
            "SEGV_ADIPERR", "SEGV_MTEAERR", "SEGV_MTESERR", "SEGV_CPERR" } },
        { SIGBUS, { NULL, "BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR", "BUS_MCEERR_AR", "BUS_MCEERR_AO" } },
        { SIGTRAP, { NULL, "TRAP_BRKPT", "TRAP_TRACE", "TRAP_BRANCH", "TRAP_HWBKPT", "TRAP_UNK", "TRAP_PERF" } },
        { SIGCHLD, { NULL, "CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED" } },
        { SIGSYS, { NULL, "SYS_SECCOMP", "SYS_USER_DISPATCH" } },
#ifdef SIGEMT
        { SIGEMT, { NULL, "EMT_TAGOVF" } },
#endif
};

/* SIGIO's; and those of any other signal that fcntl(2) F_SETSIG put in its place. */
static const struct group poll_group = { SIGIO,
                                         { NULL, "POLL_IN", "POLL_OUT", "POLL_MSG", "POLL_ERR", "POLL_PRI",
                                           "POLL_HUP" } };

static const char *common_name(int code) {
        switch (code) {
        case SI_USER:
                return "SI_USER";
        case SI_KERNEL:
                return "SI_KERNEL";
        case SI_QUEUE:
                return "SI_QUEUE";
        case SI_TIMER:
                return "SI_TIMER";
        case SI_MESGQ:
                return "SI_MESGQ";
        case SI_ASYNCIO:
                return "SI_ASYNCIO";
        case SI_SIGIO:
                return "SI_SIGIO";
        case SI_TKILL:
                return "SI_TKILL";
        case -7:
                return "SI_DETHREAD";
        case SI_ASYNCNL:
                return "SI_ASYNCNL";
        default:
                return NULL;
        }
}

const char *leat_signal_code_name(int number, int code) {
        const struct group *group = &poll_group;
        if (code <= 0 || code >= MOST)
                return common_name(code);
        for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
                if (groups[i].number == number)
                        group = &groups[i];
        return group->names[code];
}
