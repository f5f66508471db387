/* SPDX-License-Identifier: MIT */

/* Channels come and go: opening, both ends at once, closing, detaching. */

#include "base/cleanup.h"
#include "base/options.h"
#include "channel/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The framing that is meant where none is said: that of Leat, but where only the kernel writes. */
static void set_default_framing(const struct transport *transport, struct address *address) {
        for (uint64_t i = 0; framing_names[i] && !address_given(address, OPTION_FRAMING); i++)
                if (strcmp(framing_names[i], transport->declarations[0].framing) == 0)
                        address->framing = i;
}

int channel_address(const struct transport *const *table, const char *text, struct leat_reason *reason,
                    struct address *ret_address, const struct transport **ret_transport) {
        struct address address;
        int r = address_parse(text, reason, &address);
        if (r < 0)
                return r;
        for (; *table; table++)
                if (strcmp((*table)->scheme, address.scheme) == 0)
                        break;
        if (!*table)
                r = reason_at(reason, -EPROTONOSUPPORT, 1, "there is no such scheme; `leat transports` lists them");
        else if ((*table)->check)
                r = (*table)->check(&address, reason);
        if (r < 0) {
                address_clear(&address);
                return r;
        }
        set_default_framing(*table, &address);
        *ret_address = address;
        *ret_transport = *table;
        return 0;
}

static void after_fork(struct fork_member *member) {
        struct leat_channel *channel = CONTAINER_OF(member, struct leat_channel, member);
        if (channel->state)
                channel->operations->after_fork(channel);
        kept_list_after_fork(&channel->aside);
        kept_list_after_fork(&channel->replies);
        kept_list_after_fork(&channel->again.copies);
        kept_close_descriptors(channel->reply);
        for (int i = 0; i < DIRECTION_COUNT; i++)
                wake_close(&channel->wakes[i]);
        channel->poll_epoll = close_fd(channel->poll_epoll);
        counters_after_fork(channel);
}

static void channel_free_at(struct leat_channel **channel) {
        if (*channel)
                leat_close(*channel);
}

/* One that does nothing yet: no operations, no state. Takes over the address. */
static int channel_new(const struct transport *transport, struct address *address, unsigned flags,
                       const struct leat_declaration *declaration, struct leat_channel **ret_channel) {
        struct leat_channel *channel = calloc(1, sizeof(struct leat_channel));
        if (!channel)
                return -ENOMEM;
        channel->magic = CHANNEL_MAGIC;
        channel->flags = flags;
        channel->transport = transport;
        channel->declaration = declaration;
        channel->largest_bytes = address->size ? address->size : declaration->largest_bytes;
        channel->both_ways = DOES_SEND(flags) && DOES_RECEIVE(flags);
        channel->poll_epoll = -1;
        channel->counters = &channel->own_counters;
        channel->counters_file = (struct memfile)MEMFILE_NONE;
        channel->wakes[DIRECTION_SEND] = channel->wakes[DIRECTION_RECEIVE] = WAKE_NONE;
        channel->member.after_fork = after_fork;
        for (int i = 0; i < DIRECTION_COUNT; i++)
                spin_init(&channel->spins[i], (enum spin_mode)address->wait);
        kept_list_init(&channel->aside);
        kept_list_init(&channel->replies);
        int r = pthread_mutex_init(&channel->lock, NULL);
        if (r == 0)
                r = pthread_mutex_init(&channel->why_lock, NULL);
        if (r == 0)
                r = fork_enter(&channel->member);
        if (r != 0) {
                free(channel);
                return r < 0 ? r : -r;
        }
        channel->address = *address;
        address->rest = NULL;
        again_init(channel);
        channel->acknowledges = address_given(&channel->address, OPTION_ACKNOWLEDGE) && DOES_RECEIVE(flags);
        if (DOES_SEND(flags))
                r = wake_init(&channel->wakes[DIRECTION_SEND]);
        if (r == 0 && DOES_RECEIVE(flags))
                r = wake_init(&channel->wakes[DIRECTION_RECEIVE]);
        if (r < 0) {
                leat_close(channel);
                return r;
        }
        *ret_channel = channel;
        return 0;
}

/* Errors that come of limits of the system are told with their name and value. */
static int name_limit(struct leat_reason *reason, int error) {
        if (!reason || (reason->text && reason->error == error)) /* another error's is of a step that was gone around */
                return error;
        *reason = (struct leat_reason){ 0 };
        if (error == -EMFILE)
                return reason_limit(reason, error, "RLIMIT_NOFILE",
                                    "this process has no descriptor left; raise `ulimit -n`");
        if (error == -ENFILE)
                return reason_limit(reason, error, "fs.file-max", "the system has no descriptor left");
        return reason_set(reason, error, LEAT_ROW_NONE, leat_strerror(error));
}

int channel_open_parsed(const struct transport *transport, struct address *address,
                        const struct leat_open_options *options, struct leat_reason *reason,
                        struct leat_channel **ret_channel) {
        CLEANUP(channel_free_at) struct leat_channel *channel = NULL;
        const struct leat_declaration *declaration = NULL;
        int r = declaration_find(transport, address, options->flags, reason, &declaration);
        if (r == 0)
                r = channel_new(transport, address, options->flags, declaration, &channel);
        if (r == 0)
                r = transport->open(channel, options->deadline, reason);
        if (r < 0)
                return name_limit(reason, r);
        *ret_channel = TAKE(channel);
        return 0;
}

