/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resuming a child and waiting for it. A warm call is two system calls: one answers the child's
 * wait, one takes the next.
 *
 * The second cannot sleep until a deadline only. That is left to the child's tick: every few
 * milliseconds of its processor time the child is stopped, which looks like a signal that was
 * neither deadline nor kick. From then on, and from the start where the deadline is near, the wait
 * begins with a third call, ppoll(), which can. Deadline and kick stop the child, and its waiting
 * then ends ours: no signal is needed on this side.
 */
#include "host/driver/process/process_internal.h"

#include "host/base/error.h"
#include "host/os/clock.h"
#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Kernels from 6.6 on: wake the other side on the processor of the one that goes to sleep. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define SYNC_WAKE_UP 1ul

#define NEAR_NS 30000000ull       /* a few ticks */
#define PATIENCE_NS 1000000000ull /* with a child that was told to stop */
#define NS_PER_S 1000000000ull

#define FLAGS_RESERVED 0x2u
#define FLAGS_TRAP 0x100u
#define VECTOR_DEBUG 1u

/* The XSAVE area (SDM volume 1, 13.4). */
#define MXCSR_OFFSET 24u
#define HEADER_OFFSET 512u
#define HEADER_BYTES 64u
#define MXCSR_DEFAULT 0x1F80u

/* ---- What a child resumes from ---- */

static void put_u64(uint8_t *to, uint64_t value)
{
    memcpy(to, &value, sizeof(value));
}

/* Words that host and child look at while the other runs. */
static void put_u32(uint8_t *to, uint32_t value)
{
    __atomic_store_n((uint32_t *)(void *)to, value, __ATOMIC_RELEASE);
}

static uint32_t get_u32(const uint8_t *from)
{
    return __atomic_load_n((const uint32_t *)(const void *)from, __ATOMIC_ACQUIRE);
}

/* Initial vector state: the header names no component, so all are initialised. The guest can read
 * what stands behind it. */
