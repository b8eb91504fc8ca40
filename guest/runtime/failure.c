/* SPDX-License-Identifier: Apache-2.0 */
/* Aborts, and the guest error buffer. */
#include "abi/codes.h"
#include "abi/ports.h"
#include "guest/libc/heap.h"
#include "guest/runtime/runtime.h"

#include <stdio.h>
#include <string.h>

static size_t character_bytes(const char *text, size_t len_bytes)
{
    for (size_t n = 1; n <= 4 && n <= len_bytes; n++) {
        if (mt_wire_utf8_is_valid((const uint8_t *)text, n))
            return n;
    }
    return 0;
}

void mt_make_utf8(char *text, size_t len_bytes)
{
    if (mt_wire_utf8_is_valid((const uint8_t *)text, len_bytes))
        return;
    for (size_t i = 0; i < len_bytes;) {
        size_t n = character_bytes(text + i, len_bytes - i);
        if (n == 0) {
            text[i] = '?';
            n = 1;
        }
        i += n;
    }
}

size_t mt_whole_characters(const char *text, size_t len_bytes)
{
    for (size_t back = 1; back <= 3 && back <= len_bytes; back++) {
        unsigned char byte = (unsigned char)text[len_bytes - back];
        size_t character_bytes = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
        if (byte >= 0xC0)
            return character_bytes > back ? len_bytes - back : len_bytes;
        if (byte < 0x80)
            break;
    }
    return len_bytes;
}

void mt_report_error(uint64_t code, const char *text, size_t len_bytes)
{
    uint8_t *to = (uint8_t *)(uintptr_t)mt_peb.guest_error;
    struct mt_wire_error error = {
        .code = code != MT_GUEST_CODE_NO_ERROR ? code : MT_GUEST_CODE_GUEST_ERROR,
        .message = {.data = (const uint8_t *)text, .len = len_bytes},
    };
    if (error.message.len > mt_peb.guest_error_bytes)
        error.message.len = mt_peb.guest_error_bytes;
    for (;;) {
        bool whole = mt_wire_utf8_is_valid(error.message.data, error.message.len);
        if (whole && mt_wire_build_error(to, mt_peb.guest_error_bytes, &error) != 0)
            return;
        if (error.message.len == 0)
            moteg_abort(MT_GUEST_CODE_UNKNOWN, "no room for guest error %llu",
                        (unsigned long long)code);
        error.message.len--;
    }
}

_Noreturn static void leave_for_good(uint32_t code)
{
    for (;;)
        mt_out(MT_PORT_ABORT, (uint8_t)code);
}

static void leave_panic_text(const char *format, va_list args) MOTEG_PRINTF(1, 0);
static void leave_panic_text(const char *format, va_list args)
{
    char *to = (char *)(uintptr_t)mt_peb.panic;
    if (mt_peb.panic_bytes == 0)
        return;
    int len = vsnprintf(to, mt_peb.panic_bytes, format, args);
    if (len >= 0 && (size_t)len >= mt_peb.panic_bytes)
        to[mt_whole_characters(to, mt_peb.panic_bytes - 1)] = '\0';
}

void moteg_abort(uint32_t code, const char *format, ...)
{
    static bool aborting;
    if (aborting)
        leave_for_good(code);
    aborting = true;
    mt_records_flush();
    va_list args;
    va_start(args, format);
    leave_panic_text(format, args);
    va_end(args);
    leave_for_good(code);
}

/* Called by compiled code that finds its canary changed. */
_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail(void)
{
    moteg_abort(MT_GUEST_CODE_GS_CHECK_FAILED, "stack smashing detected");
}

void mt_heap_is_corrupt(const char *what, const void *where)
{
    moteg_abort(MT_GUEST_CODE_MALLOC_FAILED, "heap: %s at %p", what, where);
}
