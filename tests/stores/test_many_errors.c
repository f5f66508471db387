/* SPDX-License-Identifier: MIT */
/* What several messages with one call leave for the next one to tell, where a store has more to say than "nothing is there". */
#include "log.h"

#undef SOON
#undef ADDRESS
#include "sysv_mq.h"

#define MOST 10

static ssize_t receive_many(struct leat_channel *receiver, int64_t select) {
        static char buffers[MOST][16];
        static struct leat_incoming messages[MOST];
        for (int i = 0; i < MOST; i++)
                messages[i] = (struct leat_incoming){ .buffer = buffers[i],
                                                      .size_bytes = sizeof buffers[i],
                                                      .about = LEAT_MESSAGE_INIT };
        return leat_receive_many(receiver, select, messages, MOST, SOON);
}

/* The end of one type is none of another's, of which messages wait. */
TEST(the_end_of_a_selection_is_told_when_all_was_read) {
        char buffer[16];
        sysv_alone();
        struct leat_channel *receiver = sysv_open(ADDRESS "?end", LEAT_RECEIVE);
        struct leat_channel *sender = sysv_open(ADDRESS "?end", LEAT_SEND);
        for (int i = 0; i < 4; i++)
                CHECK_EQ(leat_send(sender, 1 + i / 2, "word", 4, SOON), 0);
        leat_close(sender);
        CHECK_EQ(receive_many(receiver, 1), 2);
        sysv_expect(receiver, LEAT_ANY, SOON, 2, "word");
        sysv_expect(receiver, LEAT_ANY, SOON, 2, "word");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ENODATA);
        leat_close(receiver);
        sysv_forget();
}

/* That the one before has to be acknowledged first is no error to keep: when it is, the next one comes. */
TEST(what_is_to_be_acknowledged_first_is_not_told_afterwards) {
        char text[] = "msg0";
        struct leat_channel *receiver = log_receiver("?pattern=queue&acknowledge");
        struct leat_channel *sender = log_sender("?pattern=queue");
        for (int i = 0; i < 3; i++) {
                text[3] = (char)('0' + i);
                log_say(sender, text);
        }
        for (int i = 0; i < 3; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                char buffer[16];
                struct leat_incoming messages[2] = {
                        { .buffer = buffer, .size_bytes = sizeof buffer, .about = LEAT_MESSAGE_INIT },
                        { .buffer = text, .size_bytes = sizeof text, .about = LEAT_MESSAGE_INIT }
                };
                CHECK_EQ(leat_receive_many(receiver, LEAT_ANY, messages, 2, SOON), 1);
                about = messages[0].about;
                CHECK_EQ(buffer[3], '0' + i);
                CHECK_EQ(leat_acknowledge(receiver, &about), 0);
        }
        leat_close(sender);
        leat_close(receiver);
}

TEST_MAIN()
