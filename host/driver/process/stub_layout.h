/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What host and stub agree on. The stub is the program that sandboxes of the process driver run in;
 * it is compiled and assembled apart from the library. All addresses are the child's.
 *
 *   MT_STUB_PAGE     the guest's way out; handler, waiting, resuming (X)
 *   MT_PROCESS_TO    what a child resumes from: the host writes it, the child can only read it
 *   MT_PROCESS_FROM  what a child leaves for the host: saved registers, stack for signals
 *   MT_PROCESS_SETUP the rest of the stub's program: a child's last step unmaps it
 *   guest's regions  at the guest's own addresses
 *
 * The first four lie together, in the range that abi/memory_map.h reserves for drivers: after a
 * switch of processes every page costs a walk of the page tables, and this makes the walks short;
 * and a child has fewer page tables to be made and to be freed.
 */
#ifndef MOTE_HOST_DRIVER_PROCESS_STUB_LAYOUT_H
#define MOTE_HOST_DRIVER_PROCESS_STUB_LAYOUT_H

#include "abi/memory_map.h"

#define MT_PROCESS_TO 0x181000
#define MT_PROCESS_TO_BYTES 0x9000
#define MT_PROCESS_FROM 0x18f000
#define MT_PROCESS_FROM_BYTES 0x21000
#define MT_PROCESS_CONTROL_BYTES (MT_PROCESS_TO_BYTES + MT_PROCESS_FROM_BYTES)
#define MT_PROCESS_SETUP 0x1c0000
#define MT_PROCESS_SETUP_BYTES 0x20000
#define MT_PROCESS_END (MT_PROCESS_SETUP + MT_PROCESS_SETUP_BYTES)

/* Offsets in the stub page. The filters let system calls pass by where they return to, so these
 * are fixed. */
#define MT_STUB_RETURN 0x78 /* what a guest that used MT_STUB_OUT returns by */
#define MT_KEEP_HANDLER 0x100
#define MT_KEEP_WAIT 0x160       /* tells the host, and loads the arguments of the waiting call */
#define MT_KEEP_TOLD 0x1a0       /* where the call that tells returns to */
#define MT_KEEP_RESUME 0x1c0     /* where the waiting call returns to */
#define MT_KEEP_RESUME_END 0x2f8 /* behind the last instruction of resuming */
#define MT_KEEP_STOPPED 0x300
#define MT_KEEP_SAVE 0x310
#define MT_KEEP_SPIN 0x350
#define MT_TELL_BYTES 7 /* of the instruction before, by which an exit is told */
#define MT_KEEP_SPIN_END 0x3b0
#define MT_KEEP_RETURN 0x3b0 /* resuming a guest that used the stub page */
#define MT_KEEP_RETURN_END 0x438
#define MT_KEEP_END 0x438

/* Offsets at MT_PROCESS_TO. */
#define MT_TO_WORD 0x0   /* u32 of the waiting call; always 0 */
#define MT_TO_PARKED 0x4 /* u32, where the host moves a child that waits by futex; always 0 */
#define MT_TO_KIND 0x8
#define MT_TO_FS_BASE 0x10
#define MT_TO_GS_BASE 0x18
#define MT_TO_TURN 0x20     /* u32; changes when a child that spins may resume */
#define MT_TO_ROUNDS 0x24   /* u32; how often it looks, before it waits; 0: it waits at once */
#define MT_TO_IS_FUTEX 0x28 /* u32; 1: the waiting call is no more than a futex's */
#define MT_TO_REGISTERS 0x40
#define MT_TO_VECTORS 0x100 /* in the same page: see above */

/* Values of MT_TO_KIND: what is set. */
#define MT_RESUME_RETURN 0  /* general registers and flags, as left by the stub page */
#define MT_RESUME_CONTEXT 1 /* general registers, flags and RIP, vector state */
#define MT_RESUME_ENTER 2   /* all that, FS and GS bases; selectors are cleared */
#define MT_RESUME_SAVE 3    /* nothing; FS and GS bases and vector state are left for the host */

/* Offsets at MT_PROCESS_FROM. What an exit through the stub page is told by lies in one cache line,
 * as does what it is answered by: each costs a child that spins a way to another processor. */
#define MT_FROM_IS_OUT 0x0     /* 1: the guest used the stub page */
#define MT_FROM_IS_SIGNAL 0x8  /* 1: a signal was handled */
#define MT_FROM_FRAME 0x10     /* where its frame is */
#define MT_FROM_IS_ASLEEP 0x18 /* u32; 1: about to wait, after it span */
#define MT_FROM_IS_KICKED 0x1c /* u32; 1: more signals came before the host had seen the first */
#define MT_FROM_PORT 0x20      /* of a guest that used the stub page: RDX */
#define MT_FROM_VALUE 0x28     /* and RAX */
#define MT_FROM_FS_BASE 0x30
#define MT_FROM_GS_BASE 0x38
#define MT_FROM_REGISTERS 0x40
#define MT_FROM_HAS_TOLD 0xd0 /* u32; 1: the child waits by futex, or is about to */
#define MT_FROM_ANSWER 0xe0   /* what a child sends when it is ready; the host puts it there */
#define MT_FROM_STACK 0x1000
#define MT_FROM_VECTORS 0x1000 /* of MT_RESUME_SAVE: where the stack is used last */

/* The stack for signals consists of slots that are used in turn, from the highest down: when one
 * signal follows another before the child has resumed, the second does not lie below the first, but
 * in the next slot, and behind the lowest comes the highest. Signals that come while another has
 * yet to be told of use that next slot over and over, so that the frame to be told of stays. Slots
 * are aligned. */
