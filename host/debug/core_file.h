/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF core files (gABI chapter 5; notes: core(5), elf.h): what a debugger needs of a program that
 * stopped. Knows nothing of sandboxes: registers, and runs of memory.
 */
#ifndef MOTE_HOST_DEBUG_CORE_FILE_H
#define MOTE_HOST_DEBUG_CORE_FILE_H

#include "host/base/page_set.h"
#include <mote/error.h>
#include <stdbool.h>
#include <stddef.h>

struct mt_core_registers {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rflags;
    uint64_t fs_base, gs_base;
    const uint8_t *vector; /* XSAVE area in its standard form; NULL for none */
    uint64_t vector_len_bytes;
    uint64_t vector_components; /* that it has room for: XCR0 */
};

/* A run of pages. Pages that are zero become holes of the file. */
struct mt_core_memory {
    uint64_t start;
    uint64_t len_bytes;
    uint32_t rights;      /* MOTE_RIGHT_* */
    const uint8_t *bytes; /* NULL: all zeros */
    /* Pages of bytes that are not in the set are zero, and are not read: that would make them where
     * they do not exist yet. NULL: any may be something else. */
    const struct mt_page_set *used;
    uint64_t first_page; /* of bytes, as the set counts */
};

struct mt_core {
    struct mt_core_registers registers;
    int signal;     /* what a debugger says it stopped of */
    uint64_t entry; /* where its entry point is, which tells a debugger where it was loaded */
    const struct mt_core_memory *memory;
    size_t n_memory;
};

#define MT_MAX_CORE_MEMORY 128u

/* Write a core file to an empty file. MOTE_E_TOO_LARGE (more runs than MT_MAX_CORE_MEMORY),
 * MOTE_E_SYSTEM. */
mote_status mt_core_write(int fd, const struct mt_core *core, mote_error *err);

#endif
