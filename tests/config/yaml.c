/* SPDX-License-Identifier: BSD-2-Clause */
/* The YAML file: what is right is read completely, and what is wrong is answered
 * with the line and with what would be right.
 *
 * Links: user/config_file.c user/config.c user/settings.c user/listeners.c
 * Links: user/endpoint.c user/complaint.c user/yaml_where.c user/log.c
 * Links: tests/services/mock/session.c user/services/services.c user/services/echo.c
 * Links: user/services/discard.c user/services/daytime.c user/services/chargen.c
 * Links: user/services/greet.c user/services/proxy.c */
#include "complaint.h"
#include "config.h"
#include "congestion.h"
#include "service.h"
#include "test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static struct config config;
static char path[64];

static int load(const char *text, size_t length, struct complaint *c)
{
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/xtcp-config-test-%d.yaml", getpid());
	f = fopen(path, "w");
	assert_non_null(f);
	fwrite(text, 1, length, f);
	fclose(f);
	config_default(&config);
	return config_load(&config, path, c);
}

static void load_right(const char *text)
{
	struct complaint c = {""};

	if (load(text, strlen(text), &c))
		fail_msg("%s", c.text);
	unlink(path);
}

#define LISTENER(rest) "interface: eth0\nlisteners:\n  - address: 10.1.0.2:80\n" rest

/* --- right ------------------------------------------------------------------------------- */

TEST(config__the_example_of_the_help)
{
	load_right("interface: eth0\n"
		   "listeners:\n"
		   "  - address: 10.1.0.2:80\n"
		   "    service: proxy\n"
		   "    backends: [\"127.0.0.1:8080\", \"[::1]:80\", \"unix:/run/app.sock\"]\n"
		   "  - address: \"[::]:99\"\n"
		   "    service: greet\n"
		   "    banner: Hello, Client!\n");
	assert_string_equal(config.interface, "eth0");
	assert_int_equal(config.listener_count, 2);
	assert_string_equal(config.listeners[0].text, "10.1.0.2:80");
	assert_int_equal(config.listeners[0].address.word[2], htonl(0xffff));
	assert_int_equal(config.listeners[0].address.word[3], htonl(0x0a010002));
	assert_int_equal(config.listeners[0].port, htons(80));
	assert_int_equal(config.listeners[0].backend_count, 3);
	assert_int_equal(config.listeners[0].backends[0].address.ss_family, AF_INET);
	assert_int_equal(config.listeners[0].backends[1].address.ss_family, AF_INET6);
	assert_int_equal(config.listeners[0].backends[2].address.ss_family, AF_UNIX);
	assert_string_equal(config.listeners[1].text, "[::]:99");
	assert_string_equal(config.listeners[1].service->name, "greet");
	assert_string_equal(config.listeners[1].banner, "Hello, Client!");
}

/* From the root of the repository, as all tests run. */
TEST(config__the_example_that_is_installed)
{
	struct complaint c = {""};

	if (access("packaging/xtcpd.yaml", R_OK))
		skip();
	config_default(&config);
	if (config_load(&config, "packaging/xtcpd.yaml", &c) || config_finish(&config, &c))
		fail_msg("%s", c.text);
	assert_int_equal(config.listener_count, 3);
}

TEST(config__defaults)
{
	load_right("interface: eth0\n");
	assert_string_equal(config.bpffs, "/sys/fs/bpf/xtcp");
	assert_string_equal(config.control, "/run/xtcp/control.sock");
	assert_int_equal(config.connections, 65536);
	assert_int_equal(config.half_open, 4096);
	assert_int_equal(config.workers, 0);
	assert_int_equal(config.text_pool_mib, 256);
	assert_int_equal(config.ring_mib, 16);
	assert_int_equal(config.time_wait_ms, 60000);
	assert_false(config.pin_workers);
	assert_true(config.timestamps);
	assert_true(config.sack);
	assert_int_equal(config.congestion, CONGESTION_CUBIC);
	assert_false(config.pacing);
	assert_int_equal(config.user_timeout_s, 900); /* SHLD-11 */
	assert_false(config.keep_alive);	      /* MUST-25 */
	assert_int_equal(config.keep_alive_s, 7200);  /* MUST-28 */
	assert_int_equal(config.ttl, 64);
	assert_int_equal(config.dscp, 0);
	assert_int_equal(config.mode, XDP_MODE_AUTO);
	assert_int_equal(config.transmit, TRANSMIT_AUTO);
}

