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

/* ---- Time ---- */

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

MOTEG_FUNCTION(void, Abort, (u32, status), (str, text))
{
    moteg_abort((uint8_t)status, "%s", text);
}

MOTEG_FUNCTION(void, ReturnError, (u32, status), (str, text))
{
    moteg_fail(status, "%s", text);
}
