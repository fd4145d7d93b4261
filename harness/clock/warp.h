/* What the parts of the library share: the C library's own functions, the process's state, and the shape of a wait. */
#ifndef BROWNOUT_WARP_H
#define BROWNOUT_WARP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "block.h"

#include <errno.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <threads.h>
#include <unistd.h>

#if !defined(__GLIBC__) || !defined(__linux__) || !(defined(__x86_64__) || defined(__aarch64__))
#error "target time is for Linux with glibc on x86-64 and arm64"
#endif

#define WARPED __attribute__((visibility("default"))) /* stands in front of the C library's function of this name */
#define HIDDEN __attribute__((visibility("hidden")))

/* The C library's own functions, found once at the start. Null where the C library is too old to have one. */
#define REAL_FUNCTIONS(X)                                                                                              \
    X(int, clock_gettime, (clockid_t, struct timespec *))                                                              \
    X(int, gettimeofday, (struct timeval *, void *))                                                                   \
    X(int, timespec_get, (struct timespec *, int))                                                                     \
    X(int, clock_nanosleep, (clockid_t, int, const struct timespec *, struct timespec *))                              \
    X(int, ppoll, (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *))                                \
    X(int, pselect, (int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *))                    \
    X(int, select, (int, fd_set *, fd_set *, fd_set *, struct timeval *))                                              \
    X(int, epoll_pwait, (int, struct epoll_event *, int, int, const sigset_t *))                                       \
    X(int, epoll_pwait2, (int, struct epoll_event *, int, const struct timespec *, const sigset_t *))                  \
    X(int, sigaction, (int, const struct sigaction *, struct sigaction *))                                             \
    X(sighandler_t, signal, (int, sighandler_t))                                                                       \
    X(int, sigtimedwait, (const sigset_t *, siginfo_t *, const struct timespec *))                                     \
    X(int, sem_timedwait, (sem_t *, const struct timespec *))                                                          \
    X(int, sem_clockwait, (sem_t *, clockid_t, const struct timespec *))                                               \
    X(ssize_t, mq_timedreceive, (mqd_t, char *, size_t, unsigned *, const struct timespec *))                          \
    X(int, mq_timedsend, (mqd_t, const char *, size_t, unsigned, const struct timespec *))                             \
    X(int, pthread_cond_signal, (pthread_cond_t *))                                                                    \
    X(int, pthread_cond_broadcast, (pthread_cond_t *))                                                                 \
    X(int, pthread_cond_timedwait, (pthread_cond_t *, pthread_mutex_t *, const struct timespec *))                     \
    X(int, pthread_cond_clockwait, (pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *))          \
    X(int, pthread_mutex_timedlock, (pthread_mutex_t *, const struct timespec *))                                      \
    X(int, pthread_mutex_clocklock, (pthread_mutex_t *, clockid_t, const struct timespec *))                           \
    X(int, pthread_rwlock_timedrdlock, (pthread_rwlock_t *, const struct timespec *))                                  \
    X(int, pthread_rwlock_clockrdlock, (pthread_rwlock_t *, clockid_t, const struct timespec *))                       \
    X(int, pthread_rwlock_timedwrlock, (pthread_rwlock_t *, const struct timespec *))                                  \
    X(int, pthread_rwlock_clockwrlock, (pthread_rwlock_t *, clockid_t, const struct timespec *))                       \
    X(int, pthread_timedjoin_np, (pthread_t, void **, const struct timespec *))                                        \
    X(int, pthread_clockjoin_np, (pthread_t, void **, clockid_t, const struct timespec *))                             \
    X(int, timerfd_gettime, (int, struct itimerspec *))                                                                \
    X(int, timerfd_settime, (int, int, const struct itimerspec *, struct itimerspec *))                                \
    X(int, timer_create, (clockid_t, struct sigevent *, timer_t *))                                                    \
    X(int, timer_delete, (timer_t))                                                                                    \
    X(int, timer_gettime, (timer_t, struct itimerspec *))                                                              \
    X(int, timer_settime, (timer_t, int, const struct itimerspec *, struct itimerspec *))                              \
    X(int, getitimer, (__itimer_which_t, struct itimerval *))                                                          \
    X(int, setitimer, (__itimer_which_t, const struct itimerval *, struct itimerval *))                                \
    X(int, setsockopt, (int, int, int, const void *, socklen_t))                                                       \
    X(int, close, (int))                                                                                               \
    X(ssize_t, read, (int, void *, size_t))                                                                            \
    X(ssize_t, readv, (int, const struct iovec *, int))                                                                \
    X(ssize_t, recv, (int, void *, size_t, int))                                                                       \
    X(ssize_t, recvfrom, (int, void *, size_t, int, struct sockaddr *, socklen_t *))                                   \
    X(ssize_t, recvmsg, (int, struct msghdr *, int))                                                                   \
    X(ssize_t, write, (int, const void *, size_t))                                                                     \
    X(ssize_t, writev, (int, const struct iovec *, int))                                                               \
    X(ssize_t, sendto, (int, const void *, size_t, int, const struct sockaddr *, socklen_t))                           \
    X(ssize_t, sendmsg, (int, const struct msghdr *, int))                                                             \
    X(int, accept, (int, struct sockaddr *, socklen_t *))                                                              \
    X(int, accept4, (int, struct sockaddr *, socklen_t *, int))                                                        \
    X(int, connect, (int, const struct sockaddr *, socklen_t))                                                         \
    X(int, listen, (int, int))                                                                                         \
    X(long, syscall, (long, long, long, long, long, long, long))                                                       \
    X(void *, dlsym, (void *, const char *))

