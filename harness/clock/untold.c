/* Waits with an end of which nobody has told: of who calls the kernel without the C library, of the C library itself (so it
 * asks name servers), by calls that have no function in front of them. Their end cannot be leapt to, and must not be leapt
 * over. The kernel says in which call a thread sleeps, and with which arguments; where it does not, nobody is suspected.
 */
#include "warp.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

enum limit { MILLISECONDS, POINTER }; /* none is a negative number, or null */

static const struct {
    long number;
    int argument;
    enum limit limit;
} limited[] = {
    {SYS_ppoll, 2, POINTER},          {SYS_pselect6, 4, POINTER},        {SYS_epoll_pwait, 3, MILLISECONDS},
    {SYS_futex, 3, POINTER},          {SYS_nanosleep, 0, POINTER},       {SYS_clock_nanosleep, 2, POINTER},
    {SYS_semtimedop, 3, POINTER},     {SYS_rt_sigtimedwait, 2, POINTER}, {SYS_io_getevents, 4, POINTER},
    {SYS_mq_timedreceive, 4, POINTER}, {SYS_mq_timedsend, 4, POINTER},   {SYS_recvmmsg, 4, POINTER},
#if defined(SYS_epoll_pwait2)
    {SYS_epoll_pwait2, 3, POINTER},
#endif
#if defined(SYS_poll) /* x86-64 */
    {SYS_poll, 2, MILLISECONDS},      {SYS_select, 4, POINTER},          {SYS_epoll_wait, 3, MILLISECONDS},
#endif
};

bool waits_with_an_end(int32_t pid, const char *thread)
{
    char path[64], text[256], *word = text;
    uint64_t arguments[6];
    long number;
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/syscall", pid, thread);
    if (contents(path, text, sizeof text) <= 0)
        return false;
    number = strtol(text, &word, 10);
    if (word == text || number < 0) /* "running", or sleeping in no call */
        return false;
    if (number == SYS_restart_syscall || number == SYS_io_uring_enter) /* such a wait, after a stop; and who knows */
        return true;
    for (int i = 0; i < 6; i++)
        arguments[i] = strtoull(word, &word, 16);
    for (size_t i = 0; i < sizeof limited / sizeof *limited; i++)
        if (limited[i].number == number) {
            uint64_t end = arguments[limited[i].argument];
            return limited[i].limit == POINTER ? end != 0 : (int32_t)end >= 0;
        }
    return false;
}