#define MT_SIGNAL_SLOT_BYTES 0x4000
#define MT_N_SIGNAL_SLOTS 8

/* Indices of saved registers, eight bytes each. */
#define MT_REGISTER_RAX 0
#define MT_REGISTER_RBX 1
#define MT_REGISTER_RCX 2
#define MT_REGISTER_RDX 3
#define MT_REGISTER_RSI 4
#define MT_REGISTER_RDI 5
#define MT_REGISTER_RBP 6
#define MT_REGISTER_R8 7
#define MT_REGISTER_R9 8
#define MT_REGISTER_R10 9
#define MT_REGISTER_R11 10
#define MT_REGISTER_R12 11
#define MT_REGISTER_R13 12
#define MT_REGISTER_R14 13
#define MT_REGISTER_R15 14
#define MT_REGISTER_RSP 15
#define MT_REGISTER_RFLAGS 16
#define MT_REGISTER_RIP 17
#define MT_N_REGISTERS 18

/* Descriptors of the zygote, and those that a child has besides until it gives them up. */
#define MT_ZYGOTE_CHANNEL 0
#define MT_ZYGOTE_HOST 1 /* a pidfd of the host */
#define MT_CHILD_MEMORY 2
#define MT_CHILD_SELF 3 /* a pidfd of the child */
/* Then, each only where there is one: listener of the filter, userfaultfd, /proc/self/pagemap. */
#define MT_CHILD_MAX_SENT 4

/* A system call of a child's script, and the only result that lets the script go on. */
#define MT_CHILD_CALL_BYTES 64
#define MT_CHILD_CALL_NUMBER 0x0
#define MT_CHILD_CALL_STEP 0x4
#define MT_CHILD_CALL_ARGUMENTS 0x8
#define MT_CHILD_CALL_RESULT 0x38

#define MT_ZYGOTE_MAX_MAPPINGS 256

#ifndef __ASSEMBLER__

#include <stdint.h>

/* A run of pages that is mapped in a child: of the shared file, or of the sandbox's own. */
struct mt_stub_mapping {
    uint64_t start;
    uint64_t len_bytes;
    uint64_t file_offset;
    uint32_t protection; /* PROT_* */
    uint32_t is_private;
};

/* First message to a zygote; the descriptor of the shared file comes with it. */
struct mt_stub_plan {
    /* Of MT_PROCESS_TO in a sandbox's file; MT_PROCESS_FROM follows, then both of a tracked child:
     * one that was given up may yet come there. */
    uint64_t control_offset;
    uint64_t waits_by_futex; /* children do; or else by seccomp's notification */
    uint64_t n_mappings;
    struct mt_stub_mapping mappings[MT_ZYGOTE_MAX_MAPPINGS];
};

/* All later messages: make a child; the descriptor of the sandbox's file comes with it. */
struct mt_stub_request {
    uint64_t sequence;
    uint64_t processor;  /* where the host runs */
    uint64_t is_tracked; /* its writes are to be tracked */
};

/* Every step that may fail in zygote or child: X(name, text). */
#define MT_STUB_STEPS(X) \
    X(NONE, "") \
    X(UNMAP, "munmap of the system's pages in the zygote") \
    X(NO_NEW_PRIVILEGES, "prctl(PR_SET_NO_NEW_PRIVS) in the zygote") \
    X(NOT_DUMPABLE, "prctl(PR_SET_DUMPABLE) in the zygote") \
    X(LIMIT, "setrlimit in the zygote") \
    X(SIGNALS, "rt_sigaction in the zygote") \
    X(SIGNAL_STACK, "sigaltstack in the zygote") \
    X(GROUP, "setpgid in the zygote") \
    X(PLAN, "receiving the plan in the zygote") \
    X(MAP_SHARED, "mmap of the image in the zygote") \
    X(FORK_NO_STACK, "madvise(MADV_DONTFORK) in the zygote") \
    X(CONFINE, "seccomp in the zygote") \
    X(REQUEST, "receiving a request in the zygote") \
    X(CLONE, "clone in the zygote") \
    X(PARENT_DEATH, "prctl(PR_SET_PDEATHSIG) in the child") \
    X(MAP_PRIVATE, "mmap of guest memory in the child") \
    X(PIDFD, "pidfd_open in the child") \
    X(TICK, "setitimer in the child") \
    X(PROCESSORS, "sched_setaffinity in the child") \
    X(FILTER, "seccomp(SECCOMP_FILTER_FLAG_NEW_LISTENER) in the child") \
    X(USERFAULTFD, "userfaultfd in the child") \
    X(DUMPABLE, "prctl(PR_SET_DUMPABLE) in the child") \
    X(PAGEMAP, "open of /proc/self/pagemap in the child") \
    X(HAND_OVER, "handing the child over")

enum mt_stub_step {
#define MT_STUB_STEP_ENUM(name, text) MT_STEP_##name,
    MT_STUB_STEPS(MT_STUB_STEP_ENUM)
#undef MT_STUB_STEP_ENUM
        MT_N_STEPS
};

/* Answer to every message. From a child that is ready come its descriptors with it, in the order of
 * their numbers. */
struct mt_stub_answer {
    uint64_t sequence; /* of the request; 0 for the plan */
    uint32_t step;     /* MT_STEP_NONE: it worked */
    int32_t os_errno;
};

#endif
#endif
