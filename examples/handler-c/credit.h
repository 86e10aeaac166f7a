/*
 * The application's own part: what it means to grant an account credit.
 */
#ifndef CREDIT_H
#define CREDIT_H

#include <countersign-handler.h>

/* The actions that this application carries out. */
extern const struct cs_handler_action credit_actions[];
extern const size_t credit_action_count;

#endif
