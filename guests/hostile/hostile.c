/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that misbehaves on request: one function per misdeed. Echo shows that a sandbox is right.
 */
#include "abi/memory_map.h"
#include "abi/peb.h"
#include "abi/ports.h"
#include "wire/wire.h"

#include <mote_guest/moteg.h>
#include <stdlib.h>
#include <string.h>

/* The runtime's own copy of the PEB: how this guest finds the buffers that it corrupts. */
extern struct mt_peb mt_peb;

/* In misdeeds.S. */
void hostile_interrupt(uint32_t vector);
void hostile_privileged(uint32_t which);
void hostile_syscall(void);
void hostile_trap(void);
void hostile_bad_stack(void);
void hostile_out(uint32_t port, uint32_t value);
uint32_t hostile_in(uint32_t port);

/* In zoo.S. */
struct hostile_animal {
    const char *name;
    void (*run)(void);
};
extern const struct hostile_animal hostile_zoo[];
extern const struct hostile_animal hostile_zoo_end[];
void hostile_run(void (*what)(void));
void hostile_write_wide(uint64_t address, uint32_t len_bytes);
void hostile_port(uint32_t port, uint32_t way, uint32_t count, void *memory);
void hostile_loop(uint32_t kind, void *memory);

typedef void (*code)(void);

static code code_at(uint64_t address)
{
    return (code)(uintptr_t)address;
}

static volatile uint8_t *byte_at(uint64_t address)
{
    return (volatile uint8_t *)(uintptr_t)address;
}

/* A number that the compiler does not know. */
static uint64_t hidden(uint64_t value)
{
    __asm__("" : "+r"(value));
    return value;
}

/* ---- The witness ---- */

MOTEG_FUNCTION(str, Echo, (str, text))
{
    return text;
}

/* ---- Memory ---- */

MOTEG_FUNCTION(void, ReadNull)
{
    (void)*byte_at(hidden(0));
}

MOTEG_FUNCTION(void, WriteNull)
{
    *byte_at(hidden(0)) = 1;
}

MOTEG_FUNCTION(void, CallNull)
{
    code_at(hidden(0))();
}

MOTEG_FUNCTION(void, ReadAt, (u64, address))
{
    (void)*byte_at(address);
}

MOTEG_FUNCTION(void, WriteAt, (u64, address))
{
    *byte_at(address) = 1;
}

MOTEG_FUNCTION(void, CallAt, (u64, address))
{
    code_at(address)();
}

MOTEG_FUNCTION(void, WriteCode)
{
    *byte_at((uint64_t)(uintptr_t)hostile_trap) = 0x90;
}

static const uint8_t return_instruction[] = {0xC3};

MOTEG_FUNCTION(void, ExecuteHeap)
{
    uint8_t *memory = malloc(64);
    memcpy(memory, return_instruction, sizeof(return_instruction));
    code_at((uint64_t)(uintptr_t)memory)();
}

MOTEG_FUNCTION(void, ExecuteStack)
{
    uint8_t memory[64];
    memcpy(memory, return_instruction, sizeof(return_instruction));
    __asm__ volatile("" : : "r"(memory) : "memory");
    code_at((uint64_t)(uintptr_t)memory)();
}

static __attribute__((noinline)) int recurse(volatile int *depth)
{
    volatile int here = *depth + 1;
    return here < 0 ? 0 : recurse(&here) + here;
}

MOTEG_FUNCTION(void, RecurseForever)
{
    volatile int depth = 0;
    (void)recurse(&depth);
}

MOTEG_FUNCTION(void, LargeFrame, (u64, bytes))
{
    volatile uint8_t *frame = __builtin_alloca(bytes);
    frame[0] = 1;
}

/* ---- Instructions ---- */

MOTEG_FUNCTION(void, DivideByZero)
{
    uint32_t quotient = 1;
    uint32_t remainder = 0;
    __asm__ volatile("divl %2" : "+a"(quotient), "+d"(remainder) : "r"(0));
}

MOTEG_FUNCTION(void, InvalidOpcode)
{
    __asm__ volatile("ud2");
}

MOTEG_FUNCTION(void, Halt)
{
    __asm__ volatile("hlt");
}

