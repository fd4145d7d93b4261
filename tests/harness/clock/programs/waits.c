/* Waits in every way the C library knows, and says how long it thinks that it took.
 *
 *     waits KIND SECONDS [THREADS]
 *
 * One line for each thread: seconds by the clock that the wait was on, seconds of CLOCK_MONOTONIC, result, errno.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static double seconds;
static int64_t span; /* the same in nanoseconds; an enormous one does not fit */

static int64_t reading(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static struct timespec relative(void)
{
    return (struct timespec){(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
}

static struct timespec until(clockid_t clock)
{
    int64_t moment = reading(clock) + span;
    return (struct timespec){moment / 1000000000, moment % 1000000000};
}

static struct timeval relative_us(void)
{
    struct timespec t = relative();
    return (struct timeval){t.tv_sec, t.tv_nsec / 1000};
}

static int as_result(int error) /* of functions that return the error */
{
    errno = error;
    return error ? -1 : 0;
}

/* Sleeping */
static int w_nanosleep(void) { struct timespec t = relative(), rest = {0}; int r = nanosleep(&t, &rest);
    if (r < 0 && errno == EINTR) printf("rest %.3f\n", rest.tv_sec + rest.tv_nsec / 1e9);
    return r; }
static int w_sleep(void) { unsigned rest = sleep((unsigned)seconds); if (rest) printf("rest %u\n", rest); return 0; }
static int w_usleep(void) { return usleep((useconds_t)(seconds * 1e6)); }
static int w_thrd_sleep(void) { struct timespec t = relative(); return thrd_sleep(&t, NULL); }
static int w_clock_nanosleep(void) { struct timespec t = relative(); return as_result(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL)); }
static int absolute_sleep(clockid_t clock) { struct timespec t = until(clock); return as_result(clock_nanosleep(clock, TIMER_ABSTIME, &t, NULL)); }
static int w_sleep_until_realtime(void) { return absolute_sleep(CLOCK_REALTIME); }
static int w_sleep_until_monotonic(void) { return absolute_sleep(CLOCK_MONOTONIC); }
static int w_sleep_until_boottime(void) { return absolute_sleep(CLOCK_BOOTTIME); }
static int w_sleep_until_tai(void) { return absolute_sleep(CLOCK_TAI); }

/* Files */
static int silent(void) { int ends[2]; if (pipe(ends) < 0) abort(); return ends[0]; }
static int w_poll(void) { struct pollfd f = {silent(), POLLIN, 0}; return poll(&f, 1, seconds > 2e6 ? 2000000000 : (int)(seconds * 1e3)); }
static int w_ppoll(void) { struct pollfd f = {silent(), POLLIN, 0}; struct timespec t = relative(); return ppoll(&f, 1, &t, NULL); }
static int w_select(void) { int file = silent(); fd_set set; struct timeval t = relative_us(); FD_ZERO(&set); FD_SET(file, &set);
    int r = select(file + 1, &set, NULL, NULL, &t);
    if (r < 0) printf("rest %.3f\n", t.tv_sec + t.tv_usec / 1e6);
    return r ? r : FD_ISSET(file, &set) || t.tv_sec || t.tv_usec; }
static int w_pselect(void) { int file = silent(); fd_set set; struct timespec t = relative(); FD_ZERO(&set); FD_SET(file, &set);
    int r = pselect(file + 1, &set, NULL, NULL, &t, NULL); return r ? r : FD_ISSET(file, &set); }
static int epoll_of(void) { struct epoll_event e = {.events = EPOLLIN}; int epoll = epoll_create1(0); epoll_ctl(epoll, EPOLL_CTL_ADD, silent(), &e); return epoll; }
static int w_epoll_wait(void) { struct epoll_event e; return epoll_wait(epoll_of(), &e, 1, seconds > 2e6 ? 2000000000 : (int)(seconds * 1e3)); }
static int w_epoll_pwait(void) { struct epoll_event e; return epoll_pwait(epoll_of(), &e, 1, seconds > 2e6 ? 2000000000 : (int)(seconds * 1e3), NULL); }
static int w_epoll_pwait2(void) { struct epoll_event e; struct timespec t = relative(); return epoll_pwait2(epoll_of(), &e, 1, &t, NULL); }

/* Locks */
static sem_t semaphore;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t written = PTHREAD_RWLOCK_INITIALIZER;
static int w_sem_timedwait(void) { struct timespec t = until(CLOCK_REALTIME); return sem_timedwait(&semaphore, &t); }
static int w_sem_clockwait(void) { struct timespec t = until(CLOCK_MONOTONIC); return sem_clockwait(&semaphore, CLOCK_MONOTONIC, &t); }
static int w_mutex_timedlock(void) { struct timespec t = until(CLOCK_REALTIME); return as_result(pthread_mutex_timedlock(&held, &t)); }
static int w_mutex_clocklock(void) { struct timespec t = until(CLOCK_MONOTONIC); return as_result(pthread_mutex_clocklock(&held, CLOCK_MONOTONIC, &t)); }
static int w_rwlock_timedrdlock(void) { struct timespec t = until(CLOCK_REALTIME); return as_result(pthread_rwlock_timedrdlock(&written, &t)); }
static int w_rwlock_timedwrlock(void) { struct timespec t = until(CLOCK_REALTIME); return as_result(pthread_rwlock_timedwrlock(&written, &t)); }
static int w_rwlock_clockrdlock(void) { struct timespec t = until(CLOCK_MONOTONIC); return as_result(pthread_rwlock_clockrdlock(&written, CLOCK_MONOTONIC, &t)); }
static int w_mtx_timedlock(void) { struct timespec t = until(CLOCK_REALTIME); return mtx_timedlock((mtx_t *)&held, &t) == thrd_timedout ? as_result(ETIMEDOUT) : -2; }
static void *for_ever(void *unused) { for (;;) pause(); return unused; }
static int w_timedjoin(void) { pthread_t t; struct timespec m = until(CLOCK_REALTIME); pthread_create(&t, NULL, for_ever, NULL); return as_result(pthread_timedjoin_np(t, NULL, &m)); }

/* Conditions; a wait without an error is spurious, and allowed. */
static int condition(clockid_t own, int by_name, clockid_t named)
{
    pthread_cond_t c;
    pthread_condattr_t a;
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    struct timespec t = until(by_name ? named : own);
    int error = 0;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, own);
    pthread_cond_init(&c, &a);
    pthread_mutex_lock(&m);
    while (!error)
        error = by_name ? pthread_cond_clockwait(&c, &m, named, &t) : pthread_cond_timedwait(&c, &m, &t);
    pthread_mutex_unlock(&m);
    pthread_cond_destroy(&c);
    return as_result(error);
}
static int w_cond_realtime(void) { return condition(CLOCK_REALTIME, 0, 0); }
static int w_cond_monotonic(void) { return condition(CLOCK_MONOTONIC, 0, 0); }
static int w_cond_clockwait_monotonic(void) { return condition(CLOCK_REALTIME, 1, CLOCK_MONOTONIC); }
static int w_cond_clockwait_realtime(void) { return condition(CLOCK_MONOTONIC, 1, CLOCK_REALTIME); }
static int w_cnd_timedwait(void)
{
    cnd_t c; mtx_t m; struct timespec t = until(CLOCK_REALTIME); int r = thrd_success;
    cnd_init(&c); mtx_init(&m, mtx_plain); mtx_lock(&m);
    while (r == thrd_success) r = cnd_timedwait(&c, &m, &t);
    return as_result(r == thrd_timedout ? ETIMEDOUT : EINVAL);
}

/* A token goes back and forth between two threads, who wait for it for an hour at most. Each keeps it for a different part
 * of a look at the clock, and says so after letting go of the mutex: a signal that got lost would stop them. */
struct exchange { pthread_mutex_t mutex; pthread_cond_t moved; int token, lost; };
static void exchange_rounds(struct exchange *x, int mine)
{
    for (int round = 0; round < 50; round++) {
        struct timespec hour = {reading(CLOCK_REALTIME) / 1000000000 + 3600, 0}, pause = {0, (round * 37 % 100) * 5000000};
        pthread_mutex_lock(&x->mutex);
        while (x->token != mine && !x->lost)
            x->lost = pthread_cond_timedwait(&x->moved, &x->mutex, &hour);
        pthread_mutex_unlock(&x->mutex);
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&x->mutex);
        x->token = !mine;
        pthread_mutex_unlock(&x->mutex);
        pthread_cond_signal(&x->moved);
    }
}
static void *exchange_other(void *x) { exchange_rounds(x, 1); return NULL; }
static int w_cond_exchange(void)
{
    struct exchange x = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
    pthread_t other;
    pthread_create(&other, NULL, exchange_other, &x);
    exchange_rounds(&x, 0);
    pthread_join(other, NULL);
    return x.lost ? -2 : 0;
}

