/* The timeouts of sockets, SO_RCVTIMEO and SO_SNDTIMEO.
 *
 * The kernel waits inside recv and its kin, where no slice reaches. So once a program has given any socket a timeout,
 * whoever is about to block on one asks the kernel what its timeout is (in target seconds, for the program to read as
 * well) and waits in slices until the socket is ready. Programs that never do pay for one load.
 *
 * Left to the kernel, and so in wall time: the rest of a MSG_WAITALL, and of a gathering write that finds some room.
 */
#include "warp.h"

#include <fcntl.h>

static _Atomic bool any_timeout;

WARPED int setsockopt(int file, int level, int option, const void *value, socklen_t size)
{
    int result;
    ready();
    result = real.setsockopt(file, level, option, value, size);
    if (result == 0 && level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO))
        atomic_store_explicit(&any_timeout, true, memory_order_relaxed);
    return result;
}

/* The timeout that a call on this file would block for; 0 when it would not, or for ever. */
static int64_t timeout_of(int file, int option, int flags)
{
    struct timeval t = {0};
    socklen_t size = sizeof t;
    int kept = errno, status;
    ready();
    if (!atomic_load_explicit(&any_timeout, memory_order_relaxed) || !attached() ||
        (flags & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB)))
        return 0;
    if (getsockopt(file, SOL_SOCKET, option, &t, &size) < 0 || (!t.tv_sec && !t.tv_usec) ||
        (status = fcntl(file, F_GETFL)) < 0 || (status & O_NONBLOCK))
        t = (struct timeval){0};
    errno = kept; /* the file may well be no socket */
    return added(nanoseconds(&(struct timespec){.tv_sec = t.tv_sec}), (int64_t)t.tv_usec * 1000);
}

/* Waits for a file; 1 when it is ready, 0 when the time is over, -1 when a signal came first. */
static int ready_within(int file, short events, int64_t timeout)
{
    struct timespec t = as_timespec(timeout);
    struct pollfd one = {.fd = file, .events = events};
    return ppoll(&one, 1, &t, NULL);
}

/* As the kernel has it: the end of a timeout is EAGAIN. */
static bool blocked_too_long(int file, int option, int flags)
{
    int64_t timeout = timeout_of(file, option, flags);
    int came = timeout ? ready_within(file, option == SO_RCVTIMEO ? POLLIN : POLLOUT, timeout) : 1;
    if (came == 0)
        errno = EAGAIN;
    return came <= 0;
}

WARPED ssize_t read(int file, void *bytes, size_t size)
{
    return blocked_too_long(file, SO_RCVTIMEO, 0) ? -1 : real.read(file, bytes, size);
}

WARPED ssize_t readv(int file, const struct iovec *pieces, int count)
{
    return blocked_too_long(file, SO_RCVTIMEO, 0) ? -1 : real.readv(file, pieces, count);
}

WARPED ssize_t recv(int file, void *bytes, size_t size, int flags)
{
    return blocked_too_long(file, SO_RCVTIMEO, flags) ? -1 : real.recv(file, bytes, size, flags);
}

WARPED ssize_t recvfrom(int file, void *restrict bytes, size_t size, int flags, __SOCKADDR_ARG from,
                        socklen_t *restrict from_size)
{
    if (blocked_too_long(file, SO_RCVTIMEO, flags))
        return -1;
    return real.recvfrom(file, bytes, size, flags, from.__sockaddr__, from_size);
}

WARPED ssize_t recvmsg(int file, struct msghdr *message, int flags)
{
    return blocked_too_long(file, SO_RCVTIMEO, flags) ? -1 : real.recvmsg(file, message, flags);
}

WARPED int accept(int file, __SOCKADDR_ARG from, socklen_t *restrict from_size)
{
    return blocked_too_long(file, SO_RCVTIMEO, 0) ? -1 : real.accept(file, from.__sockaddr__, from_size);
}

