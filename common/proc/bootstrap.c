#include "common/proc/bootstrap.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/span.h"
#include "common/crypto/secret.h"

#define PACKET_MAX (SECRET_MAX + BOOTSTRAP_NAME_MAX + 16)

static const char *const words[] = {
    [BOOT_READY] = "READY",
    [BOOT_SECRET] = "SECRET",
    [BOOT_GO] = "GO",
    [BOOT_CONFINED] = "CONFINED",
    [BOOT_FAILED] = "FAILED",
};

int
bootstrap_pair(int fds[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		return err_sys(e, "cannot make a bootstrap channel");
	}
	return 0;
}

static int
send_parts(int fd, struct iovec *parts, size_t count, struct err *e)
{
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = count};

	while (sendmsg(fd, &m, MSG_NOSIGNAL) < 0) {
		if (errno == EPIPE || errno == ECONNRESET) {
			return err_set(e, CS_E_EOF, NULL,
			    "the other side of the bootstrap channel is gone");
		}
		if (errno != EINTR) {
			return err_sys(e, "cannot send a bootstrap packet");
		}
	}
	return 0;
}

/* An iovec is not const, but sendmsg only reads it. */
static struct iovec
part_of(const void *data, size_t len)
{
	union {
		const void *in;
		void *out;
	} p = {.in = data};

	return (struct iovec){.iov_base = p.out, .iov_len = len};
}

int
bootstrap_send(
    int fd, enum bootstrap_word word, const char *text, struct err *e)
{
	size_t len = text == NULL ? 0 : strnlen(text, BOOTSTRAP_TEXT_MAX);
	struct iovec parts[] = {
	    part_of(words[word], strlen(words[word])),
	    part_of(" ", len > 0 ? 1 : 0),
	    part_of(text, len),
	};

	return send_parts(fd, parts, 3, e);
}

struct outgoing {
	int fd;
	const char *name;
	struct err *e;
};

static int
send_value(struct span value, void *context)
{
	struct outgoing *o = context;
	struct iovec parts[] = {
	    part_of("SECRET ", 7),
	    part_of(o->name, strlen(o->name) + 1),
	    part_of(value.ptr, value.len),
	};

	if (value.len > SECRET_MAX || strlen(o->name) > BOOTSTRAP_NAME_MAX) {
		return err_set(o->e, CS_E_TOO_LARGE, NULL,
		    "credential %.64s or its name is too long", o->name);
	}
	return send_parts(o->fd, parts, 3, o->e);
}

int
bootstrap_send_secret(
    int fd, const char *name, const struct secret *value, struct err *e)
{
	struct outgoing o = {.fd = fd, .name = name, .e = e};

	return secret_with(value, send_value, &o);
}

/* "<name>\0<value>". The name is compared later with what was asked for. */
static int
parse_secret(struct bootstrap_packet *packet, struct span body, struct err *e)
{
	const char *nul = memchr(body.ptr, '\0', body.len);
	size_t name_len = nul == NULL ? 0 : (size_t)(nul - body.ptr);

	if (name_len == 0 || name_len > BOOTSTRAP_NAME_MAX) {
		return err_set(e, CS_E_PROTOCOL, NULL,
		    "a credential without a proper name");
	}
	memcpy(packet->text, body.ptr, name_len + 1);
	packet->value =
	    secret_new((struct span){nul + 1, body.len - name_len - 1});
	return 0;
}

static int
parse_text(struct bootstrap_packet *packet, struct span body, struct err *e)
{
	if (body.len > BOOTSTRAP_TEXT_MAX ||
	    memchr(body.ptr, '\0', body.len) != NULL) {
		return err_set(e, CS_E_PROTOCOL, NULL,
		    "a bootstrap packet with a bad text");
	}
	memcpy(packet->text, body.ptr, body.len);
	packet->text[body.len] = '\0';
	return 0;
}

/*
 * The word, then a space, then what belongs to it (untrusted both ways: a child
 * may be taken over, and the descriptor was only named on a command line).
 */
static int
parse_packet(struct bootstrap_packet *packet, struct span raw, struct err *e)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i]);
		if (raw.len < len || memcmp(raw.ptr, words[i], len) != 0 ||
		    (raw.len > len && raw.ptr[len] != ' ')) {
			continue;
		}
		size_t skip = raw.len > len ? len + 1 : len;
		struct span body = {raw.ptr + skip, raw.len - skip};
		packet->word = (enum bootstrap_word)i;
		return packet->word == BOOT_SECRET
			   ? parse_secret(packet, body, e)
			   : parse_text(packet, body, e);
	}
	return err_set(e, CS_E_PROTOCOL, NULL, "unknown bootstrap packet");
}

int
bootstrap_recv(
    int fd, struct bootstrap_packet *packet, int64_t deadline_ms, struct err *e)
{
	char raw[PACKET_MAX];
	ssize_t n;
	int rc = fd_wait(fd, POLLIN, deadline_ms);

	packet->value = NULL;
	packet->text[0] = '\0';
	if (rc != 0) {
		return err_set(
		    e, rc, NULL, "no answer on the bootstrap channel");
	}
	do {
		/* MSG_TRUNC returns the true length, so that too much shows. */
		n = recv(fd, raw, sizeof(raw), MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET)) {
		return err_set(e, CS_E_EOF, NULL,
		    "the other side of the bootstrap channel is gone");
	}
	if (n < 0) {
		return err_sys(e, "cannot receive a bootstrap packet");
	}
	if ((size_t)n > sizeof(raw)) {
		rc = err_set(
		    e, CS_E_PROTOCOL, NULL, "a bootstrap packet is too long");
	} else {
		rc = parse_packet(packet, (struct span){raw, (size_t)n}, e);
	}
	/* It may have been a secret; the copy that counts is in guarded
	 * memory. */
	explicit_bzero(raw, sizeof(raw));
	return rc;
}
