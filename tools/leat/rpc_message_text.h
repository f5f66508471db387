/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_RPC_MESSAGE_TEXT_H
#define LEAT_TOOL_RPC_MESSAGE_TEXT_H

/* What a message of ONC RPC says, in a line for a person. */

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* bytes: a call or a reply, with or without the mark of a record before it; what is neither is not explained. No newline. */
void rpc_message_text(FILE *stream, const uint8_t *bytes, size_t size_bytes);

/* Lines of hexadecimal digits and characters, each behind so many blanks. */
void rpc_message_dump(FILE *stream, const uint8_t *bytes, size_t size_bytes, int indent);

#endif
