#include <unistd.h>

#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

/* For a collector that reads files: the whole new text or the old one. */
static int
write_textfile(const char *path, struct span text, struct err *e)
{
	int rc = file_write_atomic(path, text.ptr, text.len, 0644, e);

	if (rc != 0) {
		err_context(e, "the metrics were not written");
	}
	return rc;
}

int
cmd_metrics(const struct args *a, struct err *e)
{
	const char *path = args_get(a, "textfile");
	struct control c;
	struct span text;
	int rc = control_open(&c, a, e);

	if (rc == 0) {
		rc = control_show(&c, SHOW_METRICS, "", &text, e);
	}
	if (rc == 0 && path != NULL) {
		rc = write_textfile(path, text, e);
	} else if (rc == 0 &&
		   fd_write_all(STDOUT_FILENO, text.ptr, text.len, -1) != 0) {
		rc = err_sys(e, "cannot print");
	}
	control_close(&c);
	return rc;
}
