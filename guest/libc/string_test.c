/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's string and memory functions against the host's, at every size, offset and overlap. */
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <cmocka.h>

void *guest_memcpy(void *to, const void *from, size_t n);
void *guest_memmove(void *to, const void *from, size_t n);
void *guest_memset(void *to, int byte, size_t n);
int guest_memcmp(const void *a, const void *b, size_t n);
void *guest_memchr(const void *data, int byte, size_t n);
void *guest_memrchr(const void *data, int byte, size_t n);
void *guest_memmem(const void *data, size_t n, const void *part, size_t n_part);
size_t guest_strlen(const char *text);
size_t guest_strnlen(const char *text, size_t n);
int guest_strcmp(const char *a, const char *b);
int guest_strncmp(const char *a, const char *b, size_t n);
int guest_strcasecmp(const char *a, const char *b);
int guest_strncasecmp(const char *a, const char *b, size_t n);
char *guest_strchr(const char *text, int c);
char *guest_strrchr(const char *text, int c);
char *guest_strstr(const char *text, const char *part);
size_t guest_strspn(const char *text, const char *set);
size_t guest_strcspn(const char *text, const char *set);
char *guest_strpbrk(const char *text, const char *set);
char *guest_strcpy(char *to, const char *from);
char *guest_strncpy(char *to, const char *from, size_t n);
char *guest_stpcpy(char *to, const char *from);
char *guest_stpncpy(char *to, const char *from, size_t n);
char *guest_strcat(char *to, const char *from);
char *guest_strncat(char *to, const char *from, size_t n);
char *guest_strtok_r(char *text, const char *separators, char **rest);
char *guest_strerror(int number);
int guest_isalnum(int c);
int guest_isalpha(int c);
int guest_isblank(int c);
int guest_iscntrl(int c);
int guest_isdigit(int c);
int guest_isgraph(int c);
int guest_islower(int c);
int guest_isprint(int c);
int guest_ispunct(int c);
int guest_isspace(int c);
int guest_isupper(int c);
int guest_isxdigit(int c);
int guest_tolower(int c);
int guest_toupper(int c);

#define ROOM 6000

/* Sizes about the steps where the functions change their way. */
static const size_t sizes[] = {0,  1,  2,  3,  4,  5,  7,  8,   9,   15,  16,   17,   31,   32,  33,
                               47, 48, 49, 63, 64, 65, 66, 127, 128, 129, 1023, 1024, 1025, 4099};
#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void fill(uint8_t *data, unsigned seed)
{
    for (size_t i = 0; i < ROOM; i++)
        data[i] = (uint8_t)(i * 7 + i / 256 * 13 + seed);
}

static void test_memcpy_copies_exactly(void **state)
{
    (void)state;
    static uint8_t from[ROOM], ours[ROOM], theirs[ROOM];
    fill(from, 1);
    for (size_t s = 0; s < N_SIZES; s++) {
        for (size_t offset = 0; offset < 20; offset++) {
            fill(ours, 99);
            fill(theirs, 99);
            void *to = guest_memcpy(ours + offset, from + 19 - offset, sizes[s]);
            assert_ptr_equal(to, ours + offset);
            memcpy(theirs + offset, from + 19 - offset, sizes[s]);
            assert_memory_equal(ours, theirs, ROOM);
        }
    }
}

static void test_memmove_copes_with_every_overlap(void **state)
{
    (void)state;
    static uint8_t ours[ROOM], theirs[ROOM];
    static const size_t distances[] = {0, 1, 2, 8, 15, 16, 17, 63, 64, 65, 200, 1500};
    for (size_t s = 0; s < N_SIZES; s++) {
        for (size_t d = 0; d < sizeof(distances) / sizeof(distances[0]); d++) {
            size_t low = 3, high = 3 + distances[d];
            fill(ours, 5);
            fill(theirs, 5);
            guest_memmove(ours + low, ours + high, sizes[s]);
            memmove(theirs + low, theirs + high, sizes[s]);
            assert_memory_equal(ours, theirs, ROOM);
            guest_memmove(ours + high, ours + low, sizes[s]);
            memmove(theirs + high, theirs + low, sizes[s]);
            assert_memory_equal(ours, theirs, ROOM);
        }
    }
}

