# Language, warnings, hardening and sanitizers for all targets.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Precompiled headers defeat ccache unless it ignores their time stamps and defines.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env
      "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime"
      "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" "CCACHE_NOHASHDIR=1" ${CCACHE_PROGRAM})
endif()

add_library(sallyport_flags INTERFACE)
target_include_directories(sallyport_flags INTERFACE "${CMAKE_SOURCE_DIR}/src")
target_compile_definitions(sallyport_flags INTERFACE SALLYPORT_VERSION="${PROJECT_VERSION}" _FILE_OFFSET_BITS=64)
target_compile_options(sallyport_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wnon-virtual-dtor
  -Wold-style-cast -Wimplicit-fallthrough -Wno-missing-field-initializers -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these inside its own coroutine frames and std::variant; clang does not.
  target_compile_options(sallyport_flags INTERFACE
    -Wno-maybe-uninitialized -Wno-dangling-pointer -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds
    -Wno-stringop-overread -Wno-mismatched-new-delete)
else()
  # clang reports std::stable_sort of libstdc++ 12, which uses std::get_temporary_buffer, as a fault of its caller.
  target_compile_options(sallyport_flags INTERFACE -Wno-deprecated-declarations)
endif()

# For files that are compiled in batches; to be linked last. Names of one file are visible to the others of its batch, so these warnings
# would be about that alone; builds without batches check each file.
add_library(sallyport_batch_flags INTERFACE)
target_compile_options(sallyport_batch_flags INTERFACE -Wno-shadow -Wno-unused-function)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(sallyport_batch_flags INTERFACE -Wno-subobject-linkage)
endif()
if(CMAKE_UNITY_BUILD)
  target_link_libraries(sallyport_flags INTERFACE sallyport_batch_flags)
endif()

if(SALLYPORT_HARDEN)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  target_compile_definitions(sallyport_flags INTERFACE _FORTIFY_SOURCE=3 _GLIBCXX_ASSERTIONS)
  # The program does not contain the folder that it was built in: see tools/repro.
  add_compile_options("-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.")
  target_compile_options(sallyport_flags INTERFACE
    -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE)
  target_link_options(sallyport_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

if(SALLYPORT_SANITIZE)
  add_compile_options(-fsanitize=${SALLYPORT_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SALLYPORT_SANITIZE})
  if(SALLYPORT_SANITIZE MATCHES "thread")
    # Its operator new takes the place of that of memory_reserve.cpp, whose own tests therefore fail.
    add_link_options(-Wl,-z,muldefs)
  endif()
  if(SALLYPORT_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
if(SALLYPORT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link) # every directory reports its coverage to a fuzzer
endif()
