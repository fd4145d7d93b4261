/* Waits without an end while the kernel keeps a timer for it, and counts how often that ends though nothing has happened.
 *
 *     endless KIND
 *
 * Ends with SIGUSR1, which is what is waited for, or interrupts the wait.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t came;

static void end(int number)
{
    (void)number;
    came = 1;
}

static int wait_once(const char *kind, int file, int epoll, const sigset_t *mask)
{
    struct pollfd one = {.fd = file, .events = POLLIN};
    struct epoll_event event;
    fd_set set;
    sigset_t wanted;
    FD_ZERO(&set);
    FD_SET(file, &set);
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    if (!strcmp(kind, "poll"))
        return poll(&one, 1, -1);
    if (!strcmp(kind, "ppoll"))
        return ppoll(&one, 1, NULL, mask);
    if (!strcmp(kind, "select"))
        return select(file + 1, &set, NULL, NULL, NULL);
    if (!strcmp(kind, "pselect"))
        return pselect(file + 1, &set, NULL, NULL, NULL, mask);
    if (!strcmp(kind, "epoll_wait"))
        return epoll_wait(epoll, &event, 1, -1);
    if (!strcmp(kind, "epoll_pwait2"))
        return epoll_pwait2(epoll, &event, 1, NULL, mask);
    if (!strcmp(kind, "sigsuspend"))
        return sigsuspend(mask);
    if (!strcmp(kind, "sigwaitinfo")) {
        sigprocmask(SIG_BLOCK, &wanted, NULL);
        came = sigwaitinfo(&wanted, NULL) == SIGUSR1;
        return came ? 0 : -1;
    }
    return pause();
}

int main(int count, char **arguments)
{
    int ends[2], epoll = epoll_create1(0), interrupted = 0;
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec day = {.it_value = {.tv_sec = 86400}};
    struct timespec begun = {.tv_nsec = 1000000};
    struct epoll_event event = {.events = EPOLLIN};
    sigset_t mask;
    if (count < 2 || pipe(ends) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) < 0)
        return 2;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = end}, NULL);
    timerfd_settime(timer, 0, &day, NULL);
    nanosleep(&begun, NULL); /* tells that it has begun */
    puts("waits");
    fflush(stdout);
    while (wait_once(arguments[1], ends[0], epoll, &mask) < 0 && !came)
        interrupted += 1;
    printf("%d %s\n", interrupted, came ? "SIGUSR1" : "nothing");
    return 0;
}
