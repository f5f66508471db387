/* SPDX-License-Identifier: MIT */

/* What is declared, and needs that are held against it: for every row. */

#include "conformance.h"

static const enum leat_row needable[] = { LEAT_ROW_ORDER, LEAT_ROW_END, LEAT_ROW_TYPES,
                                          LEAT_ROW_SYNC,  LEAT_ROW_WHO, LEAT_ROW_DESCRIPTORS };

/* Make a channel with these options more; what came of it. */
static int open_with_need(const struct subject *subject, const char *need, struct leat_reason *ret_reason) {
        char address[300], options[96];
        if (subject->transport->address) {
                struct place place;
                place_new(&place, subject, "");
                bool alone = strcmp(need, "types") == 0 && subject->transport->types && is_to_be_alone(subject) &&
                             promises(subject, LEAT_ROW_TYPES);
                snprintf(address, sizeof address, "%s&need=%s%s%s", place.receiver_address, need, alone ? "&" : "",
                         alone ? subject->transport->types : "");
                return try_open(address, receiver_flags(subject), SOON, ret_reason);
        }
        struct leat_channel *receiver = NULL, *sender = NULL;
        subject_options(subject, true, options, sizeof options);
        snprintf(address, sizeof address, "%s:%s&need=%s", subject->declaration->scheme, options, need);
        int r = leat_pair(address, ret_reason, &receiver, &sender);
        leat_close(receiver);
        leat_close(sender);
        return r;
}

/* It hangs on row 13, which every declaration tells the truth about: limits are asked, and so is this. */
CONFORMS(LEAT_ROW_LIMITS, needs_are_refused_or_met) {
        for (size_t i = 0; i < sizeof needable / sizeof needable[0]; i++) {
                enum leat_row row = needable[i];
                struct leat_reason reason = { 0 };
                int r = open_with_need(subject, leat_row_name(row), &reason);
                if (promises(subject, row)) {
                        CHECK_EQ(r, 0);
                        continue;
                }
                CHECK_EQ(r, -ENOTSUP);
                check_reason(&reason, row, -ENOTSUP);
                CHECK_STR(reason.text, subject->declaration->rows[row].why);
        }
}

CONFORMS(LEAT_ROW_LIMITS, the_declaration_is_complete) {
        const struct leat_declaration *declaration = subject->declaration;
        struct leat_channel *receiver, *sender;
        for (int row = 1; row <= LEAT_ROW_MAX; row++) {
                const struct leat_row_declaration *said = &declaration->rows[row];
                CHECK(said->verdict == LEAT_NO || said->verdict == LEAT_PEER || said->verdict == LEAT_YES);
                if (said->verdict != LEAT_YES && !(said->why && said->why[0]))
                        FAIL("row %d does not say why", row);
        }
        CHECK(leat_scheme_summary(declaration->scheme) != NULL);
        place_both_new(subject, "", &receiver, &sender);
        CHECK(info_of(receiver).declaration == declaration);
        CHECK(info_of(sender).declaration == declaration);
        leat_close(sender);
        leat_close(receiver);
}
