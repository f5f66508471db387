/* SPDX-License-Identifier: MIT */
/*
 * Two programs, given on the command line, joined by a pipe. How each of them ended is told, and how long it took.
 *
 *     join_programs PROGRAM [ARGUMENT]... -- PROGRAM [ARGUMENT]...
 */
#include <leat.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what, const struct leat_reason *reason, int error) {
        fprintf(stderr, "%s: %s\n", what, reason->text ? reason->text : leat_strerror(error));
        return 1;
}

static void tell(const char *name, const struct leat_status *status) {
        double ms = (double)status->wall_ns / 1e6;

        if (status->how == LEAT_HOW_EXITED)
                fprintf(stderr, "%s exited with %d after %.1f ms\n", name, status->code, ms);
        else
                fprintf(stderr, "%s was killed by %s after %.1f ms\n", name, leat_signal_name(status->code), ms);
}

/* Two stages in one array of arguments: a NULL is where the "--" was. */
static int join(struct leat_pipeline *pipeline, char **first, char **second) {
        struct leat_status status = LEAT_STATUS_INIT;
        struct leat_reason reason = { 0 };
        char **names[] = { first, second };
        size_t stage = 0;
        int r = leat_pipeline_stage(pipeline, (const char *const *)first, NULL);

        if (r == 0)
                r = leat_pipeline_stage(pipeline, (const char *const *)second, NULL);
        if (r == 0)
                r = leat_pipeline_start(pipeline, NULL, &reason, &stage);
        if (r < 0)
                return fail(*names[stage], &reason, r);
        r = leat_pipeline_wait(pipeline, LEAT_NEVER);
        for (size_t i = 0; r == 0 && i < 2; i++)
                if ((r = leat_pipeline_status(pipeline, i, &status)) == 0)
                        tell(*names[i], &status);
        return r < 0 ? fail("join", &reason, r) : leat_pipeline_code(pipeline);
}

int main(int argc, char **argv) {
        struct leat_pipeline *pipeline;
        int between = 1;

        while (between < argc && strcmp(argv[between], "--") != 0)
                between++;
        if (between < 2 || between + 1 >= argc)
                return fprintf(stderr, "usage: join_programs PROGRAM [ARGUMENT]... -- PROGRAM [ARGUMENT]...\n"), 2;
        argv[between] = NULL;
        if (leat_pipeline_new(&pipeline) < 0)
                return 1;
        int code = join(pipeline, argv + 1, argv + between + 1);
        leat_pipeline_free(pipeline);
        return code;
}