TEST(config__every_setting)
{
	load_right("interface: lo\nbpffs: /sys/fs/bpf/a\ncontrol: /tmp/a.sock\n"
		   "connections: 10\nhalf_open: 5\nworkers: 2\npin_workers: yes\n"
		   "text_pool_mib: 64\nring_mib: 4\n"
		   "send_buffer_kib: 100\nreceive_buffer_kib: 200\ntraces: 0\ntime_wait_ms: 1\n"
		   "spin_us: 0\ntimestamps: no\nsack: false\nmode: generic\ntransmit: packet\n"
		   "congestion: newreno\npacing: yes\n"
		   "user_timeout_s: 100\nkeep_alive: yes\nkeep_alive_s: 30\nttl: 1\ndscp: 46\n");
	assert_int_equal(config.connections, 10);
	assert_int_equal(config.workers, 2);
	assert_true(config.pin_workers);
	assert_int_equal(config.traces, 0);
	assert_int_equal(config.spin_us, 0);
	assert_false(config.timestamps);
	assert_false(config.sack);
	assert_int_equal(config.mode, XDP_MODE_GENERIC);
	assert_int_equal(config.transmit, TRANSMIT_PACKET);
	assert_int_equal(config.congestion, CONGESTION_NEWRENO);
	assert_true(config.pacing);
	assert_int_equal(config.user_timeout_s, 100); /* MUST-21 */
	assert_true(config.keep_alive);		      /* MUST-24 */
	assert_int_equal(config.keep_alive_s, 30);    /* MUST-27 */
	assert_int_equal(config.ttl, 1);	      /* MUST-49 */
	assert_int_equal(config.dscp, 46);	      /* MUST-48 */
}

/* MUST-21, MUST-24, MUST-27: for a listener alone. */
TEST(config__patience_of_a_listener)
{
	load_right(LISTENER("    service: echo\n    keep_alive_s: 60\n    user_timeout_s: 30\n"));
	assert_int_equal(config.listeners[0].keep_alive_s, 60);
	assert_int_equal(config.listeners[0].user_timeout_s, 30);
	assert_false(config.keep_alive);
	assert_int_equal(config.user_timeout_s, 900);
	load_right(LISTENER("    service: echo\n"));
	assert_int_equal(config.listeners[0].keep_alive_s, 0);
}

TEST(config__an_empty_file_changes_nothing)
{
	load_right("");
	assert_int_equal(config.listener_count, 0);
}

/* --- wrong --------------------------------------------------------------------------------- */

struct wrong {
	const char *text;
	unsigned line;
	const char *words[3]; /* that the message contains */
};