MOTEG_FUNCTION(void, Privileged, (str, name))
{
    static const char *const names[] = {"cli",     "sti",     "lgdt",    "lidt",  "ltr",
                                        "mov_cr0", "mov_cr3", "mov_cr4", "rdmsr", "wrmsr",
                                        "invlpg",  "wbinvd",  "swapgs"};
    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0)
            hostile_privileged(i);
    }
    moteg_fail(MOTEG_CODE_GUEST_ERROR, "no privileged instruction %s", name);
}

MOTEG_FUNCTION(void, Syscall)
{
    hostile_syscall();
}

MOTEG_FUNCTION(void, Breakpoint)
{
    __asm__ volatile("int3");
}

MOTEG_FUNCTION(void, TrapFlag)
{
    hostile_trap();
}

MOTEG_FUNCTION(void, BadStack)
{
    hostile_bad_stack();
}

MOTEG_FUNCTION(void, Interrupt, (u32, vector))
{
    hostile_interrupt(vector & 0xFF);
}

MOTEG_FUNCTION(void, OutPort, (u32, port), (u32, value))
{
    hostile_out(port, value);
}

MOTEG_FUNCTION(void, InPort, (u32, port))
{
    (void)hostile_in(port);
}

MOTEG_FUNCTION(void, Zoo, (str, name))
{
    for (const struct hostile_animal *animal = hostile_zoo; animal < hostile_zoo_end; animal++) {
        if (strcmp(name, animal->name) == 0) {
            hostile_run(animal->run);
            return;
        }
    }
    moteg_abort(MOTEG_CODE_UNKNOWN, "no animal %s", name);
}

MOTEG_FUNCTION(void, WriteWide, (u64, address), (u32, bytes))
{
    hostile_write_wide(address, bytes);
}

static _Alignas(64) uint8_t scratch[1 << 16];

/* way counts the instructions in zoo.S; count is for those that repeat. */
MOTEG_FUNCTION(void, Port, (u32, port), (u32, way), (u32, count))
{
    hostile_port(port, way, count, scratch);
}

/* ---- Time ---- */

MOTEG_FUNCTION(void, Loop, (u32, kind))
{
    hostile_loop(kind, scratch);
}

MOTEG_FUNCTION(void, PrintForever)
{
    const moteg_value text = moteg_make_str("\x1B");
    moteg_value result;
    for (;;)
        moteg_host_call(MT_HOST_PRINT_NAME, MOTEG_TYPE_I32, &text, 1, &result);
}

MOTEG_FUNCTION(void, LoopForever)
{
    for (;;)
        __asm__ volatile("");
}

MOTEG_FUNCTION(void, HostCallForever)
{
    const moteg_value text = moteg_make_str("");
    moteg_value result;
    for (;;)
        moteg_host_call(MT_HOST_PRINT_NAME, MOTEG_TYPE_I32, &text, 1, &result);
}

MOTEG_FUNCTION(void, LogForever)
{
    for (;;)
        moteg_log(MOTEG_LOG_ERROR, "again");
}

/* ---- Buffers ---- */

static void set_output(uint64_t offset, uint64_t value)
{
    memcpy((void *)(uintptr_t)(mt_peb.output + offset), &value, sizeof(value));
}

/* Leave a result of any type as the only element of the output buffer, the host's way. */
static uint64_t leave_result(uint64_t at, const struct mt_wire_value *value)
{
    uint8_t *to = (uint8_t *)(uintptr_t)(mt_peb.output + at);
    size_t len_bytes = mt_wire_build_result(to, 256, value);
    set_output(at + len_bytes, at);
    return at + len_bytes + MT_BUFFER_BACK_POINTER_BYTES;
}

static const struct mt_wire_value nothing = {.type = MT_WIRE_VOID};

static void finish_with(uint64_t stack_pointer)
{
    set_output(0, stack_pointer);
    hostile_out(MT_PORT_DONE, 0);
}

