# Included when DRAPE_FUZZ is on: the whole library with libFuzzer's counters, AddressSanitizer and UBSan, on one thread.
if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "DRAPE_FUZZ needs clang: pass -DCMAKE_C_COMPILER=clang in an empty build folder")
endif()
add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
                    -Wno-unknown-pragmas -Wno-unused-function) # what only pragmas use
add_link_options(-fsanitize=address,undefined)
set(CMAKE_C_FLAGS_RELEASE "-O1 -g")
add_library(OpenMP::OpenMP_C INTERFACE IMPORTED)
set_target_properties(OpenMP::OpenMP_C PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${CMAKE_SOURCE_DIR}/fuzz/serial)
