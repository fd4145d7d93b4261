/* Waiting for locks, semaphores, message queues and conditions until a moment on a clock.
 *
 * A semaphore, a mutex, a message or a thread's end is still there after a slice, so that waiting for it again loses nothing. A
 * condition is different: a signal reaches only those who wait at that moment, and the caller is told to look at what
 * it waits for only when its wait returns. A signal that comes between two slices would be lost. So signals are counted:
 * when any was sent since the caller began to wait, the end of the slice is reported as the wake-up it may have been
 * (POSIX: "spurious wakeups may occur"), and only otherwise the wait goes on, the mutex being held all the while. A
 * signal sent without the mutex in the moment between the look at the count and the wait is found at the next slice.
 */
#include "warp.h"

#include <string.h>

/* The absolute time of the end of the next slice on a real clock. */
static void next_end(struct wait *wait, clockid_t clock, struct timespec *end)
{
    int64_t wall = slice(wait);
    if (clock == CLOCK_MONOTONIC) {
        *end = as_timespec(wait->slept.wall + wall);
    } else {
        real.clock_gettime(clock, end);
        *end = as_timespec(nanoseconds(end) + wall);
    }
    listen_until(wait, end);
}

/* Functions of one shape: `call` waits until `end` on the clock `on`. A lock is not interrupted by signals. */
#define WAIT_IN_SLICES(clock, moment, on, call, otherwise)                                                             \
    struct block *block = attached();                                                                                  \
    int64_t offset;                                                                                                    \
    int error;                                                                                                         \
    struct timespec end;                                                                                               \
    if (!block || !valid(moment) || !warped_clock(block, clock, &offset))                                              \
        return otherwise;                                                                                              \
    WAIT wait = WAIT_UNTIL(block, nanoseconds(moment), offset);                                                        \
    do {                                                                                                               \
        next_end(&wait, on, &end);                                                                                     \
        error = call;                                                                                                  \
    } while (error == ETIMEDOUT && !passed(&wait));                                                                    \
    return error;

/* The real wait is on the date for these, because a mutex that inherits priority knows no other clock. */
#define TIMED_LOCK(timed, clocked, type)                                                                               \
    WARPED int timed(type *restrict lock, const struct timespec *restrict moment)                                      \
    {                                                                                                                  \
        WAIT_IN_SLICES(CLOCK_REALTIME, moment, CLOCK_REALTIME, real.timed(lock, &end), real.timed(lock, moment))       \
    }                                                                                                                  \
    WARPED int clocked(type *restrict lock, clockid_t clock, const struct timespec *restrict moment)                   \
    {                                                                                                                  \
        WAIT_IN_SLICES(clock, moment, CLOCK_REALTIME, real.timed(lock, &end), real.clocked(lock, clock, moment))       \
    }

TIMED_LOCK(pthread_mutex_timedlock, pthread_mutex_clocklock, pthread_mutex_t)
TIMED_LOCK(pthread_rwlock_timedrdlock, pthread_rwlock_clockrdlock, pthread_rwlock_t)
TIMED_LOCK(pthread_rwlock_timedwrlock, pthread_rwlock_clockwrlock, pthread_rwlock_t)

WARPED int pthread_timedjoin_np(pthread_t thread, void **value, const struct timespec *moment)
{
    if (!moment)
        return real.pthread_timedjoin_np(thread, value, moment);
    WAIT_IN_SLICES(CLOCK_REALTIME, moment, CLOCK_REALTIME, real.pthread_timedjoin_np(thread, value, &end),
                   real.pthread_timedjoin_np(thread, value, moment))
}

WARPED int pthread_clockjoin_np(pthread_t thread, void **value, clockid_t clock, const struct timespec *moment)
{
    if (!moment)
        return real.pthread_clockjoin_np(thread, value, clock, moment);
    WAIT_IN_SLICES(clock, moment, CLOCK_REALTIME, real.pthread_timedjoin_np(thread, value, &end),
                   real.pthread_clockjoin_np(thread, value, clock, moment))
}

