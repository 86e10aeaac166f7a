/*
 * Functions that nobody may call, forced into every translation unit: they
 * overflow, hide errors, start shells or read the environment behind our back.
 * common/proc/envclean.c, which owns the environment, defines CS_ENV_OWNER.
 */
#ifndef CS_COMMON_BASE_BANNED_H
#define CS_COMMON_BASE_BANNED_H

/* Declare them first, so that the poison meets only our own code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef CS_USES_MYSQL_H /* its macros name what is poisoned below */
#include <mysql.h>
#endif
#ifdef CS_USES_OPENSSL_H /* it has parameters of these names */
#include <openssl/evp.h>
#include <openssl/ssl.h>
#endif

/* Fortified headers make these two macros for clang. */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets
#pragma GCC poison atoi atol atof strtok system popen tmpnam mktemp
#pragma GCC poison rand srand asctime ctime gmtime localtime

#endif
