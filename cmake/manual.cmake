# SPDX-License-Identifier: Apache-2.0
# mote_manual: manual pages and completions in the build folder's share/, made from the public headers
# and from what the programs print with --help. Left out where there is no Python, and where programs
# are sanitized.

# On the pages: when what they say last changed much. Fixed, so that every build makes the same.
set(MOTE_MANUAL_DATE 2026-11-25)

find_program(MOTE_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(MOTE_PYTHON NAMES python3)

if(MOTE_PYTHON AND NOT MOTE_SANITIZE)
    file(GLOB MOTE_MANUAL_SOURCES CONFIGURE_DEPENDS
        ${PROJECT_SOURCE_DIR}/include/mote/*.h ${PROJECT_SOURCE_DIR}/include/mote_guest/*.h)
    list(APPEND MOTE_MANUAL_SOURCES
        ${PROJECT_SOURCE_DIR}/tools/mote/options.c ${PROJECT_SOURCE_DIR}/tools/mote/report.c
        ${PROJECT_SOURCE_DIR}/host/driver/drivers.c)
    foreach(script command_help make_completion make_docs make_man tree)
        list(APPEND MOTE_MANUAL_SOURCES ${PROJECT_SOURCE_DIR}/scripts/${script}.py)
    endforeach()
    set(MOTE_MANUAL_PROGRAMS --mote $<TARGET_FILE:mote> --mote-cc ${PROJECT_BINARY_DIR}/bin/mote-cc)
    set(MOTE_MANUAL_STAMP ${CMAKE_CURRENT_BINARY_DIR}/manual.stamp)
    add_custom_command(OUTPUT ${MOTE_MANUAL_STAMP}
        COMMAND ${MOTE_PYTHON} ${PROJECT_SOURCE_DIR}/scripts/make_man.py ${MOTE_MANUAL_PROGRAMS}
            --version ${PROJECT_VERSION} --date ${MOTE_MANUAL_DATE} ${PROJECT_BINARY_DIR}/share/man
        COMMAND ${MOTE_PYTHON} ${PROJECT_SOURCE_DIR}/scripts/make_completion.py
            ${MOTE_MANUAL_PROGRAMS} ${PROJECT_BINARY_DIR}/share
        COMMAND ${CMAKE_COMMAND} -E touch ${MOTE_MANUAL_STAMP}
        DEPENDS ${MOTE_MANUAL_SOURCES} mote ${PROJECT_BINARY_DIR}/bin/mote-cc
        VERBATIM)
    add_custom_target(mote_manual ALL DEPENDS ${MOTE_MANUAL_STAMP})
endif()
