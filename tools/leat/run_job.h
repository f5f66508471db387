/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_RUN_JOB_H
#define LEAT_TOOL_RUN_JOB_H

/*
 * What `leat run` is to the shell and to the terminal.
 *
 * A job of its own: its standard input is its controlling terminal, a shell has put it at the head of a process group, and its output is not the input of
 * another member of that group (a pipe: `leat run ... | less`, which would be put into the background). Then the stages have a group of
 * their own, which is given the foreground whenever the shell gives it to us, so that Ctrl-C and Ctrl-Z are theirs.
 *
 * A guest: there is a terminal, and others in our group (a script, a pipeline of the shell). The stages stay in that group, as those of sh -c do.
 *
 * Alone: no terminal. The stages have a group of their own.
 */

#include <leat.h>
#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

enum job_kind { JOB_ALONE, JOB_GUEST, JOB_OWN };

struct job {
        enum job_kind kind;
        bool given; /* the stages have the foreground from us */
        bool modes_known;
        struct termios modes; /* of the terminal, as they were */
};

/* Find out what this is. */
void job_find(struct job *job);

/* The flags and the terminal for leat_pipeline_start(), which is to follow. */
void job_prepare(struct job *job, struct leat_pipeline_options *options);

/* If all stages that live are stopped: take the terminal back, say so, and stop as they did; continued, go on. */
void job_check_stopped(struct job *job, struct leat_pipeline *pipeline);

/* Stop this process as `number` does by itself; when it goes on, so do the stages. */
void job_suspend(struct job *job, struct leat_pipeline *pipeline, int number);

/* We were continued: give the foreground on, if we have it, and let the stages go on. */
void job_resume(struct job *job, struct leat_pipeline *pipeline);

/* All have ended: the terminal is ours again, and as it was if one was killed. */
void run_job_end(struct job *job, bool killed);

#endif
