/* SPDX-License-Identifier: BSD-2-Clause */
/* What a terminated connection talks to. A service is a table of functions that
 * its worker calls on that worker's thread; it answers with session_…() calls.
 * It never waits. */
#ifndef XTCP_SERVICE_H
#define XTCP_SERVICE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct session;
struct listener_config;

enum session_end {
	SESSION_CLOSED,	   /* both sides closed in order */
	SESSION_RESET,	   /* by the peer */
	SESSION_REFUSED,   /* RST in answer to our SYN */
	SESSION_TIMED_OUT, /* no progress for too long */
	SESSION_STOPPED,   /* the daemon stops, or `session_abort` was called */
};

struct service {
	const char *name;
	/* The connection is established. 0, or -errno: it is aborted. */
	int (*open)(struct session *s);
	/* Optional: text that has arrived, when all before it is read; where it lies,
	 * before it is stored. Returns how many bytes, from the first on, are taken;
	 * readable() tells of the rest, and follows in any case. session_write() is
	 * all that it may call. */
	size_t (*take)(struct session *s, const void *text, size_t length);
	/* There is unread text, or the peer has closed (session_peer_is_done). */
	void (*readable)(struct session *s);
	/* session_room() grew after it was too small. */
	void (*writable)(struct session *s);
	/* Free what open() made; the session is gone after this. Called exactly
	 * once if open() returned 0, else never. */
	void (*ended)(struct session *s, enum session_end why);
};

/* By name, or NULL. services_names() is for messages: "echo, discard, …". */
const struct service *service_find(const char *name);
const char *services_names(void);

/* The next piece of unread text, in place: at most *length bytes follow the
 * pointer; NULL if none. session_consume() takes it (or a part) away. */
const void *session_peek(struct session *s, size_t *length);
void session_consume(struct session *s, size_t length);
int session_peer_is_done(const struct session *s); /* 1: closed, and all read */

/* Appends up to `length` bytes to the text to be sent; returns how many fitted. */
size_t session_write(struct session *s, const void *bytes, size_t length);
/* The same for text that stays where it is and as it is until it is acknowledged, or
 * for ever; most of it is not copied. May leave over less than 4 KiB of what would
 * fit, for it to come with the next: 0 alone means that there is no room. */
size_t session_lend(struct session *s, const void *bytes, size_t length);
size_t session_room(const struct session *s);
size_t session_unsent(const struct session *s); /* written, not acknowledged yet */

void session_shutdown(struct session *s); /* no more text from us: FIN after it */
void session_abort(struct session *s);	  /* RST now; ended() follows */
/* Shutdown by a service that will not read any more either: what the peer still
 * sends resets the connection, and FIN_WAIT_2 is bounded (tcp_forsake). */
void session_close(struct session *s);

/* The listener it came in by, or what `xtcpctl connect` asked for: the service's
 * arguments. Never NULL. */
const struct listener_config *session_listener(const struct session *s);
/* "10.1.0.9:4711", "[fd00::9]:4711"; for logs. Valid until the next call. */
const char *session_peer_text(const struct session *s);
/* One pointer of the service's own. */
void *session_private(const struct session *s);
void session_set_private(struct session *s, void *private_data);

/* A descriptor of the service in the worker's epoll set. `ready` runs on the
 * worker with the epoll events; it may free the watch's owner. Unwatch before
 * close. `events` as for epoll_ctl; level-triggered. */
struct watch {
	void (*ready)(struct watch *w, uint32_t events);
	int fd;
};
int session_watch(struct session *s, struct watch *w, uint32_t events);	  /* 0, -errno */
int session_rewatch(struct session *s, struct watch *w, uint32_t events); /* 0, -errno */
void session_unwatch(struct session *s, struct watch *w);

#endif
