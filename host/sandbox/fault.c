/* SPDX-License-Identifier: Apache-2.0 */
/* From an exception to a cause that a person can act on. */
#include "host/sandbox/sandbox.h"

#include "abi/memory_map.h"
#include "host/base/error.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    VECTOR_INVALID_OPCODE = 6,
    VECTOR_STACK_SEGMENT = 12,
    VECTOR_GENERAL_PROTECTION = 13,
    VECTOR_PAGE_FAULT = 14
};

/* Bits of a page fault's error code (SDM volume 3, figure 4-12). */
#define PAGE_FAULT_WRITE 0x2u
#define PAGE_FAULT_FETCH 0x10u

#define NO_VECTOR (-1) /* of mote_fault */

#define OPCODE_HLT 0xF4u
#define OPCODE_ESCAPE 0x0Fu
/* Below this an address is taken for NULL and an offset from it. */
#define NULL_PAGES_END 0x10000u
#define LOW_HALF_END 0x800000000000ull
#define HIGH_HALF_START 0xFFFF800000000000ull
#define MAX_INSTRUCTION_BYTES 15u

static const struct {
    uint8_t vector;
    const char *name;
    const char *cause;
} vectors[] = {
    {0, "#DE", "divide error"},
    {1, "#DB", "debug trap"},
    {2, "NMI", "non-maskable interrupt"},
    {3, "#BP", "breakpoint"},
    {4, "#OF", "overflow trap"},
    {5, "#BR", "bound range exceeded"},
    {6, "#UD", "invalid opcode"},
    {7, "#NM", "device not available"},
    {8, "#DF", "double fault"},
    {10, "#TS", "invalid task segment"},
    {11, "#NP", "segment not present"},
    {12, "#SS", "stack segment fault"},
    {13, "#GP", "general protection"},
    {14, "#PF", "page fault"},
    {16, "#MF", "x87 error"},
    {17, "#AC", "misaligned access"},
    {18, "#MC", "machine check"},
    {19, "#XM", "SIMD floating-point error"},
    {21, "#CP", "control protection"},
};

struct description {
    const char *name; /* of the vector */
    const char *cause;
    const char *region; /* NULL for none */
    mote_access access;
    bool has_address;
};

bool mt_fault_is_finish(const struct mt_template *template, const struct mt_exit *exit)
{
    uint8_t opcode;
    return exit->fault.vector == VECTOR_GENERAL_PROTECTION && exit->fault.error_code == 0 &&
           mt_template_code_at(template, exit->fault.rip, &opcode, 1) == 1 && opcode == OPCODE_HLT;
}

/* ---- Page faults ---- */

static const char *region_name(const struct mote_sandbox *sandbox, uint64_t address)
{
    const struct mt_region *region = mt_template_region_at(sandbox->template, address);
    if (region != NULL)
        return region->name;
    if (address < NULL_PAGES_END)
        return "null pages";
    return address >= MT_MONITOR_START && address < MT_MONITOR_END ? "monitor" : NULL;
}

static bool is_below_stack(const struct mote_sandbox *sandbox, uint64_t address)
{
    const struct mt_layout *layout = &sandbox->template->layout;
    return address >= layout->start[MT_PLACE_HEAP_GUARD] &&
           address < mt_layout_end(layout, MT_PLACE_HEAP_GUARD);
}

static const char *page_fault_cause(const struct mote_sandbox *sandbox, uint64_t address,
                                    mote_access access)
{
    const struct mt_region *region = mt_template_region_at(sandbox->template, address);
    if (address < NULL_PAGES_END)
        return "null pointer";
    if (is_below_stack(sandbox, address))
        return "stack overflow";
    if (address >= MT_MONITOR_START && address < MT_MONITOR_END)
        return "access to the monitor";
    if (region == NULL)
        return "unmapped address";
    if (region->backing == MT_BACKING_NONE)
        return "guard page";
    if (region->backing == MT_BACKING_MONITOR || region->backing == MT_BACKING_TABLES)
        return "access to the monitor";
    if (access == MOTE_ACCESS_EXECUTE)
        return "execute of data";
    if (access == MOTE_ACCESS_WRITE)
        return region->rights & MOTE_RIGHT_EXECUTE ? "write to read-only code"
                                                   : "write to read-only data";
    return "unmapped address";
}

static void describe_page_fault(const struct mote_sandbox *sandbox, const struct mt_exit *exit,
                                struct description *out)
{
    out->access = MOTE_ACCESS_READ;
    if (exit->fault.error_code & PAGE_FAULT_WRITE)
        out->access = MOTE_ACCESS_WRITE;
    if (exit->fault.error_code & PAGE_FAULT_FETCH)
        out->access = MOTE_ACCESS_EXECUTE;
    out->has_address = true;
    out->region = region_name(sandbox, exit->fault.address);
    out->cause = page_fault_cause(sandbox, exit->fault.address, out->access);
}

/* ---- Instructions that ring 3 may not use ---- */

/* What an instruction is; NULL when it is nothing that matters here. Only looks at opcodes: good
 * enough to name a cause, and nothing rests on it. */
