# Hardening of every binary; tests/linkage proves that it arrived.
# Sanitized builds leave out what the sanitizers cannot live with.
include(CheckCCompilerFlag)

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
foreach(flag -fstack-protector-strong -fstack-clash-protection
	-fcf-protection=full -fno-delete-null-pointer-checks -fno-strict-overflow
	-ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr
	-ffunction-sections -fdata-sections)
	string(MAKE_C_IDENTIFIER "CS_HAS${flag}" known)
	check_c_compiler_flag(${flag} ${known})
	if(${known})
		add_compile_options(${flag})
	endif()
endforeach()
# No path of the machine that built it: the same source gives the same bytes.
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
add_compile_options(-fno-omit-frame-pointer)
if(NOT CS_SANITIZE AND NOT CS_FUZZ)
	add_compile_options($<$<CONFIG:Release,RelWithDebInfo>:-D_FORTIFY_SOURCE=3>)
endif()
if(CS_SANITIZE)
	add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all)
	add_link_options(-fsanitize=address,undefined)
endif()
if(CS_FUZZ)
	add_compile_options(-fsanitize=fuzzer-no-link,address,undefined
		-fno-sanitize-recover=all)
	add_link_options(-fsanitize=address,undefined)
endif()
add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
	-Wl,--as-needed -Wl,--gc-sections)
# What our libraries define stays inside: a shared library that has a function of
# the same name (jansson's json_string) must find its own, not ours.
add_compile_options(-fvisibility=hidden)
