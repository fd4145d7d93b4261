/* Waiting: the shape of every wait, sleeping, and waiting for files and signals. */
#include "warp.h"

#include <string.h>

/* A thread that cannot hear of changes looks at the control block this often while it waits: as seldom as is still prompt,
 * and more seldom the more threads of the process wait, so that all of them together look some 300 times a second. A look
 * costs 10 to 40 us of CPU time, most of it the kernel's, so that waiting costs a process about a percent of a core. */
#define LOOK_EVERY (6 * SECOND / 1000)
#define LOOK_EVERY_EACH (3 * SECOND / 1000)
#define LOOK_AT_LEAST_EVERY (250 * SECOND / 1000)

/* A free place, sought from a different one by each thread, so that they seldom meet. */
static struct place *claim(struct block *block, int64_t deadline)
{
    uint64_t thread = (uint64_t)pthread_self() * UINT64_C(0x9e3779b97f4a7c15) >> 54;
    int32_t self = getpid();
    for (uint64_t i = 0; i < BLOCK_PLACES; i++) {
        struct place *place = &block->places[(thread + i) % BLOCK_PLACES];
        int32_t nobody = 0;
        if (atomic_load_explicit(&place->pid, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong(&place->pid, &nobody, self)) {
            atomic_store_explicit(&place->looks, 0, memory_order_relaxed);
            atomic_store_explicit(&place->hearing, DEAF, memory_order_relaxed);
            atomic_store_explicit(&place->tid, gettid(), memory_order_relaxed);
            atomic_store_explicit(&place->moment, deadline, memory_order_release);
            return place;
        }
    }
    atomic_fetch_add_explicit(&block->unplaced, 1, memory_order_relaxed);
    return NULL;
}

static void give_back(struct place *place)
{
    atomic_store_explicit(&place->moment, INT64_MAX, memory_order_release);
    atomic_store_explicit(&place->tid, 0, memory_order_relaxed);
    atomic_store_explicit(&place->pid, 0, memory_order_release);
}

void forget_waits(struct block *block)
{
    int32_t self = getpid();
    for (struct place *place = block->places; place < block->places + BLOCK_PLACES; place++)
        if (atomic_load_explicit(&place->pid, memory_order_relaxed) == self)
            give_back(place);
    for (struct kept_timer *timer = block->timers; timer < block->timers + BLOCK_TIMERS; timer++)
        if (atomic_load_explicit(&timer->pid, memory_order_relaxed) == self)
            withdraw_timer(timer);
}

struct wait begin_wait(struct block *block, int64_t deadline)
{
    mark(SEEN_WAIT);
    atomic_fetch_add_explicit(&waiters, 1, memory_order_relaxed);
    return (struct wait){
        .block = block,
        .place = claim(block, deadline),
        .deadline = deadline,
        .signals = signals_handled,
        .changes = changes_handled,
    };
}

void end_wait(struct wait *wait)
{
    end_listening(wait);
    if (wait->place)
        give_back(wait->place);
    else
        atomic_fetch_sub_explicit(&wait->block->unplaced, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&waiters, 1, memory_order_relaxed);
}

/* How long the wait still lasts, by the line that holds now. */
static int64_t wall_left(struct wait *wait)
{
    wait->slept = now(wait->block);
    return wait->slept.target < wait->deadline ? wall_span(wait->slept.rate, wait->deadline - wait->slept.target) : 0;
}

static int64_t within(int64_t least, int64_t value, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

int64_t slice(struct wait *wait)
{
    int threads = atomic_load_explicit(&waiters, memory_order_relaxed);
    int64_t look = within(LOOK_EVERY, LOOK_EVERY_EACH * threads, LOOK_AT_LEAST_EVERY), rest;
    if (wait->slept.wall && wait->place)
        atomic_fetch_add_explicit(&wait->place->looks, 1, memory_order_relaxed);
    end_listening(wait);
    wait->told = false;
    rest = wall_left(wait);
    if (rest > look && begin_listening(wait)) {
        rest = wall_left(wait); /* who has changed the line since has found us listening */
        look = within(SELDOM, SELDOM_EACH * threads, SELDOM_AT_MOST);
        if (atomic_load(&wait->place->hearing) != LISTENS)
            return 0; /* told already */
    }
    return rest < look ? rest : look;
}

/* Sleeping. */

/* Sleeps until the wait is over or a signal handler has run; an error number, as clock_nanosleep returns it. */
static int sleep_until(struct wait *wait)
{
    int error;
    do {
        struct timespec t = as_timespec(slice(wait));
        error = real.clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
    } while (again(wait, !error, error));
    return error || !interrupted(wait) ? error : EINTR;
}

WARPED int clock_nanosleep(clockid_t clock, int flags, const struct timespec *t, struct timespec *rest)
{
    struct block *block = attached();
    int64_t offset;
    if (!block || !t || !valid(t) || t->tv_sec < 0 || !warped_clock(block, clock, &offset))
        return real.clock_nanosleep(clock, flags, t, rest);
    if (flags & TIMER_ABSTIME) {
        WAIT wait = WAIT_UNTIL(block, nanoseconds(t), offset);
        return sleep_until(&wait);
    }
    WAIT wait = WAIT_FOR(block, nanoseconds(t));
    int error = sleep_until(&wait);
    if (error == EINTR && rest)
        *rest = as_timespec(left(&wait));
    return error;
}

WARPED int nanosleep(const struct timespec *t, struct timespec *rest)
{
    int error = clock_nanosleep(CLOCK_REALTIME, 0, t, rest);
    if (!error)
        return 0;
    errno = error;
    return -1;
}

WARPED int thrd_sleep(const struct timespec *t, struct timespec *rest)
{
    int error = clock_nanosleep(CLOCK_REALTIME, 0, t, rest);
    return error == 0 ? 0 : error == EINTR ? -1 : -2;
}

WARPED int usleep(useconds_t us)
{
    struct timespec t = as_timespec((int64_t)us * 1000);
    return nanosleep(&t, NULL);
}

WARPED unsigned sleep(unsigned seconds)
{
    struct timespec t = {.tv_sec = seconds}, rest;
    int kept = errno;
    if (nanosleep(&t, &rest) == 0)
        return 0;
    errno = kept;
    return (unsigned)rest.tv_sec + (rest.tv_nsec >= SECOND / 2);
}

/* Waiting without an end. The kernel ends these with EINTR for our own handler, too, which is sent to a process whose timers
 * it keeps: then the wait goes on. Signals are blocked from the look at what was handled until the kernel waits again. */
#define WITHOUT_END(mask, call)                                                                                        \
    ({                                                                                                                 \
        unsigned signals = signals_handled, changes = changes_handled;                                                 \
        const sigset_t *blocked = (mask);                                                                              \
        sigset_t every, before;                                                                                        \
        int result = (call);                                                                                           \
        while (result < 0 && errno == EINTR && signals_handled == signals && changes_handled != changes) {             \
            sigfillset(&every);                                                                                        \
            pthread_sigmask(SIG_SETMASK, &every, &before);                                                             \
            blocked = (mask) ? (mask) : &before;                                                                       \
            changes = changes_handled;                                                                                 \
            if (signals_handled == signals)                                                                            \
                result = (call);                                                                                       \
            pthread_sigmask(SIG_SETMASK, &before, NULL);                                                               \
        }                                                                                                              \
        result;                                                                                                        \
    })

/* Waiting for files. A slice that ends with nothing ready has cleared the results, as the end of the wait must. */

WARPED int ppoll(struct pollfd *files, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    struct block *block = attached();
    int ready_files;
    if (!timeout)
        return WITHOUT_END(mask, real.ppoll(files, count, NULL, blocked));
    if (!block || !valid(timeout) || nanoseconds(timeout) <= 0)
        return real.ppoll(files, count, timeout, mask);
    WAIT wait = WAIT_FOR(block, nanoseconds(timeout));
    wait.mask = mask;
    do {
        struct timespec t = as_timespec(slice(&wait));
        ready_files = real.ppoll(files, count, &t, mask);
    } while (again(&wait, ready_files == 0, ready_files < 0 ? errno : 0));
    return ready_files == 0 && interrupted(&wait) ? interrupted_result() : ready_files;
}

static const struct timespec *milliseconds(int ms, struct timespec *t)
{
    *t = as_timespec((int64_t)ms * 1000000);
    return ms < 0 ? NULL : t;
}

WARPED int poll(struct pollfd *files, nfds_t count, int ms)
{
    struct timespec t;
    return ppoll(files, count, milliseconds(ms, &t), NULL);
}

/* What a program built with _FORTIFY_SOURCE calls instead. */
void __chk_fail(void) __attribute__((noreturn));

WARPED int __ppoll_chk(struct pollfd *files, nfds_t count, const struct timespec *t, const sigset_t *mask, size_t size)
{
    if (size / sizeof *files < count)
        __chk_fail();
    return ppoll(files, count, t, mask);
}

WARPED int __poll_chk(struct pollfd *files, nfds_t count, int ms, size_t size)
{
    struct timespec t;
    return __ppoll_chk(files, count, milliseconds(ms, &t), NULL, size);
}

/* Sets of more files than fd_set has room for are legal when the caller made the room. */
#define SELECT_MOST 65536

static void copy_set(unsigned long *to, const fd_set *from, size_t bytes)
{
    if (from)
        memcpy(to, from, bytes);
}

static int select_until(struct wait *wait, int count, fd_set *sets[3], const sigset_t *mask)
{
    size_t words = ((size_t)count + 8 * sizeof(long) - 1) / (8 * sizeof(long)), bytes = words * sizeof(long);
    unsigned long asked[3][words ? words : 1];
    int ready_files;
    for (int i = 0; i < 3; i++)
        copy_set(asked[i], sets[i], bytes);
    wait->mask = mask;
    for (;;) {
        struct timespec t = as_timespec(slice(wait));
        ready_files = real.pselect(count, sets[0], sets[1], sets[2], &t, mask);
        if (!again(wait, ready_files == 0, ready_files < 0 ? errno : 0))
            return ready_files == 0 && interrupted(wait) ? interrupted_result() : ready_files;
        for (int i = 0; i < 3; i++)
            if (sets[i])
                memcpy(sets[i], asked[i], bytes);
    }
}

WARPED int pselect(int count, fd_set *restrict reads, fd_set *restrict writes, fd_set *restrict excepts,
                   const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
    struct block *block = attached();
    if (!timeout)
        return WITHOUT_END(mask, real.pselect(count, reads, writes, excepts, NULL, blocked));
    if (!block || !valid(timeout) || nanoseconds(timeout) <= 0 || count < 0 || count > SELECT_MOST)
        return real.pselect(count, reads, writes, excepts, timeout, mask);
    WAIT wait = WAIT_FOR(block, nanoseconds(timeout));
    return select_until(&wait, count, (fd_set *[3]){reads, writes, excepts}, mask);
}

WARPED int select(int count, fd_set *restrict reads, fd_set *restrict writes, fd_set *restrict excepts,
                  struct timeval *restrict timeout)
{
    struct block *block = attached();
    int64_t ns, rest;
    int ready_files;
    if (!timeout)
        return pselect(count, reads, writes, excepts, NULL, NULL);
    if (!block || timeout->tv_sec < 0 || timeout->tv_usec < 0 || count < 0 || count > SELECT_MOST)
        return real.select(count, reads, writes, excepts, timeout);
    ns = added(nanoseconds(&(struct timespec){.tv_sec = timeout->tv_sec}), added(timeout->tv_usec, 0) * 1000);
    if (ns <= 0)
        return real.select(count, reads, writes, excepts, timeout);
    WAIT wait = WAIT_FOR(block, ns);
    ready_files = select_until(&wait, count, (fd_set *[3]){reads, writes, excepts}, NULL);
    rest = left(&wait); /* Linux says what is left of the timeout, and programs rely on it */
    *timeout = (struct timeval){.tv_sec = rest / SECOND, .tv_usec = rest % SECOND / 1000};
    return ready_files;
}

/* One real wait on an epoll file, to the nanosecond: a millisecond of target time is 20 us at rate 50. Kernels before
 * 5.11 and some sandboxes have no epoll_pwait2, but an epoll file can itself be polled. */
static int epoll_once(int epoll, struct epoll_event *events, int most, int64_t wall, const sigset_t *mask)
{
    static _Atomic bool missing;
    struct timespec t = as_timespec(wall);
    struct pollfd file = {.fd = epoll, .events = POLLIN};
    int count;
    if (real.epoll_pwait2 && !atomic_load_explicit(&missing, memory_order_relaxed)) {
        count = real.epoll_pwait2(epoll, events, most, &t, mask);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM))
            return count;
        atomic_store_explicit(&missing, true, memory_order_relaxed);
    }
    if (most <= 0)
        return real.epoll_pwait(epoll, events, most, 0, mask); /* refuses */
    count = real.ppoll(&file, 1, &t, mask);
    return count > 0 ? real.epoll_pwait(epoll, events, most, 0, mask) : count;
}

