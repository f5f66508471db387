/* SPDX-License-Identifier: MIT */
#include "tools/leat/run_job.h"

#include "process/foreground.h"
#include "tools/leat/report.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Where another member of our group may read what we put out. */
static bool output_is_piped(void) {
        struct stat status;
        return fstat(STDOUT_FILENO, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

static bool has_terminal(void) {
        int fd = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd >= 0)
                close(fd);
        return fd >= 0;
}

void job_find(struct job *job) {
        *job = (struct job){ .kind = JOB_ALONE };
        if (tcgetpgrp(STDIN_FILENO) >= 0 && getpgrp() == getpid() && !output_is_piped())
                job->kind = JOB_OWN;
        else if (has_terminal())
                job->kind = JOB_GUEST;
}

void job_prepare(struct job *job, struct leat_pipeline_options *options) {
        if (job->kind == JOB_GUEST)
                options->flags |= LEAT_PIPELINE_SAME_GROUP;
        if (job->kind != JOB_OWN || !foreground_is_ours(STDIN_FILENO))
                return;
        job->modes_known = tcgetattr(STDIN_FILENO, &job->modes) == 0;
        job->given = true;
        options->flags |= LEAT_PIPELINE_FOREGROUND;
        options->terminal = STDIN_FILENO;
}

/* Only from the stages, or from a group that is no more: a shell that took it from them keeps it. */
static void take_foreground(struct job *job, pid_t stages) {
        pid_t group = tcgetpgrp(STDIN_FILENO);
        if (job->given && (group == stages || (group > 0 && kill(-group, 0) < 0)))
                (void)foreground_give(STDIN_FILENO, getpgrp());
        job->given = false;
}

/* The signal by which the stages that live are stopped, or 0 if one runs, or none lives. */
static int stopped_by(struct leat_pipeline *pipeline) {
        int number = 0;
        for (size_t i = 0; i < leat_pipeline_count(pipeline); i++) {
                struct leat_status status = LEAT_STATUS_INIT;
                if (leat_pipeline_status(pipeline, i, &status) < 0 || status.how == LEAT_HOW_RUNNING)
                        return 0;
                if (status.how == LEAT_HOW_STOPPED)
                        number = status.code;
        }
        return number;
}

/* Blocked as this signal is, it would wait; SIGSTOP needs nothing. In a group that nobody could continue the kernel ignores it. */
static void stop_by(int number) {
        const struct timespec now = { 0 };
        struct sigaction standard = { .sa_handler = SIG_DFL }, action;
        sigset_t set, before, continued;
        sigemptyset(&set);
        sigaddset(&set, number);
        sigemptyset(&continued);
        sigaddset(&continued, SIGCONT);
        sigaction(number, &standard, &action);
        kill(getpid(), number);
        sigprocmask(SIG_UNBLOCK, &set, &before);
        sigprocmask(SIG_SETMASK, &before, NULL);
        sigaction(number, &action, NULL);
        (void)sigtimedwait(&continued, NULL, &now); /* what has continued us is known */
}

void job_suspend(struct job *job, struct leat_pipeline *pipeline, int number) {
        stop_by(number);
        job_resume(job, pipeline);
}

void job_resume(struct job *job, struct leat_pipeline *pipeline) {
        pid_t stages = leat_pipeline_group(pipeline);
        if (job->kind == JOB_OWN && stages > 0 && foreground_is_ours(STDIN_FILENO) &&
            foreground_give(STDIN_FILENO, stages) == 0)
                job->given = true;
        (void)leat_pipeline_signal(pipeline, SIGCONT);
}

void job_check_stopped(struct job *job, struct leat_pipeline *pipeline) {
        int number = job->kind == JOB_OWN ? stopped_by(pipeline) : 0;
        if (number == 0)
                return;
        /* A shell that brings a job to the foreground that runs need not tell it: the first that uses the terminal does. */
        if ((number == SIGTTIN || number == SIGTTOU) && foreground_is_ours(STDIN_FILENO)) {
                job_resume(job, pipeline);
                return;
        }
        take_foreground(job, leat_pipeline_group(pipeline));
        complain(NULL, "stopped by %s; fg or SIGCONT continues it", leat_signal_name(number));
        job_suspend(job, pipeline, number);
}

void run_job_end(struct job *job, bool killed) {
        bool given = job->given;
        if (job->kind != JOB_OWN)
                return;
        take_foreground(job, -1);
        if (given && killed && job->modes_known && foreground_is_ours(STDIN_FILENO))
                (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &job->modes);
}
