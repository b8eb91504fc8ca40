/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest for snapshots: it keeps state of every kind, fills all that it can reach with a number,
 * and looks for one. Numbers that are looked for travel masked, so that the search does not find
 * its own argument.
 */
#include "abi/memory_map.h"
#include "guest/runtime/runtime.h"

#include <stdlib.h>
#include <string.h>

#define MASK 0x1234567812345678ull
#define AREA_BYTES 0x40000u
#define STACK_FILL_BYTES 0x8000u

/* Where a number was found; the test has the same list. */
enum place {
    PLACE_DATA = 1,
    PLACE_HEAP = 2,
    PLACE_STACK = 4,
    PLACE_BUFFERS = 8,
    PLACE_VECTORS = 16,
    PLACE_GS = 32,
    PLACE_STUBS = 64
};

static uint64_t area[AREA_BYTES / sizeof(uint64_t)];
static uint8_t pages[300 * 4096];
static int32_t counter;
static uint8_t *kept;

MOTEG_FUNCTION(i32, Add, (i32, n))
{
    counter += n;
    return counter;
}

MOTEG_FUNCTION(i32, Get)
{
    return counter;
}

MOTEG_FUNCTION(void, Fail)
{
    counter += 1000;
    moteg_fail(77, "as asked");
}

MOTEG_FUNCTION(void, Crash)
{
    counter += 1000;
    __asm__ volatile("movl $1, 8");
}

MOTEG_FUNCTION(void, Abort)
{
    counter += 1000;
    moteg_abort(13, "as asked");
}

MOTEG_FUNCTION(void, Spin)
{
    counter += 1000;
    for (;;)
        __asm__ volatile("");
}

MOTEG_HOST_FUNCTION(i32, Ask, (i32, n));

MOTEG_FUNCTION(i32, AskHost, (i32, n))
{
    counter += 1000;
    return Ask(n);
}

/* Reads from a port that a guest may only write to: what it reads is pending when the host sees it.
 */
MOTEG_FUNCTION(void, ReadPort)
{
    counter += 1000;
    __asm__ volatile("in $104, %%al" : : : "eax");
}

/* Ends the call by a string instruction: the exit looks like any other. */
MOTEG_FUNCTION(void, StringOut)
{
    counter += 1000;
    static uint8_t zeros[4];
    const uint8_t *from = zeros;
    uint64_t n = 2;
    __asm__ volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(104) : "memory");
}

/* ---- Memory ---- */

/* Keep this much more of the heap, filled with a byte. */
MOTEG_FUNCTION(void, Keep, (u64, len_bytes), (u32, value))
{
    kept = malloc(len_bytes);
    if (kept == NULL)
        moteg_fail(13, "no memory");
    memset(kept, (int)value, len_bytes);
}

/* The sum of what is kept, a byte of each page; 0 where nothing is. */
MOTEG_FUNCTION(u64, KeptSum, (u64, len_bytes))
{
    uint64_t sum = 0;
    for (uint64_t i = 0; kept != NULL && i < len_bytes; i += 4096)
        sum += kept[i];
    return sum;
}

/* Change what is kept, a byte of each page. */
MOTEG_FUNCTION(void, SpoilKept, (u64, len_bytes))
{
    for (uint64_t i = 0; i < len_bytes; i += 4096)
        kept[i]++;
}

/* Write to n pages of data, and say how many of them had been written before. */
MOTEG_FUNCTION(u32, Dirty, (u32, n))
{
    uint32_t n_before = 0;
    for (uint32_t i = 0; i < n && i < sizeof(pages) / 4096; i++) {
        n_before += pages[i * 4096];
        pages[i * 4096] = 1;
    }
    return n_before;
}

/* ---- Registers ---- */

static bool has_avx(void)
{
    uint32_t low;
    uint32_t high;
    uint32_t a = 1;
    uint32_t c = 0;
    __asm__ volatile("cpuid" : "+a"(a), "+c"(c) : : "rbx", "rdx");
    if (!(c >> 27 & 1) || !(c >> 28 & 1))
        return false;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6;
}

/* The upper halves of vector registers, which no compiled code of a guest touches. */
static void set_upper_halves(uint64_t value)
{
    __asm__ volatile("vmovq %0, %%xmm0\n\t"
                     "vpunpcklqdq %%xmm0, %%xmm0, %%xmm0\n\t"
                     "vinsertf128 $1, %%xmm0, %%ymm7, %%ymm7\n\t"
                     "vinsertf128 $1, %%xmm0, %%ymm15, %%ymm15"
                     :
                     : "r"(value)
                     : "xmm0", "xmm7", "xmm15");
}