static const struct wrong all_wrong[] = {
	{"interfac: eth0\n", 1, {"unknown key 'interfac'", "'interface' was meant"}},
	{"interface: e\n\nnonsense: 1\n", 3, {"unknown key 'nonsense'", "listeners"}},
	{"interface: a\ninterface: b\n", 2, {"'interface' is there twice"}},
	{"interface: [a]\n", 1, {"interface", "single value", "list"}},
	{"interface:\n", 1, {"interface", "needs a value"}},
	{"interface: a-name-that-is-too-long\n", 1, {"longer than 15"}},
	{"- eth0\n", 1, {"group of keys"}},
	{"interface: e\n---\ninterface: f\n", 1, {"one YAML document"}},
	{"interface: \"e\n", 2, {"not YAML"}},
	{"interface: e\n\tsack: no\n", 2, {"not YAML", "tab"}},
	{"ring_mib: many\n", 1, {"'many' is not a number", "1 to 1024"}},
	{"ring_mib: 3\n", 1, {"power of two"}},
	{"ring_mib: -1\n", 1, {"'-1' is not a number"}},
	{"ring_mib: 1.5\n", 1, {"'1.5' is not a number"}},
	{"connections: 0\n", 1, {"out of range", "from 1 to"}},
	{"connections: 99999999999999999999999\n", 1, {"out of range"}},
	{"half_open: {a: 1}\n", 1, {"half_open", "single value", "group of keys"}},
	{"sack: perhaps\n", 1, {"'perhaps' is neither yes nor no"}},
	{"mode: fast\n", 1, {"'fast' is not one of auto, native, generic"}},
	{"transmit: dpdk\n", 1, {"auto, packet, xdp"}},
	{"listeners: 7\n", 1, {"should be a list, but is a single value"}},
	{"listeners:\n  - 7\n", 2, {"listeners[0]", "group of keys"}},
	{"listeners:\n  - service: echo\n", 2, {"needs 'address: ADDR:PORT'"}},
	{LISTENER(""), 3, {"needs 'service:'", "echo, discard"}},
	{LISTENER("    servce: echo\n"), 4, {"unknown key 'servce'", "'service' was meant"}},
	{LISTENER("    service: ecco\n"), 4, {"unknown service 'ecco'", "echo, discard"}},
	{LISTENER("    service: proxy\n"), 4, {"needs a backend"}},
	{LISTENER("    service: greet\n"), 4, {"needs a banner"}},
	{LISTENER("    service: echo\n    keep_alive_s: 1\n"), 5, {"out of range", "from 10"}},
	{LISTENER("    service: echo\n    user_timeout_s: x\n"), 5, {"not a number"}},
	{LISTENER("    service: echo\n    banner: x\n"), 4, {"only greet has a banner"}},
	{LISTENER("    service: echo\n    backends: [\"1.2.3.4:5\"]\n"), 4, {"only proxy"}},
	{LISTENER("    service: proxy\n    backends: x\n"), 5, {"backends", "a list"}},
	{LISTENER("    service: proxy\n    backends:\n      - 1.2.3.4:5\n      - x\n"),
	 7,
	 {"backends[1]", "'x' has no port"}},
	{LISTENER("    service: proxy\n    backends: [\"1.2.3.4:5\", \"1.2.3.4:5\"]\n"),
	 5,
	 {"there twice"}},
	{LISTENER("    service: proxy\n    backends: [\"unix:run\"]\n"), 5, {"absolute"}},
	{LISTENER("    service: proxy\n    backends: [\"/run/a\"]\n"), 5, {"unix:/run/a"}},
	{LISTENER("    service: proxy\n    backends: [\"localhost:80\"]\n"),
	 5,
	 {"names are not resolved"}},
	{LISTENER("    service: echo\n  - address: 10.1.0.2:80\n    service: discard\n"),
	 5,
	 {"10.1.0.2:80 has a listener already (echo)"}},
	{"listeners:\n  - address: 1.2.3.4\n    service: echo\n", 2, {"has no port"}},
	{"listeners:\n  - address: 1.2.3.4:0\n    service: echo\n", 2, {"1 to 65535"}},
	{"listeners:\n  - address: 1.2.3.4:65536\n    service: echo\n", 2, {"1 to 65535"}},
	{"listeners:\n  - address: 1.2.3.4:x\n    service: echo\n", 2, {"port 'x'"}},
	{"listeners:\n  - address: 300.1.1.1:7\n    service: echo\n", 2, {"'300.1.1.1'"}},
	{"listeners:\n  - address: fd00::2:80\n    service: echo\n", 2, {"brackets"}},
	{"listeners:\n  - address: \"[fd00::2]\"\n    service: echo\n", 2, {"no port"}},
	{"listeners:\n  - address: \"[fd00::g]:7\"\n    service: echo\n", 2, {"'fd00::g'"}},
	{"listeners:\n  - address: \"[fe80::1%eth0]:7\"\n    service: echo\n", 2, {"zone"}},
	{"listeners:\n  - address: [::]:7\n    service: echo\n", 2, {"not YAML", "quotes"}},
	{"listeners:\n  - address: 224.0.0.1:7\n    service: echo\n", 2, {"unicast"}},
	{"listeners:\n  - address: \"[ff02::1]:7\"\n    service: echo\n", 2, {"unicast"}},
};

static void check_wrong(const struct wrong *w)
{
	struct complaint c = {""};
	char place[96];

	if (!load(w->text, strlen(w->text), &c))
		fail_msg("accepted: %s", w->text);
	unlink(path);
	snprintf(place, sizeof(place), "%s:%u: ", path, w->line);
	if (strncmp(c.text, place, strlen(place)))
		fail_msg("not at line %u: %s\n%s", w->line, c.text, w->text);
	for (int i = 0; i < 3 && w->words[i]; i++)
		if (!strstr(c.text, w->words[i]))
			fail_msg("no \"%s\" in: %s\n%s", w->words[i], c.text, w->text);
}

