/* SPDX-License-Identifier: MIT */
#include "tools/leat/crew.h"
#include "tools/leat/folder.h"
#include "tools/leat/output.h"
#include "tools/leat/progress.h"
#include "tools/leat/table.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORDS_AT_EXIT CLEANUP(words_free)
#define TEXTS_AT_EXIT CLEANUP(texts_free)

/* What is shown of it, for people or as JSON. */
struct show {
        struct libscols_table *table;
        json_t *list;
        bool lossy; /* a transport lost messages, and says that it may */
};

static int find_texts(struct texts *texts) {
        static const char *const folders[] = { "/usr/share/common-licenses", "lib", "tools", "include" };
        int r = 0;
        for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && r == 0; i++)
                r = texts_find(texts, folders[i]);
        return r;
}

/* The count without IPC. */
static int count_texts(const struct texts *texts, struct words *words, uint64_t *ret_bytes) {
        SPACE_AT_EXIT struct space space = SPACE_NONE;
        uint64_t bytes = 0;
        for (size_t i = 0; i < texts->count; i++) {
                ssize_t n = texts_read(texts->paths[i], &space);
                int r = n < 0 ? (int)n : words_add_text(words, space.bytes, (size_t)n);
                if (r < 0)
                        return report(texts->paths[i], r, READING_INPUT, NULL);
                bytes += (uint64_t)n;
        }
        *ret_bytes = bytes;
        return DONE;
}

/* A transport takes part once, with its queue in the default framing. */
static bool takes_part(const struct leat_declaration *declaration) {
        return declaration->pattern == LEAT_QUEUE && strcmp(declaration->framing, "leat") == 0;
}

static bool is_named(const struct options *options, const struct leat_declaration *declaration) {
        bool named = options->operands_count == 0;
        for (size_t i = 0; i < options->operands_count; i++)
                named = named || strcmp(options->operands[i], declaration->scheme) == 0;
        return named;
}

static bool scheme_takes_part(const char *scheme) {
        const struct leat_declaration *declaration;
        for (size_t n = 0; (declaration = leat_declaration_at(n)); n++)
                if (strcmp(declaration->scheme, scheme) == 0 && takes_part(declaration))
                        return true;
        return false;
}

/* A kernel may be built without it. */
static void show_absent(struct show *show, const char *scheme) {
        const char *const cells[] = { scheme, "", "", "", "not in this kernel" };
        if (show->list)
                json_array_append_new(show->list, json_pack("{s:s, s:n}", "transport", scheme, "match"));
        else
                table_add(show->table, cells, 5);
}

static void show_row(struct show *show, const char *scheme, const struct crew_result *result) {
        char messages[24], megabytes[24], rate[24], lost[32];
        double seconds = (double)(result->ns > 0 ? result->ns : 1) / 1e9;
        double per_second = (double)result->messages / seconds;
        bool tell_lost = result->as_declared && !result->match;
        const char *match = tell_lost ? lost : result->match ? "yes" : "NO";
        const char *const cells[] = { scheme, messages, megabytes, rate, match };
        show->lossy = show->lossy || tell_lost;
        if (show->list) {
                json_array_append_new(show->list,
                                      json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:b}", "transport", scheme, "messages",
                                                (json_int_t)result->messages, "bytes", (json_int_t)result->bytes,
                                                "lost", (json_int_t)result->lost, "seconds", seconds,
                                                "messages_per_second", per_second, "match", (int)result->match));
                return;
        }
        snprintf(messages, sizeof(messages), "%" PRIu64, result->messages);
        snprintf(megabytes, sizeof(megabytes), "%.2f", (double)result->bytes / 1e6);
        snprintf(rate, sizeof(rate), "%.0f", per_second);
        snprintf(lost, sizeof(lost), "%" PRIu64 " lost", result->lost);
        table_add(show->table, cells, 5);
}

/* Each transport in turn. Returns the exit code; a signal stops it with DONE and is waiting for us to unblock it. */
static int run_crews(const struct options *options, const struct texts *texts, const struct words *words,
                     const char *folder, int stop, struct show *show) {
        const struct leat_declaration *declaration;
        int code = DONE;
        for (size_t n = 0; (declaration = leat_declaration_at(n)); n++) {
                struct crew_result result = { 0 };
                if (!takes_part(declaration) || !is_named(options, declaration))
                        continue;
                int r = crew_run(declaration, texts, words, folder, stop, &result);
                if (r == -ECANCELED)
                        return DONE;
                if (r == -ENOSYS) {
                        show_absent(show, declaration->scheme);
                        continue;
                }
                if (r < 0 || !result.as_declared)
                        code = ANSWER_NO;
                show_row(show, declaration->scheme, &result);
        }
        return code;
}

