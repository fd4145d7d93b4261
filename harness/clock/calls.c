/* Runtimes that read clocks and wait in the kernel by number, through syscall(): Rust's locks, C++ without libpthread, event
 * loops that are older than their C library.
 *
 * Left to the kernel, and so in wall time: ppoll and pselect6 by number, which say what is left of their timeout, and
 * io_uring, whose timeouts are no calls.
 */
#include "warp.h"

#include <linux/futex.h>
#include <sys/syscall.h>

/* The kernel compares the word again at the start of each slice, so that a change of it between two slices ends the wait. */
static long futex_wait(struct block *block, long word, long operation, long value, const struct timespec *timeout,
                       long bits)
{
    int64_t offset = operation & FUTEX_CLOCK_REALTIME ? block->offset[CLOCK_REALTIME] : 0;
    bool until = (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
    long result;
    int error;
    WAIT wait = until ? WAIT_UNTIL(block, nanoseconds(timeout), offset) : WAIT_FOR(block, nanoseconds(timeout));
    if (!until)
        bits = FUTEX_BITSET_MATCH_ANY;
    operation = FUTEX_WAIT_BITSET | (operation & FUTEX_PRIVATE_FLAG);
    do {
        int64_t wall = slice(&wait);
        struct timespec t = as_timespec(wait.slept.wall + wall);
        result = real.syscall(SYS_futex, word, operation, value, (long)&t, 0, bits);
        error = result < 0 ? errno : 0;
    } while (again(&wait, error == ETIMEDOUT, error));
    return error == ETIMEDOUT && interrupted(&wait) ? interrupted_result() : result;
}

static long as_call(int error) /* of functions that return the error */
{
    if (!error)
        return 0;
    errno = error;
    return -1;
}

/* The kernel's signal sets are as long as the words that it knows; it refuses others. */
static bool no_mask_or_its_size(long mask, long size)
{
    return !mask || size == _NSIG / 8;
}

/* Named for the compiler only: the public prototype is variadic, and both ABIs pass these words the same way. */
WARPED long warped_syscall(long number, long a, long b, long c, long d, long e, long f) __asm__("syscall");

WARPED long warped_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (!attached())
        return real.syscall(number, a, b, c, d, e, f);
    switch (number) {
    case SYS_clock_gettime:
        return clock_gettime((clockid_t)a, (struct timespec *)b);
    case SYS_gettimeofday:
        return a ? gettimeofday((struct timeval *)a, (void *)b) : real.syscall(number, a, b, c, d, e, f);
    case SYS_nanosleep:
        return nanosleep((const struct timespec *)a, (struct timespec *)b);
    case SYS_clock_nanosleep:
        return as_call(clock_nanosleep((clockid_t)a, (int)b, (const struct timespec *)c, (struct timespec *)d));
#if defined(SYS_epoll_wait) /* x86-64 */
    case SYS_time:
        return time((time_t *)a);
    case SYS_poll:
        return poll((struct pollfd *)a, (nfds_t)b, (int)c);
    case SYS_epoll_wait:
        return epoll_wait((int)a, (struct epoll_event *)b, (int)c, (int)d);
#endif
    case SYS_epoll_pwait:
        if (no_mask_or_its_size(e, f))
            return epoll_pwait((int)a, (struct epoll_event *)b, (int)c, (int)d, (const sigset_t *)e);
        break;
#if defined(SYS_epoll_pwait2)
    case SYS_epoll_pwait2:
        if (no_mask_or_its_size(e, f))
            return epoll_pwait2((int)a, (struct epoll_event *)b, (int)c, (const struct timespec *)d, (const sigset_t *)e);
        break;
#endif
    case SYS_futex: {
        long command = b & FUTEX_CMD_MASK;
        const struct timespec *timeout = (const struct timespec *)d;
        if ((command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET) && timeout && valid(timeout) && timeout->tv_sec >= 0)
            return futex_wait(attached(), a, b, c, timeout, f);
        break;
    }
    default:
        break;
    }
    return real.syscall(number, a, b, c, d, e, f);
}
