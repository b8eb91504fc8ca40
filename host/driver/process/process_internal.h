/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the process driver.
 *
 *   host -- keeper -- zygote of a plan -- child of a sandbox
 *
 *   prepare.c       what all machines of a plan share: the image's file, the zygote
 *   spawn.c         keeper and zygote: birth and death
 *   channel.c       messages between host and zygote
 *   machine.c       the sandbox's file, its two mappings, its child
 *   vcpu.c          resuming a child and waiting for it
 *   notify.c        how the kernel tells of a child that waits
 *   futex.c         how a child tells, where the kernel does not
 *   snapshot.c      what snapshots need of a child that waits: rest, and its registers
 *   forget.c        what a child left that no later call may read
 *   tracking.c      which pages are used, and which the guest wrote
 *   exit.c          what a child says when it waits
 *   port.c          port instructions, which fault in a process
 *   examine.c       what the driver can do on this host
 *   stub_*          the program in the child; see stub_layout.h
 *
 * Nothing that a child says is evidence: a guest may write all that the child may write, and jump
 * to any code in it. Evidence is what the kernel says - the child waits, in the one call, at the
 * one place - and memory that only the host can write. So an exit means no more than "the guest
 * claims this of itself"; and everything that it says is read once, into the host's own memory.
 */
#ifndef MOTE_HOST_DRIVER_PROCESS_PROCESS_INTERNAL_H
#define MOTE_HOST_DRIVER_PROCESS_PROCESS_INTERNAL_H

#include "abi/memory_map.h"
#include "host/driver/process/process.h"
#include "host/driver/process/stub_layout.h"
#include <pthread.h>
#include <sys/types.h>

/* The stub, as a file; see stub_blob.S. */
extern const uint8_t mt_process_stub[];
extern const uint8_t mt_process_stub_end[];

/* Signals that a child handles, besides those of its own faults. */
#define MT_PROCESS_KICK SIGUSR1
#define MT_PROCESS_TICK SIGPROF

/* A zygote and who waits for it. */
struct mt_zygote {
    int channel;                     /* SOCK_SEQPACKET; -1 when there is none */
    int keeper;                      /* pidfd of the keeper; -1 when there is none */
    void *stack;                     /* of the keeper, in our memory */
    uint64_t process_mark;           /* of the process that made it */
    const volatile long *exec_errno; /* why it could not be started; on the keeper's stack */
};

struct mt_process_prepared {
    const struct mt_plan *plan;
    mote_allocator allocator;
    uint64_t private_start; /* guest address of the private memory */
    uint64_t private_len_bytes;
    uint64_t private_end;       /* of the last of its regions; behind it is the monitor's */
    uint64_t vector_bytes;      /* of the XSAVE area of this CPU */
    uint64_t vector_components; /* XCR0 */
    uint32_t mxcsr_mask;
    bool can_wait_plainly; /* the kernel ends the wait for a child that died, and that alone */
    bool can_track;        /* the kernel's word on written pages can be relied on */
    const struct mt_waiting *waiting;
    pthread_mutex_t lock; /* one request at a time on the channel */
    struct mt_zygote zygote;
    uint64_t n_requests; /* (lock) */
};

/* What a wait for a child ends with. */
enum mt_event {
    MT_EVENT_PARKED,
    MT_EVENT_INTERRUPTED,
    MT_EVENT_DIED,
    MT_EVENT_FAILED,    /* with an errno */
    MT_EVENT_UNANSWERED /* it could not be resumed, and the error says why */
};

/* How a host waits for a child that waits, and answers it. */
struct mt_waiting {
    const char *name;
    unsigned n_descriptors; /* that a sandbox takes */
    /* Let a parked child go on. *is_lost: it was not where it had been parked. */
    mote_status (*answer)(struct mt_machine *machine, bool *is_lost, mote_error *err);
    /* Wait until the kernel says that the child is parked. INTERRUPTED: by a signal. FAILED leaves
     * errno. */
    enum mt_event (*receive)(struct mt_machine *machine);
    /* The same, but INTERRUPTED also at end_ns, or a little before. */
    enum mt_event (*receive_until)(struct mt_machine *machine, uint64_t end_ns);
    /* Whether the child is where it was parked. */
    bool (*is_still_waiting)(struct mt_machine *machine);
};

extern const struct mt_waiting mt_waiting_by_notification;
extern const struct mt_waiting mt_waiting_by_futex;

/* What the next run of a machine does first. */
enum mt_next {
    MT_NEXT_WAIT,    /* nothing: the child is running */
    MT_NEXT_ENTER,   /* start at the registers given */
    MT_NEXT_LOADED,  /* start from the state at MT_PROCESS_TO */
    MT_NEXT_RETURN,  /* go on behind the stub page's call */
    MT_NEXT_CONTEXT, /* go on from the frame */
    MT_NEXT_TELL,    /* not resume, but read another exit */
    MT_NEXT_REPEAT   /* the child had not yet resumed: the same again */
};

