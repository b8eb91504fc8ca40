/* SPDX-License-Identifier: Apache-2.0 */
/* Writing ELF core files: header, program headers, notes, memory from a page boundary on. */
#include "host/debug/core_file.h"

#include "host/base/error.h"
#include "host/base/file_size.h"
#include <elf.h>
#include <errno.h>
#include <mote/image.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#define PAGE_BYTES 4096u
#define NOTES_BYTES 8192u
#define FXSAVE_BYTES 512u
#define COMPONENTS_OFFSET 464u /* where Linux says which components an area has room for */
#define XCR0_AVX 0x4ull
#define XCR0_AVX512 0xE0ull
#define GUEST_PROCESS 1 /* a process number, which debuggers want */

/* ---- Notes ---- */

struct notes {
    _Alignas(8) uint8_t bytes[NOTES_BYTES];
    size_t len_bytes;
};

/* All that is added is of fixed size, and fits. */
static void add_note(struct notes *notes, uint32_t type, const char *owner, const void *data,
                     size_t len_bytes)
{
    const Elf64_Nhdr header = {
        .n_namesz = (uint32_t)strlen(owner) + 1,
        .n_descsz = (uint32_t)len_bytes,
        .n_type = type,
    };
    size_t at = notes->len_bytes;
    memcpy(notes->bytes + at, &header, sizeof(header));
    at += sizeof(header);
    memcpy(notes->bytes + at, owner, header.n_namesz);
    at += (header.n_namesz + 3u) & ~3u;
    memcpy(notes->bytes + at, data, len_bytes);
    notes->len_bytes = at + ((len_bytes + 3) & ~(size_t)3);
}

static void add_status(struct notes *notes, const struct mt_core *core)
{
    const struct mt_core_registers *from = &core->registers;
    struct elf_prstatus status;
    struct user_regs_struct registers = {
        .r15 = from->r15,
        .r14 = from->r14,
        .r13 = from->r13,
        .r12 = from->r12,
        .rbp = from->rbp,
        .rbx = from->rbx,
        .r11 = from->r11,
        .r10 = from->r10,
        .r9 = from->r9,
        .r8 = from->r8,
        .rax = from->rax,
        .rcx = from->rcx,
        .rdx = from->rdx,
        .rsi = from->rsi,
        .rdi = from->rdi,
        .orig_rax = UINT64_MAX,
        .rip = from->rip,
        .cs = 0x33,
        .eflags = from->rflags,
        .rsp = from->rsp,
        .ss = 0x2B,
        .fs_base = from->fs_base,
        .gs_base = from->gs_base,
    };
    memset(&status, 0, sizeof(status));
    status.pr_info.si_signo = core->signal;
    status.pr_cursig = (short)core->signal;
    status.pr_pid = GUEST_PROCESS;
    _Static_assert(sizeof(status.pr_reg) == sizeof(registers), "elf_gregset_t");
    memcpy(&status.pr_reg, &registers, sizeof(registers));
    add_note(notes, NT_PRSTATUS, "CORE", &status, sizeof(status));
}

/* As long as debuggers expect for these components (SDM volume 1, 13.4). */
static size_t state_bytes(uint64_t components)
{
    if ((components & XCR0_AVX512) == XCR0_AVX512)
        return 2688;
    return components & XCR0_AVX ? 832 : 576;
}

static void add_vectors(struct notes *notes, const struct mt_core_registers *from)
{
    uint8_t area[4096] = {0};
    uint64_t components = from->vector_components & (3 | XCR0_AVX | XCR0_AVX512);
    size_t len_bytes = state_bytes(components);
    if (from->vector == NULL)
        return;
    memcpy(area, from->vector,
           from->vector_len_bytes < len_bytes ? from->vector_len_bytes : len_bytes);
    add_note(notes, NT_FPREGSET, "CORE", area, FXSAVE_BYTES);
    memcpy(area + COMPONENTS_OFFSET, &components, sizeof(components));
    add_note(notes, NT_X86_XSTATE, "LINUX", area, len_bytes);
}

static void fill_notes(struct notes *notes, const struct mt_core *core)
{
    const Elf64_auxv_t auxiliary[] = {
        {.a_type = AT_PAGESZ, .a_un.a_val = PAGE_BYTES},
        {.a_type = AT_ENTRY, .a_un.a_val = core->entry},
        {.a_type = AT_NULL, .a_un.a_val = 0},
    };
    *notes = (struct notes){.len_bytes = 0};
    add_status(notes, core);
    add_vectors(notes, &core->registers);
    add_note(notes, NT_AUXV, "CORE", auxiliary, sizeof(auxiliary));
}

/* ---- Files ---- */