/* The kernel, by number */
static int futex(int operation, struct timespec t) { uint32_t word = 1; return (int)syscall(SYS_futex, &word, operation, 1, &t, NULL, FUTEX_BITSET_MATCH_ANY); }
static int w_futex_wait(void) { return futex(FUTEX_WAIT_PRIVATE, relative()); }
static int w_futex_wait_bitset(void) { return futex(FUTEX_WAIT_BITSET_PRIVATE, until(CLOCK_MONOTONIC)); }
static int w_futex_wait_bitset_realtime(void) { return futex(FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, until(CLOCK_REALTIME)); }

static int w_sys_nanosleep(void) { struct timespec t = relative(); return (int)syscall(SYS_nanosleep, &t, NULL); }
static int w_sys_clock_nanosleep(void) { struct timespec t = relative(); return (int)syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &t, NULL); }
static int w_sys_sleep_until_realtime(void) { struct timespec t = until(CLOCK_REALTIME); return (int)syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL); }
static int w_sys_epoll_pwait(void) { struct epoll_event e; return (int)syscall(SYS_epoll_pwait, epoll_of(), &e, 1, seconds > 2e6 ? 2000000000 : (int)(seconds * 1e3), NULL, 8); }
static int w_sys_epoll_pwait2(void) { struct epoll_event e; struct timespec t = relative(); return (int)syscall(SYS_epoll_pwait2, epoll_of(), &e, 1, &t, NULL, 8); }
#ifdef SYS_epoll_wait
static int w_sys_epoll_wait(void) { struct epoll_event e; return (int)syscall(SYS_epoll_wait, epoll_of(), &e, 1, seconds > 2e6 ? 2000000000 : (int)(seconds * 1e3)); }
static int w_sys_poll(void) { struct pollfd f = {silent(), POLLIN, 0}; return (int)syscall(SYS_poll, &f, 1, seconds > 2e6 ? 2000000000 : (int)(seconds * 1e3)); }
#endif