int channel_open(const struct transport *const *table, const char *text, const struct leat_open_options *given,
                 struct leat_reason *reason, struct leat_channel **ret_channel) {
        CLEANUP(address_clear) struct address address = { 0 };
        CLEANUP(channel_free_at) struct leat_channel *channel = NULL;
        const struct transport *transport = NULL;
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        struct leat_reason unwanted = { 0 };
        if (!reason)
                reason = &unwanted;
        *reason = (struct leat_reason){ 0 };
        int r = ret_channel ? options_take(given, &options, sizeof(options)) : -EINVAL;
        if (r < 0)
                return reason_set(reason, r, LEAT_ROW_NONE, NULL);
        r = channel_address(table, text, reason, &address, &transport);
        int over = r == 0 ? over_wanted(transport, &address, text, options.flags, reason, &options.flags) : r;
        if (over < 0)
                return name_limit(reason, over);
        r = channel_open_parsed(transport, &address, &options, reason, &channel);
        if (r == 0 && over)
                r = over_open(channel, table, text, options.deadline, reason);
        if (r < 0)
                return name_limit(reason, r);
        *ret_channel = TAKE(channel);
        return 0;
}

int channel_pair(const struct transport *const *table, const char *text, struct leat_reason *reason,
                 struct leat_channel **ret_receiver, struct leat_channel **ret_sender) {
        CLEANUP(address_clear) struct address address = { 0 }, twin = { 0 };
        CLEANUP(channel_free_at) struct leat_channel *receiver = NULL, *sender = NULL;
        const struct transport *transport = NULL;
        const struct leat_declaration *declaration = NULL;
        struct leat_reason unwanted = { 0 };
        if (!reason)
                reason = &unwanted;
        *reason = (struct leat_reason){ 0 };
        if (!ret_receiver || !ret_sender)
                return reason_set(reason, -EINVAL, LEAT_ROW_NONE, NULL);
        int r = channel_address(table, text, reason, &address, &transport);
        if (r < 0)
                return r;
        bool both = address_given(&address, OPTION_PATTERN) && address.pattern == LEAT_PAIR;
        unsigned all = LEAT_SEND | LEAT_RECEIVE;
        r = declaration_find(transport, &address, both ? all : LEAT_SEND, reason, &declaration);
        if (r < 0)
                return r;
        if (!transport->pair || address.rest[0] != '\0')
                return reason_at(reason, -ENOTSUP, address.rest_column,
                                 "both ends at once are made of what has no name: pipe:, unix: or unix-stream:");
        r = channel_address(table, text, reason, &twin, &transport);
        if (r == 0)
                r = channel_new(transport, &address, both ? all : LEAT_RECEIVE, declaration, &receiver);
        if (r == 0)
                r = channel_new(transport, &twin, both ? all : LEAT_SEND, declaration, &sender);
        if (r == 0)
                r = transport->pair(receiver, sender, reason);
        if (r < 0)
                return name_limit(reason, r);
        *ret_receiver = TAKE(receiver);
        *ret_sender = TAKE(sender);
        return 0;
}

struct leat_channel *leat_close(struct leat_channel *channel) {
        if (!channel || channel->magic != CHANNEL_MAGIC)
                return NULL;
        bool ours = fork_owns(&channel->member);
        channel->magic = 0;
        if (!ours)
                counters_after_fork(channel);
        fork_leave(&channel->member);
        if (channel->state && ours)
                (void)burst_flush(channel, LEAT_NOW); /* what of it does not go now is lost: leat_send_with() says so */
        if (channel->state)
                channel->operations->close(channel, ours);
        counters_free(channel);
        free(channel->burst);
        for (int i = 0; i < DIRECTION_COUNT; i++)
                wake_close(&channel->wakes[i]);
        close_fd(channel->poll_epoll);
        kept_list_clear(&channel->aside);
        kept_list_clear(&channel->replies);
        again_clear(channel);
        channel->over = over_free(channel->over);
        kept_free(channel->reply);
        address_clear(&channel->address);
        (void)pthread_mutex_destroy(&channel->lock);
        (void)pthread_mutex_destroy(&channel->why_lock);
        free(channel);
        return NULL;
}

int leat_detach(struct leat_channel *channel, int ret_descriptors[2]) {
        int descriptors[2];
        int r = channel_guard(channel, 0);
        if (r < 0)
                return r;
        if (!ret_descriptors)
                return -EINVAL;
        bool waits = (channel->flags & LEAT_SEND) && burst_flush(channel, LEAT_NOW) < 0;
        channel_lock(channel);
        bool detaches = !waits && channel->operations->detach && channel->aside.messages == 0 && !channel->over &&
                        !channel->again.on;
        r = detaches ? channel->operations->detach(channel, descriptors) : -ENOTSUP;
        channel_unlock(channel);
        if (r < 0)
                return channel_refuse(
                        channel, r, LEAT_ROW_INHERITANCE,
                        "a channel that listens, that holds messages, or whose messages only the library can read "
                        "cannot be turned into descriptors");
        leat_close(channel);
        memcpy(ret_descriptors, descriptors, sizeof(descriptors));
        return 0;
}
