#include "common/base/people.h"

#include <pwd.h>

#define ENTRY_SIZE 4096

bool
people_name(uint32_t uid, char out[PEOPLE_NAME_SIZE])
{
	char text[ENTRY_SIZE];
	struct passwd entry;
	struct passwd *found = NULL;

	out[0] = '\0';
	if (getpwuid_r(uid, &entry, text, sizeof(text), &found) != 0 ||
	    found == NULL || strlen(found->pw_name) >= PEOPLE_NAME_SIZE) {
		return false;
	}
	(void)snprintf(out, PEOPLE_NAME_SIZE, "%s", found->pw_name);
	return true;
}

int64_t
people_uid(const char *name)
{
	char text[ENTRY_SIZE];
	struct passwd entry;
	struct passwd *found = NULL;

	if (getpwnam_r(name, &entry, text, sizeof(text), &found) != 0 ||
	    found == NULL) {
		return -1;
	}
	return found->pw_uid;
}
