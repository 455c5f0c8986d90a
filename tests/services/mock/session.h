/* SPDX-License-Identifier: BSD-2-Clause */
/* A session in memory for tests of services: the test is the peer. It calls the
 * service as the daemon does: after an event, with what the service itself did
 * taken up in a loop, ended() last and once. */
#ifndef XTCP_TEST_MOCK_SESSION_H
#define XTCP_TEST_MOCK_SESSION_H

#include "config.h"
#include "service.h"
#include <stdbool.h>

enum { MOCK_TEXT = 1 << 20 };

struct session {
	struct listener_config as;
	void *private_data;
	int epoll;
	int watches;
	int watch_changes; /* calls of epoll_ctl */

	char in[MOCK_TEXT]; /* from the peer */
	size_t in_length;
	size_t in_read;
	bool peer_closed;

	char out[4 * MOCK_TEXT]; /* to the peer */
	size_t out_length;
	size_t out_acked; /* room is out_limit - (out_length - out_acked) */
	size_t out_limit;
	bool little_room;

	bool changed;
	bool opened;
	bool shut;
	bool forsaken;
	bool aborted;
	int ended; /* times */
	enum session_end why;
};

/* A session of this service; not opened yet. */
struct session *mock_session(const struct service *service);
void mock_free(struct session *s);

int mock_open(struct session *s); /* what service->open() says */
void mock_text(struct session *s, const void *text, size_t length);
/* The same, by way of XDP: offered in place if all before it is read. */
void mock_hit(struct session *s, const void *text, size_t length);
void mock_close(struct session *s);			/* the peer's FIN */
void mock_ack(struct session *s, size_t length);	/* the peer takes that much */
void mock_end(struct session *s, enum session_end why); /* RST, time-out … */
/* What epoll has to say, until it is quiet for `ms`. Returns how many events. */
int mock_poll(struct session *s, int ms);

#endif