/* What the crews work on. */
struct work {
        const struct options *options;
        const struct texts *texts;
        const struct words *words;
        struct show *show;
};

static int run_in(const void *what, const char *folder, int stop) {
        const struct work *work = what;
        return run_crews(work->options, work->texts, work->words, folder, stop, work->show);
}

static int run_all(const struct options *options, const struct texts *texts, const struct words *words,
                   struct show *show) {
        return folder_run("demo", run_in, &(struct work){ options, texts, words, show });
}

static int demonstrate_json(const struct options *options, const struct texts *texts, const struct words *words,
                            uint64_t bytes) {
        struct show show = { .list = json_array() };
        if (!show.list)
                return report(NULL, -ENOMEM, WRITING_OUTPUT, NULL);
        int code = run_all(options, texts, words, &show);
        int printed =
                output_json(json_pack("{s:I, s:I, s:I, s:I, s:o, s:b}", "texts", (json_int_t)texts->count, "bytes",
                                      (json_int_t)bytes, "words", (json_int_t)words_total(words), "different_words",
                                      (json_int_t)words->used, "transports", show.list, "match", code == DONE));
        return code ? code : printed;
}

static int demonstrate(const struct options *options, const struct texts *texts, const struct words *words,
                       uint64_t bytes) {
        static const char *const names[] = { "TRANSPORT", ">MESSAGES", ">MB", ">MESSAGES/S", "MATCH" };
        struct show show = { .table = table_new(names, 5, 1) };
        printf("Counting the words of %zu texts (%.2f MB) with five processes: a reader, three workers\n"
               "that share the lines out, and a collector that adds up what they counted.\n\n",
               texts->count, (double)bytes / 1e6);
        int code = output_flush();
        if (code == DONE)
                code = run_all(options, texts, words, &show);
        int printed = table_print(show.table);
        printf("\n%s counts are what they are without IPC: %" PRIu64 " words, %zu different ones.\n",
               code         ? "Not all"
               : show.lossy ? "But for what was lost, all"
                            : "All",
               words_total(words), words->used);
        if (show.lossy)
                printf("A transport may lose messages where it says so: 'leat transports --why', row 8.\n");
        return code ? code : printed;
}

static int check(const struct options *options) {
        for (size_t i = 0; i < options->operands_count; i++)
                if (!leat_scheme_summary(options->operands[i]))
                        return complain_usage(options->operands[i], "no such transport; 'leat transports' lists them");
                else if (!scheme_takes_part(options->operands[i]))
                        return complain_usage(options->operands[i],
                                              "the kernel is its other end, so no processes can share the work over "
                                              "it; 'leat demo' alone shows those that can");
        return DONE;
}

static int run_demo(const struct options *options) {
        TEXTS_AT_EXIT struct texts texts = TEXTS_NONE;
        WORDS_AT_EXIT struct words words = WORDS_NONE;
        uint64_t bytes = 0;
        int code = check(options);
        if (code)
                return code;
        int r = find_texts(&texts);
        if (r < 0)
                return report(NULL, r, READING_INPUT, NULL);
        if (texts.count == 0) {
                complain("/usr/share/common-licenses", "no text to count; run it where lib/, tools/ or include/ is");
                return ANSWER_NO;
        }
        progress_begin("counting words");
        code = count_texts(&texts, &words, &bytes);
        if (code)
                return code;
        return options->format == FORMAT_JSON ? demonstrate_json(options, &texts, &words, bytes)
                                              : demonstrate(options, &texts, &words, bytes);
}

const struct command command_demo = {
        .name = "demo",
        .operands = "[TRANSPORT]...",
        .summary = "Count words with five processes over each transport, and compare",
        .takes = TAKES_JSON,
        .operands_min = 0,
        .operands_max = -1,
        .details =
                "A reader sends the lines of the texts in /usr/share/common-licenses and, where they are below the\n"
                "current directory, of the sources in lib/, tools/ and include/ to three workers; they send what they\n"
                "counted to a collector. What it adds up is compared with a count made without IPC. Queues and files\n"
                "that this takes are made new and removed afterwards, also if it is interrupted. Over a transport "
                "that\n"
                "may lose messages and says so (udp) the count of those that were lost is told, and is no failure.\n\n"
                "Exit: 0 all counts match, but for what was lost so; 1 one does not, a process died, or there is no\n"
                "text; 2 usage; 71 the system refused.\n\n"
                "Example: leat demo mq sysv-mq\n",
        .run = run_demo,
};