/* Message queues: one that is empty, and one that is full */
static mqd_t queue(void)
{
    static _Atomic int number;
    char name[40];
    struct mq_attr one = {.mq_maxmsg = 1, .mq_msgsize = 1};
    mqd_t made;
    snprintf(name, sizeof name, "/brownout-%d-%d", getpid(), number++);
    made = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &one);
    mq_unlink(name);
    return made;
}
static int w_mq_timedreceive(void) { char c; struct timespec t = until(CLOCK_REALTIME); return (int)mq_timedreceive(queue(), &c, 1, NULL, &t); }
static int w_mq_timedsend(void) { mqd_t full = queue(); struct timespec t = until(CLOCK_REALTIME); mq_send(full, "x", 1, 0); return mq_timedsend(full, "x", 1, 0, &t); }

/* The kernel's timers */
static int timer_file(clockid_t clock, int flags, struct timespec value, struct timespec interval, int times)
{
    int file = timerfd_create(clock, 0);
    struct itimerspec setting = {interval, value};
    uint64_t count = 0, more;
    if (timerfd_settime(file, flags, &setting, NULL) < 0)
        return -1;
    while (count < (uint64_t)times && read(file, &more, sizeof more) > 0)
        count += more;
    return count >= (uint64_t)times ? 0 : -2; /* a busy machine may have missed one */
}
static int w_timerfd(void) { return timer_file(CLOCK_MONOTONIC, 0, relative(), (struct timespec){0}, 1); }
static int w_timerfd_until_realtime(void) { return timer_file(CLOCK_REALTIME, TFD_TIMER_ABSTIME, until(CLOCK_REALTIME), (struct timespec){0}, 1); }
static int w_timerfd_until_monotonic(void) { return timer_file(CLOCK_MONOTONIC, TFD_TIMER_ABSTIME, until(CLOCK_MONOTONIC), (struct timespec){0}, 1); }
static int w_timerfd_until_boottime(void) { return timer_file(CLOCK_BOOTTIME, TFD_TIMER_ABSTIME, until(CLOCK_BOOTTIME), (struct timespec){0}, 1); }
static int w_timerfd_repeating(void) { struct timespec each = {(time_t)(seconds / 4), (long)(span / 4 % 1000000000)}; return timer_file(CLOCK_MONOTONIC, 0, each, each, 4); }
static int alarm_came(void) { sigset_t s; int number; sigemptyset(&s); sigaddset(&s, SIGALRM); return sigwait(&s, &number) ? -1 : 0; }
static int w_timer_settime(void)
{
    timer_t timer; struct itimerspec setting = {.it_value = relative()}, left;
    if (timer_create(CLOCK_MONOTONIC, NULL, &timer) < 0 || timer_settime(timer, 0, &setting, NULL) < 0 || timer_gettime(timer, &left) < 0) return -1;
    if (left.it_value.tv_sec + left.it_value.tv_nsec / 1e9 > seconds + 1e-6) return -2;
    return alarm_came();
}
static int w_timer_until_realtime(void)
{
    timer_t timer; struct itimerspec setting = {.it_value = until(CLOCK_REALTIME)};
    if (timer_create(CLOCK_REALTIME, NULL, &timer) < 0 || timer_settime(timer, TIMER_ABSTIME, &setting, NULL) < 0) return -1;
    return alarm_came();
}
static int w_setitimer(void) { struct itimerval setting = {.it_value = relative_us()}, left; setitimer(ITIMER_REAL, &setting, NULL); getitimer(ITIMER_REAL, &left);
    if (left.it_value.tv_sec + left.it_value.tv_usec / 1e6 > seconds + 1e-5) return -2;
    return alarm_came(); }
