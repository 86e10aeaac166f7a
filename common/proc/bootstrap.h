/*
 * The channel between countersign-run and one child: a SOCK_SEQPACKET pair,
 * one packet is one message, its first word says which.
 *
 *	child -> supervisor	READY			undumpable now
 *	supervisor -> child	SECRET <name>\0<value>	any number
 *	supervisor -> child	GO			no more secrets
 *	child -> supervisor	CONFINED <degradations>	sandboxed and serving
 *	child -> supervisor	FAILED <message>	instead of its own
 *
 * After CONFINED nobody sends: the channel lives on so that each side sees the
 * other one go. Neither side trusts lengths: a truncated or unknown packet, or
 * one out of turn, ends the start.
 */
#ifndef CS_COMMON_PROC_BOOTSTRAP_H
#define CS_COMMON_PROC_BOOTSTRAP_H

#include <stdint.h>

struct err;
struct secret;

#define BOOTSTRAP_TEXT_MAX   1024
#define BOOTSTRAP_NAME_MAX   128
#define BOOTSTRAP_TIMEOUT_MS 60000

enum bootstrap_word {
	BOOT_READY,
	BOOT_SECRET,
	BOOT_GO,
	BOOT_CONFINED,
	BOOT_FAILED
};

struct bootstrap_packet {
	enum bootstrap_word word;
	char text[BOOTSTRAP_TEXT_MAX + 1]; /* name, degradations or message */
	struct secret *value;              /* BOOT_SECRET only; owned */
};

/* Make the pair; both ends are close-on-exec. */
int bootstrap_pair(int fds[2], struct err *e);

/* Send anything but a secret; `text` may be NULL and is cut if too long.
 * CS_E_EOF: the other side is gone. */
int bootstrap_send(
    int fd, enum bootstrap_word word, const char *text, struct err *e);

/* Send one credential straight out of guarded memory. CS_E_TOO_LARGE for a
 * value over SECRET_MAX or a name over BOOTSTRAP_NAME_MAX. */
int bootstrap_send_secret(
    int fd, const char *name, const struct secret *value, struct err *e);

/*
 * Receive one packet before the deadline (clock_mono_ms, -1: for ever). The
 * caller frees packet->value. CS_E_EOF: the other side is gone.
 */
int bootstrap_recv(int fd, struct bootstrap_packet *packet, int64_t deadline_ms,
    struct err *e);

#endif
