/* SPDX-License-Identifier: MIT */
#include "shared/name.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define FILLER '\n'

int name_encode(const char *name, uint64_t ret_words[NAME_WORDS]) {
        char bytes[NAME_BYTES];
        size_t size = strnlen(name, sizeof(bytes));
        if (size == sizeof(bytes))
                return -EINVAL;
        for (size_t i = 0; i < size; i++)
                if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
                        return -EINVAL;
        memset(bytes, FILLER, sizeof(bytes));
        memcpy(bytes, name, size);
        memcpy(ret_words, bytes, sizeof(bytes));
        return 0;
}

bool name_read(const _Atomic uint64_t place[NAME_WORDS], char *ret_name) {
        uint64_t words[NAME_WORDS];
        for (size_t i = 0; i < NAME_WORDS; i++) {
                words[i] = atomic_load_explicit(&place[i], memory_order_acquire);
                if (words[i] == 0)
                        return false;
        }
        if (ret_name) {
                memcpy(ret_name, words, NAME_BYTES);
                ret_name[NAME_BYTES - 1] = '\0'; /* whatever a liar wrote */
                ret_name[strcspn(ret_name, "\n")] = '\0';
        }
        return true;
}

/* The word's value is the agreement: whoever comes second finds it. */
static int claim_word(_Atomic uint64_t *word, uint64_t wanted, bool take) {
        uint64_t found = atomic_load_explicit(word, memory_order_acquire);
        if (found == 0 && !take)
                return -ENOENT;
        if (found == 0 &&
            atomic_compare_exchange_strong_explicit(word, &found, wanted, memory_order_acq_rel, memory_order_acquire))
                return 0;
        return found == wanted ? 0 : -EAGAIN;
}

int name_claim(_Atomic uint64_t place[NAME_WORDS], const uint64_t words[NAME_WORDS], bool take) {
        int r = 0;
        for (size_t i = 0; r == 0 && i < NAME_WORDS; i++)
                r = claim_word(&place[i], words[i], take);
        return r;
}
