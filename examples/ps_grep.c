/* SPDX-License-Identifier: MIT */
/*
 * ps -ef | grep WORD >FILE 2>&1: which processes have this word in their line, into a file, with what grep has to complain about.
 * As with a shell, grep finds its own line too.
 *
 *     ps_grep WORD FILE
 */
#include <fcntl.h>
#include <leat.h>
#include <stdio.h>

static int build(struct leat_pipeline *pipeline, const char *word, const char *file) {
        const char *const ps[] = { "ps", "-ef", NULL }, *const grep[] = { "grep", "--", word, NULL };
        struct leat_command *last = NULL;
        int r = leat_pipeline_stage(pipeline, ps, NULL);

        if (r == 0)
                r = leat_pipeline_stage(pipeline, grep, &last);
        if (r == 0)
                r = leat_command_file(last, 1, file, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        return r < 0 ? r : leat_command_duplicate(last, 2, 1); /* after the file: the order counts, as in a shell */
}

int main(int argc, char **argv) {
        struct leat_pipeline_options options = LEAT_PIPELINE_OPTIONS_INIT;
        struct leat_pipeline *pipeline = NULL;
        struct leat_reason reason = { 0 };
        size_t stage = 0;

        if (argc != 3)
                return fprintf(stderr, "usage: ps_grep WORD FILE\n"), 2;
        options.deadline = leat_in_s(60); /* of the whole: then all of it is ended */
        int r = leat_pipeline_new(&pipeline);
        if (r == 0)
                r = build(pipeline, argv[1], argv[2]);
        if (r == 0)
                r = leat_pipeline_start(pipeline, &options, &reason, &stage);
        if (r == 0)
                r = leat_pipeline_wait(pipeline, LEAT_NEVER);
        if (r < 0)
                fprintf(stderr, "%s: %s\n", stage == 0 ? "ps" : "grep", reason.text ? reason.text : leat_strerror(r));
        int code = r < 0 ? 1 : leat_pipeline_code(pipeline);
        leat_pipeline_free(pipeline);
        return code;
}
