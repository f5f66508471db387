/* SPDX-License-Identifier: MIT */
#ifndef STEP_TRACER_H
#define STEP_TRACER_H

/*
 * The tracer: a child that goes on one instruction, or one system call, at a time.
 *
 * The child runs a function. What is of interest in it lies between step_begin() and step_end(). From
 * the one mark to the other the tracer tells events; two instructions between which there is none
 * belong to one class: killed at either, the child leaves the same world behind.
 *
 *     BEGIN  ENTER  [ASLEEP]  LEAVE  CHANGED  ENTER  LEAVE  ...  END
 *
 *   ENTER    a system call is next and has not been executed
 *   ASLEEP   the child sleeps in that call: somebody else has to do something
 *   LEAVE    the call has been executed, no instruction after it
 *   CHANGED  the instruction just executed changed a byte of memory that others share (step_shared())
 *   STEP     any other instruction was executed, where that was asked for (TRACER_EACH)
 *   BROKEN   the instruction that tracer_break() asked for is next
 *
 * LEAVE and CHANGED begin a class; their count since BEGIN numbers it. Everything that waits here does
 * so on waitpid(); only a child that is in a system call is also looked at in /proc, because the
 * kernel tells nobody that a process fell asleep. Child and tracer share one core, so that giving way
 * lets the child run.
 *
 * One child at a time, of one thread. It dies with the tracer (PTRACE_O_EXITKILL). x86-64 only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum tracer_event {
        TRACER_BEGIN,
        TRACER_ENTER,
        TRACER_ASLEEP,
        TRACER_LEAVE,
        TRACER_CHANGED,
        TRACER_STEP,
        TRACER_BROKEN,
        TRACER_END,
        TRACER_EXITED /* without having come to step_end() */
};

enum tracer_pace {
        TRACER_CALLS,        /* from system call to system call: CHANGED is not seen */
        TRACER_INSTRUCTIONS, /* every instruction is looked at */
        TRACER_EACH          /* ... and told */
};

#define TRACER_SHARED_MAX 8
#define TRACER_SHARED_BYTES 65536 /* of one mapping */

struct tracer_page; /* what child and tracer share; tracer.c */

struct tracer {
        pid_t pid;
        int status;            /* of the last waitpid(); an exit status once the child ended */
        bool ended;            /* it was reaped */
        bool running;          /* it was let go and has not been seen to stop */
        bool in_call;          /* it stands, or sleeps, between ENTER and LEAVE */
        bool stepped;          /* ... and got there by a single step */
        bool between;          /* it stands between the marks */
        long call;             /* the system call it is in, enters next, or left last */
        unsigned class_number; /* classes begun since BEGIN; class 0 is the first */
        unsigned calls;        /* executed since BEGIN */
        uint64_t instructions; /* executed since BEGIN, when each was looked at */
        int stat;              /* /proc/PID/stat */
        uintptr_t breaks_at;   /* where there is a breakpoint; 0: nowhere */
        unsigned breaks_in;    /* so many times the child comes there, until it stands */
        long broken_word;      /* what stands there without it */
        struct tracer_page *page;
        unsigned char *copies[TRACER_SHARED_MAX]; /* what the shared memory was like last time */
};

/* Why children cannot be traced here, or NULL if they can. Static text. */
const char *tracer_refused(void);

/*
 * Ask glibc for a memcpy without `rep movsb`, of which each byte is a step: set GLIBC_TUNABLES and run this
 * program again, unless that has been done. To be called first in main().
 */
void tracer_without_rep_movsb(char **argv);

/* Start function(argument) in a traced child, which stands before its first instruction; it exits with 0 when the
 * function returns. Returns 0 or a negative errno. To be ended by tracer_end(). */
int tracer_start(struct tracer *tracer, void (*function)(void *argument), void *argument);

/* Let the child go on to its next event. After ASLEEP: look again, at the same call. */
enum tracer_event tracer_next(struct tracer *tracer, enum tracer_pace pace);

/* Which instruction is next, of a child that stands outside of a call. */
uintptr_t tracer_address(const struct tracer *tracer);

/* Let BROKEN tell when the child, which stands, comes to that instruction for the n-th time: at the full speed of TRACER_CALLS. One at a time. */
void tracer_break(struct tracer *tracer, uintptr_t address, unsigned n);

/* Stop a child that ASLEEP told of (SIGSTOP); one that told another event stands already. */
void tracer_stop(struct tracer *tracer);

/* kill -9, and reap. */
void tracer_kill(struct tracer *tracer);

/* Let the child go, untraced. */
void tracer_release(struct tracer *tracer);

/* Does a child that was released sleep? */
bool tracer_is_asleep(const struct tracer *tracer);

/* Reap a child that was released, at most until the deadline (CLOCK_MONOTONIC, ns). Returns its
 * exit code, minus a signal, or -ETIMEDOUT (then it still runs). */
int tracer_wait(struct tracer *tracer, int64_t deadline);

/* Kill what still runs and free the rest. Takes a zeroed structure too. */
void tracer_end(struct tracer *tracer);

/* The name of a frequent system call, or "call"; of an event. Static text. */
const char *tracer_call_name(long number);
const char *tracer_event_name(enum tracer_event event);

/* step_shared() from here, of what the child mapped meanwhile. false: it is registered, or too much. */
bool tracer_share(const struct tracer *tracer, const void *memory, size_t size_bytes);

/* A number that another content of what is shared, as it was seen last, does not have but by accident. */
uint64_t tracer_fingerprint(const struct tracer *tracer);

/* --- in the child --- */

void step_begin(void);
void step_end(void);

/* Register memory that the child shares with survivors: between the marks, no more than TRACER_SHARED_MAX
 * times, each at most TRACER_SHARED_BYTES. Before step_begin(), or it counts from the next event on. */
void step_shared(const void *memory, size_t size_bytes);

#endif
