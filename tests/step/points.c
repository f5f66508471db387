/* SPDX-License-Identifier: MIT */
#include "points.h"
#include "harness.h"

#define POINTS_MAX 32768
#define ADDRESSES_MAX 65536 /* a power of two */
#define STATES_MAX 4096

extern const char __executable_start[], etext[]; /* the linker's */

#define NEAR 16

/* An address that was executed, and how often. */
struct place {
        uintptr_t address;
        unsigned hits, calls, class_number;
        unsigned near_hit; /* the last time that it came less than NEAR of ours before or behind an event; 0: never */
};

static struct point list[POINTS_MAX];
static struct place places[ADDRESSES_MAX];
static struct place *order[ADDRESSES_MAX];
static uint64_t states[STATES_MAX];
static struct place *recent[NEAR]; /* of ours */
static unsigned recent_at, near_left;
static size_t points_count, order_count, states_count;

unsigned long points_offset(uintptr_t address) {
        return address - (uintptr_t)__executable_start;
}

static bool is_ours(uintptr_t address) {
        return address >= (uintptr_t)__executable_start && address < (uintptr_t)etext;
}

void points_begin(void) {
        points_count = order_count = states_count = 0;
        near_left = 0;
        memset(recent, 0, sizeof recent);
        memset(places, 0, sizeof places);
}

static void add(struct point point) {
        struct point *last = points_count ? &list[points_count - 1] : NULL;
        if (last && point.event == TRACER_ASLEEP && last->event == point.event && last->calls == point.calls)
                return; /* it is told as long as the child sleeps */
        CHECK(points_count < POINTS_MAX);
        list[points_count++] = point;
}

/* The child is about to execute that. */
static struct place *come_to(const struct tracer *tracer, uintptr_t address) {
        size_t at = (address * UINT64_C(0x9e3779b97f4a7c15)) >> 48;
        while (places[at].address != 0 && places[at].address != address)
                at = (at + 1) % ADDRESSES_MAX;
        struct place *place = &places[at];
        if (place->hits == 0) {
                CHECK(order_count < ADDRESSES_MAX / 2);
                *place = (struct place){ .address = address,
                                         .calls = tracer->calls,
                                         .class_number = tracer->class_number };
                order[order_count++] = place;
        }
        place->hits++;
        return place;
}

/* Next to an event is what a party has looked at and is about to act upon, or has done and not told. */
static void be_near(struct place *place, bool event) {
        if (event) {
                for (int i = 0; i < NEAR; i++)
                        if (recent[i])
                                recent[i]->near_hit = recent[i]->hits;
                near_left = NEAR;
        }
        if (!place || !is_ours(place->address))
                return;
        recent[recent_at++ % NEAR] = place;
        if (near_left > 0) {
                place->near_hit = place->hits;
                near_left--;
        }
}

static void add_state(struct tracer *tracer) {
        uint64_t now = tracer_fingerprint(tracer);
        for (size_t i = 0; i < states_count; i++)
                if (states[i] == now)
                        return;
        if (states_count < STATES_MAX)
                states[states_count++] = now;
}

static bool begins_class(enum tracer_event event) {
        return event == TRACER_BEGIN || event == TRACER_LEAVE || event == TRACER_CHANGED || event == TRACER_ASLEEP;
}

void points_add(struct tracer *tracer, enum tracer_event event) {
        struct point point = { .event = event,
                               .calls = tracer->calls,
                               .call = tracer->call,
                               .class_number = tracer->class_number,
                               .begins = begins_class(event) };
        struct place *place = NULL;
        if (event == TRACER_LEAVE || event == TRACER_CHANGED || event == TRACER_STEP) {
                place = come_to(tracer, tracer_address(tracer));
                point.address = place->address;
                point.hit = place->hits;
        }
        be_near(place, event != TRACER_STEP);
        if (event == TRACER_CHANGED) /* a run without steps does not see the store, but comes to what is behind it */
                point.event = TRACER_BROKEN;
        if (event != TRACER_STEP)
                add(point);
        if (event == TRACER_BEGIN || event == TRACER_LEAVE || event == TRACER_CHANGED)
                add_state(tracer);
}

static void add_instruction(const struct place *place, unsigned hit) {
        add((struct point){ .event = TRACER_BROKEN,
                            .address = place->address,
                            .hit = hit,
                            .calls = place->calls,
                            .call = -1,
                            .class_number = place->class_number });
}

static bool is_chosen(const struct place *place, unsigned every, unsigned near, unsigned counted[2]) {
        return place->near_hit > 0 ? counted[0]++ % near == 0 : counted[1]++ % every == 0;
}

struct points points_end(unsigned every, unsigned near) {
        struct points points = { .list = list, .events = points_count, .states = (unsigned)states_count };
        unsigned counted[2] = { 0, 0 };
        for (size_t i = 0; i < order_count; i++) {
                const struct place *place = order[i];
                if (!is_ours(place->address))
                        continue;
                points.instructions++;
                if (!is_chosen(place, every, near, counted))
                        continue;
                points.chosen++;
                add_instruction(place, 1);
                if (place->hits > 1)
                        add_instruction(place, place->near_hit > 1 ? place->near_hit : place->hits);
        }
        points.count = points_count;
        return points;
}
