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
	"link",	 "tuples",  "flows",	 "conns",    "text",
	"rings", "workers", "listeners", "counters", NULL,
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

/* mkdir -p. */
static int make_folders(const char *folder)
{
	char path[PIN_PATH];
	char *slash = path;

	snprintf(path, sizeof(path), "%s", folder);
	while ((slash = strchr(slash + 1, '/'))) {
		*slash = 0;
		if (mkdir(path, 0755) && errno != EEXIST && errno != EROFS && errno != EPERM)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
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

int pins_open(const char *folder)
{
	int error, fd, stale;

	mount_usual_place(folder);
	error = make_folders(folder);
	if (error) {
		log_error("cannot make the folder %s: %s", folder, strerror(-error));
		return error;
	}
	if (!is_bpffs(folder)) {
		rmdir(folder);
		log_error("%s is not on a BPF filesystem; `mount -t bpf bpf %s` makes one", folder,
			  USUAL_PLACE);
		return -EINVAL;
	}
	fd = lock(folder);
	if (fd < 0)
		return fd;
	stale = pins_sweep(folder);
	if (stale)
		log_warning("%s: removed %d pins of an xtcpd that did not end in order", folder,
			    stale);
	return fd;
}

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

int pins_sweep(const char *folder)
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

void pins_close(const char *folder, int lock)
{
	pins_sweep(folder);
	rmdir(folder);
	close(lock);
}
