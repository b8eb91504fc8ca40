/* SPDX-License-Identifier: Apache-2.0 */
/* The floor under the benchmark's figures: bare KVM with three instructions in ring 3. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, TSS = 0x4000, MEMORY_BYTES = 0x10000 };
enum { RESET_RIP = 0xfff0, PORT = 0x68, BITMAP = 0x68, TASK_LIMIT = BITMAP + PORT / 8 + 2 };
enum { BLOCKS = 2000, BLOCK_RUNS = 10, WARM_UP_RUNS = 1000, LIVES = 200, MAX_CPUID = 256 };

static int kvm, vm, vcpu;
static unsigned char task_type = 11; /* of TR: the manuals' 11; QEMU's emulated SVM takes only 9 */
static unsigned long memory[MEMORY_BYTES / 8] __attribute__((aligned(4096)));
/* A struct kvm_cpuid2: how many entries, padding, entries. */
static unsigned int cpuid[2 + MAX_CPUID * sizeof(struct kvm_cpuid_entry2) / 4];
static struct kvm_run *shared;
static size_t shared_bytes;

static long require(long value, const char *what)
{
    if (value < 0) {
        perror(what);
        exit(1);
    }
    return value;
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The code stands where RIP is after reset, so that no general register needs setting; RBX says
 * afterwards how often the guest came by. All pages are the guest's: it is not a hostile one. */
static void write_guest(void)
{
    /* again: inc %rbx; out %al, $PORT; jmp again */
    static const unsigned char code[] = {0x48, 0xff, 0xc3, 0xe6, PORT, 0xeb, 0xf9};
    memcpy(&memory[RESET_RIP / 8], code, sizeof code);
    memory[PML4 / 8] = PDPT | 0x67;
    memory[PDPT / 8] = PD | 0x67;
    memory[PD / 8] = 0xe7;                              /* one 2 MiB page from 0 on */
    memory[TSS / 8 + 12] = (unsigned long)BITMAP << 48; /* zero bits allow a port */
}

static void enter_ring3(void)
{
    struct kvm_segment data = {0, ~0u, 0x2b, 3, .present = 1, .dpl = 3, .db = 1, .s = 1, .g = 1};
    struct kvm_sregs s = {.cs = data, .ds = data, .es = data, .fs = data, .gs = data, .ss = data};
    s.cs.selector = 0x33, s.cs.type = 11, s.cs.l = 1, s.cs.db = 0;
    s.tr = (struct kvm_segment){TSS, TASK_LIMIT, 0x40, .type = task_type, .present = 1};
    s.ldt.unusable = 1, s.apic_base = 0xfee00900;                    /* as after reset */
    s.cr0 = 0x80010033, s.cr3 = PML4, s.cr4 = 0x620, s.efer = 0x500; /* long mode, SSE */
    require(ioctl(vcpu, KVM_SET_SREGS, &s), "KVM_SET_SREGS");
}

/* What a VM needs up to its first exit. Negative when that exit is not the guest's `out`. */
static int create(void)
{
    struct kvm_userspace_memory_region region = {0, 0, 0, MEMORY_BYTES, (unsigned long)memory};
    vm = (int)require(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
    require(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
    vcpu = (int)require(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
    shared = mmap(NULL, shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    require(shared == MAP_FAILED ? -1 : 0, "mmap of the virtual CPU");
    require(ioctl(vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
    enter_ring3();
    require(ioctl(vcpu, KVM_RUN, 0), "first KVM_RUN");
    return shared->exit_reason == KVM_EXIT_IO && shared->io.port == PORT ? 0 : -1;
}

static void destroy(void)
{
    munmap(shared, shared_bytes);
    close(vcpu);
    close(vm);
}

/* KVM_RUN n times, with nothing between. Returns the mean duration. */
static double run_us(int n)
{
    int failed = 0;
    double start_us = now_us();
    for (int i = 0; i < n; i++) {
        failed |= ioctl(vcpu, KVM_RUN, 0);
    }
    double mean_us = (now_us() - start_us) / n;
    require(shared->exit_reason == KVM_EXIT_IO ? failed : -1, "KVM_RUN");
    return mean_us;
}

static int compare(const void *a, const void *b)
{
    return *(const double *)a < *(const double *)b ? -1 : 1;
}

static void print(const char *start, double *us, size_t n)
{
    qsort(us, n, sizeof *us, compare);
    printf("%s:{\"median_us\":%.3f,\"min_us\":%.3f,", start, us[n / 2], us[0]);
    printf("\"p90_us\":%.3f},", us[n * 9 / 10]);
}

int main(void)
{
    cpu_set_t here = {{0}};
    CPU_SET((size_t)require(sched_getcpu(), "sched_getcpu"), &here);
    require(sched_setaffinity(0, sizeof here, &here), "sched_setaffinity");
    kvm = (int)require(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
    cpuid[0] = MAX_CPUID;
    require(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
    shared_bytes = (size_t)require(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
    write_guest();
    if (create() < 0) {
        destroy();
        task_type = 9;
        require(create(), "the guest's out");
    }
    static double run[BLOCKS], birth[LIVES], death[LIVES];
    run_us(WARM_UP_RUNS);
    for (int i = 0; i < BLOCKS; i++) {
        run[i] = run_us(BLOCK_RUNS);
    }
    struct kvm_regs regs;
    require(ioctl(vcpu, KVM_GET_REGS, &regs), "KVM_GET_REGS");
    require(regs.rbx == 1 + WARM_UP_RUNS + BLOCKS * BLOCK_RUNS ? 0 : -1, "count of exits");
    destroy();
    for (int i = 0; i < LIVES; i++) {
        double start_us = now_us();
        require(create(), "the guest's out");
        birth[i] = now_us() - start_us;
        start_us = now_us();
        destroy();
        death[i] = now_us() - start_us;
    }
    print("{\"run\"", run, BLOCKS);
    print("\"create\"", birth, LIVES);
    print("\"destroy\"", death, LIVES);
    printf("\"exits\":%llu}\n", (unsigned long long)regs.rbx);
}