static void test_memset_fills_exactly(void **state)
{
    (void)state;
    static uint8_t ours[ROOM], theirs[ROOM];
    for (size_t s = 0; s < N_SIZES; s++) {
        for (size_t offset = 0; offset < 20; offset++) {
            fill(ours, 3);
            fill(theirs, 3);
            guest_memset(ours + offset, 0x1A5, sizes[s]);
            memset(theirs + offset, 0x1A5, sizes[s]);
            assert_memory_equal(ours, theirs, ROOM);
        }
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void test_memcmp_and_memchr_find_each_place(void **state)
{
    (void)state;
    static uint8_t a[200], b[200];
    for (size_t n = 0; n < 100; n++) {
        assert_int_equal(guest_memcmp(a + 1, b + 2, n), 0);
        for (size_t at = 0; at < n; at++) {
            b[2 + at] = 0x90;
            assert_int_equal(sign(guest_memcmp(a + 1, b + 2, n)), -1);
            assert_int_equal(sign(guest_memcmp(b + 2, a + 1, n)), 1);
            assert_ptr_equal(guest_memchr(b + 2, 0x90, n), b + 2 + at);
            assert_ptr_equal(guest_memrchr(b + 2, 0x190, n), b + 2 + at);
            assert_null(guest_memchr(b + 2, 0x90, at));
            b[2 + at] = 0;
        }
    }
    assert_ptr_equal(guest_memmem("abcabd", 6, "", 0), memmem("abcabd", 6, "", 0));
    const char *text = "abcabcabd";
    assert_ptr_equal(guest_memmem(text, 9, "abd", 3), text + 6);
    assert_null(guest_memmem(text, 8, "abd", 3));
    assert_null(guest_memmem(text, 2, "abd", 3));
}

/* Nothing may be read from the page behind a string's end. */
static void test_strlen_stays_in_its_page(void **state)
{
    (void)state;
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
    memset(pages, 'x', 4096);
    pages[4095] = '\0';
    for (size_t n = 0; n < 100; n++) {
        assert_int_equal(guest_strlen(pages + 4095 - n), n);
        assert_int_equal(guest_strnlen(pages + 4096 - n, n), n == 0 ? 0 : n - 1);
    }
    assert_int_equal(munmap(pages, 8192), 0);
}

/* memchr() stops at the first match, however much it is told to search. */
static void test_memchr_reads_nothing_behind_the_match(void **state)
{
    (void)state;
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
    memset(pages, 'x', 4096);
    pages[4095] = '\0';
    for (size_t n = 0; n < 100; n++) {
        char *text = pages + 4095 - n;
        char copy[128];
        assert_ptr_equal(guest_memchr(text, '\0', SIZE_MAX), pages + 4095);
        assert_ptr_equal(guest_memchr(text, '\0', n + 1), pages + 4095);
        assert_null(guest_memchr(text, '\0', n));
        assert_int_equal(guest_strnlen(text, SIZE_MAX), n);
        assert_ptr_equal(guest_stpncpy(copy, text, sizeof(copy)), copy + n);
    }
    assert_null(guest_memchr(pages + 4096, 'x', 0));
    assert_int_equal(munmap(pages, 8192), 0);
}

static void test_comparisons_like_the_hosts(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "a", "A", "ab", "aB", "b", "abc", "\xE9", "[", "zz"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
            const char *a = texts[i], *b = texts[k];
            assert_int_equal(sign(guest_strcmp(a, b)), sign(strcmp(a, b)));
            assert_int_equal(sign(guest_strcasecmp(a, b)), sign(strcasecmp(a, b)));
            for (size_t n = 0; n < 5; n++) {
                assert_int_equal(sign(guest_strncmp(a, b, n)), sign(strncmp(a, b, n)));
                assert_int_equal(sign(guest_strncasecmp(a, b, n)), sign(strncasecmp(a, b, n)));
            }
        }
    }
}

static void test_searches_like_the_hosts(void **state)
{
    (void)state;
    const char *text = "hello, world";
    static const char *const sets[] = {"", "h", "lo", "xyz", ", ", "world", "worldx", "o, w"};
    for (int c = 0; c < 256; c++) {
        assert_ptr_equal(guest_strchr(text, c), strchr(text, c));
        assert_ptr_equal(guest_strrchr(text, c), strrchr(text, c));
    }
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        assert_int_equal(guest_strspn(text, sets[i]), strspn(text, sets[i]));
        assert_int_equal(guest_strcspn(text, sets[i]), strcspn(text, sets[i]));
        assert_ptr_equal(guest_strpbrk(text, sets[i]), strpbrk(text, sets[i]));
        assert_ptr_equal(guest_strstr(text, sets[i]), strstr(text, sets[i]));
    }
}

