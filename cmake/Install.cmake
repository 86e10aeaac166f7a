# The daemons may be executed but not read: a process made from a file that its
# user cannot read is undumpable from its first instruction.
install(TARGETS countersign countersign-run RUNTIME
	DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS countersign-review RUNTIME
	DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/countersign)
install(TARGETS mcpd ledgerd writerd writerd-handler countersign-jwks countersign-http countersign-inspect RUNTIME
	DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/countersign
	PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_EXECUTE
	WORLD_EXECUTE)
install(DIRECTORY schemas/ DESTINATION ${CMAKE_INSTALL_DATADIR}/countersign/schemas)
install(FILES demo/play.py demo/quick.py
	DESTINATION ${CMAKE_INSTALL_DATADIR}/countersign/demo)
install(FILES examples/quickstart/countersign.json examples/quickstart/shop.sql
	DESTINATION ${CMAKE_INSTALL_DATADIR}/countersign/examples/quickstart)
install(DIRECTORY kit/node DESTINATION ${CMAKE_INSTALL_DATADIR}/countersign/kit PATTERN test EXCLUDE)
install(DIRECTORY kit/python/countersign_handler DESTINATION ${CMAKE_INSTALL_DATADIR}/countersign/kit/python
	PATTERN __pycache__ EXCLUDE)
install(FILES kit/templates/c/server.c kit/templates/c/server.h
	DESTINATION ${CMAKE_INSTALL_DATADIR}/countersign/kit/templates/c)
install(DIRECTORY examples/handler-c examples/handler-credit
	DESTINATION ${CMAKE_INSTALL_DATADIR}/countersign/examples USE_SOURCE_PERMISSIONS)
foreach(section 1 3 5 8)
	file(GLOB pages ${CMAKE_SOURCE_DIR}/docs/man/*.${section})
	install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