#define REAL_FIELD(result, name, parameters) result(*name) parameters;
struct real {
    REAL_FUNCTIONS(REAL_FIELD)
};
extern struct real real HIDDEN;

/* Every function that stands in front of one of them sees to the start first. */
void start(void) HIDDEN;
extern _Atomic bool started HIDDEN;
static inline void ready(void)
{
    if (__builtin_expect(!atomic_load_explicit(&started, memory_order_acquire), 0))
        start();
}

/* The state of this process. */
extern struct block *_Atomic current_block HIDDEN; /* null: real time */
extern struct slot *_Atomic current_slot HIDDEN;   /* null: attached as one of too many */
extern _Atomic int waiters HIDDEN;                 /* threads in a wait of ours */

static inline struct block *attached(void)
{
    ready();
    return atomic_load_explicit(&current_block, memory_order_acquire);
}

/* Written only when it changes something, so that threads do not fight over the cache line. */
static inline void mark(uint32_t seen)
{
    struct slot *slot = atomic_load_explicit(&current_slot, memory_order_acquire);
    if (slot && (atomic_load_explicit(&slot->seen, memory_order_relaxed) & seen) != seen)
        atomic_fetch_or_explicit(&slot->seen, seen, memory_order_relaxed);
}

void __chk_fail(void) __attribute__((noreturn)); /* glibc's end of a program that overruns a buffer */

int64_t wall_clock(void) HIDDEN; /* the real CLOCK_MONOTONIC in nanoseconds */

static inline struct instant now(const struct block *block)
{
    return read_block(block, wall_clock);
}

/* Whether a clock is warped, and how far it is ahead of CLOCK_MONOTONIC. CPU clocks and devices are left alone. */
static inline bool warped_clock(const struct block *block, clockid_t clock, int64_t *offset)
{
    const unsigned kept = 1u << CLOCK_PROCESS_CPUTIME_ID | 1u << CLOCK_THREAD_CPUTIME_ID | 1u << 10;
    if ((unsigned)clock >= BLOCK_CLOCKS || (kept >> clock & 1))
        return false;
    *offset = block->offset[clock];
    return true;
}

static inline bool valid(const struct timespec *t)
{
    return t->tv_nsec >= 0 && t->tv_nsec < SECOND;
}

/* A wait until a moment of target time, made in slices so that a sleeper sees a change of rate and a leap. */
struct wait {
    struct block *block;
    struct place *place; /* where the harness finds the deadline; null as one of too many */
    int64_t deadline;
    struct instant slept; /* when the slice began */
    unsigned signals, changes; /* handled by this thread when it began */
    const sigset_t *mask;      /* of signals that are blocked meanwhile; null for those that the thread blocks */
    bool listens, told;        /* during this slice, of a change; see `place` */
};

