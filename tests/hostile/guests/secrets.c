/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that leaves marks in every register that it can reach, and shows what it found in them
 * when its host let it go on. It leaves by a routine of its own, so that nothing comes between.
 */
#include "abi/memory_map.h"
#include "abi/ports.h"
#include "guest/runtime/runtime.h"

#include <stdlib.h>
#include <string.h>

enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8, R9, R10, R11, R12, R13, R14, R15, N_GENERAL };

/* x87, SSE, AVX, AVX-512: what a guest may load (SDM volume 1, 13.1); PKRU is read only. */
#define LOADED_COMPONENTS 0xE7u
#define AREA_BYTES 4096u
#define XSAVE_HEADER 512u
#define MARKED_FLAGS 0xCD7u /* CF, PF, AF, ZF, SF, DF, OF and the bit that is always set */
#define FIRST_ABORT_CODE 13u

/* What the test reads; it has the same list. */
struct state {
    uint64_t general[N_GENERAL];
    uint64_t flags;
    uint64_t fs;
    uint64_t gs;
    uint64_t unused[45]; /* XSAVE areas are aligned to 64 bytes */
    uint8_t vectors[AREA_BYTES];
};

_Alignas(64) struct state secrets_marks __attribute__((visibility("hidden")));
_Alignas(64) struct state secrets_found __attribute__((visibility("hidden")));
uint64_t secrets_fs __attribute__((visibility("hidden")));
const void *secrets_way_out __attribute__((visibility("hidden")));
uint64_t secrets_components __attribute__((visibility("hidden")));

void secrets_leave(void) __attribute__((visibility("hidden")));
void secrets_fault(void) __attribute__((visibility("hidden")));
void secrets_spin(void) __attribute__((visibility("hidden")));

/* The offsets are those of struct state. */
_Static_assert(offsetof(struct state, flags) == 0x80, "secrets_leave");
_Static_assert(offsetof(struct state, fs) == 0x88, "secrets_leave");
_Static_assert(offsetof(struct state, gs) == 0x90, "secrets_leave");
_Static_assert(offsetof(struct state, vectors) == 0x200, "secrets_leave");

/* Load all that is marked, go out, and store all that is found before anything else happens. */
__asm__(".text\n"
        ".type secrets_leave, @function\n"
        "secrets_leave:\n\t"
        "pushq %rbx\n\tpushq %rbp\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\tpushq %r15\n\t"
        "rdfsbase %rax\n\tmovq %rax, secrets_fs(%rip)\n\t"
        "movl secrets_components(%rip), %eax\n\txorl %edx, %edx\n\t"
        "xrstor 0x200+secrets_marks(%rip)\n\t"
        "movq 0x88+secrets_marks(%rip), %rax\n\twrfsbase %rax\n\t"
        "movq 0x90+secrets_marks(%rip), %rax\n\twrgsbase %rax\n\t"
        "movq 0x00+secrets_marks(%rip), %rax\n\t"
        "movq 0x08+secrets_marks(%rip), %rbx\n\t"
        "movq 0x10+secrets_marks(%rip), %rcx\n\t"
        "movq 0x18+secrets_marks(%rip), %rdx\n\t"
        "movq 0x20+secrets_marks(%rip), %rsi\n\t"
        "movq 0x28+secrets_marks(%rip), %rdi\n\t"
        "movq 0x30+secrets_marks(%rip), %rbp\n\t"
        "movq 0x40+secrets_marks(%rip), %r8\n\t"
        "movq 0x48+secrets_marks(%rip), %r9\n\t"
        "movq 0x50+secrets_marks(%rip), %r10\n\t"
        "movq 0x58+secrets_marks(%rip), %r11\n\t"
        "movq 0x60+secrets_marks(%rip), %r12\n\t"
        "movq 0x68+secrets_marks(%rip), %r13\n\t"
        "movq 0x70+secrets_marks(%rip), %r14\n\t"
        "movq 0x78+secrets_marks(%rip), %r15\n\t"
        "pushq 0x80+secrets_marks(%rip)\n\tpopfq\n\t"
        "call *secrets_way_out(%rip)\n\t"
        "movq %rax, 0x00+secrets_found(%rip)\n\t"
        "movq %rbx, 0x08+secrets_found(%rip)\n\t"
        "movq %rcx, 0x10+secrets_found(%rip)\n\t"
        "movq %rdx, 0x18+secrets_found(%rip)\n\t"
        "movq %rsi, 0x20+secrets_found(%rip)\n\t"
        "movq %rdi, 0x28+secrets_found(%rip)\n\t"
        "movq %rbp, 0x30+secrets_found(%rip)\n\t"
        "movq %rsp, 0x38+secrets_found(%rip)\n\t"
        "movq %r8, 0x40+secrets_found(%rip)\n\t"
        "movq %r9, 0x48+secrets_found(%rip)\n\t"
        "movq %r10, 0x50+secrets_found(%rip)\n\t"
        "movq %r11, 0x58+secrets_found(%rip)\n\t"
        "movq %r12, 0x60+secrets_found(%rip)\n\t"
        "movq %r13, 0x68+secrets_found(%rip)\n\t"
        "movq %r14, 0x70+secrets_found(%rip)\n\t"
        "movq %r15, 0x78+secrets_found(%rip)\n\t"
        "pushfq\n\tpopq 0x80+secrets_found(%rip)\n\tcld\n\t"
        "rdfsbase %rax\n\tmovq %rax, 0x88+secrets_found(%rip)\n\t"
        "rdgsbase %rax\n\tmovq %rax, 0x90+secrets_found(%rip)\n\t"
        "movl $0x2E7, %eax\n\txorl %edx, %edx\n\t"
        "xsave 0x200+secrets_found(%rip)\n\t"
        "movq secrets_fs(%rip), %rax\n\twrfsbase %rax\n\t"
        "popq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbp\n\tpopq %rbx\n\t"
        "fninit\n\tpushq $0x1F80\n\tldmxcsr (%rsp)\n\taddq $8, %rsp\n\t"
        "ret\n\t"
        ".size secrets_leave, . - secrets_leave\n"
        ".type secrets_fault, @function\n"
        "secrets_fault:\n\tud2\n\t"
        ".size secrets_fault, . - secrets_fault\n"
        ".type secrets_spin, @function\n"
        "secrets_spin:\n\tjmp secrets_spin\n\t"
        ".size secrets_spin, . - secrets_spin\n");

