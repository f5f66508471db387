/* SPDX-License-Identifier: MIT */

/* `leat run`: a line of the small shell language, as one pipeline, as one job. */

#include "base/cleanup.h"
#include "process/process.h"
#include "tools/leat/options.h"
#include "tools/leat/progress.h"
#include "tools/leat/report.h"
#include "tools/leat/run_job.h"
#include "tools/leat/run_status.h"
#include "tools/leat/run_terminals.h"
#include "tools/leat/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

struct run {
        const struct options *options;
        struct shell_line *line;
        struct leat_command **commands; /* of the stages; the pipeline's */
        bool *by_shell;                 /* of the stages: their files are opened by a shell */
        struct leat_pipeline *pipeline;
        struct leat_signals *signals;
        struct pollfd *polled;
        struct job job;
        struct terminals terminals;
        int fatal; /* the signal that came to end us; or 0 */
};

static void run_free(struct run *run) {
        terminals_close(&run->terminals);
        run->pipeline = leat_pipeline_free(run->pipeline);
        run->signals = leat_signals_close(run->signals);
        run->line = shell_free(run->line);
        free(TAKE(run->commands));
        free(TAKE(run->polled));
        free(TAKE(run->by_shell));
}

/* The line, and a mark below the place. Control characters, which would move it, are shown as blanks. */
static int refuse_line(const char *text, const struct shell_error *error) {
        size_t column = shell_column(text, error->at);
        int code = complain_usage(NULL, "column %zu: %s", column, error->text);
        fputs("  ", stderr);
        for (const char *at = text; *at; at++)
                putc((unsigned char)*at < ' ' || *at == 0x7f ? ' ' : *at, stderr);
        fprintf(stderr, "\n  %*s\n", (int)column, "^");
        return code;
}

static int parse(struct run *run) {
        const char *text = run->options->operands[0];
        struct shell_error error = { 0 };
        int r = shell_parse(text, &error, &run->line);
        if (r == -EINVAL)
                return refuse_line(text, &error);
        return r < 0 ? report(NULL, r, ANYTHING, NULL) : DONE;
}

static int redirect(struct leat_command *command, const struct shell_redirection *redirection) {
        static const int flags[] = { [SHELL_READ] = O_RDONLY,
                                     [SHELL_WRITE] = O_WRONLY | O_CREAT | O_TRUNC,
                                     [SHELL_APPEND] = O_WRONLY | O_CREAT | O_APPEND };
        if (redirection->operator== SHELL_DUPLICATE)
                return leat_command_duplicate(command, redirection->fd, redirection->other);
        return leat_command_file(command, redirection->fd, redirection->path, flags[redirection->operator], 0666);
}

static int redirect_all(struct run *run) {
        int r = run->options->unbuffered ? terminals_open(&run->terminals, run->commands, run->line->stages_count) : 0;
        for (size_t i = 0; r == 0 && i < run->line->stages_count; i++)
                for (size_t n = 0; r == 0 && !run->by_shell[i] && n < run->line->stages[i].redirections_count; n++)
                        r = redirect(run->commands[i], &run->line->stages[i].redirections[n]);
        return r;
}

/* What these name is the descriptor of who opens them. */
static bool names_own_descriptor(const char *path) {
        static const char *const names[] = { "/dev/stdin", "/dev/stdout", "/dev/stderr" };
        static const char *const folders[] = { "/dev/fd/", "/proc/self/", "/proc/thread-self/" };
        for (size_t i = 0; i < 3; i++)
                if (strcmp(path, names[i]) == 0 || strncmp(path, folders[i], strlen(folders[i])) == 0)
                        return true;
        return false;
}

static bool is_for_the_stage(const struct shell_stage *stage) {
        struct stat status;
        for (size_t i = 0; i < stage->redirections_count; i++) {
                const char *path = stage->redirections[i].path;
                if (path && (names_own_descriptor(path) || (stat(path, &status) == 0 && S_ISFIFO(status.st_mode))))
                        return true;
        }
        return false;
}

#define SCRIPT_BYTES(redirections) (64 + 40 * (redirections)) /* its fixed words, and two numbers a redirection */

