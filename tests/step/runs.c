/* SPDX-License-Identifier: MIT */
#include "runs.h"
#include "harness.h"
#include "scenario.h"

#include <leat.h>
#include <stdio.h>
#include <sys/syscall.h>

static enum tracer_event next(const struct step_runs *runs, enum tracer_pace pace) {
        enum tracer_event event = tracer_next(runs->tracer, pace);
        if (event == TRACER_EXITED)
                FAIL("the child ended in the middle");
        return event;
}

static void pass(const struct step_runs *runs, enum tracer_event event, int64_t deadline) {
        if (event == TRACER_ASLEEP && leat_now() > deadline)
                FAIL("the child hangs in %s", tracer_call_name(runs->tracer->call));
        if (runs->passed)
                runs->passed(runs->run, event);
}

static void run_to_begin(const struct step_runs *runs) {
        int64_t deadline = harness_deadline_ms(PATIENCE_MS);
        enum tracer_event event;
        while ((event = next(runs, TRACER_CALLS)) != TRACER_BEGIN)
                pass(runs, event, deadline);
        if (runs->begun)
                runs->begun(runs->run);
}

static bool reached(const struct tracer *tracer, enum tracer_event event, const struct point *point) {
        if (event == TRACER_END || event == TRACER_BROKEN)
                return true;
        return point->event != TRACER_BROKEN &&
               (tracer->calls > point->calls || (event == point->event && tracer->calls == point->calls));
}

/* Step by step, as it was traced. */
static void step_to(const struct step_runs *runs, const struct point *point, int64_t deadline) {
        enum tracer_event event = TRACER_BEGIN;
        unsigned hits = 0;
        bool there = false;
        while (!there) {
                if (event != TRACER_BEGIN)
                        pass(runs, event, deadline);
                event = next(runs, TRACER_EACH);
                bool told = event == TRACER_LEAVE || event == TRACER_CHANGED || event == TRACER_STEP;
                bool comes = told && point->event == TRACER_BROKEN && tracer_address(runs->tracer) == point->address;
                hits += comes;
                there = reached(runs->tracer, event, point) || (comes && hits == point->hit);
        }
}

/* A new run, to that point; it is told first, so that the output of one that fails ends with it. */
static void run_to(const struct step_runs *runs, const char *what, const struct point *point) {
        int64_t deadline = harness_deadline_ms(PATIENCE_MS);
        enum tracer_event event;
        printf("%s: %s %s %s, class %u, at %#lx, time %u\n", runs->name, what, tracer_event_name(point->event),
               tracer_call_name(point->call), point->class_number,
               point->event == TRACER_BROKEN ? points_offset(point->address) : 0, point->hit);
        runs->start(runs->run);
        run_to_begin(runs);
        if (point->event == TRACER_BEGIN)
                return;
        if (runs->steps) {
                step_to(runs, point, deadline);
                return;
        }
        if (point->event == TRACER_BROKEN)
                tracer_break(runs->tracer, point->address, point->hit);
        while (event = next(runs, TRACER_CALLS), !reached(runs->tracer, event, point))
                pass(runs, event, deadline);
}

static bool maps(long call) {
        return call == SYS_mmap || call == SYS_shmat;
}

static void trace(const struct step_runs *runs, struct step_counts *counts) {
        enum tracer_event event = TRACER_BEGIN;
        int64_t deadline = harness_deadline_ms(PATIENCE_MS);
        printf("%s: trace\n", runs->name);
        runs->start(runs->run);
        run_to_begin(runs);
        points_begin();
        points_add(runs->tracer, TRACER_BEGIN);
        while (event != TRACER_END) {
                event = next(runs, runs->pace);
                points_add(runs->tracer, event);
                if (event == TRACER_LEAVE && maps(runs->tracer->call) && runs->mapped)
                        runs->mapped(runs->run);
                pass(runs, event, deadline);
        }
        counts->instructions = runs->tracer->instructions;
        counts->classes = runs->tracer->class_number + 1;
        runs->let_go(runs->run);
}

static void kill_at(const struct step_runs *runs, const struct point *point) {
        run_to(runs, "killed", point);
        tracer_kill(runs->tracer);
        runs->killed(runs->run);
}

static void stop_at(const struct step_runs *runs, const struct point *point) {
        run_to(runs, "stopped", point);
        tracer_stop(runs->tracer);
        if (runs->stopped)
                runs->stopped(runs->run);
        runs->let_go(runs->run);
}

struct points step_run_all(const struct step_runs *runs, struct step_counts *ret_counts) {
        struct step_counts counts = { 0 };
        const char *why = tracer_refused();
        if (why)
                SKIP("%s", why);
        trace(runs, &counts);
        struct points points = points_end(runs->every ? runs->every : 1, runs->near ? runs->near : 1);
        size_t stops = runs->pace == TRACER_EACH ? points.count : points.events; /* else no instruction was told */
        for (size_t i = 0; i < points.events; i++, counts.kills++)
                kill_at(runs, &points.list[i]);
        for (size_t i = 0; i < stops; i++)
                if (points.list[i].begins || i >= points.events) {
                        stop_at(runs, &points.list[i]);
                        counts.stops++;
                }
        *ret_counts = counts;
        return points;
}
