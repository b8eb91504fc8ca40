/* SPDX-License-Identifier: Apache-2.0 */
/* What compiled C++ asks for that needs no C++ library (Itanium C++ ABI, sections 3.2.6 and 3.3).
 * The names are mangled ones. */
#include <mote_guest/moteg.h>
#include <stdlib.h>

/* Destructors of static objects never run, as a guest never ends of its own accord. */
int __cxa_atexit(void (*fn)(void *), void *object, void *library);
int __cxa_atexit(void (*fn)(void *), void *object, void *library)
{
    (void)fn;
    (void)object;
    (void)library;
    return 0;
}

extern void *__dso_handle __attribute__((visibility("hidden")));
void *__dso_handle;

_Noreturn void __cxa_pure_virtual(void);
_Noreturn void __cxa_pure_virtual(void)
{
    moteg_abort(MOTEG_CODE_UNKNOWN, "pure virtual function called");
}

/* Without exceptions, `new` has no way to return without memory. */
static void *allocate(size_t n)
{
    void *memory = malloc(n);
    if (memory == NULL)
        moteg_fail(MOTEG_CODE_MALLOC_FAILED, "no memory for %zu bytes in a heap of %zu bytes", n,
                   moteg_heap_bytes());
    return memory;
}

void *mt_cxx_new(size_t n) __asm__("_Znwm");
void *mt_cxx_new(size_t n)
{
    return allocate(n);
}

void *mt_cxx_new_array(size_t n) __asm__("_Znam");
void *mt_cxx_new_array(size_t n)
{
    return allocate(n);
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