MOTEG_FUNCTION(void, CorruptOutput, (u32, way))
{
    uint64_t sp = leave_result(MT_BUFFER_HEADER_BYTES, &nothing);
    uint64_t back_pointer = sp - MT_BUFFER_BACK_POINTER_BYTES;
    uint32_t prefix = UINT32_MAX;
    if (way == 0)
        sp = 0;
    if (way == 1)
        sp = mt_peb.output_bytes + 8;
    if (way == 2)
        set_output(back_pointer, 0);
    if (way == 3)
        set_output(back_pointer, sp + 8);
    if (way == 4)
        set_output(back_pointer, UINT64_MAX);
    if (way == 6)
        prefix = (uint32_t)sp;
    if (way == 5 || way == 6)
        memcpy((void *)(uintptr_t)(mt_peb.output + MT_BUFFER_HEADER_BYTES), &prefix, 4);
    if (way == 7) /* every byte of the message: whatever names the union is wrong as well */
        memset((void *)(uintptr_t)(mt_peb.output + MT_BUFFER_HEADER_BYTES + 8), 0x5A,
               back_pointer - MT_BUFFER_HEADER_BYTES - 8);
    finish_with(sp);
}

/* field counts the u64s of the PEB. */
MOTEG_FUNCTION(void, CorruptPeb, (u32, field), (u64, value))
{
    uint64_t peb = mt_peb.host_definitions - MT_PAGE_BYTES;
    if (field < sizeof(struct mt_peb) / sizeof(uint64_t))
        memcpy((void *)(uintptr_t)(peb + field * sizeof(uint64_t)), &value, sizeof(value));
}

MOTEG_FUNCTION(void, CorruptInput)
{
    memset((void *)(uintptr_t)mt_peb.input, 0xA5, mt_peb.input_bytes);
}

MOTEG_FUNCTION(void, ReturnNothing)
{
    finish_with(MT_BUFFER_HEADER_BYTES);
}

MOTEG_FUNCTION(void, ReturnTwice)
{
    finish_with(leave_result(leave_result(MT_BUFFER_HEADER_BYTES, &nothing), &nothing));
}

MOTEG_FUNCTION(void, ReturnWrongType)
{
    const struct mt_wire_value number = {.type = MT_WIRE_U64, .as.u64 = 1};
    finish_with(leave_result(MT_BUFFER_HEADER_BYTES, &number));
}

/* ---- Messages in the wrong place ---- */

static struct mt_wire_view view_of(const char *text)
{
    return (struct mt_wire_view){(const uint8_t *)text, strlen(text)};
}

static size_t build_log(uint8_t *to, size_t room, uint8_t level, const char *text)
{
    const struct mt_wire_log log = {.message = view_of(text),
                                    .source = view_of("hostile"),
                                    .caller = view_of("c"),
                                    .source_file = view_of("f"),
                                    .level = level};
    return mt_wire_build_log(to, room, &log);
}

/* Kinds: 0 result, 1 host call, 2 guest call, 3 log, 4 error, 5 definitions, 6 nothing at all. */
static size_t build_message(uint8_t *to, size_t room, uint32_t kind)
{
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = view_of("x")};
    struct mt_wire_call call = {.name = view_of(MT_HOST_PRINT_NAME),
                                .call_type = kind == 1 ? MT_WIRE_CALL_HOST : MT_WIRE_CALL_GUEST,
                                .returns = MT_WIRE_I32,
                                .n_params = 1};
    const struct mt_wire_error error = {.code = 4, .message = view_of("late")};
    const struct mt_wire_definition definition = {.name = view_of("F"), .returns = MT_WIRE_VOID};
    call.params[0] = text;
    switch (kind) {
    case 0:
        return mt_wire_build_result(to, room, &nothing);
    case 1:
    case 2:
        return mt_wire_build_call(to, room, &call);
    case 3:
        return build_log(to, room, MT_LOG_LEVEL_ERROR, "x");
    case 4:
        return mt_wire_build_error(to, room, &error);
    case 5:
        return mt_wire_build_definitions(to, room, &definition, 1);
    default:
        memset(to, 0, 64);
        return 64;
    }
}

/* Leave one message of a kind as the only element, then go to the host through a port. */
MOTEG_FUNCTION(void, LeaveMessage, (u32, kind), (u32, port))
{
    uint64_t at = MT_BUFFER_HEADER_BYTES;
    size_t len_bytes =
        build_message((uint8_t *)(uintptr_t)(mt_peb.output + at), mt_peb.output_bytes - 16, kind);
    set_output(at + len_bytes, at);
    set_output(0, at + len_bytes + MT_BUFFER_BACK_POINTER_BYTES);
    hostile_out(port, 0);
}

/* A log record with a level that the builder would not write: found as the byte in which two
 * records differ. */