static const char *instruction_cause(const uint8_t *code, size_t n)
{
    static const uint8_t prefixes[] = {0x66, 0x67, 0xF2, 0xF3, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65};
    static const uint8_t ports[] = {0xE4, 0xE5, 0xE6, 0xE7, 0xEC, 0xED,
                                    0xEE, 0xEF, 0x6C, 0x6D, 0x6E, 0x6F};
    static const uint8_t privileged[] = {0xF4, 0xFA, 0xFB};
    static const uint8_t escaped_privileged[] = {0x00, 0x01, 0x06, 0x08, 0x09, 0x20, 0x21,
                                                 0x22, 0x23, 0x30, 0x32, 0x33, 0x35};
    static const uint8_t system_calls[] = {0x05, 0x34};
    size_t at = 0;
    while (at < n && (memchr(prefixes, code[at], sizeof(prefixes)) || (code[at] & 0xF0) == 0x40))
        at++;
    if (at >= n)
        return NULL;
    if (memchr(ports, code[at], sizeof(ports)))
        return "port not allowed";
    if (memchr(privileged, code[at], sizeof(privileged)))
        return "privileged instruction";
    if (code[at] != OPCODE_ESCAPE || at + 1 >= n)
        return NULL;
    if (memchr(system_calls, code[at + 1], sizeof(system_calls)))
        return "syscall instruction";
    return memchr(escaped_privileged, code[at + 1], sizeof(escaped_privileged))
               ? "privileged instruction"
               : NULL;
}

static bool is_canonical(uint64_t address)
{
    return address < LOW_HALF_END || address >= HIGH_HALF_START;
}

static void describe_by_instruction(const struct mote_sandbox *sandbox, const struct mt_exit *exit,
                                    struct description *out)
{
    uint8_t code[MAX_INSTRUCTION_BYTES];
    size_t n = mt_template_code_at(sandbox->template, exit->fault.rip, code, sizeof(code));
    const char *cause = instruction_cause(code, n);
    if (cause != NULL)
        out->cause = cause;
    else if (!is_canonical(exit->fault.rip))
        out->cause = "jump to a non-canonical address";
    else if (exit->fault.vector == VECTOR_GENERAL_PROTECTION && exit->fault.error_code == 0 &&
             n > 0)
        out->cause = "non-canonical or misaligned address";
}

/* ---- Putting it together ---- */

static struct description describe(const struct mote_sandbox *sandbox, const struct mt_exit *exit)
{
    struct description made = {.name = "", .cause = "unknown exception"};
    if (exit->kind == MT_EXIT_REFUSED) {
        made.cause = "syscall instruction";
        return made;
    }
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        if (vectors[i].vector == exit->fault.vector) {
            made.name = vectors[i].name;
            made.cause = vectors[i].cause;
        }
    }
    if (exit->fault.is_syscall)
        made.cause = "syscall instruction";
    else if (exit->fault.vector == VECTOR_PAGE_FAULT)
        describe_page_fault(sandbox, exit, &made);
    else if (exit->fault.vector == VECTOR_GENERAL_PROTECTION ||
             exit->fault.vector == VECTOR_INVALID_OPCODE)
        describe_by_instruction(sandbox, exit, &made);
    return made;
}

static void describe_symbol(const struct mote_sandbox *sandbox, uint64_t rip, char *to, size_t room)
{
    uint64_t code = sandbox->template->layout.start[MT_PLACE_CODE];
    uint64_t into_bytes = 0;
    const char *symbol = NULL;
    if (rip >= code)
        symbol = mt_image_symbol_at(&sandbox->image->parsed, rip - code, &into_bytes);
    if (symbol != NULL)
        snprintf(to, room, "%s+0x%" PRIx64, symbol, into_bytes);
}

static void describe_vector(const mote_fault *fault, const char *name, char *to, size_t room)
{
    if (fault->vector == NO_VECTOR)
        snprintf(to, room, "no vector");
    else if (name[0] != '\0')
        snprintf(to, room, "vector %d (%s)", (int)fault->vector, name);
    else
        snprintf(to, room, "vector %d", (int)fault->vector);
}

static const char *access_name(mote_access access)
{
    static const char *const names[] = {"", "read", "write", "execute"};
    return names[access];
}

static void copy_text(char *to, size_t room, const char *from)
{
    mt_error_copy(to, room, from, strlen(from));
}

mote_status mt_fault_report(const mote_sandbox *sandbox, const struct mt_exit *exit,
                            mote_error *err)
{
    struct description what = describe(sandbox, exit);
    mote_fault fault = {
        .vector = exit->kind == MT_EXIT_REFUSED ? NO_VECTOR : exit->fault.vector,
        .error_code = exit->fault.error_code,
        .access = what.access,
        .has_address = what.has_address,
        .rip = exit->fault.rip,
        .rsp = exit->fault.rsp,
        .address = exit->fault.address,
    };
    char vector[32];
    char where[96] = "";
    describe_vector(&fault, what.name, vector, sizeof(vector));
    copy_text(fault.name, sizeof(fault.name), what.name);
    copy_text(fault.cause, sizeof(fault.cause), what.cause);
    copy_text(fault.region, sizeof(fault.region), what.region != NULL ? what.region : "");
    describe_symbol(sandbox, fault.rip, fault.symbol, sizeof(fault.symbol));
    if (what.has_address)
        snprintf(where, sizeof(where), ": %s at 0x%" PRIx64 "%s%s", access_name(what.access),
                 fault.address, what.region != NULL ? " in " : "", fault.region);
    mote_status status =
        mt_fail(err, MOTE_E_GUEST_FAULT, "%s, %s%s, rip 0x%" PRIx64 "%s%s", vector, what.cause,
                where, fault.rip, fault.symbol[0] != '\0' ? " in " : "", fault.symbol);
    if (err != NULL)
        err->fault = fault;
    return status;
}
