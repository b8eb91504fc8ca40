/* SPDX-License-Identifier: Apache-2.0 */
/* Status names and the filling of error records. */
#include "host/base/error.h"

#include "abi/codes.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct status_facts {
    mote_status status;
    mote_class class;
    const char *name;
    const char *meaning;
};

static const struct status_facts statuses[] = {
#define STATUS_ROW(name, value, class_name, meaning) \
    {name, MOTE_CLASS_##class_name, #name, meaning},
    MOTE_STATUS_LIST(STATUS_ROW)
#undef STATUS_ROW
};

static const struct status_facts unknown_status = {MOTE_OK, MOTE_CLASS_HOST, "MOTE_E_?",
                                                   "unknown status"};

static const struct status_facts *facts_of(mote_status status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (statuses[i].status == status)
            return &statuses[i];
    }
    return &unknown_status;
}

const char *mote_status_name(mote_status status)
{
    return facts_of(status)->name;
}

const char *mote_status_meaning(mote_status status)
{
    return facts_of(status)->meaning;
}

mote_class mote_status_class(mote_status status)
{
    return facts_of(status)->class;
}

const char *mote_guest_code_name(uint64_t guest_code)
{
    switch (guest_code) {
#define CODE_CASE(name, value, text) \
    case value: \
        return text;
        MT_GUEST_CODE_LIST(CODE_CASE)
#undef CODE_CASE
    default:
        return "UnknownError";
    }
}

#define LONGEST_CHARACTER_BYTES 4u

/* The last place up to at where UTF-8 can be cut; at itself where there is none that near. */
static size_t cut_at(const char *text, size_t at)
{
    for (size_t back = 0; back < LONGEST_CHARACTER_BYTES && back <= at; back++) {
        if (((unsigned char)text[at - back] & 0xC0) != 0x80)
            return at - back;
    }
    return at;
}

/* Append to err->text, ending in "..." what does not fit. */
static MOTE_PRINTF(2, 0) void append_text(mote_error *err, const char *format, va_list arguments)
{
    size_t used = strlen(err->text);
    size_t room = sizeof(err->text) - used;
    int n = vsnprintf(err->text + used, room, format, arguments);
    if (n >= 0 && (size_t)n >= room)
        memcpy(err->text + cut_at(err->text, sizeof(err->text) - 4), "...", 4);
}

static MOTE_PRINTF(2, 3) void append(mote_error *err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    append_text(err, format, arguments);
    va_end(arguments);
}

static void reset(mote_error *err, mote_status code)
{
    memset(err, 0, sizeof(*err));
    err->code = code;
}

mote_status mt_fail(mote_error *err, mote_status code, const char *format, ...)
{
    if (err == NULL)
        return code;
    reset(err, code);
    va_list arguments;
    va_start(arguments, format);
    append_text(err, format, arguments);
    va_end(arguments);
    return code;
}

mote_status mt_fail_errno(mote_error *err, mote_status code, int os_errno, const char *operation)
{
    if (err == NULL)
        return code;
    reset(err, code);
    err->os_errno = os_errno;
    mt_error_copy(err->subject, sizeof(err->subject), operation, strlen(operation));
    const char *meaning = strerrordesc_np(os_errno);
    append(err, "%s: %s", operation, meaning != NULL ? meaning : "unknown errno");
    return code;
}

mote_status mt_fail_load(mote_error *err, mote_status code, const char *field, uint64_t value,
                         uint64_t offset, const char *format, ...)
{
    if (err == NULL)
        return code;
    reset(err, code);
    mt_error_copy(err->load.field, sizeof(err->load.field), field, strlen(field));
    err->load.value = value;
    err->load.offset = offset;
    append(err, "%s 0x%" PRIx64 " at file offset 0x%" PRIx64 ": ", field, value, offset);
    va_list arguments;
    va_start(arguments, format);
    append_text(err, format, arguments);
    va_end(arguments);
    return code;
}

mote_status mt_fail_protocol(mote_error *err, const char *buffer, const char *field, uint64_t value,
                             const char *format, ...)
{
    if (err == NULL)
        return MOTE_E_PROTOCOL;
    reset(err, MOTE_E_PROTOCOL);
    mt_error_copy(err->protocol_buffer, sizeof(err->protocol_buffer), buffer, strlen(buffer));
    mt_error_copy(err->protocol_field, sizeof(err->protocol_field), field, strlen(field));
    err->protocol_value = value;
    va_list arguments;
    va_start(arguments, format);
    append_text(err, format, arguments);
    va_end(arguments);
    return MOTE_E_PROTOCOL;
}

mote_status mt_outcome(mote_status status, mote_error *err)
{
    if (status == MOTE_OK && err != NULL)
        err->code = MOTE_OK;
    return status;
}

void mt_error_copy(char *to, size_t to_bytes, const char *from, size_t from_bytes)
{
    size_t n = from_bytes < to_bytes ? from_bytes : cut_at(from, to_bytes - 1);
    memcpy(to, from, n);
    to[n] = '\0';
}
