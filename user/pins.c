/* SPDX-License-Identifier: BSD-2-Clause */
/* The folder of our pins; see pins.h. */
#include "pins.h"
#include "log.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The link is the first: what it lets run uses the others. */
static const char *const names[] = {
	"link",	   "flows",  "conns",	  "text",     "rings",	"workers",
	"carrier", "riders", "listeners", "counters", "tuples", /* an older xtcpd may have left it */
	NULL,
};

#define USUAL_PLACE "/sys/fs/bpf"

void pins_path(const char *folder, const char *name, char path[PIN_PATH])
{
	snprintf(path, PIN_PATH, "%s/%s", folder, name);
}

static bool is_bpffs(const char *path)
{
	struct statfs s;

	return !statfs(path, &s) && s.f_type == BPF_FS_MAGIC;
}

static bool is_folder(const char *path)
{
	struct stat s;

	return !stat(path, &s) && S_ISDIR(s.st_mode);
}

/* mkdir -p; remembers where it began. */
static int make_folders(struct pins *p)
{
	size_t length = strlen(p->folder);
	char path[PIN_PATH];

	for (size_t at = 1; at <= length; at++) {
		if (p->folder[at] != '/' && at < length)
			continue;
		snprintf(path, sizeof(path), "%.*s", (int)at, p->folder);
		if (is_folder(path))
			continue;
		if (mkdir(path, at < length ? 0755 : 0700))
			return -errno;
		if (!p->made_at)
			p->made_at = (unsigned)at;
	}
	return 0;
}

/* From the innermost outwards; what another daemon uses too is not empty, and
 * stays. */
static void remove_folders(const struct pins *p)
{
	char path[PIN_PATH];

	for (size_t at = strlen(p->folder); p->made_at && at >= p->made_at; at--) {
		if (p->folder[at] && p->folder[at] != '/')
			continue;
		snprintf(path, sizeof(path), "%.*s", (int)at, p->folder);
		rmdir(path);
	}
}

static int say_no_folder(const char *folder, int error)
{
	if (error == -EPERM && strchr(folder, '.'))
		log_error("cannot make the folder %s: a BPF filesystem allows no dots in names",
			  folder);
	else
		log_error("cannot make the folder %s: %s; it must be on a BPF filesystem, such as "
			  "`mount -t bpf bpf %s` makes",
			  folder, strerror(-error), USUAL_PLACE);
	return error;
}

static int say_no_bpffs(const char *folder)
{
	log_error("%s is not on a BPF filesystem; `mount -t bpf bpf %s` makes one", folder,
		  USUAL_PLACE);
	return -EINVAL;
}

/* `ip netns exec` mounts a new /sys, on which no BPF filesystem is mounted. */
static void mount_usual_place(const char *folder)
{
	if (strncmp(folder, USUAL_PLACE "/", sizeof(USUAL_PLACE)) || is_bpffs(USUAL_PLACE))
		return;
	if (!mount("bpf", USUAL_PLACE, "bpf", 0, "mode=0700"))
		log_info("mounted a BPF filesystem on " USUAL_PLACE);
}

static int lock(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		log_error("cannot open %s: %s", folder, strerror(errno));
		return -errno;
	}
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	if (errno == EWOULDBLOCK)
		log_error("%s is in use by another xtcpd; give this one another --bpffs", folder);
	else
		log_error("cannot lock %s: %s", folder, strerror(errno));
	close(fd);
	return -EBUSY;
}

/* --- are they ours? --------------------------------------------------------------- */

static bool is_our_map(int fd, const char *name)
{
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &length) && !strcmp(info.name, name);
}

static bool is_our_link(int fd)
{
	struct bpf_link_info link = {0};
	struct bpf_prog_info program = {0};
	uint32_t length = sizeof(link);
	int program_fd;

	if (bpf_obj_get_info_by_fd(fd, &link, &length) || link.type != BPF_LINK_TYPE_XDP)
		return false;
	program_fd = bpf_prog_get_fd_by_id(link.prog_id);
	if (program_fd < 0)
		return false;
	length = sizeof(program);
	if (bpf_obj_get_info_by_fd(program_fd, &program, &length))
		program.name[0] = 0;
	close(program_fd);
	return !strcmp(program.name, "xtcp_xdp");
}

static bool is_ours(const char *path, const char *name)
{
	bool ours;
	int fd = bpf_obj_get(path);

	if (fd < 0)
		return errno == ENOENT;
	ours = name == names[0] ? is_our_link(fd) : is_our_map(fd, name);
	close(fd);
	return ours;
}

/* Somebody else's objects that have our names are not ours to remove. */
static int check_foreign(const char *folder)
{
	char path[PIN_PATH];

	for (int i = 0; names[i]; i++) {
		pins_path(folder, names[i], path);
		if (is_ours(path, names[i]))
			continue;
		log_error("%s is there and not an xtcpd's; give this one another --bpffs", path);
		return -EEXIST;
	}
	return 0;
}

/* --- removing them ----------------------------------------------------------------- */

/* Removing the last pin of a link detaches it, but in the kernel's own time; this
 * is at once. */
static void detach(const char *link)
{
	int fd = bpf_obj_get(link);

	if (fd < 0)
		return;
	bpf_link_detach(fd);
	close(fd);
}

/* Returns how many there were. */
static int sweep(const char *folder)
{
	char path[PIN_PATH];
	int count = 0;

	pins_path(folder, names[0], path);
	detach(path);
	for (int i = 0; names[i]; i++) {
		pins_path(folder, names[i], path);
		count += !unlink(path);
	}
	return count;
}

/* --- from start to stop --------------------------------------------------------------- */

static int prepare_folder(struct pins *p)
{
	int error = make_folders(p);

	if (error)
		return say_no_folder(p->folder, error);
	if (!is_bpffs(p->folder))
		return say_no_bpffs(p->folder);
	p->lock = lock(p->folder);
	return p->lock < 0 ? p->lock : check_foreign(p->folder);
}

int pins_open(const char *folder, struct pins *p)
{
	int error, stale;

	*p = (struct pins){.folder = folder, .lock = -1};
	mount_usual_place(folder);
	error = prepare_folder(p);
	if (error) {
		remove_folders(p);
		if (p->lock >= 0)
			close(p->lock);
		p->lock = -1;
		return error;
	}
	stale = sweep(folder);
	if (stale)
		log_warning("%s: removed %d pin%s of an xtcpd that did not end in order", folder,
			    stale, stale == 1 ? "" : "s");
	return 0;
}

/* The folder goes even if it was there before: a killed daemon leaves it. */
void pins_close(struct pins *p)
{
	if (p->lock < 0)
		return;
	sweep(p->folder);
	rmdir(p->folder);
	remove_folders(p);
	close(p->lock);
	p->lock = -1;
}
