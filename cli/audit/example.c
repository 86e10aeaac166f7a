/* The built-in example of what not to offer a model. */
#include "cli/audit/audit.h"

/* examples/dangerous-mcp-tools.json, put in by the build. */
extern const char audit_dangerous_tools[];

const char *
audit_example(const char *name)
{
	return strcmp(name, "dangerous-db-mcp") == 0 ? audit_dangerous_tools
						     : NULL;
}
