# Warnings are errors; flags a compiler does not know are left out.
include(CheckCCompilerFlag)

foreach(flag -Wall -Wextra -Werror -Wformat=2 -Wformat-signedness -Wconversion
	-Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
	-Wold-style-definition -Wundef -Wvla -Walloca -Wcast-qual -Wwrite-strings
	-Wpointer-arith -Wswitch-enum -Wimplicit-fallthrough -Wnull-dereference
	-Wduplicated-cond -Wlogical-op)
	string(MAKE_C_IDENTIFIER "CS_HAS${flag}" known)
	check_c_compiler_flag(${flag} ${known})
	if(${known})
		add_compile_options(${flag})
	endif()
endforeach()
