/* SPDX-License-Identifier: MIT */
/* mq: what the contract's suites do not see: priorities, foreign entries, limits, who has it open, what remains. */
#include "harness.h"
#include "mq.h"

#include <limits.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- priorities --- */

static void send_priority(struct leat_channel *sender, const char *text, uint32_t priority) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.priority = priority;
        options.deadline = LEAT_NOW;
        CHECK_EQ(leat_send_with(sender, text, strlen(text), &options), 0);
}

static void check_priorities(const char *options) {
        struct leat_channel *sender = mq_sender(options), *receiver = mq_receiver(options);
        static const struct {
                const char *text;
                uint32_t priority;
        } wanted[] = { { "urgent", 32767 }, { "first", 5 }, { "second", 5 }, { "idle", 0 } };
        send_priority(sender, "idle", 0);
        send_priority(sender, "first", 5);
        send_priority(sender, "urgent", 32767);
        send_priority(sender, "second", 5);
        for (size_t i = 0; i < 4; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                char text[64] = "";
                CHECK(leat_receive(receiver, LEAT_ANY, text, sizeof text, LEAT_NOW, &about) > 0);
                CHECK_STR(text, wanted[i].text);
                CHECK_EQ(about.priority, wanted[i].priority);
        }
        leat_close(sender);
        leat_close(receiver);
}

TEST(highest_priority_first_and_in_order_within_one) {
        check_priorities("");
        mq_unlink(mq_name());
        check_priorities("?framing=raw");
}

/* --- what others put there, and find there --- */

static void put_plain(const void *bytes, size_t size, unsigned priority) {
        mqd_t queue = mq_open(mq_name(), O_WRONLY | O_NONBLOCK);
        CHECK(queue >= 0);
        CHECK_EQ(mq_send(queue, bytes, size, priority), 0);
        CHECK_EQ(mq_close(queue), 0);
}

static void take_foreign(struct leat_channel *receiver, const void *bytes, size_t size) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        char buffer[256];
        put_plain(bytes, size, 7);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, &about), size);
        CHECK_MEM(buffer, bytes, size);
        CHECK_EQ(about.type, 1);
        CHECK_EQ(about.priority, 7);
        CHECK_EQ(about.sequence, 0);
}

TEST(foreign_entries_come_through_as_they_are) {
        struct leat_channel *receiver = mq_receiver("");
        unsigned char frame[48 + 4] = { 'L', 't', 1, 1, [8] = 3, [16] = 9, [24] = 1 };
        take_foreign(receiver, "hi", 2);
        take_foreign(receiver, "", 0);
        take_foreign(receiver, "Lt and a text that is longer than a header would be", 51);
        take_foreign(receiver, frame, sizeof frame); /* it says 3 bytes and has 4 */
        frame[8] = 4;
        frame[3] = 4; /* TAKEN carries no bytes */
        take_foreign(receiver, frame, sizeof frame);
        leat_close(receiver);
}

/* What asks for an answer gets none: there is no way back. */
TEST(flags_of_a_stranger_are_not_believed) {
        struct leat_channel *receiver = mq_receiver("");
        struct leat_message about = LEAT_MESSAGE_INIT;
        const unsigned char frame[48] = { 'L', 't', 1, 1, 3, [16] = 9, [24] = 1 };
        put_plain(frame, sizeof frame, 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, LEAT_NOW, &about), 0);
        CHECK_EQ(about.type, 9);
        CHECK_EQ(about.flags, 0);
        leat_close(receiver);
}

TEST(another_version_is_refused_and_the_next_comes) {
        struct leat_channel *receiver = mq_receiver("");
        struct leat_reason why;
        struct leat_info info = LEAT_INFO_INIT;
        const unsigned char frame[48] = { 'L', 't', 2, 1 };
        put_plain(frame, sizeof frame, 1);
        put_plain("x", 1, 0);
        CHECK_EQ(mq_receive_text(receiver, LEAT_NOW, NULL), -EPROTONOSUPPORT);
        CHECK_EQ(leat_why(receiver, &why), 0);
        CHECK_EQ(why.row, LEAT_ROW_VERSIONS);
        mq_take(receiver, "x");
        CHECK_EQ(leat_channel_info(receiver, &info), 0);
        CHECK_EQ(info.refused, 1);
        leat_close(receiver);
}

