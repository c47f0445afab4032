# sallyport_layer(NAME SOURCES a.cpp ... USES other layers and libraries ... TESTS a_test.cpp ...)
#
# One folder of src/sallyport as one static library "sallyport_NAME", and its unit tests as one program "NAME_test".
# Each test program is one CTest entry group; tests stand beside the code they test.
include(GoogleTest)

# The order of layers, which is written here alone: a folder links only folders that stand before it, and those that it may
# include are the ones that it links (USES). sallyport_layer() and tools/rules keep it so, and tools/rules holds the line in
# ARCHITECTURE.md against it.
set(sallyport_order base proto status net vfs firewall reach client front server gate ops cli)

function(sallyport_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES;TESTS;TEST_USES;PCH" ${ARGN})
  foreach(used IN LISTS arg_USES)
    string(REGEX MATCH "^sallyport_([a-z]+)$" of_ours ${used})
    if(of_ours AND CMAKE_MATCH_1 IN_LIST sallyport_order AND NOT TARGET ${used})
      message(FATAL_ERROR "${name} uses ${CMAKE_MATCH_1}, which does not stand before it in cmake/layers.cmake")
    endif()
  endforeach()
  add_library(sallyport_${name} STATIC ${arg_SOURCES})
  target_link_libraries(sallyport_${name} PUBLIC sallyport_flags ${arg_USES})
  if(arg_PCH)
    target_precompile_headers(sallyport_${name} PRIVATE ${arg_PCH})
  endif()
  if(SALLYPORT_TESTS AND arg_TESTS AND NOT SALLYPORT_FUZZ)
    add_executable(${name}_test ${arg_TESTS})
    target_link_libraries(${name}_test PRIVATE sallyport_${name} ${arg_TEST_USES} GTest::gtest GTest::gmock GTest::gtest_main)
    if(arg_PCH)
      target_precompile_headers(${name}_test REUSE_FROM sallyport_${name})
    endif()
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." PROPERTIES TIMEOUT 120 LABELS unit DISCOVERY_TIMEOUT 60)
  endif()
endfunction()
