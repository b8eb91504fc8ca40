/* SPDX-License-Identifier: Apache-2.0 */
/* Classes of characters in the "C" locale: ASCII, and nothing above it. */
#include "guest/libc/own.h"

#include <ctype.h>

static int is_between(int c, int first, int last)
{
    return c >= first && c <= last;
}

int isdigit(int c)
{
    return is_between(c, '0', '9');
}

int islower(int c)
{
    return is_between(c, 'a', 'z');
}

int isupper(int c)
{
    return is_between(c, 'A', 'Z');
}

int isalpha(int c)
{
    return islower(c) || isupper(c);
}

int isalnum(int c)
{
    return isalpha(c) || isdigit(c);
}

int isxdigit(int c)
{
    return isdigit(c) || is_between(c, 'a', 'f') || is_between(c, 'A', 'F');
}

MT_MAY_BE_THE_GUESTS int isblank(int c)
{
    return c == ' ' || c == '\t';
}

int isspace(int c)
{
    return c == ' ' || is_between(c, '\t', '\r');
}

MT_MAY_BE_THE_GUESTS int iscntrl(int c)
{
    return is_between(c, 0, 0x1F) || c == 0x7F;
}

int isprint(int c)
{
    return is_between(c, 0x20, 0x7E);
}

int isgraph(int c)
{
    return is_between(c, 0x21, 0x7E);
}

MT_MAY_BE_THE_GUESTS int ispunct(int c)
{
    return isgraph(c) && !isalnum(c);
}

int tolower(int c)
{
    return isupper(c) ? c - 'A' + 'a' : c;
}

int toupper(int c)
{
    return islower(c) ? c - 'a' + 'A' : c;
}