/* The redirections for a shell whose arguments are their files, and then the program. Returns how many files there are: ret_files. */
static int write_script(const struct shell_stage *stage, char *script, const char *ret_files[]) {
        static const char *const signs[] = { [SHELL_READ] = "<", [SHELL_WRITE] = ">", [SHELL_APPEND] = ">>" };
        char *end = stpcpy(script, "command exec");
        int files = 0;
        for (size_t i = 0; i < stage->redirections_count; i++) {
                const struct shell_redirection *redirection = &stage->redirections[i];
                if (redirection->operator== SHELL_DUPLICATE) {
                        end += sprintf(end, " %d>&%d", redirection->fd, redirection->other);
                        continue;
                }
                ret_files[files++] = redirection->path;
                end += sprintf(end, " %d%s\"${%d}\"", redirection->fd, signs[redirection->operator], files);
        }
        sprintf(end, " || exit 1; shift %d; exec \"$@\"", files);
        return files;
}

/*
 * To open a FIFO is to wait for its other end, which may be a stage that is to come, and /dev/stdin is the stage's: so the stage itself opens its files, by a
 * shell in front of it which is given the redirections, in their order, and then becomes the program.
 */
static int add_by_shell(struct run *run, const struct shell_stage *stage, struct leat_command **ret_command) {
        FREE_AT_EXIT char *script = malloc(SCRIPT_BYTES(stage->redirections_count));
        FREE_AT_EXIT const char **argv = calloc(4 + stage->redirections_count + stage->words_count + 1, sizeof(*argv));
        if (!script || !argv)
                return -ENOMEM;
        const char **end = argv;
        *end++ = "/bin/sh", *end++ = "-c", *end++ = script, *end++ = "leat run";
        end += write_script(stage, script, end);
        for (size_t i = 0; i < stage->words_count; i++)
                *end++ = stage->words[i];
        return leat_pipeline_stage(run->pipeline, argv, ret_command);
}

static int add_stage(struct run *run, size_t number) {
        struct shell_stage *stage = &run->line->stages[number];
        run->by_shell[number] = is_for_the_stage(stage);
        if (run->by_shell[number])
                return add_by_shell(run, stage, &run->commands[number]);
        return leat_pipeline_stage(run->pipeline, (const char *const *)stage->words, &run->commands[number]);
}

