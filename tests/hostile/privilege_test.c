/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that ring 3 must not use, and those that only look dangerous. */
#include "tests/hostile/witness.h"

#include <string.h>

/* Ends a list of vectors; and stands in it for "the call succeeded". */
#define END (-1)
#define FINE (-2)

struct animal {
    const char *name;
    int outcomes[6];   /* vectors, or FINE; kinds of KVM and CPUs differ */
    const char *cause; /* NULL: not compared */
};

#define PRIVILEGED "privileged instruction"

/* QEMU's emulated CPU reads the stack of a far return with ring 0's rights (14), has no 0xF1,
 * takes any FS and GS base, and raises no SIMD exceptions. */
static const struct animal animals[] = {
    {"clts", {13, END}, PRIVILEGED},
    {"lmsw", {13, END}, PRIVILEGED},
    {"lldt", {13, END}, PRIVILEGED},
    {"mov_from_cr0", {13, END}, PRIVILEGED},
    {"mov_from_cr3", {13, END}, PRIVILEGED},
    {"mov_cr8", {13, END}, PRIVILEGED},
    {"mov_dr0", {13, END}, PRIVILEGED},
    {"mov_dr7", {13, END}, PRIVILEGED},
    {"mov_from_dr6", {13, END}, PRIVILEGED},
    {"xsetbv", {13, 6, END}, NULL},
    {"xsetbv_garbage", {13, 6, END}, NULL},
    {"rdpmc", {13, 6, END}, NULL},
    {"invd", {13, END}, PRIVILEGED},
    {"invpcid", {13, 6, END}, NULL},
    {"xsaves", {13, 6, END}, NULL},
    {"xrstors", {13, 6, END}, NULL},
    {"halt_with_prefix", {13, END}, PRIVILEGED},
    {"clac", {6, 13, END}, NULL},
    {"stac", {6, 13, END}, NULL},
    {"sysenter", {13, 6, 14, END}, NULL},
    {"sysexit", {13, 6, END}, NULL},
    {"sysret", {13, 6, END}, NULL},
    {"iret_to_kernel", {13, 14, END}, NULL},
    {"ret_to_kernel", {13, 14, END}, NULL},
    {"jump_to_kernel", {13, END}, NULL},
    {"call_through_task", {13, 6, END}, NULL},
    {"load_kernel_segment", {13, END}, NULL},
    {"load_local_segment", {13, END}, NULL},
    {"load_null_stack", {13, END}, NULL},
    {"fs_base_not_canonical", {13, 14, FINE, END}, NULL},
    {"gs_base_not_canonical", {13, 14, FINE, END}, NULL},
    {"vmcall", {6, 13, FINE, END}, NULL},
    {"vmmcall", {6, 13, 14, FINE, END}, NULL},
    {"vmlaunch", {6, 13, END}, NULL},
    {"vmxon", {6, 13, END}, NULL},
    {"vmfunc", {6, 13, END}, NULL},
    {"vmrun", {6, 13, END}, NULL},
    {"vmload", {6, 13, END}, NULL},
    {"stgi", {6, 13, END}, NULL},
    {"skinit", {6, 13, END}, NULL},
    {"getsec", {6, 13, END}, NULL},
    {"rsm", {6, 13, END}, NULL},
    {"encls", {6, 13, END}, NULL},
    {"enclu", {6, 13, END}, NULL},
    {"monitor", {6, 13, END}, NULL},
    {"mwait", {6, 13, END}, NULL},
    {"umwait", {6, 13, FINE, END}, NULL},
    {"tpause", {6, 13, FINE, END}, NULL},
    {"wrpkru", {6, 13, END}, NULL},
    {"in_immediate", {13, END}, "port not allowed"},
    {"out_immediate", {13, END}, "port not allowed"},
    {"ins", {13, END}, "port not allowed"},
    {"outs", {13, END}, "port not allowed"},
    {"debug_instruction", {1, 6, END}, NULL},
    {"into", {6, END}, "invalid opcode"},
    {"x87_error", {16, END}, "x87 error"},
    {"simd_error", {19, FINE, END}, "SIMD floating-point error"},
    {"misaligned_vector", {13, END}, "non-canonical or misaligned address"},
    {"alignment_check", {17, FINE, END}, NULL},
    {"divide_overflow", {0, END}, "divide error"},
    {"lock_without_memory", {6, END}, "invalid opcode"},
    {"too_long", {13, 6, END}, NULL},
    {"undefined", {6, END}, "invalid opcode"},
    {"cpuid_storm", {FINE, END}, NULL},
    {"rdtsc", {FINE, END}, NULL},
    {"rdtscp", {FINE, 6, END}, NULL},
    {"rdpid", {FINE, 6, END}, NULL},
    {"rdrand", {FINE, 6, END}, NULL},
    {"xgetbv", {FINE, END}, NULL},
    {"sgdt", {FINE, 13, END}, NULL},
    {"sidt", {FINE, 13, END}, NULL},
    {"sldt", {FINE, 13, END}, NULL},
    {"str", {FINE, 13, END}, NULL},
    {"smsw", {FINE, 13, END}, NULL},
    {"verify_segments", {FINE, END}, NULL},
    {"flags_of_a_kernel", {FINE, END}, NULL},
    {"prefetch_elsewhere", {FINE, END}, NULL},
    {"transaction", {FINE, 6, END}, NULL},
    {"nothing", {FINE, END}, NULL},
};

static bool is_listed(int outcome, const int *outcomes)
{
    for (size_t i = 0; outcomes[i] != END; i++) {
        if (outcomes[i] == outcome)
            return true;
    }
    return false;
}

/* E04, E05, F01, F08, F10, F12: one instruction at a time. */
static void test_each_instruction_ends_as_ring_3_demands(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    size_t n_wrong = 0;
    for (size_t i = 0; i < COUNT(animals); i++) {
        const mote_value name = mote_str(animals[i].name);
        mote_sandbox *sandbox = new_offender(NULL);
        mote_status status = provoke(sandbox, "Zoo", &name, 1);
        int outcome = status == MOTE_OK ? FINE : last_error.fault.vector;
        bool is_kind = status == MOTE_OK || status == MOTE_E_GUEST_FAULT;
        bool has_cause = status == MOTE_OK || animals[i].cause == NULL ||
                         strcmp(last_error.fault.cause, animals[i].cause) == 0;
        if (!is_kind || !is_listed(outcome, animals[i].outcomes) || !has_cause) {
            print_error("%s: %s: %s\n", animals[i].name, mote_status_name(status), last_error.text);
            n_wrong++;
        }
        assert_contained(sandbox, status);
    }
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_instruction_ends_as_ring_3_demands),
    };
    return cmocka_run_group_tests_name("hostile privilege", tests, witness_set_up,
                                       witness_tear_down);
}