TEST(config__what_is_wrong_is_answered_with_line_and_words)
{
	for (size_t i = 0; i < sizeof(all_wrong) / sizeof(all_wrong[0]); i++)
		check_wrong(&all_wrong[i]);
}

TEST(config__too_many_listeners)
{
	static char text[65536] = "listeners:\n";
	struct complaint c;

	for (int i = 1; i <= LISTENERS_MAX + 1; i++)
		sprintf(text + strlen(text), "  - address: 1.2.3.4:%d\n    service: echo\n", i);
	assert_int_equal(load(text, strlen(text), &c), -EINVAL);
	assert_non_null(strstr(c.text, ":514: "));
	assert_non_null(strstr(c.text, "more than 256 listeners"));
	unlink(path);
}

TEST(config__a_banner_that_is_too_long)
{
	char text[1024] = LISTENER("    service: greet\n    banner: ");
	struct complaint c;

	memset(text + strlen(text), 'x', 600);
	assert_int_equal(load(text, strlen(text), &c), -EINVAL);
	assert_non_null(strstr(c.text, ":5: "));
	assert_non_null(strstr(c.text, "at most 511 bytes, not 600"));
	unlink(path);
}

TEST(config__files_that_cannot_be_read)
{
	struct complaint c;

	assert_int_equal(config_load(&config, "/nonexistent.yaml", &c), -EINVAL);
	assert_non_null(strstr(c.text, "/nonexistent.yaml: No such file"));
	assert_int_equal(config_load(&config, "/tmp", &c), -EINVAL);
	assert_non_null(strstr(c.text, "/tmp: is a directory"));
}

/* Any bytes at all: an answer, never a crash. */
TEST(config__noise)
{
	char noise[256];
	struct complaint c;
	unsigned seed = 1;

	for (int round = 0; round < 500; round++) {
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (char)rand_r(&seed);
		load(noise, (size_t)rand_r(&seed) % sizeof(noise), &c);
	}
	unlink(path);
}

/* A right file with bytes changed. */
TEST(config__mutations)
{
	static const char right[] =
		LISTENER("    service: proxy\n    backends: [\"127.0.0.1:8080\"]\n"
			 "    banner: x\nring_mib: 16\nsack: yes\nmode: auto\n");
	static const char letters[] = "[]{}:,-\"'#&*!|>%@` \n\t0aZ";
	struct complaint c;
	unsigned seed = 2;

	for (int round = 0; round < 3000; round++) {
		char text[sizeof(right)];

		memcpy(text, right, sizeof(right));
		for (int i = 0; i < 1 + round % 4; i++)
			text[(size_t)rand_r(&seed) % (sizeof(right) - 1)] =
				letters[(size_t)rand_r(&seed) % (sizeof(letters) - 1)];
		load(text, sizeof(right) - 1, &c);
	}
	unlink(path);
}

/* --- all of it together ------------------------------------------------------------------------ */

TEST(config__what_takes_all_of_it)
{
	struct complaint c;

	load_right("interface: e\n");
	assert_int_equal(config_finish(&config, &c), -EINVAL);
	assert_non_null(strstr(c.text, "no listener"));
	load_right(LISTENER("    service: echo\n"));
	assert_int_equal(config_finish(&config, &c), 0);
	config.interface[0] = '\0';
	assert_int_equal(config_finish(&config, &c), -EINVAL);
	assert_non_null(strstr(c.text, "no interface"));
	load_right(LISTENER("    service: echo\ntext_pool_mib: 16\n"));
	assert_int_equal(config_finish(&config, &c), -EINVAL);
	assert_non_null(strstr(c.text, "text_pool_mib"));
	load_right("interface: e\nlisteners:\n  - address: 0.0.0.0:7\n    service: echo\n"
		   "  - address: \"[::]:7\"\n    service: echo\n");
	assert_int_equal(config_finish(&config, &c), -EINVAL);
	assert_non_null(strstr(c.text, "serves IPv4 too"));
}