/* ---- Marks ---- */

/* What XCR0 has, of what a guest may load. */
static uint32_t loadable(void)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low & LOADED_COMPONENTS;
}

static void mark_vectors(uint8_t mark)
{
    uint8_t *area = secrets_marks.vectors;
    const uint16_t control = 0x027F; /* all exceptions masked, precision of a double */
    const uint32_t mxcsr = 0x1F80u | (mark & 3u) << 13;
    memset(area, mark, AREA_BYTES);
    memset(area, 0, 32);
    memcpy(area, &control, sizeof(control));
    area[4] = 0xFF; /* no x87 register is empty */
    memcpy(area + 24, &mxcsr, sizeof(mxcsr));
    memset(area + XSAVE_HEADER, 0, 64);
    memcpy(area + XSAVE_HEADER, &secrets_components, sizeof(uint32_t));
}

/* Different in each register, and in each byte of them. */
static void mark_all(uint8_t mark, uint16_t port, uint8_t value)
{
    for (unsigned i = 0; i < N_GENERAL; i++)
        secrets_marks.general[i] = mark * 0x0101010101010101ull + i * 0x1010101010101010ull;
    secrets_marks.general[RAX] = (secrets_marks.general[RAX] & ~0xFFull) | value;
    secrets_marks.general[RDX] = (secrets_marks.general[RDX] & ~0xFFFFull) | port;
    secrets_marks.flags = MARKED_FLAGS;
    secrets_marks.fs = mark * 0x010101010101ull & 0x7FFFFFFFFFFFull;
    secrets_marks.gs = secrets_marks.fs + 1;
    secrets_components = loadable();
    mark_vectors(mark);
}

static void push_nothing(void)
{
    const struct mt_wire_value nothing = {.type = MT_WIRE_VOID};
    size_t room = 0;
    uint8_t *to = mt_output_room(&room);
    mt_output_push(mt_wire_build_result(to, room, &nothing));
}

static _Noreturn void serve(void)
{
    for (;;) {
        mt_dispatch();
        mt_leave();
    }
}

/* Finish this call, and all further ones, from here. */
MOTEG_FUNCTION(void, Leave, (u32, mark))
{
    mark_all((uint8_t)mark, MT_PORT_DONE, 0);
    secrets_way_out = (void *)(uintptr_t)(MT_STUB_PAGE + MT_STUB_OUT);
    push_nothing();
    secrets_leave();
    serve();
}

MOTEG_FUNCTION(void, LeaveBy, (u32, mark), (str, way))
{
    mark_all((uint8_t)mark, MT_PORT_ABORT, FIRST_ABORT_CODE);
    secrets_way_out = (void *)(uintptr_t)(MT_STUB_PAGE + MT_STUB_OUT);
    if (strcmp(way, "fault") == 0)
        secrets_way_out = (const void *)secrets_fault;
    if (strcmp(way, "spin") == 0)
        secrets_way_out = (const void *)secrets_spin;
    secrets_leave();
}

MOTEG_FUNCTION(bytes, Found)
{
    return (moteg_bytes){(const uint8_t *)&secrets_found, sizeof(secrets_found)};
}

/* ---- Any address ---- */

/* No register and no word of the guest's own ever holds the word itself, but its complement. */
MOTEG_FUNCTION(void, WriteWord, (u64, address), (u64, complement))
{
    *(volatile uint64_t *)address = ~complement;
}

MOTEG_FUNCTION(u64, CountWords, (u64, start), (u64, end), (u64, complement))
{
    uint64_t n = 0;
    for (uint64_t at = start; at < end; at += sizeof(uint64_t))
        n += (*(const volatile uint64_t *)at ^ complement) == UINT64_MAX;
    return n;
}

/* Have the word in two registers for so many turns, and nowhere else. */
MOTEG_FUNCTION(void, Compute, (u64, complement), (u64, turns))
{
    __asm__ volatile("movq %0, %%r12\n\tnotq %%r12\n\tmovq %%r12, %%xmm7\n"
                     "1:\tdecq %1\n\tjnz 1b\n\t"
                     "xorl %%r12d, %%r12d\n\tpxor %%xmm7, %%xmm7"
                     : "+r"(complement), "+r"(turns)
                     :
                     : "r12", "xmm7", "cc");
}

/* ---- Other places ---- */

MOTEG_FUNCTION(void, Take, (bytes, first), (bytes, second))
{
    (void)first;
    (void)second;
}

MOTEG_FUNCTION(i32, Random)
{
    return rand();
}

MOTEG_FUNCTION(void, Abort, (str, text))
{
    moteg_abort(FIRST_ABORT_CODE, "%s", text);
}
