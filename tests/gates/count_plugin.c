/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin of QEMU's emulator: counts how often each instruction ran, between two marks that the
 * program in the machine executes. Writes lines "MARK ADDRESS TIMES" to the file named by out=. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/gates/mark.h"

/* The emulator's plugin interface, version 1, as far as it is used; Debian ships no header. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { FLAGS_NO_REGISTERS = 0, INLINE_ADD = 0 };
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*fn)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int operation,
                                                void *counter, uint64_t value);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            void (*fn)(unsigned int vcpu, void *context), int flags,
                                            void *context);

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);
int qemu_plugin_version = 1;

struct counter {
    uint64_t address;
    uint64_t n;
};

/* Counters by address: their places must not move, since translated code adds to them. */
#define N_COUNTERS ((size_t)1 << 21)
static struct counter *counters;
static size_t n_used;
static FILE *out;

static struct counter *counter_of(uint64_t address)
{
    size_t i = (size_t)(address * 0x9e3779b97f4a7c15u >> 43);
    while (counters[i].address != address && counters[i].address != 0)
        i = (i + 1) % N_COUNTERS;
    if (counters[i].address == 0) {
        if (++n_used == N_COUNTERS)
            abort();
        counters[i].address = address;
    }
    return &counters[i];
}

static void at_mark(unsigned int vcpu, void *context)
{
    (void)vcpu;
    for (size_t i = 0; i < N_COUNTERS; i++) {
        if (counters[i].n != 0)
            fprintf(out, "%d %" PRIx64 " %" PRIu64 "\n", (int)(intptr_t)context,
                    counters[i].address, counters[i].n);
        counters[i].n = 0;
    }
    fflush(out);
}

/* The number of a mark, or -1. */
static int mark_of(const struct qemu_plugin_insn *insn)
{
    static const uint8_t start[] = {MARK_START};
    uint8_t code[MARK_BYTES];
    if (qemu_plugin_insn_size(insn) != MARK_BYTES)
        return -1;
    memcpy(code, qemu_plugin_insn_data(insn), MARK_BYTES);
    return memcmp(code, start, sizeof start) == 0 ? code[sizeof start] : -1;
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, i);
        int mark = mark_of(insn);
        if (mark >= 0)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_mark, FLAGS_NO_REGISTERS,
                                                   (void *)(intptr_t)mark);
        else
            qemu_plugin_register_vcpu_insn_exec_inline(
                insn, INLINE_ADD, &counter_of(qemu_plugin_insn_vaddr(insn))->n, 1);
    }
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    if (argc != 1 || strncmp(argv[0], "out=", 4) != 0)
        return -1;
    out = fopen(argv[0] + 4, "w");
    counters = calloc(N_COUNTERS, sizeof *counters);
    if (out == NULL || counters == NULL)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return 0;
}