TEST(raw_is_the_bytes_alone) {
        struct leat_channel *sender = mq_sender("?framing=raw");
        char buffer[8192];
        unsigned priority = 9;
        mqd_t queue = mq_open(mq_name(), O_RDONLY | O_NONBLOCK);
        CHECK(queue >= 0);
        mq_put(sender, "hello");
        mq_put(sender, "");
        CHECK_EQ(mq_receive(queue, buffer, sizeof buffer, &priority), 5);
        CHECK_MEM(buffer, "hello", 5);
        CHECK_EQ(priority, 0);
        CHECK_EQ(mq_receive(queue, buffer, sizeof buffer, NULL), 0);
        CHECK_EQ(mq_close(queue), 0);
        leat_close(sender);
}

/* --- sizes --- */

TEST(a_small_buffer_is_told_the_size_and_loses_nothing) {
        struct leat_channel *sender = mq_sender(""), *receiver = mq_receiver("");
        struct leat_message about = LEAT_MESSAGE_INIT;
        char small[2];
        mq_put(sender, "hello");
        mq_put(sender, "after");
        for (int i = 0; i < 2; i++) {
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, small, sizeof small, LEAT_NOW, &about), -EMSGSIZE);
                CHECK_EQ(about.size_bytes, 5);
        }
        mq_take(receiver, "hello");
        mq_take(receiver, "after");
        leat_close(sender);
        leat_close(receiver);
}

TEST(the_largest_message_is_what_info_says) {
        struct leat_channel *sender = mq_sender("?size=1000&depth=3"), *receiver = mq_receiver("");
        struct leat_info info = LEAT_INFO_INIT;
        char bytes[1001] = { 0 };
        CHECK_EQ(leat_channel_info(sender, &info), 0);
        CHECK_EQ(info.largest_bytes, 1000);
        CHECK_EQ(info.depth, 3);
        CHECK_EQ(info.parties, 1);
        CHECK_EQ(leat_send(sender, 1, bytes, 1001, LEAT_NOW), -EMSGSIZE);
        CHECK_EQ(leat_send(sender, 1, bytes, 1000, LEAT_NOW), 0);
        CHECK_EQ(leat_inspect(mq_address(""), NULL, &info), 0);
        CHECK_EQ(info.queued_messages, 1);
        CHECK_EQ(info.queued_bytes, 1048);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, bytes, sizeof bytes, LEAT_NOW, NULL), 1000);
        leat_close(sender);
        leat_close(receiver);
}

TEST(what_is_there_is_not_less_than_asked_for) {
        CHECK_EQ(leat_create(mq_address("?size=100&depth=2"), 0600, true, NULL), 0);
        CHECK_EQ(mq_refused("?open&size=101", LEAT_SEND, NULL), -EMSGSIZE);
        CHECK_EQ(mq_refused("?depth=3", LEAT_RECEIVE, NULL), -EMSGSIZE);
        leat_close(mq_sender("?size=100&depth=2"));
        CHECK_EQ(leat_create(mq_address("?size=100&depth=2"), 0600, false, NULL), 0);
        CHECK_EQ(leat_create(mq_address("?depth=3"), 0600, false, NULL), -EMSGSIZE);
        CHECK_EQ(leat_create(mq_address("?size=101"), 0600, false, NULL), -EMSGSIZE);
        mq_unlink(mq_name());
        CHECK_EQ(leat_create(mq_address("?size=20&framing=raw"), 0600, true, NULL), 0);
        CHECK_EQ(mq_refused("", LEAT_SEND, NULL), -EMSGSIZE);
        leat_close(mq_sender("?framing=raw"));
        leat_close(mq_receiver(""));
}

/* --- limits of the system --- */

static void check_limit(const char *options, int error, const char *limit) {
        struct leat_reason reason = { 0 };
        CHECK_EQ(leat_create(mq_address(options), 0600, false, &reason), error);
        CHECK_EQ(reason.row, LEAT_ROW_LIMITS);
        CHECK(reason.limit && reason.limit_value > 0);
        CHECK_STR(reason.limit, limit);
}

/* Above what even CAP_SYS_RESOURCE may ask for. */
TEST(limits_of_the_system_are_named) {
        check_limit("?depth=100000", -EINVAL, "fs.mqueue.msg_max");
        check_limit("?size=64M", -EINVAL, "fs.mqueue.msgsize_max");
}

TEST(the_limit_of_all_queues_of_a_user_is_named) {
        const struct rlimit limit = { 1000, 1000 };
        CHECK_EQ(setrlimit(RLIMIT_MSGQUEUE, &limit), 0);
        check_limit("?depth=10", -EMFILE, "RLIMIT_MSGQUEUE");
        CHECK_EQ(mq_refused("", LEAT_RECEIVE, NULL), -EMFILE);
}

