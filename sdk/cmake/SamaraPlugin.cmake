# samara_add_plugin(NAME sources...): a plugin library that exports one symbol, `samara_plugin_entry`, and links
# nothing but the C and C++ runtime.  Used by Samara's own plugins and, through the installed package, by anybody's.
set(SAMARA_PLUGIN_MAP ${CMAKE_CURRENT_LIST_DIR}/plugin.map)

function(samara_add_plugin name)
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE Samara::sdk)
  target_compile_features(${name} PRIVATE c_std_11 cxx_std_20)
  set_target_properties(${name} PROPERTIES PREFIX "" POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${SAMARA_PLUGIN_MAP})
  if(SAMARA_PLUGIN_OUTPUT_DIRECTORY)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${SAMARA_PLUGIN_OUTPUT_DIRECTORY})
  endif()
  target_compile_options(${name} PRIVATE -Wall -Wextra $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  # The version script is needed although visibility is hidden: some compilers export weak template objects anyway.
  target_link_options(${name} PRIVATE LINKER:-z,nodelete LINKER:--version-script=${SAMARA_PLUGIN_MAP})
  if(NOT SAMARA_SANITIZE OR NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
    target_link_options(${name} PRIVATE LINKER:-z,defs)
  endif()
endfunction()
