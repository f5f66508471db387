/* SPDX-License-Identifier: MIT */
/*
 * A channel that is handed down by name: the parent gives the child one end as "jobs", and the child finds it under that name, wherever its
 * descriptor lies. What the parent has open besides does not reach it. (exec_child.c does the same by hand.)
 *
 *     inherited                                (it starts itself once more, as the child)
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what, const struct leat_reason *reason, int error) {
        fprintf(stderr, "%s: %s\n", what, reason->text ? reason->text : leat_strerror(error));
        return 1;
}

static int child(void) {
        struct leat_reason reason = { 0 };
        struct leat_channel *jobs;
        char text[64];
        ssize_t n;
        int r = leat_inherit("jobs", LEAT_RECEIVE, &reason, &jobs);

        if (r < 0)
                return fail("jobs", &reason, r);
        while ((n = leat_receive(jobs, LEAT_ANY, text, sizeof text, leat_in_s(10), NULL)) >= 0)
                printf("the child does: %.*s\n", (int)n, text);
        leat_close(jobs);
        return n == -ENODATA ? 0 : fail("jobs", &reason, (int)n);
}

/* Gives the child its end, which is the child's alone from then on. */
static int start(struct leat_channel *end, struct leat_reason *ret_reason, struct leat_process **ret_process) {
        const char *const again[] = { "/proc/self/exe", "child", NULL };
        struct leat_command *command;
        int r = leat_command_new(again, &command);

        if (r == 0 && (r = leat_command_channel(command, "jobs", end)) < 0)
                leat_close(end);
        if (r == 0)
                r = leat_spawn(command, leat_in_s(10), ret_reason, ret_process);
        leat_command_free(command);
        return r;
}

int main(int argc, char **argv) {
        static const char *const work[] = { "sow", "water", "reap" };
        struct leat_status status = LEAT_STATUS_INIT;
        struct leat_reason reason = { 0 };
        struct leat_channel *ours = NULL, *its;
        struct leat_process *process = NULL;

        (void)argv;
        if (argc > 1)
                return child();
        int r = leat_pair("pipe:", &reason, &its, &ours);
        if (r == 0)
                r = start(its, &reason, &process);
        for (size_t i = 0; r == 0 && i < sizeof work / sizeof work[0]; i++)
                r = leat_send(ours, 1, work[i], strlen(work[i]), leat_in_s(10));
        leat_close(ours); /* the end of the work */
        if (r == 0)
                r = leat_process_wait(process, leat_in_s(10), &status);
        leat_process_free(process);
        return r < 0 ? fail("inherited", &reason, r) : leat_status_code(&status);
}
