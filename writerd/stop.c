#include "writerd/stop.h"

#include <signal.h>

#include "writerd/ledger_link.h"

static volatile sig_atomic_t stop_requested;

static void
on_stop(int signal_number)
{
	(void)signal_number;
	stop_requested = 1;
}

void
stop_catch(struct ledger_link *link)
{
	struct sigaction action = {.sa_handler = on_stop};
	sigset_t block;

	(void)sigemptyset(&block);
	(void)sigaddset(&block, SIGTERM);
	(void)sigaddset(&block, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &block, &link->waiting);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	link->stop = &stop_requested;
}

bool
stop_was_asked(void)
{
	return stop_requested != 0;
}
