/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a child leaves for its host the guest can read and write: its registers at an exit, and on
 * the stack for signals those of any moment. It belongs to the call in which it was left, so that a
 * child which starts from another state must find nothing there.
 *
 * The stack's pages cease to exist then. Hardly ever do they exist, and whether a page came to
 * exist in the sandbox's file is asked anyway for each restore (tracking.c).
 */
#include "host/driver/process/process_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACK_BYTES (MT_PROCESS_FROM_BYTES - MT_FROM_STACK)

/* A page that exists may hold something. */
static bool has_frames(struct mt_machine *machine)
{
    /* The file has no page for the guard between private memory and control pages. */
    off_t start = machine->from + MT_FROM_STACK - machine->private_memory - MT_PAGE_BYTES;
    machine->n_system_calls++;
    off_t data = lseek(machine->memory, start, SEEK_DATA);
    return data < 0 ? errno != ENXIO : data < start + (off_t)STACK_BYTES;
}

void mt_process_forget_frames(struct mt_machine *machine)
{
    uint8_t *stack = machine->from + MT_FROM_STACK;
    machine->n_known_blocks = -1;
    machine->n_system_calls++;
    if (madvise(stack, STACK_BYTES, MADV_REMOVE) != 0)
        memset(stack, 0, STACK_BYTES);
}

/* What the child resumes from the next run writes; but it also counts a spinning child's turns. */
void mt_process_forget(struct mt_machine *machine)
{
    memset(machine->to + MT_TO_TURN, 0, sizeof(uint32_t));
    memset(&machine->frame, 0, sizeof(machine->frame));
    if (machine->may_hold_frames && has_frames(machine))
        mt_process_forget_frames(machine);
    else
        machine->may_hold_frames = false;
}

/* Whether the child told of a signal, which it may do right now: none is cleared unseen. */
static bool take_signal_word(struct mt_machine *machine)
{
    uint64_t *is_signal = (uint64_t *)(void *)(machine->from + MT_FROM_IS_SIGNAL);
    return __atomic_exchange_n(is_signal, 0, __ATOMIC_ACQ_REL) != 0;
}

static void clear(struct mt_machine *machine, uint64_t start, uint64_t end)
{
    memset(machine->from + start, 0, end - start);
}

/* All but two words, which both sides use while the other runs. To clear the one is a part of each
 * answer. The other may be set by the child at any time, and a hint is not to be lost: what is
 * neither of its two values is a guest's. And a child that spins may be in a signal's handler,
 * which says where the frame is before it says that there is one. */
bool mt_process_forget_words(struct mt_machine *machine)
{
    uint32_t *has_told = (uint32_t *)(void *)(machine->from + MT_FROM_HAS_TOLD);
    bool is_signal = take_signal_word(machine);
    clear(machine, 0, MT_FROM_IS_SIGNAL);
    if (!machine->is_spinning)
        clear(machine, MT_FROM_FRAME, MT_FROM_IS_ASLEEP);
    clear(machine, MT_FROM_IS_KICKED, MT_FROM_HAS_TOLD);
    clear(machine, MT_FROM_HAS_TOLD + sizeof(*has_told), MT_FROM_STACK);
    if (__atomic_load_n(has_told, __ATOMIC_ACQUIRE) > 1)
        __atomic_store_n(has_told, 1, __ATOMIC_RELEASE);
    return is_signal;
}