/* A semaphore is. */
static int semaphore_wait(struct block *block, sem_t *semaphore, clockid_t clock, int64_t moment, int64_t offset)
{
    int outcome, error;
    struct timespec end;
    WAIT wait = WAIT_UNTIL(block, moment, offset);
    do {
        next_end(&wait, real.sem_clockwait ? CLOCK_MONOTONIC : clock, &end);
        outcome = real.sem_clockwait ? real.sem_clockwait(semaphore, CLOCK_MONOTONIC, &end)
                                     : real.sem_timedwait(semaphore, &end);
        error = outcome < 0 ? errno : 0;
    } while (again(&wait, error == ETIMEDOUT, error));
    return error == ETIMEDOUT && interrupted(&wait) ? interrupted_result() : outcome;
}

WARPED int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict moment)
{
    struct block *block = attached();
    if (!block || !valid(moment))
        return real.sem_timedwait(semaphore, moment);
    return semaphore_wait(block, semaphore, CLOCK_REALTIME, nanoseconds(moment), block->offset[CLOCK_REALTIME]);
}

WARPED int sem_clockwait(sem_t *restrict semaphore, clockid_t clock, const struct timespec *restrict moment)
{
    struct block *block = attached();
    int64_t offset;
    if (!block || !valid(moment) || !warped_clock(block, clock, &offset))
        return real.sem_clockwait(semaphore, clock, moment);
    return semaphore_wait(block, semaphore, CLOCK_REALTIME, nanoseconds(moment), offset);
}

/* So are message queues, by their own functions and on the date alone. */
#define MESSAGE_WAIT(call, otherwise)                                                                                  \
    struct block *block = attached();                                                                                  \
    ssize_t outcome;                                                                                                   \
    struct timespec end;                                                                                               \
    int error;                                                                                                         \
    if (!block || !valid(moment) || moment->tv_sec < 0)                                                                \
        return otherwise;                                                                                              \
    WAIT wait = WAIT_UNTIL(block, nanoseconds(moment), block->offset[CLOCK_REALTIME]);                                 \
    do {                                                                                                               \
        next_end(&wait, CLOCK_REALTIME, &end);                                                                         \
        outcome = call;                                                                                                \
        error = outcome < 0 ? errno : 0;                                                                               \
    } while (again(&wait, error == ETIMEDOUT, error));                                                                 \
    if (error == ETIMEDOUT && interrupted(&wait))                                                                      \
        return interrupted_result();                                                                                   \
    return outcome;

WARPED ssize_t mq_timedreceive(mqd_t queue, char *restrict bytes, size_t size, unsigned *restrict priority,
                               const struct timespec *restrict moment)
{
    MESSAGE_WAIT(real.mq_timedreceive(queue, bytes, size, priority, &end),
                 real.mq_timedreceive(queue, bytes, size, priority, moment))
}

WARPED int mq_timedsend(mqd_t queue, const char *bytes, size_t size, unsigned priority, const struct timespec *moment)
{
    MESSAGE_WAIT(real.mq_timedsend(queue, bytes, size, priority, &end),
                 real.mq_timedsend(queue, bytes, size, priority, moment))
}

/* Conditions. */

static _Atomic uint32_t signals_sent[1024];

static _Atomic uint32_t *signals_of(const pthread_cond_t *condition)
{
    return &signals_sent[((uintptr_t)condition * UINT64_C(0x9e3779b97f4a7c15)) >> 54];
}

WARPED int pthread_cond_signal(pthread_cond_t *condition)
{
    ready();
    atomic_fetch_add_explicit(signals_of(condition), 1, memory_order_relaxed);
    return real.pthread_cond_signal(condition);
}

WARPED int pthread_cond_broadcast(pthread_cond_t *condition)
{
    ready();
    atomic_fetch_add_explicit(signals_of(condition), 1, memory_order_relaxed);
    return real.pthread_cond_broadcast(condition);
}

/* How glibc keeps what pthread_condattr_t asked for, since 2.25. Read there, because a table of conditions would have to
 * guess when the memory of one is used again; verified at the first use against conditions made for the purpose. */
enum { SHARED = 1, MONOTONIC = 2 };

static unsigned condition_flags(const pthread_cond_t *condition)
{
    unsigned flags;
    memcpy(&flags, (const char *)condition + offsetof(struct __pthread_cond_s, __wrefs), sizeof flags);
    return flags & (SHARED | MONOTONIC);
}

