#include "common/base/path.h"

struct span
path_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL) {
		return span_of(".");
	}
	return slash == path ? span_of("/")
			     : (struct span){path, (size_t)(slash - path)};
}
