/* SPDX-License-Identifier: MIT */

/* Looking up names: within the deadline, in the order of RFC 8305, and whoever leaves first. getaddrinfo() is this test's own. */

#include "ends.h"
#include "transport/tcp_connect.h"
#include "transport/tcp_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <leat.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the resolver ---- */

static const char *const *answers; /* addresses, up to NULL */
static int error;
static struct harness_event *asked, *may_answer; /* or NULL: at once */
static atomic_bool signals_blocked;

static struct addrinfo *make(const char *text, struct addrinfo *next) {
        struct addrinfo *info = calloc(1, sizeof *info);
        struct sockaddr_in6 *v6 = calloc(1, sizeof *v6);
        struct sockaddr_in *v4 = (struct sockaddr_in *)v6;
        bool is_v6 = strchr(text, ':');
        info->ai_family = v6->sin6_family = is_v6 ? AF_INET6 : AF_INET;
        info->ai_addrlen = is_v6 ? sizeof *v6 : sizeof *v4;
        CHECK_EQ(inet_pton(info->ai_family, text, is_v6 ? (void *)&v6->sin6_addr : &v4->sin_addr), 1);
        info->ai_addr = (struct sockaddr *)v6;
        info->ai_next = next;
        return info;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret_list) {
        struct addrinfo *list = NULL;
        sigset_t blocked;
        size_t count = 0;
        CHECK(node && !service && hints->ai_family == AF_UNSPEC);
        CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
        signals_blocked = sigismember(&blocked, SIGALRM) && sigismember(&blocked, SIGINT);
        if (asked)
                harness_event_signal(asked);
        if (may_answer)
                harness_event_wait(may_answer);
        if (error)
                return error;
        while (answers[count])
                count++;
        while (count > 0)
                list = make(answers[--count], list);
        *ret_list = list;
        return 0;
}

void freeaddrinfo(struct addrinfo *list) {
        while (list) {
                struct addrinfo *next = list->ai_next;
                free(list->ai_addr);
                free(list);
                list = next;
        }
}

static void wait_for_descriptors(int count) {
        for (int64_t deadline = harness_deadline_ms(40000); harness_count_descriptors() != count; sched_yield())
                CHECK(leat_now() < deadline);
}

#define ANSWER(...) (answers = (const char *const[]){ __VA_ARGS__, NULL })

static struct inet_name name_of(const char *host) {
        struct inet_name name = { .kind = INET_NAME, .port = 5000 };
        snprintf(name.host, sizeof name.host, "%s", host);
        return name;
}

static void check_candidates(const struct inet_candidates *candidates, const char *const *expected) {
        char text[INET_TEXT_BYTES];
        size_t count = 0;
        for (; expected[count]; count++) {
                CHECK(count < candidates->count);
                inet_format(&candidates->all[count], text, sizeof text);
                CHECK_STR(text, expected[count]);
        }
        CHECK_EQ(candidates->count, count);
}

static void look_up(const char *const *expected) {
        struct inet_candidates candidates = { .count = 0 };
        struct inet_name name = name_of("host.example");
        int before = harness_count_descriptors();
        CHECK_EQ(resolver_candidates(&name, harness_deadline_ms(40000), NULL, &candidates), 0);
        check_candidates(&candidates, expected);
        CHECK_EQ(harness_count_descriptors(), before); /* the thread has left too */
}
#define EXPECT(...) look_up((const char *const[]){ __VA_ARGS__, NULL })

/* ---- the order ---- */

TEST(families_take_turns) {
        ANSWER("2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2");
        EXPECT("[2001:db8::1]:5000", "192.0.2.1:5000", "[2001:db8::2]:5000", "192.0.2.2:5000", "[2001:db8::3]:5000");
}

TEST(the_resolvers_first_family_is_the_first) {
        ANSWER("192.0.2.1", "192.0.2.2", "2001:db8::1");
        EXPECT("192.0.2.1:5000", "[2001:db8::1]:5000", "192.0.2.2:5000");
}

TEST(one_told_twice_is_tried_once) {
        ANSWER("192.0.2.1", "192.0.2.1", "192.0.2.1");
        EXPECT("192.0.2.1:5000");
}

TEST(no_more_than_are_tried) {
        static char texts[40][24];
        static const char *many[41];
        struct inet_candidates candidates;
        struct inet_name name = name_of("many.example");
        for (int i = 0; i < 40; i++) {
                snprintf(texts[i], sizeof texts[i], "192.0.2.%d", i);
                many[i] = texts[i];
        }
        int before = harness_count_descriptors();
        answers = many;
        CHECK_EQ(resolver_candidates(&name, harness_deadline_ms(40000), NULL, &candidates), 0);
        CHECK_EQ(candidates.count, INET_CANDIDATES_MAX);
        wait_for_descriptors(before);
}

