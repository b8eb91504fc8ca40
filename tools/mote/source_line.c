/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source lines by libdw. A guest file is hostile and libdw was not written for that, so it works in
 * a child process that has the file's bytes and a pipe, and neither descriptors, system calls that
 * reach anything, nor much time or memory. What comes back is checked as any guest text is.
 */
#include "tools/mote/source_line.h"

#include "tools/mote/text.h"
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_FILE_BYTES ((size_t)1 << 30)
#define CHILD_MORE_BYTES ((rlim_t)1 << 30) /* beyond what the program has mapped already */
#define CHILD_CPU_SECONDS 2
#define WAIT_MS 3000

/* What the child answers; every byte of it may be hostile. */
struct answer {
    char file[512];
    char function[512];
    int line;
};

/* A guest file in memory. */
struct bytes {
    char *data;
    size_t len_bytes;
};

/* The child's system calls: memory, the answer, the end. */
static const uint32_t allowed_calls[] = {
    SYS_write,  SYS_exit,   SYS_exit_group, SYS_brk,   SYS_mmap,
    SYS_munmap, SYS_mremap, SYS_madvise,    SYS_futex, SYS_rt_sigreturn,
};

#define N_ALLOWED (sizeof(allowed_calls) / sizeof(allowed_calls[0]))

/* Compare the architecture, then the number with each allowed one; all else fails: libdw
 * asks for the paths of files that it does not need. */
