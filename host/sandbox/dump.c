/* SPDX-License-Identifier: Apache-2.0 */
/* Core files: what of a sandbox goes into one. */
#include "host/sandbox/operations.h"

#include "abi/memory_map.h"
#include "host/base/error.h"
#include "host/debug/core_file.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_fault(const mote_sandbox *sandbox)
{
    return sandbox->last_fault.kind == MT_EXIT_FAULT;
}

/* Debuggers know signals: the one that Linux would have sent a process. By a halt a guest says that
 * it is done. */
static int signal_of(const mote_sandbox *sandbox)
{
    static const struct {
        int vector;
        int signal;
    } signals[] = {{0, SIGFPE},  {1, SIGTRAP}, {3, SIGTRAP}, {4, SIGFPE},  {6, SIGILL},
                   {16, SIGFPE}, {17, SIGBUS}, {19, SIGFPE}, {14, SIGSEGV}};
    if (is_fault(sandbox) && mt_fault_is_finish(sandbox->template, &sandbox->last_fault))
        return SIGABRT;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (is_fault(sandbox) && signals[i].vector == sandbox->last_fault.fault.vector)
            return signals[i].signal;
    }
    if (sandbox->last_fault.kind == MT_EXIT_REFUSED)
        return SIGSYS;
    return is_fault(sandbox) ? SIGSEGV : SIGABRT;
}

static void fill_registers(struct mt_core_registers *to, const struct mt_cpu *cpu)
{
    *to = (struct mt_core_registers){
        .rax = cpu->rax,
        .rbx = cpu->rbx,
        .rcx = cpu->rcx,
        .rdx = cpu->rdx,
        .rsi = cpu->rsi,
        .rdi = cpu->rdi,
        .rbp = cpu->rbp,
        .rsp = cpu->rsp,
        .r8 = cpu->r8,
        .r9 = cpu->r9,
        .r10 = cpu->r10,
        .r11 = cpu->r11,
        .r12 = cpu->r12,
        .r13 = cpu->r13,
        .r14 = cpu->r14,
        .r15 = cpu->r15,
        .rip = cpu->rip,
        .rflags = cpu->rflags,
        .fs_base = cpu->fs_base,
        .gs_base = cpu->gs_base,
        .vector = cpu->vector_len_bytes > 0 ? cpu->vector : NULL,
        .vector_len_bytes = cpu->vector_len_bytes,
        .vector_components = cpu->vector_components,
    };
}

/* What the guest has mapped; the monitor's stacks are no business of its debugger. used is of
 * private memory. */
static size_t list_memory(const mote_sandbox *sandbox, const struct mt_page_set *used,
                          struct mt_core_memory *memory)
{
    const struct mt_template *template = sandbox->template;
    const struct mt_window *window = &sandbox->buffers.window;
    size_t n = 0;
    for (size_t i = 0; i < template->n_regions && n <= MT_MAX_CORE_MEMORY; i++) {
        const struct mt_region *region = &template->regions[i];
        bool is_private = region->backing == MT_BACKING_PRIVATE;
        if ((!is_private && region->backing != MT_BACKING_SHARED) || region->len_bytes == 0)
            continue;
        memory[n] = (struct mt_core_memory){
            .start = region->start,
            .len_bytes = region->len_bytes,
            .rights = region->rights,
            .bytes = region->shared,
        };
        if (is_private) {
            uint64_t into_bytes = region->start - window->start;
            memory[n].bytes = window->host + into_bytes;
            memory[n].used = used;
            memory[n].first_page = into_bytes / MT_PAGE_BYTES;
        }
        n++;
    }
    return n;
}

#define TEMPORARY_ENDING ".XXXXXX"

/* Only a regular file is replaced: a device or a FIFO of that name is somebody's, and a link leads
 * elsewhere. */
static mote_status check_place(const char *path, mote_error *err)
{
    struct stat facts;
    if (lstat(path, &facts) != 0) {
        int failure = errno;
        return failure == ENOENT
                   ? MOTE_OK
                   : mt_fail_errno(err, MOTE_E_SYSTEM, failure, "lstat of the core file");
    }
    if (!S_ISREG(facts.st_mode))
        return mt_fail(err, MOTE_E_SYSTEM, "the core file's name is that of no regular file");
    return MOTE_OK;
}

/* Close it, and let it take the place of what was there. */
static mote_status finish_file(int fd, const char *made, const char *path, mote_status status,
                               mote_error *err)
{
    if (close(fd) != 0 && status == MOTE_OK)
        status = mt_fail_errno(err, MOTE_E_SYSTEM, errno, "close of the core file");
    if (status == MOTE_OK && rename(made, path) != 0)
        status = mt_fail_errno(err, MOTE_E_SYSTEM, errno, "rename of the core file");
    if (status != MOTE_OK)
        unlink(made);
    return status;
}