static mote_status write_at(int fd, const void *from, size_t len_bytes, uint64_t at,
                            mote_error *err)
{
    const uint8_t *bytes = from;
    while (len_bytes > 0) {
        ssize_t n = pwrite(fd, bytes, len_bytes, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return mt_fail_errno(err, MOTE_E_SYSTEM, n < 0 ? errno : ENOSPC,
                                 "write of a core file");
        bytes += n;
        len_bytes -= (size_t)n;
        at += (uint64_t)n;
    }
    return MOTE_OK;
}

/* A guest in another process may go on writing: the page is looked at and written from one copy. */
static mote_status write_pages(int fd, const struct mt_core_memory *memory, uint64_t first,
                               uint64_t n, uint64_t at, mote_error *err)
{
    static const uint8_t zeros[PAGE_BYTES];
    uint8_t page[PAGE_BYTES];
    for (uint64_t i = first; i < first + n; i++) {
        uint64_t offset = i * PAGE_BYTES;
        memcpy(page, memory->bytes + offset, PAGE_BYTES);
        if (memcmp(page, zeros, PAGE_BYTES) == 0)
            continue;
        mote_status status = write_at(fd, page, PAGE_BYTES, at + offset, err);
        if (status != MOTE_OK)
            return status;
    }
    return MOTE_OK;
}

static mote_status write_memory(int fd, const struct mt_core_memory *memory, uint64_t at,
                                mote_error *err)
{
    uint64_t first = memory->first_page;
    uint64_t end = first + memory->len_bytes / PAGE_BYTES;
    uint64_t n;
    mote_status status = MOTE_OK;
    if (memory->bytes == NULL)
        return MOTE_OK;
    if (memory->used == NULL)
        return write_pages(fd, memory, 0, end - first, at, err);
    for (; status == MOTE_OK && mt_page_set_next_run(memory->used, &first, &n) && first < end;
         first += n) {
        n = n < end - first ? n : end - first;
        status = write_pages(fd, memory, first - memory->first_page, n, at, err);
    }
    return status;
}

static uint32_t segment_flags(uint32_t rights)
{
    return (rights & MOTE_RIGHT_READ ? PF_R : 0u) | (rights & MOTE_RIGHT_WRITE ? PF_W : 0u) |
           (rights & MOTE_RIGHT_EXECUTE ? PF_X : 0u);
}

/* Returns the end of the file. */
static uint64_t fill_headers(const struct mt_core *core, uint64_t notes_bytes, Elf64_Ehdr *header,
                             Elf64_Phdr *segments)
{
    const size_t n = core->n_memory + 1;
    uint64_t notes_at = sizeof(*header) + n * sizeof(segments[0]);
    uint64_t at = (notes_at + notes_bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1ull);
    *header = (Elf64_Ehdr){
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_CORE,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof(*header),
        .e_ehsize = sizeof(*header),
        .e_phentsize = sizeof(segments[0]),
        .e_phnum = (uint16_t)n,
    };
    segments[0] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = notes_at, .p_filesz = notes_bytes};
    for (size_t i = 0; i < core->n_memory; i++) {
        const struct mt_core_memory *memory = &core->memory[i];
        segments[i + 1] = (Elf64_Phdr){
            .p_type = PT_LOAD,
            .p_flags = segment_flags(memory->rights),
            .p_offset = at,
            .p_vaddr = memory->start,
            .p_filesz = memory->len_bytes,
            .p_memsz = memory->len_bytes,
            .p_align = PAGE_BYTES,
        };
        at += memory->len_bytes;
    }
    return at;
}

mote_status mt_core_write(int fd, const struct mt_core *core, mote_error *err)
{
    Elf64_Ehdr header;
    Elf64_Phdr segments[MT_MAX_CORE_MEMORY + 1];
    struct notes notes;
    if (core->n_memory > MT_MAX_CORE_MEMORY)
        return mt_fail(err, MOTE_E_TOO_LARGE, "%zu runs of memory in a core file, more than %u",
                       core->n_memory, MT_MAX_CORE_MEMORY);
    fill_notes(&notes, core);
    uint64_t end = fill_headers(core, notes.len_bytes, &header, segments);
    int failure = mt_file_set_size(fd, end);
    if (failure != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, failure, "ftruncate of a core file");
    mote_status status = write_at(fd, &header, sizeof(header), 0, err);
    if (status == MOTE_OK)
        status =
            write_at(fd, segments, (core->n_memory + 1) * sizeof(segments[0]), sizeof(header), err);
    if (status == MOTE_OK)
        status = write_at(fd, notes.bytes, notes.len_bytes, segments[0].p_offset, err);
    for (size_t i = 0; i < core->n_memory && status == MOTE_OK; i++)
        status = write_memory(fd, &core->memory[i], segments[i + 1].p_offset, err);
    return status;
}