static void write_initial_vectors(struct mt_machine *machine)
{
    uint8_t *area = machine->to + MT_TO_VECTORS;
    const uint32_t mxcsr = MXCSR_DEFAULT;
    memset(area, 0,
           machine->has_wide_vectors ? machine->prepared->vector_bytes
                                     : HEADER_OFFSET + HEADER_BYTES);
    memcpy(area + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
    machine->has_wide_vectors = false;
}

/* Vector state that a guest may have made up: `xrstor` faults on reserved bits, none is let
 * through. */
void mt_process_write_vectors(struct mt_machine *machine, const uint8_t *from, uint64_t len_bytes)
{
    const struct mt_process_prepared *prepared = machine->prepared;
    uint8_t *area = machine->to + MT_TO_VECTORS;
    uint32_t mxcsr;
    uint64_t components;
    if (len_bytes > prepared->vector_bytes)
        len_bytes = prepared->vector_bytes;
    machine->has_wide_vectors = true;
    memcpy(area, from, len_bytes);
    memset(area + len_bytes, 0, prepared->vector_bytes - len_bytes);
    memcpy(&mxcsr, area + MXCSR_OFFSET, sizeof(mxcsr));
    mxcsr &= prepared->mxcsr_mask;
    memcpy(area + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
    memcpy(&components, area + HEADER_OFFSET, sizeof(components));
    components &= prepared->vector_components;
    memset(area + HEADER_OFFSET, 0, HEADER_BYTES);
    memcpy(area + HEADER_OFFSET, &components, sizeof(components));
}

/* As the kernel, or the guest in its place, left it on the stack for signals. */
static void write_vectors(struct mt_machine *machine)
{
    uint64_t len_bytes;
    const uint8_t *from = mt_process_frame_vectors(machine, &len_bytes);
    if (from == NULL)
        write_initial_vectors(machine);
    else
        mt_process_write_vectors(machine, from, len_bytes);
}

static void write_registers(struct mt_machine *machine, uint64_t kind, const uint64_t *registers)
{
    put_u64(machine->to + MT_TO_KIND, kind);
    memcpy(machine->to + MT_TO_REGISTERS, registers, MT_N_REGISTERS * sizeof(uint64_t));
    machine->resume_id = 0;
}

static void forget_signal(struct mt_machine *machine)
{
    put_u64(machine->from + MT_FROM_IS_SIGNAL, 0);
    put_u32(machine->from + MT_FROM_IS_KICKED, 0);
}

/* A signal to a child that starts anew has nothing to tell: its frame is of what the child was at
 * before. But it may have been a kick, which ends a run. */
static void drop_signal(struct mt_machine *machine)
{
    mt_process_forget_frames(machine);
    machine->is_signal_dropped = true;
}

static bool takes_dropped(struct mt_machine *machine)
{
    bool is_dropped = machine->is_signal_dropped;
    machine->is_signal_dropped = false;
    return is_dropped;
}

static void forget_left(struct mt_machine *machine)
{
    if (mt_process_forget_words(machine))
        drop_signal(machine);
}

/* Whether the child will start from a state that is not its own. */
static bool starts_anew(const struct mt_machine *machine)
{
    return machine->next == MT_NEXT_ENTER || machine->next == MT_NEXT_LOADED;
}

static void write_enter(struct mt_machine *machine)
{
    const struct mt_registers *enter = &machine->enter;
    const uint64_t registers[MT_N_REGISTERS] = {
        [MT_REGISTER_RAX] = enter->rip, [MT_REGISTER_RCX] = enter->rcx,
        [MT_REGISTER_RDX] = enter->rdx, [MT_REGISTER_R8] = enter->r8,
        [MT_REGISTER_R9] = enter->r9,   [MT_REGISTER_RSP] = enter->rsp,
        [MT_REGISTER_RIP] = enter->rip, [MT_REGISTER_RFLAGS] = FLAGS_RESERVED,
    };
    write_initial_vectors(machine);
    put_u64(machine->to + MT_TO_FS_BASE, 0);
    put_u64(machine->to + MT_TO_GS_BASE, 0);
    write_registers(machine, MT_RESUME_ENTER, registers);
    forget_left(machine);
}

/* As behind the stub page's call, with the vector state of a frame. */
static void write_return_from_frame(struct mt_machine *machine)
{
    uint64_t registers[MT_N_REGISTERS];
    mt_process_stub_registers(machine, registers);
    write_vectors(machine);
    write_registers(machine, MT_RESUME_CONTEXT, registers);
}

/* The child gives itself back what it left. */
static void write_return(struct mt_machine *machine)
{
    if (machine->is_vectors_in_frame)
        write_return_from_frame(machine);
    else
        put_u64(machine->to + MT_TO_KIND, MT_RESUME_RETURN);
    machine->is_vectors_in_frame = false;
}

static void write_context(struct mt_machine *machine)
{
    uint64_t registers[MT_N_REGISTERS];
    mt_process_frame_registers(&machine->frame, registers);
    write_vectors(machine);
    write_registers(machine, MT_RESUME_CONTEXT, registers);
}

static uint64_t kind_of_resume(const struct mt_machine *machine)
{
    uint64_t kind;
    memcpy(&kind, machine->to + MT_TO_KIND, sizeof(kind));
    return kind;
}

/* Whether the child was told to give itself back what it left by the stub page. */
static bool gets_back(const struct mt_machine *machine)
{
    return kind_of_resume(machine) == MT_RESUME_RETURN;
}

/* The signal came before the child had resumed: what it resumes from is still there. But vector
 * state that it had kept in its registers went to the frame; so did that of a call before, where
 * the child was to start from another state. */
static void write_repeat(struct mt_machine *machine)
{
    bool is_first;
    if (kind_of_resume(machine) == MT_RESUME_ENTER)
        mt_process_forget_frames(machine);
    if (gets_back(machine) && mt_process_read_first_frame(machine, &is_first))
        write_return_from_frame(machine);
}

/* With the trap flag set the first instruction raises #DB: it would be one of the stub's. */
static bool takes_trap(const struct mt_machine *machine, struct mt_exit *out)
{
    uint64_t registers[MT_N_REGISTERS];
    if (gets_back(machine))
        return false;
    memcpy(registers, machine->to + MT_TO_REGISTERS, sizeof(registers));
    if (!(registers[MT_REGISTER_RFLAGS] & FLAGS_TRAP))
        return false;
    out->kind = MT_EXIT_FAULT;
    out->fault.vector = VECTOR_DEBUG;
    out->fault.rip = registers[MT_REGISTER_RIP];
    out->fault.rsp = registers[MT_REGISTER_RSP];
    return true;
}

static void write_next(struct mt_machine *machine)
{
    switch (machine->next) {
    case MT_NEXT_ENTER:
        write_enter(machine);
        break;
    case MT_NEXT_LOADED:
        forget_left(machine);
        break;
    case MT_NEXT_RETURN:
        write_return(machine);
        break;
    case MT_NEXT_CONTEXT:
        write_context(machine);
        break;
    case MT_NEXT_REPEAT:
        write_repeat(machine);
        break;
    case MT_NEXT_TELL:
    case MT_NEXT_WAIT:
        break;
    }
}

static mote_status answer(struct mt_machine *machine, mote_error *err)
{
    put_u32(machine->from + MT_FROM_IS_ASLEEP, 0);
    mote_status status = machine->prepared->waiting->answer(machine, &machine->is_answer_lost, err);
    if (status != MOTE_OK)
        return status;
    machine->is_parked = false;
    machine->next = MT_NEXT_WAIT;
    return MOTE_OK;
}

/* ---- Waiting ---- */

static enum mt_event receive_until(struct mt_machine *machine, uint64_t end_ns)
{
    return machine->prepared->waiting->receive_until(machine, end_ns);
}

static enum mt_event receive(struct mt_machine *machine)
{
    return machine->prepared->waiting->receive(machine);
}

/* The child's last step of its setting up is to unmap the code that it is in, so that it arrives by
 * a fault there: no guest has run yet, and what the frame says is so. A kick may come first: then
 * the child goes on with its steps, and the kick has ended a run. */
static enum mt_event judge_arrival(struct mt_machine *machine, mote_error *err)
{
    const struct mt_frame *frame = &machine->frame;
    bool is_first;
    if (!mt_process_read_first_frame(machine, &is_first) || frame->rip < MT_PROCESS_SETUP ||
        frame->rip >= MT_PROCESS_END)
        return MT_EVENT_DIED;
    bool is_kicked = mt_process_take_kick(machine) || !is_first;
    put_u64(machine->from + MT_FROM_IS_SIGNAL, 0);
    machine->has_arrived = frame->signal == SIGSEGV && frame->address == frame->rip;
    if (machine->has_arrived)
        return is_kicked ? MT_EVENT_INTERRUPTED : MT_EVENT_PARKED;
    enum mt_next next = machine->next;
    write_context(machine);
    mote_status status = answer(machine, err);
    machine->next = next;
    return status == MOTE_OK ? MT_EVENT_INTERRUPTED : MT_EVENT_UNANSWERED;
}

static enum mt_event wait_for_child(struct mt_machine *machine)
{
    return machine->waits_precisely ? receive_until(machine, machine->deadline_ns)
                                    : receive(machine);
}

static void signal_child(const struct mt_machine *machine, int signal)
{
    syscall(SYS_pidfd_send_signal, machine->child, signal, NULL, 0);
}

/* Signals to us end no such wait: it is short. INTERRUPTED: the time is over. */
static enum mt_event receive_patiently(struct mt_machine *machine)
{
    uint64_t end_ns = mt_clock_ns() + PATIENCE_NS;
    enum mt_event event;
    do
        event = receive_until(machine, end_ns);
    while (event == MT_EVENT_INTERRUPTED && mt_clock_ns() < end_ns);
    return event;
}

/* The guest can neither block nor handle the signal. It cannot delay it either, but the system may
 * be busy. A child that had just come to its wait has the kick yet before it. */
static enum mt_event stop_child(struct mt_machine *machine)
{
    mt_process_kick(machine);
    enum mt_event event = receive_patiently(machine);
    if (event != MT_EVENT_INTERRUPTED)
        return event;
    signal_child(machine, SIGKILL);
    return MT_EVENT_DIED;
}

/* ---- Spinning ---- */

#define LOOKS_AT_ONCE 64u
#define NS_PER_ROUND 32u /* about what `pause` takes */

void mt_process_spin(struct mt_machine *machine, uint64_t spin_ns)
{
    machine->spin_ns = spin_ns;
    machine->rounds = spin_ns > 0 ? (uint32_t)(spin_ns / NS_PER_ROUND + 1) : 0;
    /* Who spins needs its processor for itself. */
    ioctl(machine->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, spin_ns > 0 ? 0 : SYNC_WAKE_UP);
}

/* What was written is seen before what comes is read (SDM volume 3, 8.2.5). By the instruction:
 * ThreadSanitizer has no word for fences. */
static void order_memory(void)
{
    __asm__ volatile("mfence" : : : "memory");
}

static bool has_told_exit(const struct mt_machine *machine)
{
    return get_u32(machine->from + MT_FROM_IS_OUT) == 1;
}

static bool has_told_signal(const struct mt_machine *machine)
{
    return get_u32(machine->from + MT_FROM_IS_SIGNAL) == 1;
}

static uint64_t spin_end(const struct mt_machine *machine, uint64_t now_ns)
{
    uint64_t end_ns = now_ns + machine->spin_ns;
    return end_ns < machine->deadline_ns ? end_ns : machine->deadline_ns;
}

/* Whether the child told an exit within the time. Of a signal it tells by a wait. The clock is read
 * behind the first looks: many exits come sooner than that would take. */
static bool look_for_exit(const struct mt_machine *machine)
{
    uint64_t end_ns = 0;
    uint64_t now_ns;
    do {
        for (unsigned i = 0; i < LOOKS_AT_ONCE; i++) {
            if (has_told_exit(machine))
                return true;
            if (has_told_signal(machine))
                return false;
            __builtin_ia32_pause();
        }
        now_ns = mt_clock_ns();
        if (end_ns == 0)
            end_ns = spin_end(machine, now_ns);
    } while (now_ns < end_ns);
    return false;
}

/* A child that spins shall wait when we do; it looks at its rounds as it spins. */
static enum mt_event look_or_wait(struct mt_machine *machine)
{
    if (machine->spin_ns > 0) {
        machine->is_spinning = look_for_exit(machine);
        if (!machine->is_spinning) {
            put_u32(machine->to + MT_TO_ROUNDS, 0);
            order_memory();
            machine->is_spinning = has_told_exit(machine) && !has_told_signal(machine);
        }
        if (machine->is_spinning)
            return MT_EVENT_PARKED;
    }
    return wait_for_child(machine);
}

/* The child may have gone to sleep just before it got its turn: then its wait is answered. So is
 * one that a signal broke off before the answer came, when what the signal had to tell was read
 * before: what the child resumes from is complete then. */
static enum mt_event after_turn(struct mt_machine *machine, enum mt_event event, mote_error *err)
{
    while (event == MT_EVENT_PARKED && (machine->is_turn_given || machine->is_answer_lost)) {
        machine->is_turn_given = false;
        if (machine->is_spinning || has_told_exit(machine) || has_told_signal(machine))
            return event;
        if (mt_process_take_kick(machine)) {
            machine->next = MT_NEXT_REPEAT;
            return MT_EVENT_INTERRUPTED;
        }
        if (answer(machine, err) != MOTE_OK)
            return MT_EVENT_UNANSWERED;
        event = look_or_wait(machine);
    }
    return event;
}

/* The child's turn: by shared memory where it spins; it is told apart from one that sleeps, or is
 * about to, by what it says before it looks the last time. */
static enum mt_event give_turn(struct mt_machine *machine)
{
    machine->is_spinning = false;
    machine->is_turn_given = true;
    machine->is_answer_lost = false;
    machine->next = MT_NEXT_WAIT;
    put_u32(machine->to + MT_TO_TURN, get_u32(machine->to + MT_TO_TURN) + 1);
    order_memory();
    return get_u32(machine->from + MT_FROM_IS_ASLEEP) == 1 ? wait_for_child(machine)
                                                           : look_or_wait(machine);
}

/* Resume the child and wait for what it says. */
static enum mt_event resume(struct mt_machine *machine, mote_error *err)
{
    if (machine->spin_ns > 0)
        put_u32(machine->to + MT_TO_ROUNDS, machine->rounds);
    if (machine->is_spinning)
        return after_turn(machine, give_turn(machine), err);
    if (answer(machine, err) != MOTE_OK)
        return MT_EVENT_UNANSWERED;
    return after_turn(machine, look_or_wait(machine), err);
}

/* A child that spins goes to sleep when its rounds are none. One that does not is no such child. */
#define FALL_ASLEEP_NS 2000000u

/* A signal hit the child as it waited for an answer, and it waits again: all that changed is where
 * its vector state is, if that is still of use. */
static void take_signal(struct mt_machine *machine)
{
    bool is_first;
    if (!has_told_signal(machine))
        return;
    if (machine->next == MT_NEXT_RETURN && !machine->is_vectors_in_frame)
        machine->is_vectors_in_frame = mt_process_read_first_frame(machine, &is_first);
    if (starts_anew(machine))
        drop_signal(machine);
    forget_signal(machine);
}

static void let_fall_asleep(struct mt_machine *machine)
{
    put_u32(machine->to + MT_TO_ROUNDS, 0);
    machine->is_spinning = false;
    machine->is_parked =
        receive_until(machine, mt_clock_ns() + FALL_ASLEEP_NS) == MT_EVENT_PARKED ||
        stop_child(machine) == MT_EVENT_PARKED;
    machine->is_dead = !machine->is_parked;
    if (machine->is_parked)
        take_signal(machine);
}

/* ---- For snapshots ---- */

static bool arrive(struct mt_machine *machine)
{
    uint64_t end_ns = mt_clock_ns() + PATIENCE_NS;
    mote_error err = {0};
    while (mt_clock_ns() < end_ns) {
        enum mt_event event = receive_until(machine, end_ns);
        if (event == MT_EVENT_PARKED)
            event = judge_arrival(machine, &err);
        if (machine->has_arrived || event != MT_EVENT_INTERRUPTED)
            return machine->has_arrived;
    }
    return false;
}

/* Whether the kernel still holds the child at the wait that it reported. Since it can say so of a
 * child that died it lets nothing but our answer and death end such a wait; before, a signal did.
 */
static bool is_still_parked(struct mt_machine *machine)
{
    if (!machine->is_parked || machine->prepared->can_wait_plainly)
        return machine->is_parked;
    return machine->prepared->waiting->is_still_waiting(machine);
}

bool mt_process_park(struct mt_machine *machine)
{
    if (machine->is_dead)
        return false;
    if (!machine->has_arrived && !arrive(machine))
        return false;
    if (machine->is_spinning)
        let_fall_asleep(machine);
    if (machine->is_dead || is_still_parked(machine))
        return !machine->is_dead;
    /* What a guest says now the next run tells. */
    machine->is_parked = false;
    machine->is_dead = stop_child(machine) != MT_EVENT_PARKED;
    if (!machine->is_dead && machine->next == MT_NEXT_WAIT) {
        bool has_said = has_told_exit(machine) || has_told_signal(machine);
        /* One that had its turn and did not take it resumes from where that is. */
        if (has_said || !machine->is_turn_given)
            machine->next = MT_NEXT_TELL;
        else
            machine->next = gets_back(machine) ? MT_NEXT_RETURN : MT_NEXT_LOADED;
        machine->is_turn_given = false;
    } else if (!machine->is_dead && machine->next != MT_NEXT_TELL) {
        take_signal(machine);
    }
    return !machine->is_dead;
}

/* The kernel's clock of another process (clock_getcpuclockid(3)). Once the child has ended its
 * number may be another's: then this says something, and means nothing. */
uint64_t mt_process_cpu_time_ns(const struct mt_machine *machine)
{
    clockid_t clock;
    struct timespec time;
    if (machine->pid <= 0 || clock_getcpuclockid(machine->pid, &clock) != 0 ||
        clock_gettime(clock, &time) != 0)
        return machine->cpu_time_before_ns;
    return machine->cpu_time_before_ns + (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

/* How often a signal may come first: each can be of no other's than the child's own tick. */
#define FETCH_TRIES 4

/* Whether it was done; or else the child waits again, after a signal. */
static enum mt_event fetch_once(struct mt_machine *machine, mote_error *err)
{
    enum mt_next next = machine->next;
    take_signal(machine); /* one that came since the child was at rest */
    memset(machine->from + MT_FROM_VECTORS + HEADER_OFFSET, 0, HEADER_BYTES);
    put_u64(machine->to + MT_TO_KIND, MT_RESUME_SAVE);
    mote_status status = answer(machine, err);
    machine->next = next;
    if (status != MOTE_OK)
        return MT_EVENT_UNANSWERED;
    enum mt_event event = receive_patiently(machine);
    /* What the child does now is ours, and short: it can be waited for without a limit. To give up
     * here would leave it where it cannot go on from. */
    if (event == MT_EVENT_FAILED)
        event = receive(machine);
    if (event != MT_EVENT_PARKED)
        return event;
    bool is_signal = has_told_signal(machine);
    take_signal(machine);
    return is_signal || machine->is_answer_lost ? MT_EVENT_INTERRUPTED : MT_EVENT_PARKED;
}

mote_status mt_process_fetch_state(struct mt_machine *machine, mote_error *err)
{
    for (int i = 0; i < FETCH_TRIES; i++) {
        enum mt_event event = fetch_once(machine, err);
        if (event == MT_EVENT_PARKED)
            return MOTE_OK;
        if (event == MT_EVENT_FAILED)
            return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "waiting for the child");
        if (event == MT_EVENT_UNANSWERED)
            return MOTE_E_SYSTEM;
        if (event == MT_EVENT_DIED)
            break;
        if (!machine->is_parked && !mt_process_park(machine))
            break;
    }
    machine->is_dead = true;
    return mt_fail(err, MOTE_E_SYSTEM, "the child does not leave its state");
}

/* ---- The seam ---- */

void mt_process_enter(struct mt_machine *machine, const struct mt_registers *registers)
{
    machine->enter = *registers;
    machine->is_vectors_in_frame = false;
    machine->next = MT_NEXT_ENTER;
}

mote_status mt_process_begin(struct mt_machine *machine, uint64_t deadline_ns, mote_error *err)
{
    uint64_t now = mt_clock_ns();
    machine->deadline_ns = deadline_ns;
    machine->waits_precisely =
        !machine->prepared->can_wait_plainly || deadline_ns < now || deadline_ns - now < NEAR_NS;
    (void)err;
    return MOTE_OK;
}

/* A signal to our thread, or the deadline, or a little before it. */
static enum mt_event after_interruption(struct mt_machine *machine)
{
    machine->waits_precisely = true;
    if (machine->next != MT_NEXT_WAIT || mt_clock_ns() < machine->deadline_ns)
        return MT_EVENT_INTERRUPTED;
    return stop_child(machine);
}

static mote_status report(struct mt_machine *machine, enum mt_event event, struct mt_exit *out,
                          mote_error *err)
{
    switch (event) {
    case MT_EVENT_PARKED:
        mt_process_read_exit(machine, out);
        /* The child's tick: from now on the deadline is watched. */
        machine->waits_precisely |= out->kind == MT_EXIT_INTERRUPTED;
        return MOTE_OK;
    case MT_EVENT_INTERRUPTED:
        out->kind = MT_EXIT_INTERRUPTED;
        return MOTE_OK;
    case MT_EVENT_DIED:
        machine->is_dead = true;
        mt_process_died(out, "the child process was killed, exits so far", 0);
        return MOTE_OK;
    case MT_EVENT_UNANSWERED:
        return MOTE_E_SYSTEM;
    case MT_EVENT_FAILED:
        break;
    }
    return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "waiting for the child");
}

#define TURNS_PER_CLOCK 16u

/* To read the clock takes a fifth of a turn between two that spin. A wait that is long looks at the
 * deadline itself. */
static bool is_late(struct mt_machine *machine)
{
    if (!machine->waits_precisely ||
        (machine->is_spinning && ++machine->n_turns % TURNS_PER_CLOCK != 0))
        return false;
    return mt_clock_ns() >= machine->deadline_ns;
}

mote_status mt_process_run(struct mt_machine *machine, struct mt_exit *out, mote_error *err)
{
    mt_exit_clear(out);
    if (machine->is_dead)
        return report(machine, MT_EVENT_DIED, out, err);
    if (machine->next == MT_NEXT_TELL)
        return report(machine, MT_EVENT_PARKED, out, err);
    bool is_at_rest = machine->is_parked || machine->is_spinning;
    if (!machine->has_arrived || (machine->next != MT_NEXT_WAIT && !is_at_rest)) {
        enum mt_event first = wait_for_child(machine);
        if (first == MT_EVENT_PARKED && !machine->has_arrived)
            first = judge_arrival(machine, err);
        if (first == MT_EVENT_INTERRUPTED)
            first = after_interruption(machine);
        if (first != MT_EVENT_PARKED)
            return report(machine, first, out, err);
    }
    enum mt_event event;
    if (machine->next != MT_NEXT_WAIT) {
        if (is_late(machine))
            return report(machine, MT_EVENT_INTERRUPTED, out, err);
        if (machine->is_spinning && starts_anew(machine) && has_told_signal(machine))
            let_fall_asleep(machine);
        write_next(machine);
        if (takes_dropped(machine))
            return report(machine, MT_EVENT_INTERRUPTED, out, err);
        if (takes_trap(machine, out))
            return MOTE_OK;
        event = resume(machine, err);
    } else {
        event = after_turn(machine, look_or_wait(machine), err);
    }
    if (event == MT_EVENT_INTERRUPTED)
        event = after_turn(machine, after_interruption(machine), err);
    return report(machine, event, out, err);
}

bool mt_process_kick(struct mt_machine *machine)
{
    __atomic_store_n(&machine->is_kick_sent, true, __ATOMIC_RELEASE);
    return syscall(SYS_pidfd_send_signal, machine->child, MT_PROCESS_KICK, NULL, 0) == 0;
}
