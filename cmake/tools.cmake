# The programs that trained the models in models/: not part of a build, but of the repository.
if(NOT DRAPE_FUZZ)
  foreach(tool train eval label)
    add_executable(parser_${tool} EXCLUDE_FROM_ALL tools/parser/${tool}.c tools/parser/photos.c tools/parser/augment.c
                                                   tools/parser/score.c)
    target_include_directories(parser_${tool} PRIVATE src tools/parser)
    target_link_libraries(parser_${tool} PRIVATE drape_lib)
  endforeach()
  target_sources(parser_train PRIVATE tools/parser/trainer.c tools/parser/watch.c src/cli/opt.c)
endif()