static uint64_t upper_half(void)
{
    uint64_t seven;
    uint64_t fifteen;
    __asm__ volatile("vextractf128 $1, %%ymm7, %%xmm0\n\t"
                     "vmovq %%xmm0, %0\n\t"
                     "vextractf128 $1, %%ymm15, %%xmm0\n\t"
                     "vmovq %%xmm0, %1\n\t"
                     "vpxor %%xmm0, %%xmm0, %%xmm0"
                     : "=r"(seven), "=r"(fifteen)
                     :
                     : "xmm0");
    return seven == fifteen ? seven : 0;
}

static void set_gs(uint64_t value)
{
    __asm__ volatile("wrgsbase %0" : : "r"(value));
}

static uint64_t gs(void)
{
    uint64_t value;
    __asm__ volatile("rdgsbase %0" : "=r"(value));
    return value;
}

/* Rounding towards zero, in MXCSR, a number in upper halves and one in the GS base. */
MOTEG_FUNCTION(void, SetRegisters, (u32, value))
{
    uint32_t mxcsr = 0x1F80 | (value & 3) << 13;
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    if (has_avx())
        set_upper_halves(value);
    set_gs(value);
}

/* 0 for registers that say the same, or which says another: 1 MXCSR, 2 vectors, 4 GS base. */
MOTEG_FUNCTION(u32, CheckRegisters, (u32, value))
{
    uint32_t mxcsr;
    uint32_t wrong = 0;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    if ((mxcsr >> 13 & 3) != (value & 3))
        wrong |= 1;
    if (has_avx() && upper_half() != value)
        wrong |= 2;
    return gs() != value ? wrong | 4 : wrong;
}

/* ---- Filling and looking ---- */

static void fill(void *from, size_t len_bytes, uint64_t value)
{
    volatile uint64_t *at = from;
    for (size_t i = 0; i < len_bytes / sizeof(*at); i++)
        at[i] = value;
}

static __attribute__((noinline)) void fill_stack(uint64_t value)
{
    uint64_t below[STACK_FILL_BYTES / sizeof(uint64_t)];
    fill(below, sizeof(below), value);
    __asm__ volatile("" : : "r"(below) : "memory");
}

/* All that malloc has, in pieces. */
static void fill_heap(uint64_t value)
{
    void *last = NULL;
    for (size_t piece = 0x10000; piece >= 64; piece /= 2) {
        void **at;
        while ((at = malloc(piece)) != NULL) {
            fill(at, piece, value);
            *at = last;
            last = at;
        }
    }
    while (last != NULL) {
        void *next = *(void **)last;
        free(last);
        last = next;
    }
}

/* What the buffers have beyond the messages that are in use. */
static void fill_buffers(uint64_t value)
{
    fill((void *)(uintptr_t)(mt_peb.input + 1024), mt_peb.input_bytes - 1024, value);
    fill((void *)(uintptr_t)(mt_peb.output + 4096), mt_peb.output_bytes - 4096, value);
    fill((void *)(uintptr_t)mt_peb.panic, mt_peb.panic_bytes, value);
}

MOTEG_FUNCTION(void, Fill, (u64, masked))
{
    uint64_t value = masked ^ MASK;
    fill(area, sizeof(area), value);
    fill_heap(value);
    fill_stack(value);
    fill_buffers(value);
    if (has_avx())
        set_upper_halves(value);
    set_gs(value);
}

/* The mask is not known to the compiler, which could otherwise keep the number itself. */
static bool is_there(const void *from, size_t len_bytes, uint64_t masked)
{
    const volatile uint64_t *at = from;
    for (size_t i = 0; i < len_bytes / sizeof(*at); i++) {
        uint64_t mask = MASK;
        __asm__ volatile("" : "+r"(mask));
        if ((at[i] ^ mask) == masked)
            return true;
    }
    return false;
}

static bool is_masked(uint64_t value, uint64_t masked)
{
    uint64_t mask = MASK;
    __asm__ volatile("" : "+r"(mask));
    return (value ^ mask) == masked;
}

/* has_resume_image: the driver maps one, which the guest can read. */
MOTEG_FUNCTION(u32, Look, (u64, masked), (bool, has_resume_image))
{
    uint32_t found = 0;
    if (has_avx() && is_masked(upper_half(), masked))
        found |= PLACE_VECTORS;
    if (is_masked(gs(), masked))
        found |= PLACE_GS;
    if (is_there(area, sizeof(area), masked))
        found |= PLACE_DATA;
    if (is_there((void *)(uintptr_t)mt_peb.heap, mt_peb.heap_bytes, masked))
        found |= PLACE_HEAP;
    if (is_there((void *)(uintptr_t)mt_peb.stack_min, mt_peb.stack - mt_peb.stack_min, masked))
        found |= PLACE_STACK;
    if (is_there((void *)(uintptr_t)mt_peb.guest_error, mt_peb.heap - mt_peb.guest_error, masked))
        found |= PLACE_BUFFERS;
    if (is_there((void *)(uintptr_t)MT_STUB_PAGE, 0x2000, masked) ||
        (has_resume_image && is_there((void *)0x1C0000, 0x1000, masked)))
        found |= PLACE_STUBS;
    return found;
}
