/* SPDX-License-Identifier: MIT */
#include "tools/leat/folder.h"

#include "base/cleanup.h"
#include "tools/leat/report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

int folder_run(const char *name, int (*run)(const void *what, const char *folder, int stop), const void *what) {
        const char *temporary = getenv("TMPDIR");
        FREE_AT_EXIT char *folder = NULL;
        sigset_t stops;
        if (asprintf(&folder, "%s/leat-%s-XXXXXX", temporary && *temporary ? temporary : "/tmp", name) < 0) {
                folder = NULL;
                return report(NULL, -ENOMEM, WRITING_OUTPUT, NULL);
        }
        sigemptyset(&stops);
        sigaddset(&stops, SIGINT);
        sigaddset(&stops, SIGTERM);
        sigaddset(&stops, SIGHUP);
        sigprocmask(SIG_BLOCK, &stops, NULL);
        CLOSE_AT_EXIT int stop = signalfd(-1, &stops, SFD_CLOEXEC);
        int code = stop < 0 || !mkdtemp(folder) ? report(folder, -errno, WRITING_OUTPUT, NULL) : DONE;
        if (code == DONE) {
                code = run(what, folder, stop);
                if (rmdir(folder) < 0 && code == DONE)
                        code = report(folder, -errno, ASKING, NULL);
        }
        sigprocmask(SIG_UNBLOCK, &stops, NULL);
        return code;
}
