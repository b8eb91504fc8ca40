/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of wire/ on messages of any content up to a few bytes. A message's bytes are chosen
 * when they are first read, so that only what a reader looks at is tried: every number up to and a
 * little past the length, and those where 32 bits wrap. Compiled with __builtin_memcpy, by which
 * the readers load numbers, replaced by prove_copy(). A page that cannot be read follows the
 * message, and catches what reads bytes in another way. */
#include "tests/gates/prove.h"
#include "wire/usual.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE_BYTES = 4096, NEAR = 4, MAX_BYTES = 256, LARGEST_BUILT = 256 };

static uint8_t *page;    /* of the message, which ends with it */
static uint8_t *message; /* len bytes */
static size_t len;
static bool is_known[MAX_BYTES];
/* Set when every byte is known. Before that, a text whose bytes were looked at one by one may have
 * become another one, when a number was chosen later at the same place. */
static bool is_frozen;

/* ---- Numbers ---- */

static unsigned n_numbers(size_t bytes)
{
    unsigned near = (unsigned)len + NEAR;
    return bytes == 1 ? 18 : bytes == 2 ? near + 3 : bytes == 4 ? 2 * near + 3 : 5;
}

static uint64_t number_at(size_t bytes, unsigned i)
{
    const uint64_t wide[] = {0, 1, len, UINT32_MAX, UINT64_MAX};
    const uint64_t odd[] = {0x7fffffff, 0x80000000, 0x7ffffffe};
    unsigned near = (unsigned)len + NEAR;
    if (bytes == 8)
        return wide[i];
    if (bytes == 1)
        return i < 17 ? i : 0xff;
    if (i < near)
        return i;
    if (bytes == 2)
        return (odd[i - near] & 0xffff) ^ (i == near ? 0x8000 : 0);
    return i < 2 * near ? (uint64_t)UINT32_MAX - (i - near) : odd[i - 2 * near];
}

/* Whether a number agrees with what is known of its bytes. A prefix that is smaller than it could
 * be makes a shorter message, which is tried at its own length. */
static bool agrees(uint64_t number, size_t at, size_t bytes)
{
    if (at == 0 && bytes == 4 && number >= 4 && number + 4 < len)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        if (is_known[at + i] && message[at + i] != (uint8_t)(number >> 8 * i))
            return false;
    }
    return true;
}

static void choose_bytes(size_t at, size_t bytes)
{
    unsigned fitting[2 * (MAX_BYTES + NEAR) + 8];
    unsigned n = 0;
    bool is_all_known = true;
    for (size_t i = 0; i < bytes; i++)
        is_all_known = is_all_known && is_known[at + i];
    if (is_all_known)
        return;
    for (unsigned i = 0; i < n_numbers(bytes); i++) {
        if (agrees(number_at(bytes, i), at, bytes))
            fitting[n++] = i;
    }
    /* What is known leads to no such number: the rest is zero. */
    uint64_t number = n > 0 ? number_at(bytes, fitting[prove_choose(n)]) : 0;
    for (size_t i = 0; i < bytes; i++) {
        if (!is_known[at + i])
            message[at + i] = (uint8_t)(number >> 8 * i);
        is_known[at + i] = true;
    }
}

/* The error's reader looks at prefix and root at once. */
static void choose_read(size_t at, size_t bytes)
{
    if (at == 0 && bytes == 8) {
        choose_bytes(0, 4);
        choose_bytes(4, 4);
    } else {
        choose_bytes(at, bytes);
    }
}

void prove_copy(void *to, const void *from, size_t bytes)
{
    uintptr_t at = (uintptr_t)from - (uintptr_t)message;
    if ((uintptr_t)from - (uintptr_t)page < 2 * PAGE_BYTES) {
        PROVE((uintptr_t)from >= (uintptr_t)message && at <= len && bytes <= len - at);
        choose_read(at, bytes);
    }
    memcpy(to, from, bytes);
}

/* ---- What must hold of what is accepted ---- */

static void check_view(const struct mt_wire_view *view, bool is_text)
{
    PROVE(view->data != NULL);
    if (view->len > 0) {
        uintptr_t at = (uintptr_t)view->data - (uintptr_t)message;
        PROVE((uintptr_t)view->data >= (uintptr_t)message && at <= len && view->len <= len - at);
        PROVE(!is_text || view->len < len - at);
    }
    if (is_text && is_frozen)
        PROVE(view->data[view->len] == 0 && mt_wire_utf8_is_valid(view->data, view->len));
}

static void check_value(const struct mt_wire_value *value)
{
    PROVE(value->type <= MT_WIRE_VOID);
    if (value->type == MT_WIRE_STR || value->type == MT_WIRE_BYTES)
        check_view(&value->as.view, value->type == MT_WIRE_STR);
}

static bool is_same_view(struct mt_wire_view a, struct mt_wire_view b)
{
    return a.data == b.data && a.len == b.len;
}

/* What is laid out as our own messages are is read by comparing; what follows everything must read
 * the same. */