static int epoll_for(int epoll, struct epoll_event *events, int most, int64_t ns, const sigset_t *mask,
                     struct block *block)
{
    int count;
    WAIT wait = WAIT_FOR(block, ns);
    wait.mask = mask;
    do {
        count = epoll_once(epoll, events, most, slice(&wait), mask);
    } while (again(&wait, count == 0, count < 0 ? errno : 0));
    return count == 0 && interrupted(&wait) ? interrupted_result() : count;
}

WARPED int epoll_pwait(int epoll, struct epoll_event *events, int most, int ms, const sigset_t *mask)
{
    struct block *block = attached();
    if (ms < 0)
        return WITHOUT_END(mask, real.epoll_pwait(epoll, events, most, ms, blocked));
    if (!block || ms == 0)
        return real.epoll_pwait(epoll, events, most, ms, mask);
    return epoll_for(epoll, events, most, (int64_t)ms * 1000000, mask, block);
}

WARPED int epoll_wait(int epoll, struct epoll_event *events, int most, int ms)
{
    return epoll_pwait(epoll, events, most, ms, NULL);
}

WARPED int epoll_pwait2(int epoll, struct epoll_event *events, int most, const struct timespec *timeout,
                        const sigset_t *mask)
{
    struct block *block = attached();
    if (!real.epoll_pwait2) {
        errno = ENOSYS;
        return -1;
    }
    if (!timeout)
        return WITHOUT_END(mask, real.epoll_pwait2(epoll, events, most, NULL, blocked));
    if (!block || !valid(timeout) || nanoseconds(timeout) <= 0)
        return real.epoll_pwait2(epoll, events, most, timeout, mask);
    return epoll_for(epoll, events, most, nanoseconds(timeout), mask, block);
}

