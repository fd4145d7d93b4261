/* What is under way between two sockets on the loopback.
 *
 * A sender that sleeps may have sent what no receiver has been woken for yet. On a busy machine the kernel leaves packets
 * in a queue of each processor for later, and counts them. And where Nagle's algorithm is on, a small piece waits in its
 * sender's socket until the piece before it is confirmed, for up to 40 ms; the kernel says so over the socket that `ss`
 * asks. Bytes that the other side has no room for are not under way, nor are those that it has and has not confirmed yet.
 */
#include "warp.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { ESTABLISHED = 1, FIN_WAIT1 = 4, CLOSE_WAIT = 8 }; /* the kernel's numbers of the states in which bytes can wait */

#define ASKED (1u << ESTABLISHED | 1u << FIN_WAIT1 | 1u << CLOSE_WAIT)

/* Packets that wait in a processor's queue: 1 or 0; -1 where the kernel does not say, as before 5.14. The queue's length is
 * the twelfth word of each line, in hexadecimal, and the queue is that of whoever sends on the loopback. */
WARPED int brownout_packets_wait(void)
{
    char text[131072], *word = text; /* of 960 processors */
    int column = 0;
    bool told = false;
    ready();
    if (contents("/proc/net/softnet_stat", text, sizeof text) == sizeof text - 1)
        return -1;
    for (; *word; column++) {
        char *end;
        unsigned long value = strtoul(word, &end, 16);
        if (end == word)
            break;
        told |= column == 12; /* it has the columns after it, too */
        if (column == 11 && value > 0)
            return 1;
        for (word = end; *word == ' ' || *word == '\n'; word++)
            if (*word == '\n')
                column = -1;
    }
    return told ? 0 : -1;
}

static bool one_of(const uint16_t *ports, int count, uint16_t port)
{
    for (int i = 0; i < count; i++)
        if (ports[i] == port)
            return true;
    return false;
}

static bool held_back(const struct inet_diag_msg *socket, size_t size)
{
    const struct nlattr *attribute = (const struct nlattr *)(socket + 1);
    for (size -= sizeof *socket; size >= sizeof *attribute && attribute->nla_len >= sizeof *attribute;) {
        size_t length = NLA_ALIGN(attribute->nla_len);
        if (attribute->nla_type == INET_DIAG_INFO) {
            struct tcp_info info = {0};
            size_t had = attribute->nla_len - sizeof *attribute;
            memcpy(&info, attribute + 1, had < sizeof info ? had : sizeof info);
            return info.tcpi_unacked > 0 && info.tcpi_notsent_bytes > 0;
        }
        if (length >= size)
            break;
        size -= length;
        attribute = (const struct nlattr *)((const char *)attribute + length);
    }
    return false;
}

/* A socket to ask by; -1 and errno where the kernel or a sandbox has none. */
WARPED int brownout_pieces_open(void)
{
    return socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
}

static int pieces_of(uint8_t family, int asked, const uint16_t *ports, int count)
{
    static _Atomic uint32_t number;
    _Alignas(struct nlmsghdr) char reply[32768];
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 body;
    } request = {
        .header = {.nlmsg_len = sizeof request, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ASKED},
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
            found |= held_back(socket, header->nlmsg_len - NLMSG_HDRLEN);
        }
    }
}

/* Whether a small piece is held back on its way from or to one of the ports; -1 and errno where the kernel does not say.
 * It goes through the whole table of connections, which takes a millisecond on a large machine. */
WARPED int brownout_pieces_wait(int asked, const uint16_t *ports, int count)
{
    /* A socket that listens on both has the connections of IPv4 in the table of IPv6: Node's servers, all of Java's. */
    int found = pieces_of(AF_INET, asked, ports, count);
    return found ? found : pieces_of(AF_INET6, asked, ports, count);
}