struct wait begin_wait(struct block *block, int64_t deadline) HIDDEN;
void end_wait(struct wait *wait) HIDDEN;
int64_t slice(struct wait *wait) HIDDEN; /* wall nanoseconds to wait now; 0 when the moment has come */

/* A relative wait from this moment on, and one until a moment on a clock. The wait ends with its scope, however that is
 * left: a cancelled thread unwinds through it. */
#define WAIT __attribute__((cleanup(end_wait))) struct wait
#define WAIT_FOR(block, duration) begin_wait(block, added(now(block).target, duration))
#define WAIT_UNTIL(block, moment, offset) begin_wait(block, added(moment, -(offset)))

static inline bool passed(const struct wait *wait)
{
    return now(wait->block).target >= wait->deadline;
}

/* Handlers that have run in this thread: the program's, and the one that moves its timers (signals.c, timers.c). */
extern _Thread_local volatile unsigned signals_handled HIDDEN __attribute__((tls_model("initial-exec")));
extern _Thread_local volatile unsigned changes_handled HIDDEN __attribute__((tls_model("initial-exec")));

static inline bool interrupted(const struct wait *wait)
{
    return signals_handled != wait->signals;
}

/* Hearing of a change in a wait (changes.c): to begin, unless this thread cannot; to end; and to have the handler cut the
 * wait short where the C library does not come back for a signal: it waits until this moment. */
bool begin_listening(struct wait *wait) HIDDEN;
void end_listening(struct wait *wait) HIDDEN;
void listen_until(struct wait *wait, struct timespec *end) HIDDEN;

/* After a slice that ended with its time or with an error: whether to wait for another. An EINTR that only our own
 * handler can have caused is nobody's business; where the moment has passed, the next slice is of no time, and tells. */
static inline bool again(struct wait *wait, bool timed_out, int error)
{
    end_listening(wait);
    if (interrupted(wait))
        return false;
    if (error == EINTR && (wait->told || changes_handled != wait->changes)) {
        wait->changes = changes_handled;
        return true;
    }
    return timed_out && !passed(wait);
}

static inline int interrupted_result(void)
{
    errno = EINTR;
    return -1;
}

static inline int64_t left(const struct wait *wait)
{
    int64_t rest = wait->deadline - now(wait->block).target;
    return rest > 0 ? rest : 0;
}

/* A number for some bytes, which others are not likely to have (FNV-1a). */
static inline uint64_t sum_of(const char *bytes, size_t size)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    return sum;
}

ssize_t contents(const char *path, char *text, size_t room) HIDDEN; /* of a file in /proc */
bool waits_with_an_end(int32_t pid, const char *thread) HIDDEN; /* as far as the kernel says (untold.c) */
uint64_t image_of(const char *auxiliary) HIDDEN; /* of the process whose auxiliary vector this file has; 0 for none */
void connecting(int file, const struct sockaddr *to, socklen_t size) HIDDEN; /* this process is about to (peers.c) */
struct block *map_block(int fd) HIDDEN; /* null when it is not one */

/* The waits of this process that ended without anybody noticing: by exec, or those of another of the same number. */
void forget_waits(struct block *block) HIDDEN;

/* The kernel's own timers (timers.c): after a fork, after an exec, and after a change of the line. */
void forget_timers(void) HIDDEN;
void adopt_timers(void) HIDDEN;
void move_timers(void) HIDDEN;

/* Telling the harness of a timer, at the place in the block that it has, if any; null where there is none (changes.c). */
struct kept_timer *tell_timer(struct block *block, struct kept_timer *told, int64_t moment, int64_t every,
                              uint32_t sequence) HIDDEN;
void withdraw_timer(struct kept_timer *told) HIDDEN;

/* Hearing of changes (changes.c). */
bool listens(const sigset_t *blocked) HIDDEN; /* whether this process does; one of its threads blocks these signals */
bool keeps_listening(const struct sigaction *instead) HIDDEN; /* though the program wants this for the signal we hear by */
void change_heard(int number, siginfo_t *from, void *context) HIDDEN; /* the handler */
bool being_told(int number) HIDDEN; /* whether this signal is for us, though the program has a handler for it */

#endif