static void check_usual_call(void)
{
    struct mt_wire_fault fault;
    struct mt_wire_call usual, any;
    if (!mt_wire_read_usual_call(message, len, &usual))
        return;
    PROVE(mt_wire_read_any_call(message, len, &any, &fault));
    PROVE(is_same_view(usual.name, any.name) && usual.call_type == any.call_type &&
          usual.returns == any.returns && usual.n_params == 0 && any.n_params == 0);
}

static void check_usual_result(void)
{
    struct mt_wire_fault fault;
    struct mt_wire_value usual = {0}, any = {0};
    if (!mt_wire_read_usual_result(message, len, &usual))
        return;
    PROVE(mt_wire_read_any_result(message, len, &any, &fault) && usual.type == any.type);
    if (any.type == MT_WIRE_STR || any.type == MT_WIRE_BYTES)
        PROVE(is_same_view(usual.as.view, any.as.view));
    else if (any.type == MT_WIRE_BOOL)
        PROVE(usual.as.boolean == any.as.boolean);
    else if (any.type == MT_WIRE_I64 || any.type == MT_WIRE_U64 || any.type == MT_WIRE_F64)
        PROVE(usual.as.u64 == any.as.u64);
    else if (any.type != MT_WIRE_VOID)
        PROVE(usual.as.u32 == any.as.u32);
}

static bool read_call(struct mt_wire_fault *fault)
{
    struct mt_wire_call call;
    check_usual_call();
    if (!mt_wire_read_call(message, len, &call, fault))
        return false;
    check_view(&call.name, true);
    PROVE(call.call_type == MT_WIRE_CALL_GUEST || call.call_type == MT_WIRE_CALL_HOST);
    PROVE(call.returns <= MT_WIRE_VOID && call.n_params <= MT_WIRE_MAX_PARAMETERS);
    for (size_t i = 0; i < call.n_params; i++)
        check_value(&call.params[i]);
    return true;
}

static bool read_result(struct mt_wire_fault *fault)
{
    struct mt_wire_value value;
    check_usual_result();
    if (!mt_wire_read_result(message, len, &value, fault))
        return false;
    check_value(&value);
    return true;
}

static bool read_error(struct mt_wire_fault *fault)
{
    struct mt_wire_error error;
    if (!mt_wire_read_error(message, len, &error, fault))
        return false;
    check_view(&error.message, true);
    return true;
}

static bool read_log(struct mt_wire_fault *fault)
{
    struct mt_wire_log log;
    if (!mt_wire_read_log(message, len, &log, fault))
        return false;
    check_view(&log.message, true);
    check_view(&log.source, true);
    check_view(&log.caller, true);
    check_view(&log.source_file, true);
    PROVE(log.level <= 6);
    return true;
}

static bool read_definitions(struct mt_wire_fault *fault)
{
    size_t n = 0;
    if (!mt_wire_read_definitions(message, len, &n, fault))
        return false;
    PROVE(n <= MT_WIRE_MAX_DEFINITIONS);
    for (size_t i = 0; i < n; i++) {
        struct mt_wire_definition definition;
        PROVE(mt_wire_read_definition(message, len, i, &definition, fault));
        check_view(&definition.name, true);
        PROVE(definition.returns <= MT_WIRE_VOID);
        PROVE(definition.n_params <= MT_WIRE_MAX_PARAMETERS);
    }
    return true;
}

/* ---- Valid messages with any two of their 16-bit halves changed; cut ones with any one ---- */

static const struct mt_wire_view a_name = {(const uint8_t *)"f", 1};

static size_t build_call(uint8_t *to, size_t room)
{
    const struct mt_wire_call call = {
        .name = a_name,
        .call_type = MT_WIRE_CALL_GUEST,
        .returns = MT_WIRE_VOID,
        .n_params = 2,
        .params = {{.type = MT_WIRE_I32, .as.i32 = 5}, {.type = MT_WIRE_STR, .as.view = a_name}},
    };
    return mt_wire_build_call(to, room, &call);
}

static size_t build_bare_call(uint8_t *to, size_t room)
{
    const struct mt_wire_call call = {
        .name = a_name, .call_type = MT_WIRE_CALL_HOST, .returns = MT_WIRE_BYTES};
    return mt_wire_build_call(to, room, &call);
}

static size_t build_result(uint8_t *to, size_t room)
{
    const struct mt_wire_value value = {.type = MT_WIRE_BYTES, .as.view = a_name};
    return mt_wire_build_result(to, room, &value);
}

static size_t build_text(uint8_t *to, size_t room)
{
    const struct mt_wire_value value = {.type = MT_WIRE_STR, .as.view = a_name};
    return mt_wire_build_result(to, room, &value);
}

static size_t build_number(uint8_t *to, size_t room)
{
    const struct mt_wire_value value = {.type = MT_WIRE_I32, .as.i32 = 5};
    return mt_wire_build_result(to, room, &value);
}

