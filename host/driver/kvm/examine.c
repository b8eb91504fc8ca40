/* SPDX-License-Identifier: Apache-2.0 */
/* What KVM can do on this host. */
#include "host/driver/kvm/kvm_internal.h"

#include "host/base/error.h"
#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Descriptors that each sandbox takes: the VM and its vCPU. */
#define DESCRIPTORS_PER_MACHINE 2u

static const struct {
    int os_errno;
    const char *advice;
} advices[] = {
    {ENOENT, "load KVM's module (modprobe kvm_intel or kvm_amd); in a cloud VM ask for nested "
             "virtualisation; in a container pass --device /dev/kvm"},
    {EACCES,
     "add this user to the group that owns /dev/kvm (usermod -aG kvm USER) and log in anew"},
    {EPERM, "allow this container or service the device: --device /dev/kvm"},
    {ENODEV, "switch virtualisation on in the firmware, then load KVM's module"},
    {ENOTTY, "another device stands in KVM's place: in a container pass --device /dev/kvm"},
    {EMFILE, "raise the limit on open descriptors (ulimit -n)"},
};

static const char *advice_for(int os_errno)
{
    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
        if (advices[i].os_errno == os_errno)
            return advices[i].advice;
    }
    return "";
}

/* QEMU's emulator names itself in CPUID leaf 0x40000000. */
static bool is_emulated_cpu(void)
{
    uint32_t eax;
    uint32_t name[3];
    __cpuid(0x40000000, eax, name[0], name[1], name[2]);
    return memcmp(name, "TCGTCGTCGTCG", sizeof(name)) == 0;
}

static void name_kind(mote_driver_report *report)
{
    static const char *const modules[] = {"kvm_pvm", "kvm_intel", "kvm_amd"};
    const char *kind = "kvm";
    for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
        char path[64];
        snprintf(path, sizeof(path), "/sys/module/%s", modules[i]);
        if (access(path, F_OK) == 0) {
            kind = modules[i];
            break;
        }
    }
    snprintf(report->kind, sizeof(report->kind), "%s%s", kind,
             is_emulated_cpu() ? " on an emulated CPU (QEMU TCG)" : "");
}

static void count_sandboxes(mote_driver_report *report)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        report->max_sandboxes = limit.rlim_cur / DESCRIPTORS_PER_MACHINE;
}

void mt_kvm_examine(mote_driver_report *report)
{
    mote_error err = {0};
    int kvm_fd;
    uint8_t task_type;
    count_sandboxes(report);
    mote_status status = mt_kvm_open(&kvm_fd, &err);
    if (status == MOTE_OK) {
        close(kvm_fd);
        name_kind(report);
        status = mt_kvm_task_type(&task_type, &err);
    }
    report->works = status == MOTE_OK;
    if (report->works)
        return;
    report->os_errno = err.os_errno;
    mt_error_copy(report->operation, sizeof(report->operation), err.subject, strlen(err.subject));
    mt_error_copy(report->reason, sizeof(report->reason), err.text, strlen(err.text));
    snprintf(report->advice, sizeof(report->advice), "%s", advice_for(err.os_errno));
}
