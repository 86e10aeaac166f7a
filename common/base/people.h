/*
 * Users of this system, by name and number. Look-ups may read files and start
 * name services: only before a process confines itself.
 */
#ifndef CS_COMMON_BASE_PEOPLE_H
#define CS_COMMON_BASE_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for a user name. */
#define PEOPLE_NAME_SIZE 64

/* The name of a uid; false (and "") when it has none, or one that does not
 * fit: a cut name could be somebody else's. */
bool people_name(uint32_t uid, char out[PEOPLE_NAME_SIZE]);

/* The uid of a name, -1 when there is no such user. */
int64_t people_uid(const char *name);

#endif
