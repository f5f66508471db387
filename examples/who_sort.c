/* SPDX-License-Identifier: MIT */
/*
 * who | sort: who is logged in, in order. The output of one program is the input of the next; the exit code is the one that a shell would give.
 *
 *     who_sort
 */
#include <leat.h>
#include <stdio.h>

int main(void) {
        const char *const who[] = { "who", NULL }, *const sort[] = { "sort", NULL };
        struct leat_pipeline *pipeline;
        struct leat_reason reason = { 0 };
        int r = leat_pipeline_new(&pipeline);

        if (r == 0)
                r = leat_pipeline_stage(pipeline, who, NULL);
        if (r == 0)
                r = leat_pipeline_stage(pipeline, sort, NULL);
        if (r == 0)
                r = leat_pipeline_start(pipeline, NULL, &reason, NULL);
        if (r == 0)
                r = leat_pipeline_wait(pipeline, leat_in_s(60));
        int code = r < 0 ? 1 : leat_pipeline_code(pipeline);
        if (r < 0)
                fprintf(stderr, "who | sort: %s\n", reason.text ? reason.text : leat_strerror(r));
        leat_pipeline_free(pipeline);
        return code;
}