static int w_alarm(void) { alarm((unsigned)seconds); if (alarm((unsigned)seconds) != (unsigned)seconds) return -2; return alarm_came(); }
static int w_sigtimedwait(void) { sigset_t s; struct timespec t = relative(); sigemptyset(&s); sigaddset(&s, SIGWINCH); sigprocmask(SIG_BLOCK, &s, NULL); return sigtimedwait(&s, NULL, &t); }

/* Sockets */
static void pair(int ends[2], int option) { struct timeval t = relative_us(); if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || setsockopt(ends[0], SOL_SOCKET, option, &t, sizeof t) < 0) abort(); }
static int w_recv(void) { int ends[2]; char c; pair(ends, SO_RCVTIMEO); return (int)recv(ends[0], &c, 1, 0); }
static int w_read(void) { int ends[2]; char c; pair(ends, SO_RCVTIMEO); return (int)read(ends[0], &c, 1); }
static int w_recvmsg(void) { int ends[2]; char c; struct iovec v = {&c, 1}; struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1}; pair(ends, SO_RCVTIMEO); return (int)recvmsg(ends[0], &m, 0); }
static int w_send(void) { int ends[2]; static char bytes[1 << 20]; pair(ends, SO_SNDTIMEO); ssize_t sent = send(ends[0], bytes, sizeof bytes, 0);
    return sent > 0 && sent < (ssize_t)sizeof bytes ? as_result(EAGAIN) : -2; }
static int w_accept(void)
{
    struct timeval t = relative_us(); struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int file = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(file, (struct sockaddr *)&any, sizeof any) < 0 || listen(file, 1) < 0 || setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) < 0) abort();
    return accept(file, NULL, NULL);
}
static int w_connect(void) /* to a queue that is full */
{
    struct timeval t = relative_us(); struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}; socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0), file;
    if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 0) < 0 || getsockname(listener, (struct sockaddr *)&at, &size) < 0) abort();
    for (int i = 0; i < 3; i++) { file = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0); connect(file, (struct sockaddr *)&at, size); }
    file = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
    return connect(file, (struct sockaddr *)&at, size);
}