static bool flags_are_as_known(void)
{
    static _Atomic int known; /* 0 not yet, 1 yes, -1 no */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    for (unsigned wanted = 0; answer >= 0 && !atomic_load_explicit(&known, memory_order_relaxed) && wanted < 4; wanted++) {
        pthread_cond_t condition;
        pthread_condattr_t attributes;
        pthread_condattr_init(&attributes);
        pthread_condattr_setpshared(&attributes, wanted & SHARED ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
        pthread_condattr_setclock(&attributes, wanted & MONOTONIC ? CLOCK_MONOTONIC : CLOCK_REALTIME);
        pthread_cond_init(&condition, &attributes);
        answer = condition_flags(&condition) == wanted ? 1 : -1;
        pthread_cond_destroy(&condition);
        pthread_condattr_destroy(&attributes);
    }
    atomic_store_explicit(&known, answer, memory_order_relaxed);
    return answer > 0;
}

/* A C library that keeps it elsewhere: the two clocks are decades apart, and a moment is near one of them. */
static unsigned guessed_flags(const struct block *block, const struct timespec *moment)
{
    int64_t ns = nanoseconds(moment), uptime = now(block).target, date = uptime + block->offset[CLOCK_REALTIME];
    bool monotonic = ns < uptime + (date - uptime) / 2;
    return SHARED | (monotonic ? MONOTONIC : 0);
}

static int condition_wait(struct block *block, pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                          bool shared, const struct timespec *moment, int64_t offset)
{
    _Atomic uint32_t *sent = signals_of(condition);
    uint32_t sent_before = atomic_load_explicit(sent, memory_order_relaxed);
    int error;
    struct timespec end;
    WAIT wait = WAIT_UNTIL(block, nanoseconds(moment), offset);
    for (;;) {
        if (real.pthread_cond_clockwait) {
            next_end(&wait, CLOCK_MONOTONIC, &end);
            error = real.pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &end);
        } else {
            next_end(&wait, clock, &end);
            error = real.pthread_cond_timedwait(condition, mutex, &end);
        }
        if (error != ETIMEDOUT || passed(&wait))
            return error;
        /* Other processes' signals are not counted. */
        if (shared || atomic_load_explicit(sent, memory_order_relaxed) != sent_before)
            return 0;
    }
}

WARPED int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                                  const struct timespec *restrict moment)
{
    struct block *block = attached();
    unsigned flags;
    clockid_t clock;
    if (!block || !valid(moment))
        return real.pthread_cond_timedwait(condition, mutex, moment);
    flags = flags_are_as_known() ? condition_flags(condition) : guessed_flags(block, moment);
    clock = flags & MONOTONIC ? CLOCK_MONOTONIC : CLOCK_REALTIME;
    return condition_wait(block, condition, mutex, clock, flags & SHARED, moment, block->offset[clock]);
}

WARPED int pthread_cond_clockwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, clockid_t clock,
                                  const struct timespec *restrict moment)
{
    struct block *block = attached();
    int64_t offset;
    bool shared;
    if (!block || !valid(moment) || !warped_clock(block, clock, &offset))
        return real.pthread_cond_clockwait(condition, mutex, clock, moment);
    shared = !flags_are_as_known() || (condition_flags(condition) & SHARED);
    return condition_wait(block, condition, mutex, clock, shared, moment, offset);
}

/* C11's names for the same things; glibc's own call past the functions above. */

static int c11(int error)
{
    return error == 0 ? thrd_success : error == ETIMEDOUT ? thrd_timedout : thrd_error;
}

WARPED int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict moment)
{
    return c11(pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, moment));
}

WARPED int cnd_signal(cnd_t *condition)
{
    return c11(pthread_cond_signal((pthread_cond_t *)condition));
}

WARPED int cnd_broadcast(cnd_t *condition)
{
    return c11(pthread_cond_broadcast((pthread_cond_t *)condition));
}

WARPED int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict moment)
{
    return c11(pthread_mutex_timedlock((pthread_mutex_t *)mutex, moment));
}
