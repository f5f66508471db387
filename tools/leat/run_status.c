/* SPDX-License-Identifier: MIT */
#include "tools/leat/run_status.h"

#include "tools/leat/output.h"
#include "tools/leat/report.h"
#include "tools/leat/table.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static struct leat_status status_of(struct leat_pipeline *pipeline, size_t stage) {
        struct leat_status status = LEAT_STATUS_INIT;
        (void)leat_pipeline_status(pipeline, stage, &status);
        return status;
}

static void complain_redirection(const struct shell_stage *stage, size_t number, int error) {
        const struct shell_redirection *redirection =
                number < stage->redirections_count ? &stage->redirections[number] : NULL;
        if (redirection && redirection->operator== SHELL_DUPLICATE)
                complain(NULL, "%d>&%d: descriptor %d is not open", redirection->fd, redirection->other,
                         redirection->other);
        else
                complain(redirection ? redirection->path : stage->words[0], "%s",
                         error == ETIMEDOUT ? "nobody opened the other end of this FIFO before the deadline"
                                            : strerror(error));
}

void status_complain(struct leat_pipeline *pipeline, const struct shell_line *line, const struct terminals *terminals) {
        for (size_t i = 0; i < line->stages_count; i++) {
                struct leat_status status = status_of(pipeline, i);
                if (status.how != LEAT_HOW_NOT_STARTED)
                        continue;
                unsigned before = terminals_redirections(terminals, i);
                if (status.redirection > before)
                        complain_redirection(&line->stages[i], status.redirection - before - 1, status.code);
                else
                        (void)report(line->stages[i].words[0], -status.code, STARTING, NULL);
        }
}

bool status_expired(struct leat_pipeline *pipeline) {
        for (size_t i = 0; i < leat_pipeline_count(pipeline); i++) {
                struct leat_status status = status_of(pipeline, i);
                if (status.expired || (status.how == LEAT_HOW_NOT_STARTED && status.code == ETIMEDOUT))
                        return true;
        }
        return false;
}

bool status_killed(struct leat_pipeline *pipeline) {
        for (size_t i = 0; i < leat_pipeline_count(pipeline); i++) {
                struct leat_status status = status_of(pipeline, i);
                if (status.how == LEAT_HOW_KILLED || status.how == LEAT_HOW_DUMPED)
                        return true;
        }
        return false;
}

/* As of a shell, and of one that could not be started what report() says: whether it was for want of something. */
static int code_of(const struct leat_status *status) {
        if (status->how == LEAT_HOW_NOT_STARTED && !status->redirection)
                return exit_code(-status->code, STARTING);
        return leat_status_code(status);
}

int status_code(struct leat_pipeline *pipeline) {
        int code = DONE;
        if (status_expired(pipeline))
                return TIMED_OUT;
        for (size_t i = 0; i < leat_pipeline_count(pipeline); i++) {
                struct leat_status status = status_of(pipeline, i);
                if (code_of(&status) != DONE)
                        code = code_of(&status);
        }
        return code;
}

static const char *signal_of(const struct leat_status *status) {
        return status->how == LEAT_HOW_KILLED || status->how == LEAT_HOW_DUMPED ? leat_signal_name(status->code) : NULL;
}

static const char *error_of(const struct leat_status *status) {
        return status->how == LEAT_HOW_NOT_STARTED ? strerror(status->code) : NULL;
}

static const char *how_name(enum leat_how how) {
        static const char *const names[] = {
                [LEAT_HOW_RUNNING] = "running",        [LEAT_HOW_EXITED] = "exited",   [LEAT_HOW_KILLED] = "killed",
                [LEAT_HOW_DUMPED] = "dumped",          [LEAT_HOW_STOPPED] = "stopped", [LEAT_HOW_UNKNOWN] = "unknown",
                [LEAT_HOW_NOT_STARTED] = "not started"
        };
        return names[how];
}

static void format_end(const struct leat_status *status, char text[80]) {
        const char *signal = signal_of(status);
        const char *expired = status->expired ? ", deadline" : "";
        if (status->how == LEAT_HOW_EXITED)
                snprintf(text, 80, "exit %d%s", status->code, expired);
        else if (signal)
                snprintf(text, 80, "%s%s%s", signal, status->how == LEAT_HOW_DUMPED ? ", core" : "", expired);
        else if (status->how == LEAT_HOW_NOT_STARTED)
                snprintf(text, 80, "not started: %s", error_of(status));
        else
                snprintf(text, 80, "%s%s", how_name(status->how), expired);
}

static void format_seconds(int64_t ns, char text[32]) {
        snprintf(text, 32, "%" PRId64 ".%03d s", ns / 1000000000, (int)(ns / 1000000 % 1000));
}

static void add_row(struct libscols_table *table, const char *name, const struct leat_status *status) {
        char end[80], wall[32], user[32], system[32], memory[32];
        bool ran = status->how != LEAT_HOW_NOT_STARTED;
        format_end(status, end);
        format_seconds(status->wall_ns, wall);
        format_seconds(status->user_ns, user);
        format_seconds(status->system_ns, system);
        snprintf(memory, sizeof(memory), "%" PRIu64 " KiB", status->memory_bytes / 1024);
        const char *const cells[] = {
                name, end, ran ? wall : "-", ran ? user : "-", ran ? system : "-", ran ? memory : "-"
        };
        table_add(table, cells, sizeof(cells) / sizeof(cells[0]));
}

int status_print(struct leat_pipeline *pipeline, const struct shell_line *line) {
        static const char *const names[] = { "COMMAND", "END", ">WALL", ">USER", ">SYSTEM", ">MEMORY" };
        struct libscols_table *table = table_new(names, sizeof(names) / sizeof(names[0]), 1);
        for (size_t i = 0; i < line->stages_count; i++) {
                struct leat_status status = status_of(pipeline, i);
                add_row(table, line->stages[i].words[0], &status);
        }
        return table_print_to(table, stderr);
}

static json_t *json_name(const char *name) {
        json_t *text = json_string(name);
        return text ? text : json_null(); /* not UTF-8 */
}

static json_t *json_stage(struct leat_pipeline *pipeline, const struct shell_line *line, size_t stage) {
        struct leat_status status = status_of(pipeline, stage);
        return json_pack("{s:o, s:s, s:i, s:s?, s:s?, s:b, s:I, s:I, s:I, s:I}", "command",
                         json_name(line->stages[stage].words[0]), "how", how_name(status.how), "code", code_of(&status),
                         "signal", signal_of(&status), "error", error_of(&status), "expired", status.expired, "wall_ns",
                         (json_int_t)status.wall_ns, "user_ns", (json_int_t)status.user_ns, "system_ns",
                         (json_int_t)status.system_ns, "memory_bytes", (json_int_t)status.memory_bytes);
}

int status_print_json(struct leat_pipeline *pipeline, const struct shell_line *line) {
        json_t *stages = json_array();
        for (size_t i = 0; i < line->stages_count; i++)
                json_array_append_new(stages, json_stage(pipeline, line, i));
        json_t *all = json_pack("{s:i, s:b, s:o}", "code", status_code(pipeline), "expired", status_expired(pipeline),
                                "stages", stages);
        int r = all ? json_dumpf(all, stderr, JSON_ENSURE_ASCII) : -1;
        json_decref(all);
        fputc('\n', stderr);
        return r < 0 ? report(NULL, -ENOMEM, WRITING_OUTPUT, NULL) : DONE;
}