#define W(name, clock) {#name, w_##name, clock}
static const struct kind { const char *name; int (*wait)(void); clockid_t clock; } kinds[] = {
    W(nanosleep, CLOCK_MONOTONIC), W(sleep, CLOCK_MONOTONIC), W(usleep, CLOCK_MONOTONIC), W(thrd_sleep, CLOCK_MONOTONIC),
    W(clock_nanosleep, CLOCK_MONOTONIC), W(sleep_until_realtime, CLOCK_REALTIME), W(sleep_until_monotonic, CLOCK_MONOTONIC),
    W(sleep_until_boottime, CLOCK_BOOTTIME), W(sleep_until_tai, CLOCK_TAI), W(poll, CLOCK_MONOTONIC), W(ppoll, CLOCK_MONOTONIC),
    W(select, CLOCK_MONOTONIC), W(pselect, CLOCK_MONOTONIC), W(epoll_wait, CLOCK_MONOTONIC), W(epoll_pwait, CLOCK_MONOTONIC),
    W(epoll_pwait2, CLOCK_MONOTONIC), W(sem_timedwait, CLOCK_REALTIME), W(sem_clockwait, CLOCK_MONOTONIC),
    W(mutex_timedlock, CLOCK_REALTIME), W(mutex_clocklock, CLOCK_MONOTONIC), W(rwlock_timedrdlock, CLOCK_REALTIME),
    W(rwlock_timedwrlock, CLOCK_REALTIME), W(rwlock_clockrdlock, CLOCK_MONOTONIC), W(mtx_timedlock, CLOCK_REALTIME),
    W(timedjoin, CLOCK_REALTIME), W(cond_realtime, CLOCK_REALTIME), W(cond_monotonic, CLOCK_MONOTONIC),
    W(cond_clockwait_monotonic, CLOCK_MONOTONIC), W(cond_clockwait_realtime, CLOCK_REALTIME), W(cnd_timedwait, CLOCK_REALTIME), W(cond_exchange, CLOCK_MONOTONIC),
    W(futex_wait, CLOCK_MONOTONIC), W(futex_wait_bitset, CLOCK_MONOTONIC), W(futex_wait_bitset_realtime, CLOCK_REALTIME),
    W(sys_nanosleep, CLOCK_MONOTONIC), W(sys_clock_nanosleep, CLOCK_MONOTONIC), W(sys_sleep_until_realtime, CLOCK_REALTIME),
    W(sys_epoll_pwait, CLOCK_MONOTONIC), W(sys_epoll_pwait2, CLOCK_MONOTONIC),
#ifdef SYS_epoll_wait
    W(sys_epoll_wait, CLOCK_MONOTONIC), W(sys_poll, CLOCK_MONOTONIC),
#endif
    W(mq_timedreceive, CLOCK_REALTIME), W(mq_timedsend, CLOCK_REALTIME),
    W(timerfd, CLOCK_MONOTONIC), W(timerfd_until_realtime, CLOCK_REALTIME), W(timerfd_until_monotonic, CLOCK_MONOTONIC),
    W(timerfd_until_boottime, CLOCK_BOOTTIME), W(timerfd_repeating, CLOCK_MONOTONIC), W(timer_settime, CLOCK_MONOTONIC),
    W(timer_until_realtime, CLOCK_REALTIME), W(setitimer, CLOCK_MONOTONIC), W(alarm, CLOCK_MONOTONIC),
    W(sigtimedwait, CLOCK_MONOTONIC), W(recv, CLOCK_MONOTONIC), W(read, CLOCK_MONOTONIC), W(recvmsg, CLOCK_MONOTONIC),
    W(send, CLOCK_MONOTONIC), W(accept, CLOCK_MONOTONIC), W(connect, CLOCK_MONOTONIC),
};

static void *measure(void *of)
{
    const struct kind *kind = of;
    int64_t monotonic = reading(CLOCK_MONOTONIC), own = reading(kind->clock);
    int result = kind->wait(), error = result < 0 ? errno : 0;
    own = reading(kind->clock) - own;
    monotonic = reading(CLOCK_MONOTONIC) - monotonic;
    printf("%.6f %.6f %d %s\n", (double)own / 1e9, (double)monotonic / 1e9, result, error ? strerrorname_np(error) : "0");
    return NULL;
}

static void *hold_locks(void *locked) /* a thread of its own: nobody may wait for what he holds himself */
{
    pthread_mutex_lock(&held);
    pthread_rwlock_wrlock(&written);
    sem_post(locked);
    return for_ever(NULL);
}

static void handled(int number) { (void)number; }

int main(int count, char **arguments)
{
    const struct kind *kind = kinds, *end = kinds + sizeof kinds / sizeof *kinds;
    int threads = count > 3 ? atoi(arguments[3]) : 0;
    pthread_t started[64], holder;
    sem_t locked;
    sigset_t alarms;
    if (count < 3) {
        for (; kind < end; kind++)
            puts(kind->name);
        return 0;
    }
    while (kind < end && strcmp(kind->name, arguments[1]))
        kind++;
    if (kind == end || threads > 64)
        return 2;
    seconds = atof(arguments[2]);
    span = seconds > 9e9 ? INT64_C(9000000000000000000) - (INT64_C(2) << 60) : (int64_t)(seconds * 1e9);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = handled}, NULL);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarms, NULL);
    sem_init(&locked, 0, 0);
    pthread_create(&holder, NULL, hold_locks, &locked);
    sem_wait(&locked);
    if (!threads)
        measure((void *)kind);
    for (int i = 0; i < threads; i++)
        pthread_create(&started[i], NULL, measure, (void *)kind);
    for (int i = 0; i < threads; i++)
        pthread_join(started[i], NULL);
    return 0;
}
