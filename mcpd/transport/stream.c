/*
 * Reading stops while the client does not take its answers or too many calls
 * are in flight; so memory stays bounded however fast lines come in.
 */
#include "mcpd/transport/stream.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "mcpd/mcp/session.h"

/* What one client can make us hold: a line, answers that it does not take,
 * calls in flight. A longer line is refused; the rest is not read yet. */
#define LINE_MAX_BYTES ((size_t)1 << 20)
#define OUT_HIGH_WATER ((size_t)1 << 20)
#define IN_FLIGHT_MAX  256U
#define READ_CHUNK     65536U

/* One client: two pipes, or a socket twice. */
struct stream {
	struct session session;
	int in_fd;
	int out_fd;
	struct event in_event;
	struct event out_event;
	struct buf in;
	struct buf out;
	bool discarding; /* inside a line that is too long */
	bool ended;      /* nothing more will be read */
	bool paused;     /* the client does not take its answers */
	bool taking;     /* inside take_lines */
	bool finished;
	void (*on_finished)(void *arg);
	void *arg;
};

static void take_lines(struct stream *s);

/* Pipes and sockets; anything else is read and written blocking. */
static bool
is_waitable(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 &&
	       (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

bool
stream_needs_poll(int in_fd, int out_fd)
{
	return !is_waitable(in_fd) || !is_waitable(out_fd);
}

/* Done when nothing is read, worked on or left to write. */
static void
check_finished(struct stream *s)
{
	if (s->finished || !s->ended || s->session.in_flight > 0 ||
	    s->out.len > 0) {
		return;
	}
	s->finished = true;
	s->on_finished(s->arg);
}

/* The client is gone: nobody is left to answer. */
static void
hang_up(struct stream *s)
{
	s->ended = true;
	event_del(&s->in_event);
	event_del(&s->out_event);
	buf_reset(&s->out);
	/* Calls in flight end without an answer; what they recorded stays. */
	session_abandon(&s->session);
	check_finished(s);
}

/* Stop or go on reading, whichever is due. */
static void // NOLINTNEXTLINE(misc-no-recursion): `taking` ends it
update_pause(struct stream *s)
{
	bool full = s->out.len > OUT_HIGH_WATER ||
		    s->session.in_flight >= IN_FLIGHT_MAX;

	if (s->ended || full == s->paused) {
		return;
	}
	s->paused = full;
	if (full) {
		event_del(&s->in_event);
	} else {
		event_add(&s->in_event, NULL);
		/* Lines may wait in our own buffer, which wakes nobody. */
		take_lines(s);
	}
}

/* Write what the client takes; the rest waits for its turn. */
static void
flush(struct stream *s)
{
	size_t written = 0;

	while (written < s->out.len) {
		ssize_t n = write(
		    s->out_fd, s->out.data + written, s->out.len - written);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0 && errno == EAGAIN) {
			event_add(&s->out_event, NULL);
			break;
		}
		if (n <= 0) {
			log_event(LOG_LEVEL_NOTICE, "client_gone", "fd=%d",
			    s->out_fd);
			hang_up(s);
			return;
		}
		written += (size_t)n;
	}
	buf_consume(&s->out, written);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd;
	(void)what;
	flush(s);
	update_pause(s);
	check_finished(s);
}

/* Answers of one turn of the loop leave together, in one write. */
static void
send_line(void *transport, struct span text, int http_status)
{
	struct stream *s = transport;

	(void)http_status;
	if (s->finished) {
		return;
	}
	if (s->out.len == 0) {
		event_active(&s->out_event, EV_WRITE, 0);
	}
	buf_span(&s->out, text);
	buf_putc(&s->out, '\n');
}

/* A place is free again. */
static void
on_request_ended(void *transport)
{
	struct stream *s = transport;

	if (!s->taking) {
		update_pause(s);
		check_finished(s);
	}
}

/* CRLF counts as a line end, blank lines as nothing. */
static void
take_line(struct stream *s, struct span line)
{
	if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
		line.len--;
	}
	for (size_t i = 0; i < line.len; i++) {
		if (line.ptr[i] != ' ' && line.ptr[i] != '\t') {
			session_receive(&s->session, line, NULL);
			return;
		}
	}
}

