/* SPDX-License-Identifier: Apache-2.0 */
/* A call against the guest's function table, before the guest is entered. */
#include "host/sandbox/operations.h"

#include "abi/codes.h"
#include "host/base/error.h"
#include "host/base/text.h"
#include "host/hostfn/marshal.h"
#include <stdio.h>
#include <string.h>

#define MAX_SUGGESTIONS 3u
#define MAX_NAME_BYTES MT_MAX_FUNCTION_NAME_BYTES
/* A file may name its functions as it likes, but the text of an error is one line. */
#define ESCAPED_NAME_BYTES (4 * MAX_NAME_BYTES + 1)

/* ---- Near names ---- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* How many letters have to be put in, taken out or changed, case aside (Levenshtein). */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[MAX_NAME_BYTES + 1];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t changed = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
            diagonal = row[j];
            row[j] = smaller(changed, smaller(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_len];
}

/* 0 is the same; SIZE_MAX is too far to be meant. */
static size_t farness(const char *wanted, const char *name)
{
    size_t wanted_len = strnlen(wanted, MAX_NAME_BYTES);
    size_t name_len = strnlen(name, MAX_NAME_BYTES);
    size_t distance = edit_distance(wanted, wanted_len, name, name_len);
    size_t allowed = 1 + wanted_len / 3;
    bool is_part = wanted_len >= 3 && strcasestr(name, wanted) != NULL;
    if (is_part)
        return smaller(distance, allowed);
    return distance <= allowed ? distance : SIZE_MAX;
}

struct suggestion {
    const mote_function *function;
    size_t farness;
};

static size_t find_near(const struct mt_image *image, const char *wanted,
                        struct suggestion best[MAX_SUGGESTIONS])
{
    size_t n = 0;
    for (size_t i = 0; i < image->n_functions; i++) {
        struct suggestion next = {&image->functions[i], farness(wanted, image->functions[i].name)};
        if (next.farness == SIZE_MAX)
            continue;
        size_t at = n < MAX_SUGGESTIONS ? n++ : MAX_SUGGESTIONS - 1;
        if (at == MAX_SUGGESTIONS - 1 && best[at].function != NULL &&
            best[at].farness <= next.farness)
            continue;
        while (at > 0 && best[at - 1].farness > next.farness) {
            best[at] = best[at - 1];
            at--;
        }
        best[at] = next;
    }
    return n;
}

static size_t write_signature(char *to, size_t room, const mote_function *function)
{
    char name[ESCAPED_NAME_BYTES];
    mt_escape(name, sizeof(name), function->name, strlen(function->name));
    int n = snprintf(to, room, "%s(", name);
    size_t used = n < 0 ? room : (size_t)n;
    for (size_t i = 0; i < function->n_params && used < room; i++) {
        n = snprintf(to + used, room - used, "%s%s", i > 0 ? ", " : "",
                     mote_type_name(function->params[i]));
        used += (size_t)n;
    }
    if (used < room) {
        n = snprintf(to + used, room - used, ") -> %s", mote_type_name(function->returns));
        used += (size_t)n;
    }
    return smaller(used, room - 1);
}

static mote_status no_such_function(const struct mt_image *image, const char *name, mote_error *err)
{
    struct suggestion best[MAX_SUGGESTIONS] = {{NULL, 0}};
    char near[2 * MOTE_ERROR_TEXT_BYTES] = "";
    char escaped[MOTE_ERROR_NAME_BYTES];
    size_t n = find_near(image, name, best);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        int added = snprintf(near + used, sizeof(near) - used, "%s", i == 0 ? "; near: " : ", ");
        used = smaller(used + (size_t)added, sizeof(near) - 1);
        used += write_signature(near + used, sizeof(near) - used, best[i].function);
    }
    if (n == 0)
        snprintf(near, sizeof(near), "; it has %zu functions, none of a near name",
                 image->n_functions);
    mt_escape(escaped, sizeof(escaped), name, strlen(name));
    mote_status status =
        mt_fail(err, MOTE_E_GUEST_ERROR, "guest has no function %s%s", escaped, near);
    if (err == NULL)
        return status;
    err->guest_code = MT_GUEST_CODE_FUNCTION_NOT_FOUND;
    mt_error_copy(err->message, sizeof(err->message), name, strlen(name));
    mt_error_copy(err->function, sizeof(err->function), name, strlen(name));
    return status;
}

/* ---- Arguments ---- */

