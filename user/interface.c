/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts about the interface; see interface.h. */
#include "interface.h"
#include "netlink.h"
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static uint32_t u32_or(const struct nlattr *a, uint32_t otherwise)
{
	return a ? mnl_attr_get_u32(a) : otherwise;
}

static bool is_kind(const struct nlattr *linkinfo, const char *kind)
{
	const struct nlattr *info[IFLA_INFO_MAX + 1];

	if (!linkinfo)
		return false;
	netlink_nested(linkinfo, info, IFLA_INFO_MAX);
	return info[IFLA_INFO_KIND] && !strcmp(mnl_attr_get_str(info[IFLA_INFO_KIND]), kind);
}

static int read_link(const struct nlmsghdr *n, void *argument)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(n);
	const struct nlattr *a[IFLA_MAX + 1];
	struct interface *i = argument;

	netlink_attributes(n, sizeof(*link), a, IFLA_MAX);
	i->index = (uint32_t)link->ifi_index;
	i->up = link->ifi_flags & IFF_UP;
	i->loopback = link->ifi_flags & IFF_LOOPBACK;
	i->ethernet = link->ifi_type == ARPHRD_ETHER || link->ifi_type == ARPHRD_LOOPBACK;
	i->mtu = u32_or(a[IFLA_MTU], 1500);
	i->veth = is_kind(a[IFLA_LINKINFO], "veth");
	i->peer = i->veth ? u32_or(a[IFLA_LINK], 0) : 0;
	i->peer_netns = (int32_t)u32_or(a[IFLA_LINK_NETNSID], UINT32_MAX);
	if (a[IFLA_ADDRESS] && mnl_attr_get_payload_len(a[IFLA_ADDRESS]) == sizeof(i->mac))
		memcpy(i->mac, mnl_attr_get_payload(a[IFLA_ADDRESS]), sizeof(i->mac));
	return MNL_CB_OK;
}

/* ethtool's ioctl; -errno where the driver does not know the question. */
static int ethtool(const char *name, void *question)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_data = question};
	int error;

	if (fd < 0)
		return -errno;
	memcpy(request.ifr_name, name, IF_NAMESIZE);
	error = ioctl(fd, SIOCETHTOOL, &request) ? -errno : 0;
	close(fd);
	return error;
}

static void read_driver(struct interface *i)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	if (!ethtool(i->name, &info) && info.driver[0])
		memcpy(i->driver, info.driver, sizeof(i->driver) - 1);
	else
		strcpy(i->driver, i->loopback ? "loopback" : "unknown");
}

static void read_queues(struct interface *i)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};

	i->queues = 1;
	if (!ethtool(i->name, &channels) && channels.combined_count + channels.rx_count)
		i->queues = channels.combined_count + channels.rx_count;
}

int interface_read(const char *name, struct interface *i)
{
	struct netlink_request r;
	int error;

	memset(i, 0, sizeof(*i));
	strncpy(i->name, name, IF_NAMESIZE - 1);
	netlink_begin(&r, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(r.head, IFLA_IFNAME, i->name);
	error = netlink_ask(&r, read_link, i);
	if (error)
		return error;
	read_driver(i);
	read_queues(i);
	return 0;
}

static int read_xdp(const struct nlmsghdr *n, void *argument)
{
	const struct nlattr *a[IFLA_MAX + 1], *xdp[IFLA_XDP_MAX + 1];
	uint8_t *attached = argument;

	netlink_attributes(n, sizeof(struct ifinfomsg), a, IFLA_MAX);
	if (!a[IFLA_XDP])
		return MNL_CB_OK;
	netlink_nested(a[IFLA_XDP], xdp, IFLA_XDP_MAX);
	if (xdp[IFLA_XDP_ATTACHED])
		*attached = mnl_attr_get_u8(xdp[IFLA_XDP_ATTACHED]);
	return MNL_CB_OK;
}

bool interface_peer_has_xdp(const struct interface *i)
{
	struct netlink_request r;
	struct ifinfomsg *link;
	uint8_t attached = XDP_ATTACHED_NONE;

	if (!i->peer)
		return false;
	link = netlink_begin(&r, RTM_GETLINK, 0, sizeof(*link));
	link->ifi_index = (int)i->peer;
	if (i->peer_netns >= 0)
		mnl_attr_put_u32(r.head, IFLA_TARGET_NETNSID, (uint32_t)i->peer_netns);
	if (netlink_ask(&r, read_xdp, &attached))
		return false;
	return attached == XDP_ATTACHED_DRV || attached == XDP_ATTACHED_MULTI;
}
