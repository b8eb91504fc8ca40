/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables of storage class _Thread_local, which lie right below the address in FS (System V
 * x86-64 ABI, "ELF Handling For Thread-Local Storage", variant II). The block that start.S set up
 * has none; a guest whose file has some gets another.
 */
#include "abi/codes.h"
#include "guest/runtime/runtime.h"

#include <stdlib.h>
#include <string.h>

/* The parts of the ELF-64 header and of a program header that are needed. */
struct file_header {
    uint8_t magic[4];
    uint8_t other[28];
    uint64_t programs_offset;
    uint8_t more[14];
    uint16_t program_bytes;
    uint16_t n_programs;
};
_Static_assert(offsetof(struct file_header, programs_offset) == 32, "ELF header");
_Static_assert(offsetof(struct file_header, n_programs) == 56, "ELF header");

struct program {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t address;
    uint64_t physical;
    uint64_t file_bytes;
    uint64_t memory_bytes;
    uint64_t alignment;
};

#define PROGRAM_TYPE_TLS 7u

/* Set by the linker: where the file's headers are, or would be. */
extern const struct file_header __ehdr_start __attribute__((weak, visibility("hidden")));

/* NULL where a linker script left the headers out of what is loaded: such a guest has no
 * thread-local variables. */
static const struct file_header *find_header(void)
{
    static const uint8_t magic[4] = {0x7F, 'E', 'L', 'F'};
    const struct file_header *header = &__ehdr_start;
    if ((uintptr_t)header < mt_peb.code || memcmp(header->magic, magic, sizeof(magic)) != 0)
        return NULL;
    return header;
}

static const struct program *find_program(void)
{
    const struct file_header *header = find_header();
    if (header == NULL)
        return NULL;
    const char *at = (const char *)header + header->programs_offset;
    for (unsigned i = 0; i < header->n_programs; i++, at += header->program_bytes) {
        const struct program *program = (const struct program *)(const void *)at;
        if (program->type == PROGRAM_TYPE_TLS)
            return program;
    }
    return NULL;
}

void mt_thread_init(void)
{
    const struct program *program = find_program();
    if (program == NULL || program->memory_bytes == 0)
        return;
    if (mt_peb.run_mode != MT_RUN_MODE_HYPERVISOR)
        moteg_abort(MT_GUEST_CODE_UNKNOWN, "thread-local variables need a sandbox of their own");
    size_t alignment =
        program->alignment < MT_THREAD_BLOCK_BYTES ? MT_THREAD_BLOCK_BYTES : program->alignment;
    size_t variables_bytes = (program->memory_bytes + alignment - 1) & ~(alignment - 1);
    char *memory = aligned_alloc(alignment, variables_bytes + MT_THREAD_BLOCK_BYTES);
    if (memory == NULL)
        moteg_abort(MT_GUEST_CODE_MALLOC_FAILED,
                    "no memory for %zu bytes of thread-local variables", variables_bytes);
    /* What counts is the end: it is where FS points, whatever the size is rounded to. */
    size_t used = (program->memory_bytes + program->alignment - 1) & ~(program->alignment - 1);
    char *block = memory + variables_bytes;
    memset(memory, 0, variables_bytes);
    memcpy(block - used, (const char *)&__ehdr_start + program->address, program->file_bytes);
    mt_thread_move(block);
}