static void forge_level(uint8_t *record, size_t len_bytes, const char *text, uint8_t level)
{
    static _Alignas(8) uint8_t other[2048];
    build_log(other, sizeof(other), MT_LOG_LEVEL_CRITICAL, text);
    for (size_t i = 0; i < len_bytes; i++) {
        if (record[i] != other[i])
            record[i] = level;
    }
}

/* Leave n records of a level, announce some number of them. */
MOTEG_FUNCTION(void, LeaveRecords, (u32, n), (u32, announced), (u32, level))
{
    uint64_t at = MT_BUFFER_HEADER_BYTES;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *to = (uint8_t *)(uintptr_t)(mt_peb.output + at);
        size_t len_bytes = build_log(to, 256, MT_LOG_LEVEL_ERROR, "flood");
        forge_level(to, len_bytes, "flood", (uint8_t)level);
        set_output(at + len_bytes, at);
        at += len_bytes + MT_BUFFER_BACK_POINTER_BYTES;
    }
    set_output(0, at);
    hostile_out(MT_PORT_LOG, announced);
    set_output(0, MT_BUFFER_HEADER_BYTES);
}

/* Overwrite the input buffer (0: all ones, 1: all zero, 2: a stack pointer past the end), then make
 * a host call whose answer has to find its place. */
MOTEG_FUNCTION(i32, AskOverRuins, (u32, way))
{
    const uint64_t past_the_end = mt_peb.input_bytes + 8;
    moteg_value result;
    if (way == 2)
        memcpy((void *)(uintptr_t)mt_peb.input, &past_the_end, sizeof(past_the_end));
    else
        memset((void *)(uintptr_t)mt_peb.input, way == 0 ? 0xFF : 0, mt_peb.input_bytes);
    moteg_host_call("Answer", MOTEG_TYPE_I32, NULL, 0, &result);
    return result.as.i32;
}

/* Fill the output buffer behind its header, the panic buffer and the rest of the input buffer. */
MOTEG_FUNCTION(void, LeaveResidue, (u32, byte))
{
    memset((void *)(uintptr_t)(mt_peb.output + 8), (int)byte, mt_peb.output_bytes - 8);
    memset((void *)(uintptr_t)mt_peb.panic, (int)byte, mt_peb.panic_bytes);
    memset((void *)(uintptr_t)mt_peb.input, (int)byte, mt_peb.input_bytes);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Write random bytes over what the host will look at, then say something on a port of the ABI. */
MOTEG_FUNCTION(void, Scribble, (u64, start))
{
    static const uint32_t ports[] = {MT_PORT_LOG, MT_PORT_CALL, MT_PORT_ABORT, MT_PORT_DONE,
                                     MT_PORT_TRY_CALL};
    uint64_t seed = start | 1;
    uint64_t kind = next_random(&seed) % 6;
    uint8_t *output = (uint8_t *)(uintptr_t)mt_peb.output;
    size_t len_bytes = build_message(output + 8, mt_peb.output_bytes - 16, (uint32_t)kind);
    set_output(8 + len_bytes, 8);
    set_output(0, 16 + len_bytes);
    for (uint64_t n = 1 + next_random(&seed) % 4; n > 0; n--) {
        uint8_t byte = (uint8_t)next_random(&seed);
        uint64_t where = next_random(&seed) % (24 + len_bytes);
        output[where] = (byte & 1) != 0 ? byte : (uint8_t)(output[where] ^ 1u << (byte >> 5));
    }
    if (next_random(&seed) % 4 == 0)
        memset((void *)(uintptr_t)mt_peb.guest_error, (int)next_random(&seed), 16);
    uint64_t announced = next_random(&seed) % 3;
    hostile_out(ports[next_random(&seed) % 5], (uint32_t)announced);
}

/* n bytes in the panic buffer, and no NUL behind them; status 256 only leaves them there. */
MOTEG_FUNCTION(void, AbortWith, (u32, n), (u32, byte), (u32, status))
{
    memset((void *)(uintptr_t)mt_peb.panic, (int)byte, n);
    if (status < 256)
        hostile_out(MT_PORT_ABORT, status);
}

MOTEG_FUNCTION(void, Abort, (u32, status), (str, text))
{
    moteg_abort((uint8_t)status, "%s", text);
}

MOTEG_FUNCTION(void, ReturnError, (u32, status), (str, text))
{
    moteg_fail(status, "%s", text);
}