/* Waiting for signals. Waiting for no file is what the kernel does in these two. */

WARPED int sigsuspend(const sigset_t *mask)
{
    return ppoll(NULL, 0, NULL, mask);
}

WARPED int pause(void)
{
    return ppoll(NULL, 0, NULL, NULL);
}

/* One that comes between two slices stays pending. */
WARPED int sigwaitinfo(const sigset_t *restrict signals, siginfo_t *restrict came)
{
    unsigned handled = signals_handled, changes;
    int number;
    ready();
    do {
        changes = changes_handled;
        number = real.sigtimedwait(signals, came, NULL);
    } while (number < 0 && errno == EINTR && signals_handled == handled && changes_handled != changes);
    return number;
}

WARPED int sigtimedwait(const sigset_t *restrict signals, siginfo_t *restrict came, const struct timespec *restrict timeout)
{
    struct block *block = attached();
    int number, error;
    if (!timeout)
        return sigwaitinfo(signals, came);
    if (!block || !valid(timeout) || nanoseconds(timeout) <= 0)
        return real.sigtimedwait(signals, came, timeout);
    WAIT wait = WAIT_FOR(block, nanoseconds(timeout));
    wait.mask = sigismember(signals, SIGURG) ? signals : NULL; /* it would be taken for the program's */
    do {
        struct timespec t = as_timespec(slice(&wait));
        number = real.sigtimedwait(signals, came, &t);
        error = number < 0 ? errno : 0;
    } while (again(&wait, error == EAGAIN, error));
    return error == EAGAIN && interrupted(&wait) ? interrupted_result() : number;
}
