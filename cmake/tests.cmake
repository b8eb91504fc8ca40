# SPDX-License-Identifier: Apache-2.0
# mote_unit_test(NAME SOURCES...): a cmocka program, linked to the library's inside. Everything in
# the build folder's tests/ is run by scripts/run_tests.py.

if(MOTE_BUILD_TESTS)
    find_library(MOTE_CMOCKA cmocka REQUIRED)
    add_library(mote_alarm_guard OBJECT ${PROJECT_SOURCE_DIR}/tests/alarm_guard.c)
    target_link_libraries(mote_alarm_guard PRIVATE mote_host_flags)
endif()

function(mote_unit_test name)
    if(NOT MOTE_BUILD_TESTS)
        return()
    endif()
    add_executable(${name} ${ARGN})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    target_compile_definitions(${name} PRIVATE MOTE_BUILD_DIR="${PROJECT_BINARY_DIR}"
                                               MOTE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    target_link_libraries(${name} PRIVATE mote_host_flags mote_inside mote_alarm_guard
        ${MOTE_CMOCKA})
endfunction()