/* A new file, for its owner alone, whatever was there and whoever may read that. */
static mote_status write_file(const mote_allocator *allocator, const char *path,
                              const struct mt_core *core, mote_error *err)
{
    const size_t room = strlen(path) + sizeof(TEMPORARY_ENDING);
    mote_status status = check_place(path, err);
    if (status != MOTE_OK)
        return status;
    char *made = mt_alloc(allocator, room);
    if (made == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for the name of a core file");
    snprintf(made, room, "%s%s", path, TEMPORARY_ENDING);
    int fd = mkostemp(made, O_CLOEXEC);
    if (fd < 0)
        status = mt_fail_errno(err, MOTE_E_SYSTEM, errno, "open of the core file");
    else
        status = finish_file(fd, made, path, mt_core_write(fd, core, err), err);
    mt_release(allocator, made);
    return status;
}

static mote_status write_core(mote_sandbox *sandbox, const char *path,
                              const struct mt_page_set *used, struct mt_cpu *cpu, mote_error *err)
{
    struct mt_core_memory memory[MT_MAX_CORE_MEMORY + 1];
    sandbox->driver->inspect(sandbox->machine, cpu);
    struct mt_core core = {
        .signal = signal_of(sandbox),
        .entry = sandbox->template->layout.start[MT_PLACE_CODE] + sandbox->image->parsed.entry,
        .memory = memory,
        .n_memory = list_memory(sandbox, used, memory),
    };
    fill_registers(&core.registers, cpu);
    /* The virtual CPU is in the monitor by then: where the guest was is in its frame. */
    if (is_fault(sandbox) || sandbox->last_fault.kind == MT_EXIT_REFUSED) {
        core.registers.rip = sandbox->last_fault.fault.rip;
        core.registers.rsp = sandbox->last_fault.fault.rsp;
    }
    return write_file(&sandbox->allocator, path, &core, err);
}

/* The machine is not brought to rest: one whose guest is dead cannot be, and a page that a guest
 * makes meanwhile is as good missing as there. */
mote_status mt_sandbox_dump(mote_sandbox *sandbox, const char *path, mote_error *err)
{
    const mote_allocator *allocator = &sandbox->allocator;
    struct mt_page_set used;
    mote_status status;
    struct mt_cpu *cpu = mt_alloc_zero(allocator, sizeof(*cpu));
    bool has_set =
        mt_page_set_init(&used, allocator, sandbox->buffers.window.len_bytes / MT_PAGE_BYTES);
    if (cpu == NULL || !has_set)
        status = mt_fail(err, MOTE_E_MEMORY, "no memory to write a core file");
    else
        status = sandbox->driver->list_used(sandbox->machine, &used, err);
    if (status == MOTE_OK)
        status = write_core(sandbox, path, &used, cpu, err);
    mt_page_set_fini(&used, allocator);
    mt_release(allocator, cpu);
    return status;
}

/* Where an error's text goes on with what the guest says, after all that the host does: " in " and
 * a symbol, or ": " and a message. */
static size_t guest_text_at(const mote_error *err)
{
    size_t len = strlen(err->text);
    const char *host_end = NULL;
    if (err->code == MOTE_E_GUEST_FAULT && err->fault.symbol[0] != '\0')
        return len - strlen(" in ") - strlen(err->fault.symbol);
    if (err->code == MOTE_E_GUEST_ABORT)
        host_end = strchr(err->text, ')'); /* of the code's name */
    return host_end != NULL ? (size_t)(host_end + 1 - err->text) : len;
}

/* The error that the caller gets is the guest's; that there is no file is added to its text. */
void mt_sandbox_dump_fault(mote_sandbox *sandbox, mote_error *err)
{
    static const char mark[] = "..."; /* of a text that was cut */
    mote_error dump_err;
    char whole[3 * MOTE_ERROR_TEXT_BYTES];
    if (sandbox->settings.dump_path == NULL)
        return;
    if (mt_sandbox_dump(sandbox, sandbox->settings.dump_path, &dump_err) == MOTE_OK || err == NULL)
        return;
    size_t at = guest_text_at(err);
    snprintf(whole, sizeof(whole), "%.*s (no core file: %s)%s", (int)at, err->text, dump_err.text,
             err->text + at);
    size_t len = strlen(whole);
    bool is_cut = len >= sizeof(err->text);
    mt_error_copy(err->text, sizeof(err->text) - (is_cut ? strlen(mark) : 0), whole, len);
    if (is_cut)
        memcpy(err->text + strlen(err->text), mark, sizeof(mark));
}