static size_t build_wide_number(uint8_t *to, size_t room)
{
    const struct mt_wire_value value = {.type = MT_WIRE_U64, .as.u64 = 5};
    return mt_wire_build_result(to, room, &value);
}

static size_t build_nothing(uint8_t *to, size_t room)
{
    const struct mt_wire_value value = {.type = MT_WIRE_VOID};
    return mt_wire_build_result(to, room, &value);
}

static size_t build_error(uint8_t *to, size_t room)
{
    const struct mt_wire_error error = {.code = 5, .message = a_name};
    return mt_wire_build_error(to, room, &error);
}

static size_t build_log(uint8_t *to, size_t room)
{
    const struct mt_wire_log log = {a_name, a_name, a_name, a_name, 3, 7};
    return mt_wire_build_log(to, room, &log);
}

static size_t build_definitions(uint8_t *to, size_t room)
{
    const struct mt_wire_definition definition = {a_name, MT_WIRE_VOID, 1, {MT_WIRE_STR}};
    return mt_wire_build_definitions(to, room, &definition, 1);
}

static void put_half(size_t at, uint64_t value)
{
    message[at] = (uint8_t)value;
    message[at + 1] = (uint8_t)(value >> 8);
}

/* Change the half at a place to each number, and do the same to one behind it. */
static unsigned long change(bool (*read)(struct mt_wire_fault *fault), size_t first, int n_more)
{
    unsigned long n_accepted = 0;
    for (size_t at = first; at + 1 < len; at += 2) {
        const uint8_t old[2] = {message[at], message[at + 1]};
        for (unsigned i = 0; i < n_numbers(2); i++) {
            struct mt_wire_fault fault = {0};
            put_half(at, number_at(2, i));
            if (n_more > 0) {
                n_accepted += change(read, at + 2, n_more - 1);
                continue;
            }
            n_accepted += read(&fault);
            prove_paths.n_paths++;
        }
        put_half(at, old[0] | (unsigned)old[1] << 8);
    }
    return n_accepted;
}

static unsigned long prove_changed(bool (*read)(struct mt_wire_fault *fault),
                                   size_t (*build)(uint8_t *to, size_t room))
{
    uint8_t built[LARGEST_BUILT];
    struct mt_wire_fault fault;
    memset(is_known, 1, sizeof is_known);
    len = build(built, sizeof built);
    PROVE(len > 0);
    message = page + PAGE_BYTES - len;
    memcpy(message, built, len);
    PROVE(read(&fault));
    unsigned long n_accepted = change(read, 0, 1);
    size_t whole = len;
    for (len = whole - 1; len > 0; len--) {
        message = page + PAGE_BYTES - len;
        memcpy(message, built, len);
        n_accepted += change(read, 0, 0);
    }
    len = whole;
    return n_accepted;
}

/* ---- The whole ---- */

static unsigned long prove_length(bool (*read)(struct mt_wire_fault *fault))
{
    static const uint8_t fills[] = {0, 'A', 0xff};
    unsigned long n_accepted = 0;
    message = page + PAGE_BYTES - len;
    do {
        struct mt_wire_fault fault = {0};
        memset(is_known, 0, sizeof is_known);
        memset(message, fills[prove_choose(sizeof fills)], len);
        is_frozen = false;
        bool is_accepted = read(&fault);
        PROVE(is_accepted == (fault.field == NULL));
        if (is_accepted) {
            memset(is_known, 1, sizeof is_known);
            is_frozen = true;
            n_accepted += read(&fault);
        }
    } while (prove_next());
    return n_accepted;
}

int main(void)
{
    static const struct {
        const char *name;
        bool (*read)(struct mt_wire_fault *fault);
        size_t largest;
        size_t (*build)(uint8_t *to, size_t room);
    } readers[] = {
        {"calls", read_call, 28, build_call},
        {"calls without parameters", read_call, 0, build_bare_call},
        {"results", read_result, 24, build_result},
        {"results of text", read_result, 0, build_text},
        {"results of 4 bytes", read_result, 0, build_number},
        {"results of 8 bytes", read_result, 0, build_wide_number},
        {"results of nothing", read_result, 0, build_nothing},
        {"errors", read_error, 26, build_error},
        {"log records", read_log, 28, build_log},
        {"definitions", read_definitions, 26, build_definitions},
    };
    page = mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || mprotect(page + PAGE_BYTES, PAGE_BYTES, PROT_NONE) != 0)
        return 2;
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        unsigned long n_accepted = 0;
        unsigned long before = prove_paths.n_paths;
        for (len = 0; len <= readers[i].largest; len++)
            n_accepted += prove_length(readers[i].read);
        printf("%s: %lu messages of up to %zu bytes, %lu of them accepted", readers[i].name,
               prove_paths.n_paths - before, readers[i].largest, n_accepted);
        before = prove_paths.n_paths;
        n_accepted = prove_changed(readers[i].read, readers[i].build);
        printf("; %lu changes of one of %zu bytes, %lu accepted\n", prove_paths.n_paths - before,
               len, n_accepted);
    }
    return 0;
}
