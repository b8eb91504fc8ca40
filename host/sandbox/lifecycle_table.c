/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up the table of states and operations. */
#include "host/base/error.h"
#include "host/sandbox/operations.h"

#define N_STATES (MOTE_SANDBOX_SPENT + 1)

static const char *const state_texts[N_STATES] = {
#define STATE_TEXT(state, text) [MOTE_SANDBOX_##state] = text,
    MT_LIFECYCLE_STATES(STATE_TEXT)
#undef STATE_TEXT
};

#define MOTE_E_OK MOTE_OK
#define SAME (-1)

struct rule {
    const char *function;
    int next; /* a state, or SAME */
    mote_status outcome[N_STATES];
};

#define NEXT_SAME SAME
#define NEXT_READY MOTE_SANDBOX_READY
#define NEXT_IN_CONTEXT MOTE_SANDBOX_IN_CONTEXT

static const struct rule rules[MT_N_OPERATIONS] = {
#define RULE(operation, function, next, created, ready, poisoned, dead, in_context, spent) \
    [MT_OPERATION_##operation] = {function, \
                                  NEXT_##next, \
                                  {[MOTE_SANDBOX_CREATED] = MOTE_E_##created, \
                                   [MOTE_SANDBOX_READY] = MOTE_E_##ready, \
                                   [MOTE_SANDBOX_POISONED] = MOTE_E_##poisoned, \
                                   [MOTE_SANDBOX_DEAD] = MOTE_E_##dead, \
                                   [MOTE_SANDBOX_IN_CONTEXT] = MOTE_E_##in_context, \
                                   [MOTE_SANDBOX_SPENT] = MOTE_E_##spent}},
    MT_LIFECYCLE_OPERATIONS(RULE)
#undef RULE
};

mote_status mt_lifecycle_check(enum mt_operation operation, mote_sandbox_state state,
                               mote_error *err)
{
    mote_status outcome = rules[operation].outcome[state];
    if (outcome == MOTE_OK)
        return MOTE_OK;
    return mt_fail(err, outcome, "%s: the sandbox is %s", rules[operation].function,
                   state_texts[state]);
}

mote_sandbox_state mt_lifecycle_next(enum mt_operation operation, mote_sandbox_state state)
{
    int next = rules[operation].next;
    return next == SAME ? state : (mote_sandbox_state)next;
}