TEST(numbers_ask_nobody) {
        struct inet_candidates candidates;
        struct inet_name name = { .kind = INET_LOOPBACK, .port = 5000 };
        error = EAI_FAIL;
        CHECK_EQ(resolver_candidates(&name, LEAT_NOW, NULL, &candidates), 0);
        CHECK_EQ(candidates.count, 2);
}

/* ---- what goes wrong ---- */

static void check_error(int wrong, int expected, const char *says) {
        struct inet_candidates candidates;
        struct leat_reason reason = { 0 };
        struct inet_name name = name_of("host.example");
        int before = harness_count_descriptors();
        error = wrong;
        CHECK_EQ(resolver_candidates(&name, harness_deadline_ms(40000), &reason, &candidates), expected);
        CHECK(!says || (reason.error == expected && strstr(reason.text, says)));
        wait_for_descriptors(before);
}

TEST(errors_say_what_to_do) {
        check_error(EAI_NONAME, -ENOENT, "no host of this name");
        check_error(EAI_AGAIN, -EHOSTUNREACH, "no name server answers");
        check_error(EAI_FAIL, -EHOSTUNREACH, "no name server answers");
        check_error(EAI_MEMORY, -ENOMEM, NULL);
        check_error(EAI_FAMILY, -ENOENT, "looked up");
}

TEST(a_name_without_an_address) {
        answers = (const char *const[]){ NULL };
        check_error(0, -ENOENT, "no address");
}

TEST(open_says_so) {
        struct leat_reason reason;
        int before = harness_count_descriptors();
        error = EAI_NONAME;
        for (unsigned flags = LEAT_SEND; flags <= LEAT_RECEIVE; flags++) {
                CHECK_EQ(try_open("tcp:nobody.example:5000", flags, harness_deadline_ms(40000), &reason), -ENOENT);
                CHECK(strstr(reason.text, "getent") != NULL);
        }
        wait_for_descriptors(before);
}

/* ---- the deadline ---- */

TEST(the_deadline_passes_and_the_thread_stays_until_it_has_its_answer) {
        struct leat_reason reason;
        int before = harness_count_descriptors();
        asked = harness_event_new();
        may_answer = harness_event_new();
        ANSWER("192.0.2.1");
        CHECK_EQ(try_open("tcp:slow.example:5000", LEAT_SEND, leat_in_ms(20), &reason), -ETIMEDOUT);
        CHECK(strstr(reason.text, "still being looked up") != NULL);
        harness_event_wait(asked);
        CHECK_EQ(try_open("tcp:slow.example:5000", LEAT_RECEIVE, LEAT_NOW, &reason), -EAGAIN);
        CHECK(strstr(reason.text, "still being looked up") != NULL);
        harness_event_wait(asked);
        CHECK(signals_blocked);
        CHECK_EQ(harness_count_descriptors(), before + 2); /* what the threads still hold */
        harness_event_signal(may_answer);
        harness_event_signal(may_answer);
        wait_for_descriptors(before);
}

static void on_alarm(int number) {
        (void)number;
        if (may_answer)
                harness_event_signal(may_answer);
}

/* The handler neither ends the wait nor lengthens it; the answer that it lets come does end it. */
TEST(a_signal_does_not_end_the_wait) {
        struct sigaction action = { .sa_handler = on_alarm };
        asked = harness_event_new();
        may_answer = harness_event_new();
        ANSWER("192.0.2.1");
        CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
        CHECK_EQ(ualarm(20000, 0), 0);
        EXPECT("192.0.2.1:5000");
}

/* ---- whoever leaves first ---- */

/* After up to as long as a look-up takes, so that either is the first. */
TEST(who_asked_may_leave_at_any_time) {
        ANSWER("192.0.2.1", "2001:db8::1");
        int before = harness_count_descriptors();
        for (int i = 0; i < 50; i++) {
                struct look_up *look_up;
                struct inet_name name = name_of("host.example");
                CHECK_EQ(look_up_start(&name, &look_up), 0);
                int64_t until = leat_now() + (int64_t)harness_random_below(200000);
                while (leat_now() < until)
                        ;
                look_up_leave(look_up);
        }
        wait_for_descriptors(before);
}

static void *wake_it(void *wake) {
        harness_event_wait(asked);
        wake_signal(wake);
        return NULL;
}