static bool forbid_system_calls(void)
{
    struct sock_filter filter[N_ALLOWED + 6];
    unsigned short n = 0;
    filter[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0,
                                               N_ALLOWED + 1);
    filter[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < N_ALLOWED; i++)
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed_calls[i],
                                                   (uint8_t)(N_ALLOWED - i), 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {n, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* The first number of /proc/self/statm is the size of the address space in pages. */
static bool limit_memory(void)
{
    char text[64] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is_read = read(fd, text, sizeof(text) - 1) > 0;
    close(fd);
    rlim_t mapped_bytes = strtoul(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
    const struct rlimit memory = {mapped_bytes + CHILD_MORE_BYTES, mapped_bytes + CHILD_MORE_BYTES};
    return is_read && setrlimit(RLIMIT_AS, &memory) == 0;
}

/* Keep answer_fd alone, as descriptor 0. */
static bool confine(int answer_fd)
{
    const struct rlimit cpu = {CHILD_CPU_SECONDS, CHILD_CPU_SECONDS};
    const struct rlimit core = {0, 0};
    return limit_memory() && setrlimit(RLIMIT_CPU, &cpu) == 0 &&
           setrlimit(RLIMIT_CORE, &core) == 0 && dup2(answer_fd, 0) == 0 &&
           syscall(SYS_close_range, 1U, ~0U, 0U) == 0 && forbid_system_calls();
}

/* The lowest address of the file's segments: what the image's first byte is linked to. */
static bool first_address(Elf *elf, uint64_t *first)
{
    size_t n_headers = 0;
    bool found = false;
    if (elf_getphdrnum(elf, &n_headers) != 0)
        return false;
    for (size_t i = 0; i < n_headers && i <= INT16_MAX; i++) {
        GElf_Phdr header;
        if (gelf_getphdr(elf, (int)i, &header) == NULL || header.p_type != PT_LOAD)
            continue;
        if (!found || header.p_vaddr < *first)
            *first = header.p_vaddr;
        found = true;
    }
    return found;
}

static bool find_unit(Dwarf *dwarf, uint64_t address, Dwarf_Die *unit)
{
    Dwarf_CU *at = NULL;
    while (dwarf_get_units(dwarf, at, &at, NULL, NULL, unit, NULL) == 0) {
        if (dwarf_haspc(unit, address) == 1)
            return true;
    }
    return false;
}

static void copy_text(char *to, size_t to_bytes, const char *from)
{
    strncpy(to, from, to_bytes - 1);
}

/* The function that holds the address, not one that was inlined into it: that is what the symbol
 * table names too. */
static void find_function(Dwarf_Die *unit, uint64_t address, struct answer *answer)
{
    Dwarf_Die *scopes = NULL;
    int n_scopes = dwarf_getscopes(unit, address, &scopes);
    for (int i = 0; i < n_scopes; i++) {
        const char *name = dwarf_diename(&scopes[i]);
        if (dwarf_tag(&scopes[i]) == DW_TAG_subprogram && name != NULL)
            copy_text(answer->function, sizeof(answer->function), name);
    }
}

static bool find_in_unit(Dwarf_Die *unit, uint64_t address, struct answer *answer)
{
    Dwarf_Line *line = dwarf_getsrc_die(unit, address);
    if (line == NULL || dwarf_lineno(line, &answer->line) != 0)
        return false;
    const char *file = dwarf_linesrc(line, NULL, NULL);
    if (file == NULL)
        return false;
    const char *slash = strrchr(file, '/');
    copy_text(answer->file, sizeof(answer->file), slash != NULL ? slash + 1 : file);
    find_function(unit, address, answer);
    return true;
}

/* Nothing is released: the process ends. */
static bool find(const struct bytes *guest, uint64_t address, struct answer *answer)
{
    uint64_t first = 0;
    Dwarf_Die unit;
    elf_version(EV_CURRENT);
    Elf *elf = elf_memory(guest->data, guest->len_bytes);
    if (elf == NULL || !first_address(elf, &first))
        return false;
    Dwarf *dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
    address += first & ~(uint64_t)0xFFF; /* images are loaded by whole pages */
    return dwarf != NULL && find_unit(dwarf, address, &unit) &&
           find_in_unit(&unit, address, answer);
}

static _Noreturn void answer_as_child(const struct bytes *guest, uint64_t address, int answer_fd)
{
    struct answer answer = {0};
    bool is_found = confine(answer_fd) && find(guest, address, &answer);
    ssize_t n = is_found ? write(0, &answer, sizeof(answer)) : 0;
    _exit(n == (ssize_t)sizeof(answer) ? 0 : 1);
}

/* False when the child said nothing in time, or too little. */
static bool read_answer(int fd, struct answer *answer)
{
    struct pollfd wait_for = {.fd = fd, .events = POLLIN};
    int n_ready;
    do {
        n_ready = poll(&wait_for, 1, WAIT_MS);
    } while (n_ready < 0 && errno == EINTR);
    return n_ready == 1 && read(fd, answer, sizeof(*answer)) == (ssize_t)sizeof(*answer);
}

static bool ask_child(const struct bytes *guest, uint64_t address, struct answer *answer)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    pid_t child = fork();
    if (child == 0)
        answer_as_child(guest, address, ends[1]);
    close(ends[1]);
    bool is_answered = child > 0 && read_answer(ends[0], answer);
    close(ends[0]);
    if (child > 0) {
        (void)kill(child, SIGKILL);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    return is_answered;
}

static bool map_file(const char *path, struct bytes *bytes)
{
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool is_usable = fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size > 0 &&
                     (uint64_t)facts.st_size <= MAX_FILE_BYTES;
    if (is_usable) {
        bytes->len_bytes = (size_t)facts.st_size;
        /* Writable since libelf asks for memory that it may change; the file stays as it is. */
        bytes->data = mmap(NULL, bytes->len_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    }
    close(fd);
    return is_usable && bytes->data != MAP_FAILED;
}

/* False when the answer makes no sense. */
static bool accept_answer(struct answer *answer, struct source_line *line)
{
    answer->file[sizeof(answer->file) - 1] = '\0';
    answer->function[sizeof(answer->function) - 1] = '\0';
    if (answer->file[0] == '\0' || answer->line <= 0)
        return false;
    text_line(line->file, sizeof(line->file), answer->file, strlen(answer->file));
    text_line(line->function, sizeof(line->function), answer->function, strlen(answer->function));
    line->line = answer->line;
    return true;
}

bool source_line_find(const char *guest_file, uint64_t address, struct source_line *line)
{
    struct bytes guest = {0};
    struct answer answer;
    if (!map_file(guest_file, &guest))
        return false;
    bool is_found = ask_child(&guest, address, &answer) && accept_answer(&answer, line);
    (void)munmap(guest.data, guest.len_bytes);
    return is_found;
}