/* What the kernel leaves on the stack for signals (x86-64: struct rt_sigframe). */
struct mt_frame {
    uint64_t return_address;
    uint64_t flags;
    uint64_t link;
    uint64_t stack[3];
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    uint16_t cs, gs, fs, ss;
    uint64_t error_code;
    uint64_t vector;
    uint64_t old_mask;
    uint64_t address;
    uint64_t vectors; /* where the XSAVE area is */
    uint64_t reserved[8];
    uint64_t mask;
    int32_t signal;
    int32_t signal_errno;
    int32_t code;
    int32_t padding;
    uint64_t information[14];
};

_Static_assert(sizeof(struct mt_frame) == 440, "layout of the kernel's signal frame");

struct mt_machine {
    struct mt_process_prepared *prepared;
    int memory;                  /* the sandbox's file */
    int listener;                /* -1 where the child waits by futex */
    int child;                   /* pidfd */
    int faults;                  /* userfaultfd of the child; -1 where its writes are not tracked */
    int pagemap;                 /* /proc/PID/pagemap of the child; likewise */
    pid_t pid;                   /* of the child, once it has waited */
    uint64_t cpu_time_before_ns; /* of children before this one */
    uint8_t *reserved;
    size_t reserved_bytes;
    uint8_t *private_memory;
    uint8_t *to;   /* MT_PROCESS_TO */
    uint8_t *from; /* MT_PROCESS_FROM */

    uint64_t spin_ns;
    uint32_t rounds;          /* of the child, for about as long */
    bool is_spinning;         /* the child has told an exit, and may be found spinning */
    uint32_t n_turns;         /* that were given to a child that spins */
    bool is_turn_given;       /* the child may resume, and has said nothing since */
    bool has_arrived;         /* the child has given up what it was set up with */
    bool is_parked;           /* the kernel said that the child waits, and it was not answered */
    uint64_t notification_id; /* of the wait */
    bool has_told;            /* the child has, by futex, that it is about to wait: a hint */
    bool is_answer_lost;      /* the wait was broken off before the last answer came */
    bool is_dead;
    enum mt_next next;
    struct mt_registers enter;
    struct mt_frame frame;    /* of the last signal that was handled */
    uint64_t resume_id;       /* of the mt_cpu that MT_PROCESS_TO holds; or 0 */
    bool is_vectors_in_frame; /* those of a guest that used the stub page; or else in the child */

    bool is_tracked;     /* list_written knows of writes; or else only of pages that exist */
    bool cannot_track;   /* it was tried, in vain */
    uint64_t hole_start; /* pages that did not exist: list_written tells those that do */
    uint64_t hole_end;
    uint64_t hole_known_end; /* those before it do; what follows is asked for */
    int64_t n_known_blocks;  /* of the file, when that was asked last; -1: not since */
    bool may_hold_frames;    /* pages of the stack for signals may exist */
    bool has_wide_vectors;   /* MT_TO_VECTORS holds more than what initial state consists of */

    uint64_t deadline_ns;
    bool is_kick_sent;      /* since it was last at rest; any thread, any signal handler */
    bool is_signal_dropped; /* of a child that starts anew, and no run has told of it */
    bool waits_precisely;   /* for the deadline; or else the child's tick is relied upon */
    uint64_t n_system_calls;
};

/* ---- spawn.c, channel.c ---- */

mote_status mt_process_spawn(struct mt_zygote *zygote, mote_error *err);
void mt_process_end_zygote(struct mt_zygote *zygote);

/* A sealed file with these contents. */
mote_status mt_process_make_file(const char *name, uint64_t len_bytes, int *fd, mote_error *err);
mote_status mt_process_seal(int fd, mote_error *err);

mote_status mt_channel_send(int channel, const void *message, size_t len_bytes, int fd,
                            mote_error *err);
/* An answer to a message. */
struct mt_channel_answer {
    int fds[MT_CHILD_MAX_SENT]; /* -1 where none came */
    pid_t sender;               /* by the kernel's word; 0 when it says nothing */
    enum mt_stub_step failed;   /* MT_STEP_NONE: nothing did */
    int os_errno;               /* why */
};

/* Take the answer to a message. MOTE_E_SYSTEM when it says that something failed; what failed is
 * set, fds are none. */
mote_status mt_channel_receive(int channel, uint64_t sequence, struct mt_channel_answer *out,
                               mote_error *err);

/* Whether the zygote is there no more, and is ours. */
bool mt_process_is_zygote_gone(const struct mt_zygote *zygote);

/* ---- prepare.c, machine.c ---- */

mote_status mt_process_prepare(const struct mt_plan *plan, const mote_allocator *allocator,
                               void **out, mote_error *err);
