/* SPDX-License-Identifier: Apache-2.0 */
/* host/base/checked.h with words of 8 bits, over every input. The words are a class, so that no
 * operand is widened to an int as C would: they wrap wherever the real ones do. The functions use
 * nothing that depends on the width: sums, differences, products, masks and comparisons alone. */
#include <cstdint>
#include <cstdio>
#include <cstdlib>

struct word {
    std::uint8_t value;
    word() : value(0)
    {
    }
    word(unsigned long from) : value(static_cast<std::uint8_t>(from))
    {
    }
    word(int from) : value(static_cast<std::uint8_t>(from))
    {
    }
    word &operator&=(word other)
    {
        value &= other.value;
        return *this;
    }
};

static word operator-(word a, word b)
{
    return word(a.value - b.value);
}

static word operator&(word a, word b)
{
    return word(a.value & b.value);
}

static word operator~(word a)
{
    return word(~a.value);
}

[[maybe_unused]] static bool operator<(word a, word b)
{
    return a.value < b.value;
}

static bool operator<=(word a, word b)
{
    return a.value <= b.value;
}

static bool narrow_add(word a, word b, word *sum)
{
    return __builtin_add_overflow(a.value, b.value, &sum->value);
}

static bool narrow_multiply(word a, word b, word *product)
{
    return __builtin_mul_overflow(a.value, b.value, &product->value);
}

#define uint64_t word
#define __builtin_add_overflow narrow_add
#define __builtin_mul_overflow narrow_multiply
#include "host/base/checked.h"
#undef uint64_t
#undef __builtin_add_overflow
#undef __builtin_mul_overflow

enum { N = 256 };

static void require(bool is_right, const char *what, int a, int b, int c)
{
    if (is_right)
        return;
    std::printf("DISPROVEN: %s of %d, %d, %d\n", what, a, b, c);
    std::exit(1);
}

static void prove_sums_and_products()
{
    for (int a = 0; a < N; a++) {
        for (int b = 0; b < N; b++) {
            word sum;
            word product;
            bool has_sum = mt_add(a, b, &sum);
            bool has_product = mt_multiply(a, b, &product);
            require(has_sum == (a + b < N), "mt_add", a, b, 0);
            require(!has_sum || sum.value == a + b, "the sum", a, b, 0);
            require(has_product == (a * b < N), "mt_multiply", a, b, 0);
            require(!has_product || product.value == a * b, "the product", a, b, 0);
        }
    }
}

static void prove_ranges()
{
    for (int start = 0; start < N; start++) {
        for (int len = 0; len < N; len++) {
            for (int limit = 0; limit < N; limit++)
                require(mt_range_ok(start, len, limit) == (start + len <= limit), "mt_range_ok",
                        start, len, limit);
        }
    }
}

static void prove_rounding()
{
    for (int value = 0; value < N; value++) {
        for (int alignment = 1; alignment < N; alignment *= 2) {
            int down = value / alignment * alignment;
            int up = (value + alignment - 1) / alignment * alignment;
            word rounded;
            bool fits = mt_round_up(value, alignment, &rounded);
            require(fits == (up < N), "mt_round_up", value, alignment, 0);
            require(!fits || rounded.value == up, "what mt_round_up makes", value, alignment, 0);
            require(mt_round_down(value, alignment).value == down, "mt_round_down", value,
                    alignment, 0);
        }
    }
}

int main()
{
    prove_sums_and_products();
    prove_ranges();
    prove_rounding();
    std::printf("%d inputs\n", 2 * N * N + N * N * N + 2 * N * 8);
    return 0;
}
