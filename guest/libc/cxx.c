/* SPDX-License-Identifier: Apache-2.0 */
/* What compiled C++ asks for that needs no C++ library (Itanium C++ ABI, sections 2.9, 3.2.6
 * and 3.3). The names are mangled ones. */
#include <mote_guest/moteg.h>
#include <stdint.h>
#include <stdlib.h>

/* Destructors of static and of thread-local objects never run, as neither a guest nor its one
 * thread ever ends of its own accord. */
int __cxa_atexit(void (*fn)(void *), void *object, void *library);
int __cxa_atexit(void (*fn)(void *), void *object, void *library)
{
    (void)fn;
    (void)object;
    (void)library;
    return 0;
}

int __cxa_thread_atexit(void (*fn)(void *), void *object, void *library);
int __cxa_thread_atexit(void (*fn)(void *), void *object, void *library)
{
    return __cxa_atexit(fn, object, library);
}

extern void *__dso_handle __attribute__((visibility("hidden")));
void *__dso_handle;

/* A static variable of a function is made when it is passed first (section 3.3.3): the first byte
 * of its guard says that it was. There is one thread. */
int __cxa_guard_acquire(uint64_t *guard);
int __cxa_guard_acquire(uint64_t *guard)
{
    return *(const uint8_t *)guard == 0;
}

void __cxa_guard_release(uint64_t *guard);
void __cxa_guard_release(uint64_t *guard)
{
    *(uint8_t *)guard = 1;
}

void __cxa_guard_abort(uint64_t *guard);
void __cxa_guard_abort(uint64_t *guard)
{
    (void)guard;
}

/* Type information that a virtual table points to is of one of these classes (section 2.9.5). It is
 * never looked at: what would do so, such as dynamic_cast, is not here. */
const void *const mt_cxx_class_type[3] __asm__("_ZTVN10__cxxabiv117__class_type_infoE") = {0};
const void *const mt_cxx_single_type[3] __asm__("_ZTVN10__cxxabiv120__si_class_type_infoE") = {0};
const void *const mt_cxx_multiple_type[3] __asm__("_ZTVN10__cxxabiv121__vmi_class_type_infoE") = {
    0};

_Noreturn void __cxa_pure_virtual(void);
_Noreturn void __cxa_pure_virtual(void)
{
    moteg_abort(MOTEG_CODE_UNKNOWN, "pure virtual function called");
}

_Noreturn void __cxa_deleted_virtual(void);
_Noreturn void __cxa_deleted_virtual(void)
{
    moteg_abort(MOTEG_CODE_UNKNOWN, "deleted virtual function called");
}

/* Without exceptions, `new` has no way to return without memory. */
static void *got(void *memory, size_t n)
{
    if (memory == NULL)
        moteg_fail(MOTEG_CODE_MALLOC_FAILED, "no memory for %zu bytes in a heap of %zu bytes", n,
                   moteg_heap_bytes());
    return memory;
}

void *mt_cxx_new(size_t n) __asm__("_Znwm");
void *mt_cxx_new(size_t n)
{
    return got(malloc(n), n);
}

void *mt_cxx_new_array(size_t n) __asm__("_Znam");
void *mt_cxx_new_array(size_t n)
{
    return got(malloc(n), n);
}

void mt_cxx_delete(void *memory) __asm__("_ZdlPv");
void mt_cxx_delete(void *memory)
{
    free(memory);
}

void mt_cxx_delete_array(void *memory) __asm__("_ZdaPv");
void mt_cxx_delete_array(void *memory)
{
    free(memory);
}

void mt_cxx_delete_sized(void *memory, size_t n) __asm__("_ZdlPvm");
void mt_cxx_delete_sized(void *memory, size_t n)
{
    (void)n;
    free(memory);
}

void mt_cxx_delete_array_sized(void *memory, size_t n) __asm__("_ZdaPvm");
void mt_cxx_delete_array_sized(void *memory, size_t n)
{
    (void)n;
    free(memory);
}

/* ---- Of types with a larger alignment than malloc() gives (std::align_val_t) ---- */

void *mt_cxx_new_aligned(size_t n, size_t alignment) __asm__("_ZnwmSt11align_val_t");
void *mt_cxx_new_aligned(size_t n, size_t alignment)
{
    return got(aligned_alloc(alignment, n), n);
}

void *mt_cxx_new_array_aligned(size_t n, size_t alignment) __asm__("_ZnamSt11align_val_t");
void *mt_cxx_new_array_aligned(size_t n, size_t alignment)
{
    return got(aligned_alloc(alignment, n), n);
}

void mt_cxx_delete_aligned(void *memory, size_t alignment) __asm__("_ZdlPvSt11align_val_t");
void mt_cxx_delete_aligned(void *memory, size_t alignment)
{
    (void)alignment;
    free(memory);
}

void mt_cxx_delete_array_aligned(void *memory, size_t alignment) __asm__("_ZdaPvSt11align_val_t");
void mt_cxx_delete_array_aligned(void *memory, size_t alignment)
{
    (void)alignment;
    free(memory);
}

void mt_cxx_delete_sized_aligned(void *memory, size_t n,
                                 size_t alignment) __asm__("_ZdlPvmSt11align_val_t");
void mt_cxx_delete_sized_aligned(void *memory, size_t n, size_t alignment)
{
    (void)n;
    (void)alignment;
    free(memory);
}

void mt_cxx_delete_array_sized_aligned(void *memory, size_t n,
                                       size_t alignment) __asm__("_ZdaPvmSt11align_val_t");
void mt_cxx_delete_array_sized_aligned(void *memory, size_t n, size_t alignment)
{
    (void)n;
    (void)alignment;
    free(memory);
}