/* What we were started to ignore (nohup) is not for us. */
static bool is_ignored(const char *name) {
        struct sigaction action;
        return sigaction(leat_signal_number(name), NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static const char *const ending[] = { "TSTP", "INT", "QUIT", "HUP", "TERM" };
#define ENDING (sizeof(ending) / sizeof(ending[0]))

/* Nothing is left for us to do once it runs: its end says all, and whatever comes to our number, or by the terminal to our group, is for it. */
static bool needs_nobody(const struct run *run) {
        const struct options *options = run->options;
        if (run->line->stages_count > 1 || run->line->stages[0].redirections_count > 0 || run->job.kind == JOB_OWN ||
            options->unbuffered || options->status || options->format == FORMAT_JSON || options->deadline != LEAT_NEVER)
                return false;
        for (size_t i = 0; i < ENDING; i++)
                if (is_ignored(ending[i]))
                        return false;
        return true;
}

static void free_command(struct leat_command **command) {
        *command = leat_command_free(*command);
}

/* As a shell executes its last command. Returns if it cannot be executed. */
static int execute_here(const struct run *run) {
        const char *const *words = (const char *const *)run->line->stages[0].words;
        CLEANUP(free_command) struct leat_command *command = NULL;
        int r = leat_command_new(words, &command);
        if (r == 0)
                r = spawn_here(command, NULL);
        return report(words[0], r, STARTING, NULL);
}

static int build(struct run *run) {
        size_t count = run->line->stages_count;
        run->commands = calloc(count, sizeof(struct leat_command *));
        run->polled = calloc(count + 2, sizeof(*run->polled));
        run->by_shell = calloc(count, sizeof(*run->by_shell));
        int r = run->commands && run->polled && run->by_shell ? leat_pipeline_new(&run->pipeline) : -ENOMEM;
        for (size_t i = 0; r == 0 && i < count; i++)
                r = add_stage(run, i);
        if (r == 0)
                r = redirect_all(run);
        return r < 0 ? report(NULL, r, STARTING, NULL) : DONE;
}

static int watch(struct run *run) {
        struct leat_reason reason = { 0 };
        char names[64] = "CHLD CONT WINCH";
        for (size_t i = 0; i < ENDING; i++)
                if (!is_ignored(ending[i]))
                        strcat(strcat(names, " "), ending[i]);
        int r = leat_signals_open(names, 0, &reason, &run->signals);
        return r < 0 ? report("signals", r, STARTING, &reason) : DONE;
}

static int start(struct run *run) {
        struct leat_pipeline_options options = LEAT_PIPELINE_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        options.flags = LEAT_PIPELINE_REST;
        options.deadline = run->options->deadline;
        job_prepare(&run->job, &options);
        int r = leat_pipeline_start(run->pipeline, &options, &reason, NULL);
        if (r < 0)
                return report(NULL, r, STARTING, &reason);
        terminals_started(&run->terminals);
        status_complain(run->pipeline, run->line, &run->terminals);
        return DONE;
}

/* From the terminal it has come to all of our group, and so to guests of it by itself. */
static bool stages_have_it(const struct run *run, const struct leat_signal *signal) {
        return run->job.kind == JOB_GUEST && signal->code == SI_KERNEL;
}

static void end_stages(struct run *run, const struct leat_signal *signal) {
        run->fatal = signal->number;
        if (stages_have_it(run, signal))
                return;
        (void)leat_pipeline_signal(run->pipeline, signal->number);
        (void)leat_pipeline_signal(run->pipeline, SIGCONT); /* one that is stopped has to go on to end */
}

/* As a job of its own it stops when its stages have. */
static void stop_stages(struct run *run, const struct leat_signal *signal) {
        if (!stages_have_it(run, signal))
                (void)leat_pipeline_signal(run->pipeline, signal->number);
        if (run->job.kind != JOB_OWN)
                job_suspend(&run->job, run->pipeline, signal->number);
}

static void take_signal(struct run *run, const struct leat_signal *signal) {
        switch (signal->number) {
        case SIGCHLD:
                job_check_stopped(&run->job, run->pipeline);
                break;
        case SIGCONT:
                job_resume(&run->job, run->pipeline);
                break;
        case SIGTSTP:
                stop_stages(run, signal);
                break;
        case SIGWINCH:
                terminals_resize(&run->terminals);
                break;
        default:
                end_stages(run, signal);
        }
}

/* Sleep until there is something to do, and do what is not the pipeline's. `pipeline`: to be polled, or -1. Returns 0 or an error. */
static int turn(struct run *run, int pipeline, int64_t deadline) {
        struct leat_signal signal = LEAT_SIGNAL_INIT;
        run->polled[0] = (struct pollfd){ .fd = leat_signals_fd(run->signals), .events = POLLIN };
        run->polled[1] = (struct pollfd){ .fd = pipeline, .events = POLLIN };
        size_t count = 2 + terminals_poll(&run->terminals, run->polled + 2);
        int64_t left = deadline == LEAT_NEVER ? -1 : (deadline - leat_now() + 999999) / 1000000;
        if (deadline != LEAT_NEVER && left <= 0)
                return -ETIMEDOUT;
        if (poll(run->polled, count, left > 1000000 ? 1000000 : (int)left) < 0 && errno != EINTR)
                return -errno;
        while (leat_signals_receive(run->signals, LEAT_NOW, &signal) == 0)
                take_signal(run, &signal);
        if (run->terminals.count > 0 && run->job.kind == JOB_OWN)
                terminals_resize(&run->terminals); /* SIGWINCH is for the foreground, which the stages have */
        terminals_carry(&run->terminals, run->pipeline);
        return 0;
}

/* What the last stage has put out goes to our output: all of it, as long as the deadline allows and nobody ends us meanwhile; of one that
 * was killed as much as goes at once. Returns the exit code. */
static int drain(struct run *run, int code) {
        bool waits = !run->fatal || !status_killed(run->pipeline);
        int64_t deadline = status_expired(run->pipeline) ? LEAT_NOW : run->options->deadline;
        int before = run->fatal, r = 0;
        bool left;
        run->fatal = 0;
        while ((left = terminals_drain(&run->terminals, run->pipeline)) && waits && r == 0 && !run->fatal)
                r = turn(run, -1, deadline);
        if (left && run->fatal)
                return KILLED + run->fatal;
        run->fatal = run->fatal ? run->fatal : before;
        return left && r == -ETIMEDOUT ? TIMED_OUT : code;
}

/* As long as a stage writes, it sees that nobody takes it. What came after its end is for us to tell; of a broken pipe as a signal would. */
static int tell_output_error(struct run *run, int code) {
        int error = run->terminals.error;
        if (error == -EPIPE && code == DONE)
                return KILLED + (run->fatal = SIGPIPE);
        if (error == -EPIPE)
                return code;
        if (error < 0) {
                int refused = report("standard output", error, WRITING_OUTPUT, NULL);
                return code < refused ? refused : code;
        }
        return code;
}

static int await(struct run *run) {
        int fd = leat_pipeline_fd(run->pipeline);
        int r = fd < 0 ? fd : leat_pipeline_wait(run->pipeline, LEAT_NOW);
        while (r == -EAGAIN) {
                r = turn(run, fd, LEAT_NEVER);
                if (r == 0)
                        r = leat_pipeline_wait(run->pipeline, LEAT_NOW);
        }
        run_job_end(&run->job, r == 0 && status_killed(run->pipeline));
        terminals_finish(&run->terminals);
        if (r < 0)
                return report(NULL, r, STARTING, NULL);
        int code = drain(run, status_code(run->pipeline));
        return tell_output_error(run, code);
}

static int tell(const struct run *run) {
        if (run->options->format == FORMAT_JSON)
                return status_print_json(run->pipeline, run->line);
        return run->options->status ? status_print(run->pipeline, run->line) : DONE;
}

/* A shell looks whether its child died of the signal, and then does not go on with its script. */
static void end_by(int number) {
        const struct rlimit no_core = { 0, 0 };
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, number);
        setrlimit(RLIMIT_CORE, &no_core);
        signal(number, SIG_DFL);
        raise(number);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int run_run(const struct options *options) {
        CLEANUP(run_free) struct run run = { .options = options };
        int code = parse(&run);
        if (code)
                return code;
        job_find(&run.job);
        code = needs_nobody(&run) ? execute_here(&run) : build(&run);
        if (!code)
                code = watch(&run);
        if (!code)
                code = start(&run);
        if (code)
                return code;
        code = await(&run);
        int told = tell(&run);
        int number = run.job.kind == JOB_OWN && code == KILLED + SIGINT ? SIGINT : run.fatal;
        run_free(&run);
        if (number && code == KILLED + number)
                end_by(number);
        return code ? code : told;
}

const struct command command_run = {
        .name = "run",
        .operands = "COMMAND",
        .summary = "Run commands joined by pipes, and tell how each ended",
        .takes = TAKES_TIMEOUT | TAKES_RUN | TAKES_JSON,
        .operands_min = 1,
        .operands_max = 1,
        .details = "COMMAND is one operand: words, quotes, '|', '<', '>', '>>', '2>', '2>&1', as a shell has them. "
                   "Whatever "
                   "else a\n"
                   "shell would interpret is refused at its column. --status and --json go to standard error, since\n"
                   "standard output is the pipeline's. At the deadline all get SIGTERM, and 2s later SIGKILL.\n\n"
                   "Exit: 0 all succeeded; else that of the last command that did not, as with pipefail, 128+n if "
                   "killed by\n"
                   "signal n; 1 a redirection failed; 2 usage, or COMMAND is not understood; 71 the system "
                   "refused;\n"
                   "124 the deadline passed; 125 not started; 126 not to be executed; 127 not found.\n\n"
                   "Example: leat run --status 'ps -ef | grep firefox > out 2>&1'\n",
        .run = run_run,
};