/* It is waited for beside other things, such as leat_interrupt(). */
TEST(another_thread_can_end_the_wait) {
        struct inet_name name = name_of("slow.example");
        struct inet_candidates candidates;
        struct look_up *look_up;
        struct wake wake;
        struct wait wait;
        pthread_t thread;
        int before = harness_count_descriptors();
        asked = harness_event_new();
        may_answer = harness_event_new();
        ANSWER("192.0.2.1");
        CHECK_EQ(wake_init(&wake), 0);
        CHECK_EQ(look_up_start(&name, &look_up), 0);
        CHECK_EQ(pthread_create(&thread, NULL, wake_it, &wake), 0);
        wait_init(&wait);
        wait_add(&wait, wake.fd, POLLIN);
        look_up_arm(look_up, &wait);
        CHECK_EQ(wait_until(&wait, LEAT_NEVER), 0);
        CHECK_EQ(look_up_take(look_up, NULL, &candidates), -EAGAIN);
        look_up_leave(look_up);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        wake_close(&wake);
        harness_event_signal(may_answer);
        wait_for_descriptors(before);
}

/* ---- when no name server ever answers ---- */

static unsigned count_threads(void) {
        struct stat status;
        CHECK_EQ(stat("/proc/self/task", &status), 0);
        return (unsigned)status.st_nlink; /* a folder for each */
}

/* Who asks again and again gathers no threads without end, and gets an answer as soon as those before have had theirs. */
TEST(no_more_than_so_many_are_under_way) {
        struct inet_candidates candidates;
        struct inet_name name = name_of("slow.example");
        struct look_up *look_up;
        int before = harness_count_descriptors(), r;
        unsigned threads = 0; /* with the first: a sanitizer begins one of its own then */
        asked = harness_event_new();
        may_answer = harness_event_new();
        ANSWER("192.0.2.1");
        for (int i = 0; i < LOOK_UPS_MAX; i++) {
                CHECK_EQ(look_up_start(&name, &look_up), 0);
                look_up_leave(look_up);
                harness_event_wait(asked);
                threads = threads ? threads : count_threads();
        }
        CHECK_EQ(look_up_start(&name, &look_up), 0);
        for (int i = 0; i < 3; i++)
                CHECK_EQ(look_up_take(look_up, NULL, &candidates), -EAGAIN);
        CHECK_EQ(harness_count_descriptors(), before + LOOK_UPS_MAX + 1);
        CHECK_EQ(count_threads(), threads + LOOK_UPS_MAX - 1);
        for (int i = 0; i < LOOK_UPS_MAX + 1; i++)
                harness_event_signal(may_answer);
        while ((r = look_up_take(look_up, NULL, &candidates)) == -EAGAIN) {
                struct wait wait;
                wait_init(&wait);
                look_up_arm(look_up, &wait);
                CHECK_EQ(wait_until(&wait, harness_deadline_ms(40000)), 0);
        }
        CHECK_EQ(r, 0);
        look_up_leave(look_up);
        wait_for_descriptors(before);
}

/* ---- a fork while one is under way ---- */

/* It takes the threads of a parent for the child's own: they leak, and new ones are there twice. */
static bool is_thread_sanitized(void) {
        const char *sanitizer = getenv("LEAT_SANITIZE");
        return sanitizer && strcmp(sanitizer, "thread") == 0;
}

static void look_up_in_child(void *argument) {
        struct inet_candidates candidates;
        struct look_up *inherited = argument;
        int before = harness_count_descriptors();
        CHECK_EQ(look_up_take(inherited, NULL, &candidates), -ECONNABORTED);
        look_up_leave(inherited);
        CHECK_EQ(harness_count_descriptors(), before); /* it was closed at the fork */
        asked = may_answer = NULL;
        if (!is_thread_sanitized())
                EXPECT("192.0.2.1:5000"); /* a child can ask for itself */
}

/* The thread stays with the parent. Whoever has the child's copy hears of it, and can leave it. */
TEST(a_fork_does_not_take_the_thread_along) {
        struct inet_candidates candidates;
        struct inet_name name = name_of("slow.example");
        struct look_up *look_up;
        int before = harness_count_descriptors();
        asked = harness_event_new();
        may_answer = harness_event_new();
        ANSWER("192.0.2.1");
        CHECK_EQ(look_up_start(&name, &look_up), 0);
        harness_event_wait(asked);
        CHECK_EQ(harness_wait(harness_fork(look_up_in_child, look_up)), 0);
        CHECK_EQ(look_up_take(look_up, NULL, &candidates), -EAGAIN);
        harness_event_signal(may_answer);
        struct wait wait;
        wait_init(&wait);
        look_up_arm(look_up, &wait);
        CHECK_EQ(wait_until(&wait, harness_deadline_ms(40000)), 0);
        CHECK_EQ(look_up_take(look_up, NULL, &candidates), 0);
        if (!is_thread_sanitized())
                CHECK_EQ(harness_wait(harness_fork(look_up_in_child, look_up)), 0); /* also when it has ended */
        look_up_leave(look_up);
        wait_for_descriptors(before);
}

/* ---- several addresses of one name (RFC 8305, section 5) ---- */

