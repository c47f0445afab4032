# sallyport_layer(NAME SOURCES a.cpp ... ALONE b.cpp ... USES other layers and libraries ... TESTS a_test.cpp ...)
#
# One directory of src/sallyport as one static library "sallyport_NAME", and its unit tests as one program "NAME_test".
# Tests are compiled in batches by every preset, sources by those that set CMAKE_UNITY_BUILD.
# ALONE: sources and tests that are compiled separately in spite of that, because they share a private name with another one, or
# because they are large.
# Each test program is one CTest entry group; tests are next to the code they test.
include(GoogleTest)

# Options for tests, after all others: tests are many and run once, so that optimizing them costs more than it gains. The checks of
# _FORTIFY_SOURCE need optimization; the libraries under test have both.
set(sallyport_test_options -O0)
if(SALLYPORT_HARDEN)
  list(APPEND sallyport_test_options -U_FORTIFY_SOURCE)
endif()
if(SALLYPORT_FUZZ)
  # A fuzzer needs the coverage of the libraries only; a backtrace names a test without debug information, too.
  list(APPEND sallyport_test_options -fno-sanitize=fuzzer-no-link -g0)
endif()

# The headers that every test of a directory includes, parsed once for all folders: GoogleTest's, and what the folder's sources have
# precompiled (PCH). Directories with a list of their own use that of "net".
function(sallyport_test_headers target)
  cmake_parse_arguments(arg "" "PCH" "USES" ${ARGN})
  file(GENERATE OUTPUT "${CMAKE_BINARY_DIR}/${target}.cpp" CONTENT "// Only for the headers precompiled with it.\n")
  add_library(${target} OBJECT "${CMAKE_BINARY_DIR}/${target}.cpp")
  target_compile_options(${target} PRIVATE ${sallyport_test_options})
  target_link_libraries(${target} PRIVATE sallyport_flags ${arg_USES} GTest::gtest GTest::gmock)
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}/tests") # support/
  target_precompile_headers(${target} PRIVATE <gmock/gmock.h> <gtest/gtest.h> <support/gtest_names.hpp> ${arg_PCH})
endfunction()

# Each test is a process of its own, unless SALLYPORT_TEST_PARTS asks for so many processes for all tests of a layer: the start
# of a program takes longer than most tests, with a sanitizer above all.
function(sallyport_unit_tests name)
  if(NOT SALLYPORT_TEST_PARTS)
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." PROPERTIES TIMEOUT 120 LABELS unit DISCOVERY_TIMEOUT 60)
    return()
  endif()
  foreach(part RANGE 1 ${SALLYPORT_TEST_PARTS})
    math(EXPR index "${part} - 1")
    add_test(NAME ${name}.${part} COMMAND ${name}_test --gtest_brief=1)
    set_tests_properties(
      ${name}.${part} PROPERTIES LABELS unit TIMEOUT 300 ENVIRONMENT
                                 "GTEST_TOTAL_SHARDS=${SALLYPORT_TEST_PARTS};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()

# sallyport_test(PROGRAM HEADERS library ...): a program of unit tests, with the precompiled HEADERS of one of the above.
# In batches of eight, tests need 40 % of the time that they need one by one: most of it goes to the templates of GoogleTest and of
# the standard library.
function(sallyport_test target headers)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  target_compile_options(${target} PRIVATE ${sallyport_test_options})
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}/tests") # support/
  target_link_libraries(${target} PRIVATE ${ARGN} GTest::gtest GTest::gmock GTest::gtest_main sallyport_batch_flags)
  target_precompile_headers(${target} REUSE_FROM ${headers})
endfunction()

# The order of layers, which is defined only here: a directory links only directories before it, and may include only those that it
# links (USES). sallyport_layer() and tools/rules check this, and tools/rules compares the line in ARCHITECTURE.md with it.
set(sallyport_order base proto diagnosis status net vfs firewall helper reach client doctor frontend server gate ops imports cli)

# PCH: headers to precompile, base/pch.hpp by default. The first directory with these headers makes them, later ones use its result.
function(sallyport_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;ALONE;USES;TESTS;TEST_USES;PCH" ${ARGN})
  foreach(used IN LISTS arg_USES)
    string(REGEX MATCH "^sallyport_([a-z]+)$" of_ours ${used})
    if(of_ours AND CMAKE_MATCH_1 IN_LIST sallyport_order AND NOT TARGET ${used})
      message(FATAL_ERROR "${name} uses ${CMAKE_MATCH_1}, which does not stand before it in cmake/layers.cmake")
    endif()
  endforeach()
  add_library(sallyport_${name} STATIC ${arg_SOURCES})
  set_source_files_properties(${arg_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_link_libraries(sallyport_${name} PUBLIC sallyport_flags ${arg_USES})
  set(precompiled ${arg_PCH})
  if(NOT precompiled)
    set(precompiled <sallyport/base/pch.hpp>)
  endif()
  string(MAKE_C_IDENTIFIER "sallyport_maker_of${precompiled}" maker)
  get_property(made_by GLOBAL PROPERTY ${maker})
  if(made_by)
    target_precompile_headers(sallyport_${name} REUSE_FROM ${made_by})
  else()
    target_precompile_headers(sallyport_${name} PRIVATE ${precompiled})
    set_property(GLOBAL PROPERTY ${maker} sallyport_${name})
  endif()
  if(SALLYPORT_TESTS AND arg_TESTS)
    set(headers sallyport_plain_test_headers)
    if(arg_PCH)
      set(headers sallyport_net_test_headers)
    endif()
    if(name STREQUAL "base")
      sallyport_test_headers(${headers} PCH ${precompiled} USES sallyport_base)
    elseif(name STREQUAL "net")
      sallyport_test_headers(${headers} PCH ${precompiled} USES sallyport_net)
    endif()
    add_executable(${name}_test ${arg_TESTS})
    sallyport_test(${name}_test ${headers} sallyport_${name} ${arg_TEST_USES})
    sallyport_unit_tests(${name})
  endif()
endfunction()
