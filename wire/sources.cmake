# SPDX-License-Identifier: Apache-2.0
# The sources of wire/, for the host library and for the guest library, which compile them alike.
set(MOTE_WIRE_SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/build.c
    ${CMAKE_CURRENT_LIST_DIR}/read_call.c
    ${CMAKE_CURRENT_LIST_DIR}/read_definitions.c
    ${CMAKE_CURRENT_LIST_DIR}/read_report.c
    ${CMAKE_CURRENT_LIST_DIR}/read_result.c
    ${CMAKE_CURRENT_LIST_DIR}/read_value.c
    ${CMAKE_CURRENT_LIST_DIR}/types.c
    ${CMAKE_CURRENT_LIST_DIR}/usual.c
    ${CMAKE_CURRENT_LIST_DIR}/utf8.c
    ${CMAKE_CURRENT_LIST_DIR}/verify.c
    ${CMAKE_CURRENT_LIST_DIR}/write.c)
