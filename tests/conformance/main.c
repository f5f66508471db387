/* SPDX-License-Identifier: MIT */

/* Every declaration times every row: the list of tests. */

#include "conformance.h"

static struct conformance_test *tests;

void conformance_register(struct conformance_test *test) {
        struct conformance_test **at = &tests;
        while (*at && (*at)->row <= test->row)
                at = &(*at)->next;
        test->next = *at;
        *at = test;
}

static const struct conformance_transport *transport_of(const char *scheme) {
        for (const struct conformance_transport *transport = conformance_transports; transport->scheme; transport++)
                if (strcmp(transport->scheme, scheme) == 0)
                        return transport;
        return NULL;
}

bool promises(const struct subject *subject, enum leat_row row) {
        return subject->declaration->rows[row].verdict != LEAT_NO;
}

static unsigned traits_of_framing(const struct subject *subject) {
        const char *framing = subject->declaration->framing;
        unsigned delimited = strcmp(framing, "lines") == 0 || strcmp(framing, "nul") == 0 ? DELIMITED : 0;
        unsigned framed = promises(subject, LEAT_ROW_BOUNDARIES) ? FRAMED : 0;
        unsigned plain = strcmp(framing, "leat") == 0 ? LEAT : PLAIN;
        unsigned stream = plain == PLAIN && (!framed || strcmp(framing, "raw") != 0) ? STREAM : 0;
        bool pieces = subject->declaration->largest_bytes >= LARGE_BYTES && !(subject->transport->traits & LOOSE);
        unsigned large = pieces ? LARGE : 0;
        return delimited | framed | plain | stream | large;
}

static unsigned traits_of_pattern(const struct leat_declaration *declaration) {
        bool several = strchr(declaration->parties, ':')[1] != '1';
        unsigned receivers = !several ? 0 : declaration->pattern == LEAT_BROADCAST ? SPREAD : SHARED;
        return receivers | (declaration->parties[0] == 'n' ? MANY : 0) |
               (declaration->pattern == LEAT_PAIR ? TWO_WAY : ONE_WAY) | (declaration->two_way ? CALLS : 0);
}

unsigned subject_traits(const struct subject *subject) {
        const struct conformance_transport *transport = subject->transport;
        bool group = transport->group && subject->declaration->pattern == LEAT_BROADCAST;
        return (traits_of_framing(subject) | traits_of_pattern(subject->declaration) | transport->traits |
                (transport->address ? NAMED : UNNAMED) | (transport->given ? GIVEN : 0) | (transport->put ? PUT : 0) |
                (transport->bare ? BARE : 0) | (transport->kernel ? KERNEL : 0)) &
               ~(group ? LISTENS : 0u);
}

static const char *pattern_name(enum leat_pattern pattern) {
        static const char *const names[] = {
                [LEAT_QUEUE] = "queue", [LEAT_PAIR] = "pair", [LEAT_BROADCAST] = "broadcast"
        };
        return names[pattern];
}

static bool is_about(const struct conformance_test *test, enum leat_row row) {
        return test->row == row || (test->also & ROW(row));
}

/* Where receivers compete; a socket of datagrams has one, which says that it knows. */
bool is_to_be_alone(const struct subject *subject) {
        unsigned traits = subject_traits(subject);
        return (traits & SHARED) || ((traits & LOOSE) && subject->declaration->pattern == LEAT_QUEUE);
}

bool chooses_types(const struct subject *subject) {
        return is_about(subject->test, LEAT_ROW_TYPES) && subject->transport->types && is_to_be_alone(subject) &&
               promises(subject, LEAT_ROW_TYPES);
}

void subject_options(const struct subject *subject, bool receives, char *ret_text, size_t size) {
        const struct conformance_transport *transport = subject->transport;
        bool end = transport->end && promises(subject, LEAT_ROW_END);
        bool types = chooses_types(subject) && (receives || transport->types_of_senders_too);
        snprintf(ret_text, size, "?pattern=%s&framing=%s%s%s%s%s", pattern_name(subject->declaration->pattern),
                 subject->declaration->framing, end ? "&" : "", end ? transport->end : "", types ? "&" : "",
                 types ? transport->types : "");
}

static bool applies(const struct conformance_test *test, const struct subject *subject) {
        unsigned traits = subject_traits(subject);
        if (promises(subject, test->row) == test->denied || (test->traits & ~traits) || (test->without & traits) ||
            ((test->traits ^ traits) & KERNEL))
                return false;
        for (int row = 1; row <= LEAT_ROW_MAX; row++)
                if ((test->also & ROW(row)) && !promises(subject, (enum leat_row)row))
                        return false;
        return true;
}

static void run(void *argument) {
        const struct subject *subject = argument;
        subject->test->run(subject);
}

static void not_covered(void *argument) {
        FAIL("no test holds it to this row: %s", (const char *)argument);
}

static void add(const struct subject *subject) {
        struct subject *copy = malloc(sizeof(*copy));
        const struct leat_declaration *declaration = subject->declaration;
        const struct conformance_test *test = subject->test;
        char name[160];
        *copy = *subject;
        int n = snprintf(name, sizeof name, "%s/%s/%s/%02d-%s/", declaration->scheme,
                         pattern_name(declaration->pattern), declaration->framing, (int)test->row,
                         leat_row_name(test->row));
        snprintf(name + n, sizeof name - (size_t)n, "%s%s", test->denied ? "no-" : "", test->name);
        for (char *at = name + n; *at; at++)
                *at = *at == '_' ? '-' : *at;
        harness_add_with(name, run, copy, (struct harness_options){ .timeout_s = test->timeout_s });
}

static void add_row(struct subject *subject, enum leat_row row) {
        bool covered = false;
        for (const struct conformance_test *test = tests; test; test = test->next)
                if (test->row == row && applies(test, subject)) {
                        subject->test = test;
                        add(subject);
                        covered = true;
                }
        if (!covered) {
                char name[96];
                snprintf(name, sizeof name, "%s/%s/%s/%02d", subject->declaration->scheme,
                         pattern_name(subject->declaration->pattern), subject->declaration->framing, (int)row);
                harness_add(name, not_covered, (void *)leat_row_name(row));
        }
}

static void unknown_transport(void *argument) {
        FAIL("this scheme has no row in transports.c: %s", (const char *)argument);
}

static void add_tests(void) {
        const struct leat_declaration *declaration;
        for (size_t n = 0; (declaration = leat_declaration_at(n)); n++) {
                struct subject subject = { .declaration = declaration, .transport = transport_of(declaration->scheme) };
                if (!subject.transport) {
                        harness_add(declaration->scheme, unknown_transport, (void *)declaration->scheme);
                        continue;
                }
                for (int row = 1; row <= LEAT_ROW_MAX; row++)
                        add_row(&subject, (enum leat_row)row);
        }
}

TEST_MAIN_WITH(add_tests)