static int listen_at(const char *host, int backlog) {
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(5000) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(inet_pton(AF_INET, host, &at.sin_addr), 1);
        CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)), 0);
        CHECK_EQ(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
        CHECK_EQ(listen(fd, backlog), 0);
        return fd;
}

static const char *own_host(unsigned number) {
        static char texts[4][32];
        unsigned pid = (unsigned)getpid();
        snprintf(texts[number], sizeof texts[number], "127.%u.%u.%u", 64 + number * 16 + (pid >> 16 & 15),
                 pid >> 8 & 255, pid & 255);
        return texts[number];
}

/* Connections that nobody accepts, until no more fit: a further one gets no answer. */
static int make_silent(const char *host, int fds[static 8]) {
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(5000) };
        CHECK_EQ(inet_pton(AF_INET, host, &at.sin_addr), 1);
        for (int n = 0; n < 8; n++) {
                fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                CHECK(connect(fds[n], (struct sockaddr *)&at, sizeof at) == 0 || errno == EINPROGRESS);
        }
        return 8;
}

static void connect_to_second(void) {
        struct leat_channel *channel;
        char text[LEAT_ADDRESS_BYTES], expected[64];
        int second = listen_at(own_host(1), 4), before = harness_count_descriptors();
        ANSWER(own_host(0), own_host(1));
        CHECK_EQ(leat_open("tcp:two.example:5000", LEAT_SEND, harness_deadline_ms(40000), &channel), 0);
        snprintf(expected, sizeof expected, "tcp:%s:5000", own_host(1));
        CHECK(leat_channel_address(channel, text, sizeof text) > 0);
        CHECK_STR(text, expected);
        leat_close(channel);
        wait_for_descriptors(before);
        close(second);
}

TEST(when_one_refuses_the_next_is_tried) {
        connect_to_second();
}

TEST(when_one_is_silent_the_next_is_tried_beside_it) {
        int fds[8], first = listen_at(own_host(0), 0), count = make_silent(own_host(0), fds);
        connect_to_second();
        while (count > 0)
                close(fds[--count]);
        close(first);
}

/* A thread that waits for both directions of a pair finds the connection that is being made in each. */
TEST(all_attempts_fit_into_one_wait_twice) {
        struct address address = { .rest = NULL };
        struct tcp_connector connector;
        struct wait wait;
        CHECK_EQ(tcp_connector_init(&connector, &address, &(struct inet_name){ .kind = INET_LOOPBACK, .port = 1 }), 0);
        for (; connector.attempts_count < TCP_ATTEMPTS_MAX; connector.attempts_count++)
                connector.attempts[connector.attempts_count].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        wait_init(&wait);
        wait_add(&wait, 0, POLLIN); /* the wake */
        tcp_connector_arm(&connector, &wait);
        tcp_connector_arm(&connector, &wait);
        CHECK_EQ(wait.count, 1 + TCP_ATTEMPTS_MAX);
        tcp_connector_clear(&connector);
}

/* ---- who has the port of a name ---- */

TEST(the_holder_of_a_port_is_found_by_a_name) {
        struct inet_name name = name_of("two.example");
        struct stat status;
        uint32_t inode = 0;
        uid_t uid = 0;
        ANSWER(own_host(0), own_host(1));
        CHECK_EQ(inet_holder(&name, IPPROTO_TCP, &inode, &uid), -ENOENT);
        int fd = listen_at(own_host(1), 1);
        CHECK_EQ(fstat(fd, &status), 0);
        CHECK_EQ(inet_holder(&name, IPPROTO_TCP, &inode, &uid), 0);
        CHECK_EQ(inode, status.st_ino);
        CHECK_EQ(uid, geteuid());
        close(fd);
}

/* ---- the address of a listener on several ---- */

static void told_as(const char *v4, const char *v6, const char *expected) {
        struct leat_channel *channel;
        char text[LEAT_ADDRESS_BYTES], told[64];
        int before = harness_count_descriptors();
        ANSWER(v4, v6);
        CHECK_EQ(leat_open("tcp:two.example:0", LEAT_RECEIVE, harness_deadline_ms(40000), &channel), 0);
        CHECK(leat_channel_address(channel, text, sizeof text) > 0);
        snprintf(told, sizeof told, expected, strrchr(text, ':') + 1);
        CHECK_STR(text, told);
        leat_close(channel);
        wait_for_descriptors(before);
}

/* The port alone means 127.0.0.1 and ::1: what is bound elsewhere is not found so. */
TEST(a_listener_tells_where_it_is) {
        char expected[64];
        told_as("127.0.0.1", "::1", "tcp::%s");
        snprintf(expected, sizeof expected, "tcp:%s:%%s", own_host(0));
        told_as(own_host(0), "::1", expected);
}

TEST_MAIN()
