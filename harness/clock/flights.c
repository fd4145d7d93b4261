/* What is under way between two sockets on the loopback.
 *
 * A sender that sleeps may have sent what no receiver has been woken for yet: on a busy machine the kernel leaves packets
 * for later. So before time leaps the kernel is asked, over the socket that `ss` asks, whether the other side's TCP has
 * confirmed all that was sent. Bytes that a full window keeps back are not under way, and neither is a connection that
 * nobody accepts, once the kernel has tried it a second time.
 */
#include "warp.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

enum { ESTABLISHED = 1, SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSED, CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING };

#define ASKED (1u << ESTABLISHED | 1u << SYN_SENT | 1u << SYN_RECV | 1u << FIN_WAIT1 | 1u << FIN_WAIT2 | 1u << CLOSE_WAIT | \
               1u << LAST_ACK | 1u << CLOSING)

static bool one_of(const uint16_t *ports, int count, uint16_t port)
{
    for (int i = 0; i < count; i++)
        if (ports[i] == port)
            return true;
    return false;
}

static uint32_t unconfirmed(const struct inet_diag_msg *socket, size_t size)
{
    const struct nlattr *attribute = (const struct nlattr *)(socket + 1);
    for (size -= sizeof *socket; size >= sizeof *attribute && attribute->nla_len >= sizeof *attribute;) {
        size_t length = NLA_ALIGN(attribute->nla_len);
        if (attribute->nla_type == INET_DIAG_INFO) {
            struct tcp_info info = {0};
            size_t had = attribute->nla_len - sizeof *attribute;
            memcpy(&info, attribute + 1, had < sizeof info ? had : sizeof info);
            return info.tcpi_unacked;
        }
        if (length >= size)
            break;
        size -= length;
        attribute = (const struct nlattr *)((const char *)attribute + length);
    }
    return 0;
}

static bool under_way(const struct inet_diag_msg *socket, size_t size)
{
    switch (socket->idiag_state) {
    case SYN_SENT:
    case SYN_RECV:
        return socket->idiag_retrans == 0;
    case FIN_WAIT1:
    case LAST_ACK:
    case CLOSING:
        return true;
    default:
        return unconfirmed(socket, size) > 0;
    }
}

/* A socket to ask by; -1 and errno where the kernel or a sandbox has none. */
WARPED int brownout_flights_open(void)
{
    return socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
}

/* Whether anything is under way from or to one of the ports; -1 and errno where the kernel does not say. */
WARPED int brownout_flights(int asked, const uint16_t *ports, int count)
{
    static _Atomic uint32_t number;
    _Alignas(struct nlmsghdr) char reply[32768];
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 body;
    } request = {
        .header = {.nlmsg_len = sizeof request, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ASKED},
    };
    bool found = false;
    request.header.nlmsg_seq = atomic_fetch_add(&number, 1) + 1;
    request.body.idiag_ext = 1 << (INET_DIAG_INFO - 1);
    ready();
    if (real.sendto(asked, &request, sizeof request, 0, NULL, 0) < 0)
        return -1;
    for (;;) {
        ssize_t size = real.recv(asked, reply, sizeof reply, 0);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return -1;
        for (struct nlmsghdr *header = (struct nlmsghdr *)reply; NLMSG_OK(header, size); header = NLMSG_NEXT(header, size)) {
            const struct inet_diag_msg *socket = NLMSG_DATA(header);
            if (header->nlmsg_seq != request.header.nlmsg_seq)
                continue;
            if (header->nlmsg_type == NLMSG_DONE)
                return found;
            if (header->nlmsg_type == NLMSG_ERROR) {
                errno = EOPNOTSUPP;
                return -1;
            }
            if (!one_of(ports, count, ntohs(socket->id.idiag_sport)) && !one_of(ports, count, ntohs(socket->id.idiag_dport)))
                continue;
            found |= under_way(socket, header->nlmsg_len - NLMSG_HDRLEN);
        }
    }
}
