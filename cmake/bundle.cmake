# Several files as one: cmake -DOUTPUT=file -DINPUTS=a:b:c -P bundle.cmake
# Of JavaScript modules the imports and exports go: what they name stands in the same script then.
string(REPLACE ":" ";" inputs "${INPUTS}")
set(whole "")
foreach(input IN LISTS inputs)
  file(READ "${input}" text)
  if(input MATCHES "\\.js$")
    string(REGEX REPLACE "(^|\n)import [^\n]*\n" "\\1" text "${text}")
    string(REGEX REPLACE "(^|\n)import [^\n]*\n" "\\1" text "${text}") # of two in a row the first takes the line end
    string(REGEX REPLACE "(^|\n)export " "\\1" text "${text}")
  endif()
  string(APPEND whole "${text}")
endforeach()
file(WRITE "${OUTPUT}" "${whole}")