static void test_copies_end_with_a_nul(void **state)
{
    (void)state;
    char to[16];
    assert_ptr_equal(guest_strcpy(to, "abc"), to);
    assert_string_equal(to, "abc");
    memset(to, '*', sizeof(to));
    assert_ptr_equal(guest_stpncpy(to, "xyz", 5), to + 3);
    assert_memory_equal(to, "xyz\0\0*", 6);
    assert_ptr_equal(guest_stpncpy(to, "abcdef", 3), to + 3);
    assert_memory_equal(to, "abc\0", 4);
    assert_ptr_equal(guest_stpcpy(to, "xy"), to + 2);
    assert_string_equal(guest_strcat(to, "zzz"), "xyzzz");
    assert_string_equal(guest_strncat(to, "12345", 2), "xyzzz12");
    memset(to, '*', sizeof(to));
    guest_strncpy(to, "ab", 5);
    assert_memory_equal(to, "ab\0\0\0*", 6);
    guest_strncpy(to, "abcdef", 3);
    assert_memory_equal(to, "abc\0\0*", 6);
}

static void test_strtok_r_skips_empty_tokens(void **state)
{
    (void)state;
    char text[] = ",,a,bc,,d,";
    char *rest = NULL;
    assert_string_equal(guest_strtok_r(text, ",", &rest), "a");
    assert_string_equal(guest_strtok_r(NULL, ",", &rest), "bc");
    assert_string_equal(guest_strtok_r(NULL, ",", &rest), "d");
    assert_null(guest_strtok_r(NULL, ",", &rest));
    assert_null(guest_strtok_r(NULL, ",", &rest));
}

static void test_strerror_knows_and_does_not_know(void **state)
{
    (void)state;
    assert_string_equal(guest_strerror(0), "Success");
    assert_string_equal(guest_strerror(22), "Invalid argument");
    assert_string_equal(guest_strerror(-5), "Unknown error");
    /* All that the guest's <errno.h> has. */
    static const int numbers[] = {EPERM,  ENOENT, EINTR,  EIO,  EBADF,  EAGAIN, ENOMEM, EACCES,
                                  EFAULT, EEXIST, EINVAL, EDOM, ERANGE, ENOSYS, EILSEQ, EOVERFLOW};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        assert_string_equal(guest_strerror(numbers[i]), strerror(numbers[i]));
}

static void test_character_classes_like_the_hosts(void **state)
{
    (void)state;
    for (int c = -1; c < 256; c++) {
        assert_int_equal(!guest_isalnum(c), !isalnum(c));
        assert_int_equal(!guest_isalpha(c), !isalpha(c));
        assert_int_equal(!guest_isblank(c), !isblank(c));
        assert_int_equal(!guest_iscntrl(c), !iscntrl(c));
        assert_int_equal(!guest_isdigit(c), !isdigit(c));
        assert_int_equal(!guest_isgraph(c), !isgraph(c));
        assert_int_equal(!guest_islower(c), !islower(c));
        assert_int_equal(!guest_isprint(c), !isprint(c));
        assert_int_equal(!guest_ispunct(c), !ispunct(c));
        assert_int_equal(!guest_isspace(c), !isspace(c));
        assert_int_equal(!guest_isupper(c), !isupper(c));
        assert_int_equal(!guest_isxdigit(c), !isxdigit(c));
        assert_int_equal(guest_tolower(c), tolower(c));
        assert_int_equal(guest_toupper(c), toupper(c));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memcpy_copies_exactly),
        cmocka_unit_test(test_memmove_copes_with_every_overlap),
        cmocka_unit_test(test_memset_fills_exactly),
        cmocka_unit_test(test_memcmp_and_memchr_find_each_place),
        cmocka_unit_test(test_strlen_stays_in_its_page),
        cmocka_unit_test(test_memchr_reads_nothing_behind_the_match),
        cmocka_unit_test(test_comparisons_like_the_hosts),
        cmocka_unit_test(test_searches_like_the_hosts),
        cmocka_unit_test(test_copies_end_with_a_nul),
        cmocka_unit_test(test_strtok_r_skips_empty_tokens),
        cmocka_unit_test(test_strerror_knows_and_does_not_know),
        cmocka_unit_test(test_character_classes_like_the_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
