/* SPDX-License-Identifier: Apache-2.0 */
/* Codes of guest errors and aborts, with Hyperlight 0.1's spelling (docs/errors.md). */
#ifndef MOTE_ABI_CODES_H
#define MOTE_ABI_CODES_H

#define MT_GUEST_CODE_LIST(X) \
    X(NO_ERROR, 0, "NoError") \
    X(UNSUPPORTED_PARAMETER_TYPE, 2, "UnsupportedParameterType") \
    X(FUNCTION_NAME_NOT_PROVIDED, 3, "GuestFunctionNameNotProvided") \
    X(FUNCTION_NOT_FOUND, 4, "GuestFunctionNotFound") \
    X(WRONG_NUMBER_OF_PARAMETERS, 5, "GuestFunctionIncorrecNoOfParameters") \
    X(DISPATCH_POINTER_NOT_SET, 6, "GispatchFunctionPointerNotSet") \
    X(OUTB, 7, "OutbError") \
    X(UNKNOWN, 8, "UnknownError") \
    X(STACK_OVERFLOW, 9, "StackOverflow") \
    X(GS_CHECK_FAILED, 10, "GsCheckFailed") \
    X(TOO_MANY_FUNCTIONS, 11, "TooManyGuestFunctions") \
    X(FAILURE_IN_DLMALLOC, 12, "FailureInDlmalloc") \
    X(MALLOC_FAILED, 13, "MallocFailed") \
    X(PARAMETER_TYPE_MISMATCH, 14, "GuestFunctionParameterTypeMismatch") \
    X(GUEST_ERROR, 15, "GuestError") \
    X(ARRAY_LENGTH_MISSING, 16, "ArrayLengthParamIsMissing")

enum mt_guest_code {
#define MT_GUEST_CODE_ENUM(name, value, text) MT_GUEST_CODE_##name = value,
    MT_GUEST_CODE_LIST(MT_GUEST_CODE_ENUM)
#undef MT_GUEST_CODE_ENUM
};

#endif