/* Said as soon as it is certain, not when the line ends: it may never. */
static void
refuse_long_line(struct stream *s)
{
	session_refuse(&s->session, RPC_INVALID_REQUEST,
	    "Invalid Request: a line may have 1 MiB");
}

/* The line that ends at `len`, or the tail of one that is thrown away. */
static void
end_line(struct stream *s, struct span line)
{
	if (s->discarding) {
		s->discarding = false;
	} else if (line.len > LINE_MAX_BYTES) {
		refuse_long_line(s);
	} else {
		take_line(s, line);
	}
}

/* What is left is the beginning of a line. */
static void
keep_rest(struct stream *s, size_t used)
{
	buf_consume(&s->in, used);
	if (!s->discarding && s->in.len > LINE_MAX_BYTES) {
		s->discarding = true;
		refuse_long_line(s);
	}
	if (s->discarding) {
		buf_reset(&s->in);
	}
}

/* Every whole line in the buffer. Answers that are ready at once come back
 * into this object while it runs, hence the flag. */
static void // NOLINTNEXTLINE(misc-no-recursion): `taking` ends it
take_lines(struct stream *s)
{
	size_t used = 0;

	if (s->taking) {
		return;
	}
	s->taking = true;
	while (!s->finished && used < s->in.len) {
		struct span rest = {s->in.data + used, s->in.len - used};
		const char *end = memchr(rest.ptr, '\n', rest.len);

		/* After the end, a last line needs no newline. */
		if (end == NULL && !s->ended) {
			break;
		}
		if (end != NULL) {
			rest.len = (size_t)(end - rest.ptr);
		}
		used += rest.len + (end != NULL ? 1 : 0);
		end_line(s, rest);
		update_pause(s);
		if (s->paused && !s->ended) {
			break;
		}
	}
	/* Whole lines may be left: keep them as they are, they are not the
	 * beginning of one. */
	if (s->paused) {
		buf_consume(&s->in, used);
	} else {
		keep_rest(s, used);
	}
	s->taking = false;
	/* Answers may have drained while the flag kept them from resuming. */
	if (used > 0) {
		update_pause(s);
	}
	check_finished(s);
}

/* The last line may lack its newline. */
static void
end_of_input(struct stream *s)
{
	s->ended = true;
	event_del(&s->in_event);
	take_lines(s);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;
	ssize_t n = 0;

	(void)what;
	/* Refuse to go on rather than to serve half a conversation. */
	if (buf_reserve(&s->in, READ_CHUNK) != 0) {
		hang_up(s);
		return;
	}
	n = read(fd, s->in.data + s->in.len, READ_CHUNK);
	if (n > 0) {
		s->in.len += (size_t)n;
		take_lines(s);
	} else if (n == 0) {
		end_of_input(s);
	} else if (errno != EAGAIN && errno != EINTR) {
		log_event(LOG_LEVEL_WARN, "input_failed", "errno=%d", errno);
		end_of_input(s);
	}
}

void
stream_drain(struct stream *s)
{
	if (s->ended) {
		return;
	}
	/* What was read but not begun is dropped with the rest of stdin. */
	buf_reset(&s->in);
	end_of_input(s);
}

struct stream *
stream_new(struct event_base *base, struct server *server, int in_fd,
    int out_fd, void (*finished)(void *arg), void *arg)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	s->in_fd = in_fd;
	s->out_fd = out_fd;
	session_init(&s->session, server, send_line, on_request_ended, s);
	s->on_finished = finished;
	s->arg = arg;
	/* A terminal is shared with others, who would not expect it. */
	if (is_waitable(s->in_fd)) {
		(void)fd_set_nonblocking(s->in_fd);
	}
	if (is_waitable(s->out_fd)) {
		(void)fd_set_nonblocking(s->out_fd);
	}
	event_assign(
	    &s->in_event, base, s->in_fd, EV_READ | EV_PERSIST, on_readable, s);
	event_assign(&s->out_event, base, s->out_fd, EV_WRITE, on_writable, s);
	event_add(&s->in_event, NULL);
	return s;
}

void
stream_free(struct stream **s)
{
	if (*s == NULL) {
		return;
	}
	event_del(&(*s)->in_event);
	event_del(&(*s)->out_event);
	buf_clear(&(*s)->in);
	buf_clear(&(*s)->out);
	free(*s);
	*s = NULL;
}
