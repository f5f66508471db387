/* SPDX-License-Identifier: MIT */
/* The interface compiler: what the command line asks for. Every file is checked before anything is written. */
#include "tools/leatgen/options.h"
#include "tools/leatgen/outputs.h"
#include "tools/leatgen/report.h"
#include "tools/leatgen/source.h"
#include "tools/leatgen/stages.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* One file of the command line on its way. */
struct work {
        struct job job;
        struct interface *interface;
        struct schema *schema;
        const char *path;
};

/* ---- what goes out ---- */

/* Shows what was reported. Returns whether there was an error. */
static bool show_reports(struct job *job) {
        struct page page = { 0 };
        bool failed = report_errors(job) > 0;
        report_show(job, &page);
        if (page.size)
                fwrite(page.bytes, 1, page.size, stderr);
        page_free(&page);
        return failed;
}

static bool show_all_reports(struct work *works, const struct command *command) {
        bool failed = false;
        for (size_t i = 0; i < command->file_count; i++)
                failed = show_reports(&works[i].job) || failed;
        return failed;
}

static void print_page(struct page *page) {
        if (page->size)
                fwrite(page->bytes, 1, page->size, stdout);
        page_free(page);
}

/* A full disk behind standard output shows only here. */
static int close_output(int status) {
        bool failed = ferror(stdout);
        if (fclose(stdout) == 0 && !failed)
                return status;
        fprintf(stderr, "leatgen: standard output cannot be written: %s\n", strerror(errno));
        return EXIT_INPUT;
}

/* ---- the stages ---- */

static void prepare_file(struct work *work, const struct command *command, const char *path) {
        job_begin(&work->job, &command->options);
        work->path = path;
        work->interface = read_interface(&work->job, path);
        work->schema = complete_interface(&work->job, work->interface);
}

/* All files to where they can be written; false if one has an error. */
static bool prepare(struct work *works, const struct command *command) {
        bool good = true;
        for (size_t i = 0; i < command->file_count; i++) {
                prepare_file(&works[i], command, command->files[i]);
                good = !show_reports(&works[i].job) && good;
        }
        return good;
}

/* ---- tasks: each returns the exit code ---- */

static int write_files(struct job *job, struct output_file *files, size_t count) {
        int result = output_write(job, files, count);
        bool failed = show_reports(job);
        return result < 0 || failed ? EXIT_INPUT : 0;
}

static void free_files(struct output_file *files, size_t count) {
        for (size_t i = 0; i < count; i++)
                page_free(&files[i].page);
        free(files);
}

/* The depfile, if one is wanted. Returns how many files that is; an input in its place is an error. */
static size_t make_depfile(struct work *works, const struct command *command, struct output_file *ret_file) {
        struct stat status;
        if (!command->depfile)
                return 0;
        bool is_regular = stat(command->depfile, &status) == 0 && S_ISREG(status.st_mode);
        *ret_file = (struct output_file){ .name = command->depfile, .follows = true, .may_be_no_file = true };
        for (size_t i = 0; i < command->file_count; i++) {
                const char *names[OUTPUTS_MOST];
                size_t count = outputs_names(&works[i].job, works[i].interface, names);
                depfile_add(&ret_file->page, &works[i].job, names, count);
                if (is_regular && path_is_among(command->depfile, works[i].job.files))
                        report_error(&works[i].job, NULL, "`%s` of --depfile is an input too; nothing was written",
                                     command->depfile);
        }
        for (size_t i = 0; i < command->file_count; i++)
                depfile_add_included(&ret_file->page, &works[i].job);
        return 1;
}

static int compile(struct work *works, const struct command *command) {
        struct output_file *files = allocate_cleared(command->file_count * OUTPUTS_MOST + 1, sizeof(*files));
        size_t count = 0;
        for (size_t i = 0; i < command->file_count; i++)
                count += outputs_make(&works[i].job, works[i].interface, works[i].schema, files + count);
        count += make_depfile(works, command, files + count);
        int status = show_all_reports(works, command) ? EXIT_INPUT : write_files(&works[0].job, files, count);
        free_files(files, count);
        return status;
}

static int print_outputs(struct work *works, const struct command *command) {
        struct output_file depfile = { 0 };
        size_t depfiles = make_depfile(works, command, &depfile);
        int status = show_all_reports(works, command) ? EXIT_INPUT : write_files(&works[0].job, &depfile, depfiles);
        for (size_t i = 0; !status && i < command->file_count; i++) {
                const char *names[OUTPUTS_MOST];
                size_t count = outputs_names(&works[i].job, works[i].interface, names);
                for (size_t k = 0; k < count; k++)
                        printf("%s\n", outputs_path(&works[i].job, command->options.folder, names[k]));
        }
        page_free(&depfile.page);
        return status;
}

static int lint(struct work *works, const struct command *command) {
        for (size_t i = 0; i < command->file_count; i++)
                lint_interface(&works[i].job, works[i].interface);
        show_all_reports(works, command);
        return 0;
}

static int print(struct work *works, const struct command *command) {
        struct page page = { 0 };
        (void)command;
        print_json(&works[0].job, works[0].interface, &page);
        print_page(&page);
        return 0;
}

