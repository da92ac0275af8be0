# Tests that are not cmocka programs: the shape of the source tree, the public header, the example, what is installed.
set(checks ${CMAKE_SOURCE_DIR}/tests/package)
add_test(NAME package_header COMMAND ${checks}/header.sh ${CMAKE_C_COMPILER})
add_test(NAME package_example COMMAND ${checks}/example.sh $<TARGET_FILE:example_tryon> $<TARGET_FILE:drape>)
add_test(NAME package_example_garment COMMAND ${checks}/example_garment.sh $<TARGET_FILE:example_garment>
                                              $<TARGET_FILE:drape>)
add_test(NAME package_example_mask COMMAND ${checks}/example_mask.sh $<TARGET_FILE:example_mask> $<TARGET_FILE:drape>)
add_test(NAME package_example_warp COMMAND ${checks}/example_warp.sh $<TARGET_FILE:example_warp> $<TARGET_FILE:drape>)
add_test(NAME package_example_train COMMAND ${checks}/example_train.sh $<TARGET_FILE:example_train> $<TARGET_FILE:drape>)
add_test(NAME package_deps COMMAND ${checks}/deps.sh)
add_test(NAME package_man COMMAND ${checks}/man.sh $<TARGET_FILE:drape>)
if(TARGET drape_shared)
  add_test(NAME package_install COMMAND ${checks}/install.sh ${CMAKE_COMMAND} ${CMAKE_BINARY_DIR} ${CMAKE_C_COMPILER})
  add_test(NAME package_package COMMAND ${checks}/package.sh ${CMAKE_BINARY_DIR})
endif()
find_program(DRAPE_PYTHON python3)
if(DRAPE_PYTHON)
  # with the objects of this build, if there is a way to look into them
  set(looks)
  if(CMAKE_NM AND CMAKE_GENERATOR MATCHES "Ninja|Makefiles")
    set(looks ${CMAKE_BINARY_DIR} ${CMAKE_NM})
  endif()
  add_test(NAME package_includes COMMAND ${DRAPE_PYTHON} ${CMAKE_SOURCE_DIR}/tools/check_includes.py ${looks})
endif()
get_property(names DIRECTORY PROPERTY TESTS)
list(FILTER names INCLUDE REGEX "^package_")
set_tests_properties(${names} PROPERTIES TIMEOUT 600 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
                     ENVIRONMENT "DRAPE_CACHE_DIR=${CMAKE_BINARY_DIR}/cache")

# Every tests/*/test_*.sh is a test that gets the program as its argument, and whatever else it needs.
add_executable(cli_judge tests/cli/judge.c)
target_link_libraries(cli_judge PRIVATE mini_parts)
set(cli_test_mini_needs $<TARGET_FILE:example_crops> $<TARGET_FILE:cli_judge>)
set(cli_test_ranks_needs ${DRAPE_MPIRUN} drape-mpi.so)
file(GLOB scripts CONFIGURE_DEPENDS tests/*/test_*.sh)
foreach(script ${scripts})
  get_filename_component(name ${script} NAME_WE)
  get_filename_component(folder ${script} DIRECTORY)
  get_filename_component(folder ${folder} NAME)
  add_test(NAME ${folder}_${name} COMMAND ${script} $<TARGET_FILE:drape> ${${folder}_${name}_needs})
  set_tests_properties(${folder}_${name} PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
                       ENVIRONMENT "DRAPE_CACHE_DIR=${CMAKE_BINARY_DIR}/cache")
endforeach()
# Ranks once more by the other MPI; skipped where there is none.
add_test(NAME cli_test_ranks_other COMMAND tests/cli/test_ranks.sh $<TARGET_FILE:drape> ${DRAPE_OTHER_MPIRUN}
                                           drape-mpi-${DRAPE_OTHER_MPI}.so)
set_tests_properties(cli_test_ranks_other PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
                     ENVIRONMENT "DRAPE_CACHE_DIR=${CMAKE_BINARY_DIR}/cache")

# The small model's training is no part of the build: a test makes it first.
add_test(NAME tools_mini_build COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target mini_vae mini_unet mini_made mini_mean
                                                                                           mini_eval mini_wardrobe parser_label
                                                                                           parser_train)
add_test(NAME tools_mini_vae COMMAND ${CMAKE_SOURCE_DIR}/tests/tools/mini_vae.sh $<TARGET_FILE:mini_vae>)
add_test(NAME tools_mini_unet COMMAND ${CMAKE_SOURCE_DIR}/tests/tools/mini_unet.sh $<TARGET_FILE:mini_unet>
                                      $<TARGET_FILE:parser_label> $<TARGET_FILE:drape> $<TARGET_FILE:mini_made>
                                      $<TARGET_FILE:mini_vae>)
add_test(NAME tools_mini_files COMMAND ${CMAKE_SOURCE_DIR}/tests/tools/mini_files.sh $<TARGET_FILE:drape>
                                       $<TARGET_FILE:mini_wardrobe> $<TARGET_FILE:mini_mean>)
add_test(NAME tools_parser_train COMMAND ${CMAKE_SOURCE_DIR}/tests/tools/parser_train.sh $<TARGET_FILE:drape>
                                         $<TARGET_FILE:parser_train> $<TARGET_FILE:parser_label>)
add_test(NAME tools_mini_eval COMMAND ${CMAKE_SOURCE_DIR}/tests/tools/mini_eval.sh $<TARGET_FILE:mini_eval>
                                      $<TARGET_FILE:parser_label> $<TARGET_FILE:drape>)
set_tests_properties(tools_mini_build PROPERTIES TIMEOUT 600 FIXTURES_SETUP mini)
set_tests_properties(tools_mini_vae tools_mini_unet tools_mini_eval tools_mini_files tools_parser_train PROPERTIES TIMEOUT 600
                                                                                           FIXTURES_REQUIRED mini)

# The golden cases once more with every other way to compute them.
foreach(setting DRAPE_BACKEND=ref DRAPE_BACKEND=far DRAPE_ISA=base DRAPE_ISA=avx2)
  add_test(NAME verify_test_golden_${setting} COMMAND verify_test_golden WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(verify_test_golden_${setting} PROPERTIES TIMEOUT 600
                       ENVIRONMENT "DRAPE_CACHE_DIR=${CMAKE_BINARY_DIR}/cache;${setting}")
endforeach()
