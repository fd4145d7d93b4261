/* Whom the target talks to.
 *
 * Somebody who is neither a fake nor the target itself, a database say, lives in wall time. While the target waits for him
 * nobody seems to have anything to do, and what time leaps to is the moment at which the target gives him up. So the target
 * writes down whom it connects to, before it does, and where its own processes listen; the harness knows the fakes. */
#include "warp.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

enum { PATH = 1ull << 63 }; /* a Unix socket: the rest is a sum of its path. Others are an address of IPv4 and a port. */

#define ELSEWHERE UINT64_C(0xffffffff) /* whatever is not an address of IPv4 */
#define PORT(address) ((uint16_t)(address))
#define ON_LOOPBACK(address) (((address) >> 40) == 127)

/* 0 for what is no address of a stream. */
static uint64_t number_of(const struct sockaddr *address, socklen_t size)
{
    if (size >= sizeof(struct sockaddr_in) && address->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)address;
        return (uint64_t)ntohl(four->sin_addr.s_addr) << 16 | ntohs(four->sin_port);
    }
    if (size >= sizeof(struct sockaddr_in6) && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
        uint64_t four = ELSEWHERE;
        if (IN6_IS_ADDR_LOOPBACK(&six->sin6_addr))
            four = INADDR_LOOPBACK;
        else if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
            four = ntohl(six->sin6_addr.s6_addr32[3]);
        return four << 16 | ntohs(six->sin6_port);
    }
    if (size > offsetof(struct sockaddr_un, sun_path) && address->sa_family == AF_UNIX) {
        const char *path = ((const struct sockaddr_un *)address)->sun_path;
        size_t room = size - offsetof(struct sockaddr_un, sun_path);
        return PATH | sum_of(path, path[0] ? strnlen(path, room) : room); /* a name of the abstract kind has no end */
    }
    return 0;
}

static bool is_stream(int file)
{
    int kind = 0;
    socklen_t size = sizeof kind;
    return getsockopt(file, SOL_SOCKET, SO_TYPE, &kind, &size) == 0 && (kind == SOCK_STREAM || kind == SOCK_SEQPACKET);
}

/* Each once. Where there is no room any more the last one stands for all that are left, and is nobody known. */
static void write_down(_Atomic uint64_t *numbers, uint64_t number)
{
    for (int i = 0; i < BLOCK_PEERS; i++) {
        uint64_t there = atomic_load(&numbers[i]);
        if (there == 0 && atomic_compare_exchange_strong(&numbers[i], &there, number))
            return;
        if (there == number)
            return;
    }
    atomic_store(&numbers[BLOCK_PEERS - 1], ELSEWHERE << 16 | PORT(number));
}

void connecting(int file, const struct sockaddr *to, socklen_t size)
{
    struct block *block = attached();
    int kept = errno;
    uint64_t number = block && to ? number_of(to, size) : 0;
    if (number && is_stream(file))
        write_down(block->peers, number);
    errno = kept;
}

WARPED int listen(int file, int backlog)
{
    struct block *block = attached();
    struct sockaddr_storage here;
    socklen_t size = sizeof here;
    int result = real.listen(file, backlog), kept = errno;
    uint64_t number;
    if (result == 0 && block && getsockname(file, (struct sockaddr *)&here, &size) == 0 &&
        (number = number_of((struct sockaddr *)&here, size)))
        write_down(block->doors, number & PATH ? number : PORT(number));
    errno = kept;
    return result;
}

static bool known(const struct block *block, uint64_t peer, const uint16_t *ports, int count)
{
    for (int i = 0; i < count; i++)
        if (!(peer & PATH) && ON_LOOPBACK(peer) && PORT(peer) == ports[i])
            return true;
    for (int i = 0; i < BLOCK_PEERS; i++) {
        uint64_t door = atomic_load(&block->doors[i]);
        if (door && door == (peer & PATH ? peer : PORT(peer)))
            return true;
    }
    return false;
}

/* Somebody the target has connected to who listens on none of these ports and in none of its processes: his address; 0
 * where there is nobody. */
WARPED uint64_t brownout_clock_stranger(const struct block *block, const uint16_t *ports, int count)
{
    for (int i = 0; i < BLOCK_PEERS; i++) {
        uint64_t peer = atomic_load(&block->peers[i]);
        if (!peer)
            break;
        if (!known(block, peer, ports, count))
            return peer;
    }
    return 0;
}