static int compatible(struct work *works, const struct command *command) {
        struct work old = { 0 };
        struct page page = { 0 };
        int breaks = 0;
        prepare_file(&old, command, command->old);
        bool failed = show_reports(&old.job);
        if (!failed)
                breaks = compare_interfaces(&works[0].job, old.interface, works[0].interface, &page);
        print_page(&page);
        job_end(&old.job);
        return failed || breaks ? EXIT_INPUT : 0;
}

/* What a person has written since is never overwritten. */
static void report_existing(struct job *job, const char *name) {
        const char *path = outputs_path(job, job->options->folder, name);
        struct stat status;
        if (lstat(path, &status) == 0)
                report_error(job, NULL, "`%s` exists, and what you wrote there is not overwritten: move it away first",
                             path);
}

static bool make_skeleton(struct work *work, struct output_file files[2]) {
        struct job *job = &work->job;
        files[0].name = job_format(job, "%s_server_main.c", work->interface->base);
        files[1].name = job_format(job, "%s_client_main.c", work->interface->base);
        files[0].folder = files[1].folder = job->options->folder;
        report_existing(job, files[0].name);
        report_existing(job, files[1].name);
        if (!interface_has_program(work->interface))
                report_error(job, NULL, "`%s` has no program, so there is nothing to serve", work->path);
        if (show_reports(job))
                return false;
        emit_skeleton_server(job, work->interface, work->schema, &files[0].page);
        emit_skeleton_client(job, work->interface, work->schema, &files[1].page);
        return true;
}

static int skeleton(struct work *works, const struct command *command) {
        struct output_file *files = allocate_cleared(2 * command->file_count, sizeof(*files));
        bool good = true;
        for (size_t i = 0; i < command->file_count; i++)
                good = make_skeleton(&works[i], &files[2 * i]) && good;
        size_t count = 2 * command->file_count;
        int status = good ? write_files(&works[0].job, files, count) : EXIT_INPUT;
        free_files(files, count);
        return status;
}

static bool same_as_file(const char *path, const struct page *page) {
        FILE *file = fopen(path, "re");
        size_t at = 0;
        int byte = EOF;
        if (!file)
                return false;
        while ((byte = getc(file)) != EOF && at < page->size && (unsigned char)page->bytes[at] == byte)
                at++;
        fclose(file);
        return byte == EOF && at == page->size;
}

/* The text of each in the format; false if one has an error. */
static bool format_all(const struct command *command, struct job *jobs, struct output_file *files) {
        bool good = true;
        for (size_t i = 0; i < command->file_count; i++) {
                files[i] = (struct output_file){ .name = command->files[i], .follows = true };
                job_begin(&jobs[i], &command->options);
                good = format_file(&jobs[i], files[i].name, &files[i].page) && good;
                good = !show_reports(&jobs[i]) && good;
        }
        return good;
}

static int check_format(const struct output_file *files, size_t count) {
        int status = 0;
        for (size_t i = 0; i < count; i++)
                if (!same_as_file(files[i].name, &files[i].page)) {
                        printf("%s would change\n", files[i].name);
                        status = EXIT_INPUT;
                }
        return status;
}

static int print_files(struct output_file *files, size_t count) {
        for (size_t i = 0; i < count; i++)
                print_page(&files[i].page);
        return 0;
}

static int format(const struct command *command) {
        size_t count = command->file_count;
        struct job *jobs = allocate_cleared(count, sizeof(*jobs));
        struct output_file *files = allocate_cleared(count, sizeof(*files));
        int status = !format_all(command, jobs, files) ? EXIT_INPUT
                     : command->check                  ? check_format(files, count)
                     : command->in_place               ? write_files(&jobs[0], files, count)
                                                       : print_files(files, count);
        free_files(files, count);
        for (size_t i = 0; i < count; i++)
                job_end(&jobs[i]);
        free(jobs);
        return status;
}

static int run(const struct command *command) {
        static int (*const tasks[TASK_MAX + 1])(struct work *, const struct command *) = {
                [TASK_COMPILE] = compile,       [TASK_OUTPUTS] = print_outputs, [TASK_LINT] = lint,
                [TASK_COMPATIBLE] = compatible, [TASK_PRINT] = print,           [TASK_SKELETON] = skeleton,
        };
        struct work *works = allocate_cleared(command->file_count, sizeof(*works));
        int status = prepare(works, command) ? tasks[command->task](works, command) : EXIT_INPUT;
        for (size_t i = 0; i < command->file_count; i++)
                job_end(&works[i].job);
        free(works);
        return status;
}

int main(int argc, char **argv) {
        struct command command;
        int status = command_parse(argc, argv, &command);
        if (status)
                return status;
        if (command.task == TASK_HELP)
                fputs(command_help(), stdout);
        else if (command.task == TASK_VERSION)
                puts("leatgen " LEAT_VERSION);
        else
                status = command.task == TASK_FORMAT ? format(&command) : run(&command);
        command_free(&command);
        return close_output(status);
}
