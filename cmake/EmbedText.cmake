# cs_embed_text(<target> <file> <symbol>): the text of <file> as the C string
# <symbol> in a generated source of <target>.
function(cs_embed_text target file symbol)
	set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
	file(READ ${file} text)
	string(REPLACE "\\" "\\\\" text "${text}")
	string(REPLACE "\"" "\\\"" text "${text}")
	string(REPLACE "\n" "\\n\"\n\"" text "${text}")
	set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
	file(GENERATE OUTPUT ${out} CONTENT
		"extern const char ${symbol}[];\nconst char ${symbol}[] = \"${text}\";\n")
	target_sources(${target} PRIVATE ${out})
endfunction()
