# clang against the headers and libraries of an old release (sysroot.sh), for either architecture.
# -DREAPER_SYSROOT=FOLDER -DREAPER_TARGET=x86_64-linux-gnu|aarch64-linux-gnu
set(CMAKE_SYSTEM_NAME Linux)
string(REGEX REPLACE "-.*" "" CMAKE_SYSTEM_PROCESSOR "${REAPER_TARGET}")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES REAPER_SYSROOT REAPER_TARGET)
set(CMAKE_SYSROOT "${REAPER_SYSROOT}")
set(CMAKE_CXX_COMPILER clang++-19)
set(CMAKE_CXX_COMPILER_TARGET "${REAPER_TARGET}")
# The C++ library goes into the addon: the host's may be older than this compiler's. Node has its own copy, and the two
# must not be mixed, so the addon exports what Node calls and nothing else.
set(CMAKE_MODULE_LINKER_FLAGS_INIT
    "-static-libstdc++ -static-libgcc -Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/exports.map -Wl,-z,relro,-z,now")
# The hook: static, and at an address of its own at each start all the same.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static-pie -Wl,-z,relro,-z,now")