void mt_process_unprepare(void *prepared);
/* Put a zygote in the place of one that was killed. Its children were killed with it. */
mote_status mt_process_renew_zygote(struct mt_process_prepared *prepared, mote_error *err);
/* The same, when its child could not have a listener: from now on children wait by futex. */
mote_status mt_process_wait_by_futex(struct mt_process_prepared *prepared, mote_error *err);
mote_status mt_process_create(void *prepared, struct mt_machine **out, struct mt_window *window,
                              mote_error *err);
void mt_process_destroy(struct mt_machine *machine, bool is_copy);
/* Put a child whose writes can be tracked in the place of the one that there is, which must wait.
 * Nothing has changed on failure. The new one is yet to be told what to start from. */
mote_status mt_process_replace_child(struct mt_machine *machine, mote_error *err);

/* ---- vcpu.c ---- */

void mt_process_spin(struct mt_machine *machine, uint64_t spin_ns);
void mt_process_enter(struct mt_machine *machine, const struct mt_registers *registers);
mote_status mt_process_begin(struct mt_machine *machine, uint64_t deadline_ns, mote_error *err);
mote_status mt_process_run(struct mt_machine *machine, struct mt_exit *out, mote_error *err);
bool mt_process_kick(struct mt_machine *machine);
uint64_t mt_process_cpu_time_ns(const struct mt_machine *machine);
/* Bring the child to where the kernel says that it waits. False when it died or does not stop. */
bool mt_process_park(struct mt_machine *machine);
/* Let the parked child leave FS and GS bases and vector state for us, and wait again. Where a
 * signal came first, the vector state is in the last frame instead. */
mote_status mt_process_fetch_state(struct mt_machine *machine, mote_error *err);
/* The same in the other direction: vector state without what `xrstor` would fault on. */
void mt_process_write_vectors(struct mt_machine *machine, const uint8_t *area, uint64_t len_bytes);

/* ---- snapshot.c, tracking.c ---- */

mote_status mt_process_quiesce(struct mt_machine *machine, mote_error *err);
mote_status mt_process_list_used(struct mt_machine *machine, struct mt_page_set *set,
                                 mote_error *err);
mote_status mt_process_track(struct mt_machine *machine, uint64_t zero_from, mote_error *err);
mote_status mt_process_list_written(struct mt_machine *machine, struct mt_page_set *set,
                                    mote_error *err);
mote_status mt_process_discard(struct mt_machine *machine, uint64_t first_page,
                               uint64_t n_given_back, mote_error *err);
mote_status mt_process_save(struct mt_machine *machine, struct mt_cpu *out, mote_error *err);
mote_status mt_process_load(struct mt_machine *machine, const struct mt_cpu *cpu, mote_error *err);
void mt_process_inspect(struct mt_machine *machine, struct mt_cpu *out);

/* ---- forget.c ---- */

/* Forget all that the parked child left for us. What may still come until it resumes is forgotten
 * where the next run begins, which calls these: the stack for signals, and all but that. */
void mt_process_forget(struct mt_machine *machine);
void mt_process_forget_frames(struct mt_machine *machine);
/* Returns whether the child had told of a signal. */
bool mt_process_forget_words(struct mt_machine *machine);

/* ---- exit.c, port.c ---- */

/* The general registers that a guest left when it used the stub page; RIP is behind its call. */
void mt_process_stub_registers(const struct mt_machine *machine,
                               uint64_t registers[MT_N_REGISTERS]);
/* Say what the parked child claims, and set what the next run does. */
void mt_process_read_exit(struct mt_machine *machine, struct mt_exit *out);
/* Whether signals came that the child tells nothing else of; once told, they are forgotten. */
bool mt_process_take_kick(struct mt_machine *machine);
/* Copy the frame of the signal that is to be told of. False where there is no room for one at its
 * place. */
bool mt_process_read_frame(struct mt_machine *machine);
/* The same, but of signals that hit the handlers of others that of the first one. */
bool mt_process_read_first_frame(struct mt_machine *machine, bool *is_first);
void mt_process_frame_registers(const struct mt_frame *frame, uint64_t registers[MT_N_REGISTERS]);
/* Where that frame says that vector state is; the child's memory. NULL where it says nothing. */
const uint8_t *mt_process_frame_vectors(const struct mt_machine *machine, uint64_t *len_bytes);
/* Whether a general-protection fault is a port instruction that the ABI has; fills the exit and
 * moves the frame behind the instruction. */
bool mt_process_read_port(struct mt_machine *machine, struct mt_exit *out);

/* Whether a page of the guest or the stub is there, with whatever rights. */
bool mt_process_is_mapped(const struct mt_machine *machine, uint64_t address);

bool mt_process_is_port(uint64_t port);

void mt_process_died(struct mt_exit *out, const char *what, uint64_t value);

void mt_process_examine(mote_driver_report *report);

#endif
