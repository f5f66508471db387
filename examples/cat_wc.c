/* SPDX-License-Identifier: MIT */
/*
 * cat FILE... | wc -l: how many lines there are, into a buffer of this program. The status of each stage is kept, and none is lost: a shell
 * without `pipefail` would not tell that cat did not find its file.
 *
 *     cat_wc FILE...
 */
#include <leat.h>
#include <stdio.h>
#include <unistd.h>

/* What wc writes is one short line, so it has room in the pipe, and is read when all have ended. */
static int count_lines(const char *const cat[], struct leat_pipeline *pipeline, int out[2]) {
        const char *const wc[] = { "wc", "-l", NULL };
        struct leat_command *last = NULL;
        int r = leat_pipeline_stage(pipeline, cat, NULL);

        if (r == 0)
                r = leat_pipeline_stage(pipeline, wc, &last);
        if (r == 0)
                r = leat_command_descriptor(last, 1, out[1]);
        if (r == 0)
                r = leat_pipeline_start(pipeline, NULL, NULL, NULL);
        return r < 0 ? r : leat_pipeline_wait(pipeline, LEAT_NEVER);
}

int main(int argc, char **argv) {
        struct leat_pipeline *pipeline = NULL;
        struct leat_status status = LEAT_STATUS_INIT;
        char line[32];
        int out[2];
        ssize_t n = 0;

        if (argc < 2)
                return fprintf(stderr, "usage: cat_wc FILE...\n"), 2;
        if (pipe(out) < 0) /* what is started has no more of it than it is given */
                return perror("pipe"), 1;
        argv[0] = "cat"; /* and its arguments are ours */
        int r = leat_pipeline_new(&pipeline);
        if (r == 0)
                r = count_lines((const char *const *)argv, pipeline, out);
        close(out[1]);
        if (r == 0 && (n = read(out[0], line, sizeof line)) > 0)
                printf("%.*s", (int)n, line);
        close(out[0]);
        for (size_t i = 0; r == 0 && i < leat_pipeline_count(pipeline); i++)
                if ((r = leat_pipeline_status(pipeline, i, &status)) == 0 && leat_status_code(&status) != 0)
                        fprintf(stderr, "stage %zu ended with %d\n", i + 1, leat_status_code(&status));
        if (r < 0)
                fprintf(stderr, "cat | wc: %s\n", leat_strerror(r));
        int code = r < 0 ? 1 : leat_pipeline_code(pipeline);
        leat_pipeline_free(pipeline);
        return code;
}
