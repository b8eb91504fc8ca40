/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a sandbox, in one table: which operation each state accepts, what it refuses it
 * with, and which state success leads to. docs/lifecycle.md is made from it.
 */
#ifndef MOTE_HOST_SANDBOX_LIFECYCLE_TABLE_H
#define MOTE_HOST_SANDBOX_LIFECYCLE_TABLE_H

/* Y(state, what it is called in errors); in the order of mote_sandbox_state. */
#define MT_LIFECYCLE_STATES(Y) \
    Y(CREATED, "not initialised yet") \
    Y(READY, "initialised already, and in no context") \
    Y(POISONED, "poisoned by an earlier error") \
    Y(DEAD, "dead since an earlier error") \
    Y(IN_CONTEXT, "in a call context") \
    Y(SPENT, "single-use and has been used")

/*
 * X(operation, its public function, next state after success, CREATED, READY, POISONED, DEAD,
 * IN_CONTEXT, SPENT). A cell is OK, or what follows MOTE_E_ in the refusal. SAME: the state stays.
 */
#define MT_LIFECYCLE_OPERATIONS(X) \
    X(REGISTER, "mote_sandbox_register", SAME, OK, STATE, POISONED, POISONED, STATE, SPENT) \
    X(INIT, "mote_sandbox_init", READY, OK, STATE, POISONED, POISONED, STATE, SPENT) \
    X(EVOLVE, "mote_sandbox_evolve", READY, OK, OK, POISONED, POISONED, STATE, SPENT) \
    X(CALL, "mote_call", SAME, STATE, OK, POISONED, POISONED, OK, SPENT) \
    X(CALL_RESET, "mote_call_reset", READY, STATE, OK, POISONED, POISONED, STATE, SPENT) \
    X(BEGIN, "mote_context_begin", IN_CONTEXT, STATE, OK, POISONED, POISONED, STATE, SPENT) \
    X(FINISH, "mote_context_finish", READY, STATE, STATE, OK, POISONED, OK, SPENT) \
    X(TAKE, "mote_snapshot_take", SAME, STATE, OK, POISONED, POISONED, OK, SPENT) \
    X(PUSH, "mote_sandbox_push", SAME, STATE, OK, POISONED, POISONED, STATE, SPENT) \
    X(POP, "mote_sandbox_pop", READY, STATE, OK, OK, POISONED, STATE, SPENT) \
    X(RESTORE, "mote_sandbox_restore", READY, OK, OK, OK, POISONED, STATE, SPENT) \
    X(DUMP, "mote_sandbox_dump", SAME, OK, OK, OK, OK, OK, OK)

enum mt_operation {
#define MT_OPERATION_ENUM(operation, ...) MT_OPERATION_##operation,
    MT_LIFECYCLE_OPERATIONS(MT_OPERATION_ENUM)
#undef MT_OPERATION_ENUM
        MT_N_OPERATIONS
};

#endif
