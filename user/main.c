/* SPDX-License-Identifier: BSD-2-Clause */
/* xtcpd: configuration, control socket, engine, and then nothing but waiting for
 * the signal to stop. Everything that is made is taken down in reverse. */
#include "config.h"
#include "control.h"
#include "daemon.h"
#include "log.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* Blocked in every thread, and taken one by one with sigwaitinfo(). A stop that
 * comes while we are still starting waits its turn. */
static void stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

static void block_signals(void)
{
	sigset_t set;

	stop_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* A descriptor of ours that became 1 or 2 would be sent what we print. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Every proxied connection has a socket of its own. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static const char *plural(uint32_t count)
{
	return count == 1 ? "" : "s";
}

static void say_ready(const struct config *config, struct daemon *d)
{
	uint32_t workers = daemon_worker_count(d);
	struct daemon_status s = {0};
	char text[160];

	daemon_status(d, &s);
	snprintf(text, sizeof(text), "%s (%s), %u listener%s, %u worker%s", config->interface,
		 s.mode, config->listener_count, plural(config->listener_count), workers,
		 plural(workers));
	printf("ready: %s\n", text);
	fflush(stdout);
	sd_notifyf(0, "READY=1\nSTATUS=%s", text);
}

static void wait_for_stop(const sigset_t *set)
{
	for (;;) {
		int signal_number = sigwaitinfo(set, NULL);

		if (signal_number == SIGHUP)
			log_warning("SIGHUP: the configuration is read at the start only; restart "
				    "to change it");
		else if (signal_number > 0)
			break;
	}
	sd_notify(0, "STOPPING=1");
}

static int serve(const struct config *config, struct control *control, struct daemon *d)
{
	sigset_t signals;
	int error;

	error = control_serve(control, d);
	if (error)
		return error;
	say_ready(config, d);
	stop_signals(&signals);
	wait_for_stop(&signals);
	return 0;
}

static int run(const struct config *config)
{
	struct control *control;
	struct daemon *d;
	int error;

	error = control_open(config, &control);
	if (error)
		return error;
	error = daemon_start(config, &d);
	if (error) {
		control_close(control);
		control_free(control);
		return error;
	}
	error = serve(config, control, d);
	control_close(control);
	daemon_stop(d);
	control_free(control);
	return error;
}

int main(int argc, char **argv)
{
	struct config *config = calloc(1, sizeof(*config));
	int error;

	if (!config)
		return EXIT_FAILURE;
	fill_standard_descriptors();
	if (config_read(argc, argv, config) == CONFIG_CHECK) {
		printf("the configuration is right: %s, %u listener%s\n", config->interface,
		       config->listener_count, plural(config->listener_count));
		free(config);
		return EXIT_SUCCESS;
	}
	block_signals();
	raise_file_limit();
	error = run(config);
	free(config);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