TEST(a_lack_of_descriptors_is_not_blamed_on_the_queues) {
        struct leat_reason reason = { 0 };
        struct rlimit limit;
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = 5; /* two for the wakes of a channel that has not come to its queue yet */
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
        CHECK_EQ(mq_refused("", LEAT_RECEIVE, &reason), -EMFILE);
        CHECK_STR(reason.limit, "RLIMIT_NOFILE");
}

/* --- full --- */

static int send_flags(struct leat_channel *sender, const char *text, uint32_t priority, unsigned flags) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.priority = priority;
        options.flags = flags;
        options.deadline = LEAT_NOW;
        return leat_send_with(sender, text, strlen(text), &options);
}

static uint64_t dropped(struct leat_channel *channel) {
        struct leat_info info = LEAT_INFO_INIT;
        CHECK_EQ(leat_channel_info(channel, &info), 0);
        return info.dropped;
}

TEST(a_full_queue_waits_tells_or_drops) {
        struct leat_channel *sender = mq_sender("?depth=3"), *receiver = mq_receiver("");
        mq_put(sender, "a");
        send_priority(sender, "b", 4);
        send_priority(sender, "c", 4);
        CHECK_EQ(leat_send(sender, 1, "d", 1, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_send(sender, 1, "d", 1, harness_deadline_ms(5)), -ETIMEDOUT);
        CHECK_EQ(send_flags(sender, "e", 0, LEAT_DROP_NEWEST), 1);
        CHECK_EQ(dropped(sender), 1);
        /* The oldest of the highest priority: b, though a is older. */
        CHECK_EQ(send_flags(sender, "f", 0, LEAT_DROP_OLDEST), 0);
        CHECK_EQ(dropped(sender), 2);
        mq_take(receiver, "c");
        mq_take(receiver, "a");
        mq_take(receiver, "f");
        CHECK_EQ(mq_receive_text(receiver, LEAT_NOW, NULL), -EAGAIN);
        leat_close(sender);
        leat_close(receiver);
}

static void take_one_when_told(void *argument) {
        struct leat_channel *receiver = mq_receiver("");
        harness_event_wait(argument);
        mq_take(receiver, "a");
        leat_close(receiver);
}

TEST(a_sender_that_waits_for_room_gets_it) {
        struct leat_channel *sender = mq_sender("?depth=1");
        struct harness_event *event = harness_event_new();
        pid_t pid = harness_fork(take_one_when_told, event);
        mq_put(sender, "a");
        harness_event_signal(event);
        CHECK_EQ(leat_send(sender, 1, "b", 1, harness_deadline_ms(40000)), 0);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(sender);
}

/* --- names and lifetime --- */

static void check_name(const char *address, uint32_t column, const char *part) {
        struct leat_reason reason = { 0 };
        CHECK_EQ(leat_create(address, 0600, false, &reason), -EINVAL);
        CHECK_EQ(reason.column, column);
        CHECK(strstr(reason.text, part));
}

TEST(a_name_that_is_none_is_explained) {
        char longest[NAME_MAX + 16];
        CHECK_EQ(leat_address_check("mq:/orders?capacity=1M", NULL), -ENOTSUP);
        check_name("mq:orders", 4, "try mq:/orders");
        check_name("mq:", 4, "begins with '/'");
        check_name("mq:/", 4, "1 to 255 bytes");
        check_name("mq:/..", 4, "not . or ..");
        check_name("mq:/a/b", 6, "one '/'");
        memset(longest, 'a', sizeof longest);
        memcpy(longest, "mq:/", 4);
        longest[4 + NAME_MAX + 1] = '\0';
        check_name(longest, 4, "1 to 255 bytes");
}

TEST(create_set_inspect_remove) {
        struct leat_reason reason = { 0 };
        struct leat_info info = LEAT_INFO_INIT;
        umask(027);
        CHECK_EQ(leat_inspect(mq_address(""), NULL, &info), -ENOENT);
        CHECK_EQ(mq_refused("?open", LEAT_SEND, NULL), -ENOENT);
        CHECK_EQ(leat_create(mq_address(""), 0666, true, NULL), 0);
        CHECK_EQ(leat_create(mq_address(""), 0666, true, NULL), -EEXIST);
        CHECK_EQ(leat_create(mq_address(""), 0666, false, NULL), 0);
        CHECK_EQ(mq_refused("?new", LEAT_SEND, NULL), -EEXIST);
        CHECK_EQ(leat_inspect(mq_address(""), NULL, &info), 0);
        CHECK_EQ(info.mode, 0640);
        CHECK_EQ(info.owner.uid, geteuid());
        CHECK_EQ(info.parties, 0);
        CHECK_EQ(leat_set(mq_address(""), "mode", "0604", NULL), 0);
        CHECK_EQ(leat_set(mq_address(""), "mode", "0904", NULL), -EINVAL);
        CHECK_EQ(leat_inspect(mq_address(""), NULL, &info), 0);
        CHECK_EQ(info.mode, 0604);
        CHECK_EQ(leat_set(mq_address(""), "depth", "5", &reason), -ENOTSUP);
        CHECK(strstr(reason.text, "create it anew"));
        CHECK_EQ(leat_remove(mq_address(""), NULL), 0);
        CHECK_EQ(leat_remove(mq_address(""), NULL), -ENOENT);
}

static void send_and_be_killed(void *argument) {
        (void)argument;
        mq_put(mq_sender(""), "hello");
        kill(getpid(), SIGKILL);
}

TEST(messages_outlive_a_killed_sender) {
        CHECK_EQ(harness_wait(harness_fork(send_and_be_killed, NULL)), -SIGKILL);
        struct leat_channel *receiver = mq_receiver("?open");
        mq_take(receiver, "hello");
        leat_close(receiver);
        CHECK_EQ(leat_remove(mq_address(""), NULL), 0);
}

static void take_two(void *argument) {
        struct leat_channel *receiver = mq_receiver("");
        harness_event_signal(argument);
        mq_take(receiver, "old");
        CHECK_EQ(mq_receive_text(receiver, LEAT_NOW, NULL), -EAGAIN);
        leat_close(receiver);
}

/* Removing wakes nobody: who has the queue open goes on with it, and the name is another queue's from then on. */
TEST(a_queue_that_is_removed_under_a_waiting_receiver) {
        struct harness_event *ready = harness_event_new();
        struct leat_channel *old = mq_sender("");
        pid_t pid = harness_fork(take_two, ready);
        harness_event_wait(ready);
        harness_wait_state(pid, "S");
        CHECK_EQ(leat_remove(mq_address(""), NULL), 0);
        struct leat_channel *fresh = mq_sender("");
        mq_put(fresh, "new");
        mq_put(old, "old");
        CHECK_EQ(harness_wait(pid), 0);
        struct leat_channel *receiver = mq_receiver("");
        mq_take(receiver, "new");
        leat_close(old);
        leat_close(fresh);
        leat_close(receiver);
}

/* --- another owner --- */

static void be_a_stranger(void *argument) {
        struct leat_reason reason = { 0 };
        struct leat_channel *sender;
        (void)argument;
        harness_be_nobody();
        CHECK_EQ(mq_refused("?open", LEAT_RECEIVE, NULL), -EACCES);
        CHECK_EQ(leat_remove(mq_address(""), NULL), -EACCES);
        sender = mq_sender("");
        CHECK_EQ(leat_set(mq_address(""), "mode", "0666", NULL), -EPERM);
        mq_put(sender, "a");
        CHECK_EQ(send_flags(sender, "b", 0, LEAT_DROP_OLDEST), -EACCES);
        CHECK_EQ(leat_why(sender, &reason), 0);
        CHECK_EQ(reason.row, LEAT_ROW_FULL);
        leat_close(sender);
}

TEST(another_owner_s_queue_is_opened_as_its_mode_says) {
        if (geteuid() != 0)
                SKIP("only root can be somebody else");
        umask(0);
        CHECK_EQ(leat_create(mq_address("?depth=1"), 0622, true, NULL), 0);
        CHECK_EQ(harness_wait(harness_fork(be_a_stranger, NULL)), 0);
}

/* --- a channel that is given to a child --- */

static void use_given(void *argument) {
        mq_put(argument, "from the child");
        leat_close(argument);
}

TEST(a_given_channel_keeps_its_place) {
        struct leat_channel *receiver = mq_receiver("?end"), *sender = mq_sender("");
        CHECK_EQ(leat_give(sender), 0);
        pid_t pid = harness_fork(use_given, sender);
        leat_close(sender);
        mq_take(receiver, "from the child");
        CHECK_EQ(mq_receive_text(receiver, harness_deadline_ms(40000), NULL), -ENODATA);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

TEST_MAIN()