/* The texts are Hyperlight 0.1's, in the guest's place. */
static mote_status guest_says(const mote_function *function, uint64_t code, const char *message,
                              mote_error *err)
{
    char escaped[MOTE_ERROR_TEXT_BYTES];
    mt_escape(escaped, sizeof(escaped), message, strlen(message));
    mote_status status = mt_fail(err, MOTE_E_GUEST_ERROR, "%s", escaped);
    if (err == NULL)
        return status;
    err->guest_code = code;
    mt_error_copy(err->message, sizeof(err->message), message, strlen(message));
    mt_error_copy(err->function, sizeof(err->function), function->name, strlen(function->name));
    return status;
}

static mote_status wrong_number(const mote_function *function, size_t n_args, mote_error *err)
{
    char message[MOTE_ERROR_TEXT_BYTES];
    snprintf(message, sizeof(message), "Called function %s with %zu parameters but it takes %zu.",
             function->name, n_args, function->n_params);
    return guest_says(function, MT_GUEST_CODE_WRONG_NUMBER_OF_PARAMETERS, message, err);
}

static mote_status wrong_type(const mote_function *function, size_t i, mote_type got,
                              mote_error *err)
{
    char message[MOTE_ERROR_TEXT_BYTES];
    snprintf(message, sizeof(message),
             "Expected parameter type %s for parameter index %zu of function %s but got %s.",
             mt_record_type_name(function->params[i]), i, function->name, mt_record_type_name(got));
    return guest_says(function, MT_GUEST_CODE_PARAMETER_TYPE_MISMATCH, message, err);
}

static mote_status check_arguments(const mote_function *function, const mote_value *args,
                                   size_t n_args, mote_error *err)
{
    if (n_args != function->n_params)
        return wrong_number(function, n_args, err);
    for (size_t i = 0; i < n_args; i++) {
        if (args[i].type != function->params[i])
            return wrong_type(function, i, args[i].type, err);
    }
    return MOTE_OK;
}

static mote_status wrong_result(const mote_function *function, mote_type asked, mote_error *err)
{
    char name[ESCAPED_NAME_BYTES];
    mt_escape(name, sizeof(name), function->name, strlen(function->name));
    return mt_fail(err, MOTE_E_TYPE, "function %s returns %s and was asked for %s", name,
                   mote_type_name(function->returns), mote_type_name(asked));
}

static mote_status check_without_table(const struct mt_image *image, mote_type asked,
                                       mote_type *returns, mote_error *err)
{
    if (asked == MOTE_TYPE_ANY)
        return mt_fail(err, MOTE_E_TYPE, "guest declares no %s: the result's must be given",
                       image->n_functions > 0 ? "types for this function" : "types");
    *returns = asked;
    return MOTE_OK;
}

mote_status mt_check_call_of(const struct mt_image *image, const mote_function *function,
                             const char *name, const mote_value *args, size_t n_args,
                             mote_type asked, mote_type *returns, mote_error *err)
{
    if (image->facts.abi == MOTE_ABI_HYPERLIGHT_0_1)
        return check_without_table(image, asked, returns, err);
    if (function == NULL && image->facts.has_other_functions)
        return check_without_table(image, asked, returns, err);
    if (function == NULL)
        return no_such_function(image, name, err);
    mote_status status = check_arguments(function, args, n_args, err);
    if (status != MOTE_OK)
        return status;
    if (asked != MOTE_TYPE_ANY && asked != function->returns)
        return wrong_result(function, asked, err);
    *returns = function->returns;
    return MOTE_OK;
}

mote_status mt_check_call(const struct mt_image *image, const char *name, const mote_value *args,
                          size_t n_args, mote_type asked, mote_type *returns, mote_error *err)
{
    const mote_function *function = mt_image_function_named(image, name);
    return mt_check_call_of(image, function, name, args, n_args, asked, returns, err);
}

mote_status mt_check_words(const char *function, const mote_value *args, size_t n_args,
                           mote_type returns, mote_error *err)
{
    if (function == NULL || (args == NULL && n_args > 0))
        return mt_fail(err, MOTE_E_ARGUMENT, "function or args is NULL");
    if (n_args > MOTE_MAX_PARAMETERS)
        return mt_fail(err, MOTE_E_ARGUMENT, "%zu arguments are more than %d", n_args,
                       MOTE_MAX_PARAMETERS);
    for (size_t i = 0; i < n_args; i++) {
        if ((unsigned)args[i].type >= MOTE_TYPE_VOID)
            return mt_fail(err, MOTE_E_ARGUMENT, "argument %zu has no value type: %d", i,
                           (int)args[i].type);
    }
    if ((unsigned)returns > MOTE_TYPE_ANY)
        return mt_fail(err, MOTE_E_ARGUMENT, "returns is no type: %d", (int)returns);
    if (function[0] == '\0' || !mt_utf8_is_valid(function, strlen(function)))
        return mt_fail(err, MOTE_E_ARGUMENT, "the function's name is empty or not UTF-8");
    return MOTE_OK;
}