WARPED int accept4(int file, __SOCKADDR_ARG from, socklen_t *restrict from_size, int flags)
{
    return blocked_too_long(file, SO_RCVTIMEO, 0) ? -1 : real.accept4(file, from.__sockaddr__, from_size, flags);
}

/* What a program built with _FORTIFY_SOURCE calls instead. */

WARPED ssize_t __read_chk(int file, void *bytes, size_t size, size_t room)
{
    if (size > room)
        __chk_fail();
    return read(file, bytes, size);
}

WARPED ssize_t __recv_chk(int file, void *bytes, size_t size, size_t room, int flags)
{
    if (size > room)
        __chk_fail();
    return recv(file, bytes, size, flags);
}

WARPED ssize_t __recvfrom_chk(int file, void *restrict bytes, size_t size, size_t room, int flags, __SOCKADDR_ARG from,
                              socklen_t *restrict from_size)
{
    if (size > room)
        __chk_fail();
    return recvfrom(file, bytes, size, flags, from, from_size);
}

/* Sends piece by piece as room appears. The timeout is for each piece, and what has been sent before it is the result,
 * as in the kernel. */
WARPED ssize_t sendto(int file, const void *bytes, size_t size, int flags, __CONST_SOCKADDR_ARG to, socklen_t to_size)
{
    int64_t timeout = timeout_of(file, SO_SNDTIMEO, flags);
    size_t sent = 0;
    if (!timeout)
        return real.sendto(file, bytes, size, flags, to.__sockaddr__, to_size);
    do {
        ssize_t piece = real.sendto(file, (const char *)bytes + sent, size - sent, flags | MSG_DONTWAIT, to.__sockaddr__, to_size);
        int came = piece < 0 && errno == EAGAIN ? ready_within(file, POLLOUT, timeout) : piece < 0 ? -1 : 1;
        if (came == 0)
            errno = EAGAIN;
        if (came <= 0)
            return sent ? (ssize_t)sent : -1;
        sent += piece > 0 ? (size_t)piece : 0;
    } while (sent < size);
    return (ssize_t)sent;
}

WARPED ssize_t send(int file, const void *bytes, size_t size, int flags)
{
    return sendto(file, bytes, size, flags, (__CONST_SOCKADDR_ARG){.__sockaddr__ = NULL}, 0);
}

WARPED ssize_t write(int file, const void *bytes, size_t size)
{
    return timeout_of(file, SO_SNDTIMEO, 0) ? send(file, bytes, size, 0) : real.write(file, bytes, size);
}

WARPED ssize_t writev(int file, const struct iovec *pieces, int count)
{
    return blocked_too_long(file, SO_SNDTIMEO, 0) ? -1 : real.writev(file, pieces, count);
}

WARPED ssize_t sendmsg(int file, const struct msghdr *message, int flags)
{
    return blocked_too_long(file, SO_SNDTIMEO, flags) ? -1 : real.sendmsg(file, message, flags);
}

/* A connection is tried without blocking; when its time is over the error is EINPROGRESS, as in the kernel. */
WARPED int connect(int file, __CONST_SOCKADDR_ARG to, socklen_t to_size)
{
    int64_t timeout = timeout_of(file, SO_SNDTIMEO, 0);
    int status, came, error = 0;
    socklen_t error_size = sizeof error;
    connecting(file, to.__sockaddr__, to_size);
    if (!timeout)
        return real.connect(file, to.__sockaddr__, to_size);
    status = fcntl(file, F_GETFL);
    fcntl(file, F_SETFL, status | O_NONBLOCK);
    came = real.connect(file, to.__sockaddr__, to_size) == 0 ? 0 : errno;
    fcntl(file, F_SETFL, status);
    if (came == EINPROGRESS) {
        came = ready_within(file, POLLOUT, timeout);
        if (came < 0)
            return -1;
        if (came > 0 && getsockopt(file, SOL_SOCKET, SO_ERROR, &error, &error_size) < 0)
            return -1;
        came = came > 0 ? error : EINPROGRESS;
    }
    if (!came)
        return 0;
    errno = came;
    return -1;
}
