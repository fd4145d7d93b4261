/* The kernel's own timers: timerfd, POSIX timers, setitimer and alarm.
 *
 * They fire by themselves, so that a slice is of no use: each is set in wall time for the line that holds when it is set,
 * and set again when the line changes. Its next expiry in wall time, which the kernel tells, and the line that it was set
 * by say which moment of target time it stands for; nothing else needs to be remembered, for repeating timers either.
 *
 * The harness announces a change to processes that have timers with SIGURG: ignored where nobody handles it (in a program
 * just started by exec), of no use to anybody else, and with SA_RESTART. A program that handles SIGURG itself keeps
 * it; its timers then move when it next sets or reads one. A leap over several expiries of a repeating timer is one.
 */
#include "warp.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum kind { FREE, FILE_TIMER, POSIX_TIMER, PROCESS_TIMER };

struct timer {
    enum kind kind;
    int file;
    timer_t posix;
    clockid_t clock;     /* of a POSIX timer */
    bool running;
    struct instant line; /* by which its wall time was set */
};

#define TIMERS 256
static struct timer timers[TIMERS]; /* touched only between hold and let_go */
static _Atomic bool busy;

/* Signals are blocked meanwhile: a handler may well set a timer, or be told of a change. */
static sigset_t hold(void)
{
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    while (atomic_exchange_explicit(&busy, true, memory_order_acquire))
        sched_yield();
    return before;
}

static void let_go(const sigset_t *before)
{
    atomic_store_explicit(&busy, false, memory_order_release);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

static int real_get(const struct timer *timer, struct itimerspec *wall)
{
    struct itimerval old;
    int result;
    if (timer->kind == FILE_TIMER)
        return real.timerfd_gettime(timer->file, wall);
    if (timer->kind == POSIX_TIMER)
        return real.timer_gettime(timer->posix, wall);
    result = real.getitimer(ITIMER_REAL, &old);
    wall->it_value = (struct timespec){old.it_value.tv_sec, old.it_value.tv_usec * 1000};
    wall->it_interval = (struct timespec){old.it_interval.tv_sec, old.it_interval.tv_usec * 1000};
    return result;
}

static struct timeval rounded_up(const struct timespec *t)
{
    int64_t us = added(nanoseconds(t), 999) / 1000;
    return (struct timeval){.tv_sec = us / 1000000, .tv_usec = us % 1000000};
}

static int real_set(const struct timer *timer, const struct itimerspec *wall)
{
    struct itimerval value;
    if (timer->kind == FILE_TIMER)
        return real.timerfd_settime(timer->file, 0, wall, NULL);
    if (timer->kind == POSIX_TIMER)
        return real.timer_settime(timer->posix, 0, wall, NULL);
    value.it_value = rounded_up(&wall->it_value);
    value.it_interval = rounded_up(&wall->it_interval);
    return real.setitimer(ITIMER_REAL, &value, NULL);
}

/* What a timer is set to, in target time, from what the kernel says of it. */
static struct itimerspec in_target_time(const struct timer *timer, const struct itimerspec *wall, const struct instant *at)
{
    struct itimerspec target = {.it_interval = {0}};
    int64_t value = nanoseconds(&wall->it_value), interval = nanoseconds(&wall->it_interval);
    if (value > 0) {
        int64_t rest = target_at(&timer->line, added(at->wall, value)) - at->target;
        target.it_value = as_timespec(rest > 0 ? rest : 1);
    }
    target.it_interval = as_timespec((int64_t)(((__int128)interval * timer->line.rate) >> 32));
    return target;
}

static struct itimerspec in_wall_time(const struct itimerspec *target, const struct instant *at)
{
    return (struct itimerspec){
        .it_value = as_timespec(wall_span(at->rate, nanoseconds(&target->it_value))),
        .it_interval = as_timespec(wall_span(at->rate, nanoseconds(&target->it_interval))),
    };
}

static void move(struct timer *timer, const struct block *block)
{
    struct itimerspec wall, target;
    struct instant at = now(block);
    if (real_get(timer, &wall) < 0) { /* its file was closed */
        timer->kind = FREE;
        return;
    }
    timer->running = nanoseconds(&wall.it_value) > 0;
    if (!timer->running)
        return;
    target = in_target_time(timer, &wall, &at);
    wall = in_wall_time(&target, &at);
    timer->line = at;
    real_set(timer, &wall);
}

static void changed(int number)
{
    struct block *block = attached();
    int kept = errno;
    sigset_t before = hold();
    (void)number;
    changes_handled++;
    for (struct timer *timer = timers; block && timer < timers + TIMERS; timer++)
        if (timer->kind != FREE && timer->running)
            move(timer, block);
    let_go(&before);
    errno = kept;
}

/* From the first timer on the harness has to be heard. */
static void listen_for_changes(void)
{
    static _Atomic bool listening;
    struct sigaction old, ours = {.sa_handler = changed, .sa_flags = SA_RESTART | SA_ONSTACK};
    mark(HAS_TIMERS | SEEN_WAIT);
    if (atomic_exchange(&listening, true) || real.sigaction(SIGURG, NULL, &old) < 0 || (old.sa_flags & SA_SIGINFO))
        return;
    if (old.sa_handler == SIG_DFL || old.sa_handler == SIG_IGN)
        real.sigaction(SIGURG, &ours, NULL);
}

/* A child has none of its parent's timers, and those in files that it shares stay its parent's. */
void forget_timers(void)
{
    for (struct timer *timer = timers; timer < timers + TIMERS; timer++)
        timer->kind = FREE;
    atomic_store(&busy, false);
}

static bool same(const struct timer *a, const struct timer *b)
{
    return a->kind == b->kind && a->file == b->file && a->posix == b->posix;
}

/* The place of a timer in the table; null when it has none and there is none to be had. */
static struct timer *place_of(const struct timer *wanted, bool make)
{
    struct timer *free = NULL;
    for (struct timer *timer = timers; timer < timers + TIMERS; timer++) {
        if (same(timer, wanted))
            return timer;
        if (!free && (timer->kind == FREE || (timer->kind == FILE_TIMER && !timer->running)))
            free = timer;
    }
    if (make && free)
        *free = *wanted;
    return make ? free : NULL;
}

/* The alarm of the program that this one replaced by exec is still set. */
void adopt_timers(void)
{
    struct timer alarm_clock = {.kind = PROCESS_TIMER, .running = true, .line = now(attached())};
    struct itimerspec wall;
    if (real_get(&alarm_clock, &wall) == 0 && nanoseconds(&wall.it_value) > 0) {
        sigset_t before = hold();
        place_of(&alarm_clock, true);
        let_go(&before);
        listen_for_changes();
    }
}

static int get(const struct timer *wanted, const struct block *block, struct itimerspec *target)
{
    sigset_t before = hold();
    struct timer *timer = place_of(wanted, false);
    int result = real_get(wanted, target);
    if (result == 0 && timer && timer->running) {
        struct instant at = now(block);
        *target = in_target_time(timer, target, &at);
    }
    let_go(&before);
    return result;
}

static int set(const struct timer *wanted, const struct block *block, bool absolute, int64_t offset,
               const struct itimerspec *target, struct itimerspec *old)
{
    struct itimerspec relative = *target, wall;
    struct timer *timer, spare = *wanted;
    sigset_t before;
    int result;
    if (old && get(wanted, block, old) < 0)
        return -1;
    before = hold();
    timer = place_of(wanted, true);
    if (!timer)
        timer = &spare; /* one of too many: it fires by the line of this moment */
    timer->line = now(block);
    timer->running = nanoseconds(&target->it_value) > 0;
    if (absolute && timer->running) {
        int64_t rest = added(nanoseconds(&target->it_value), -offset) - timer->line.target;
        relative.it_value = as_timespec(rest > 0 ? rest : 1);
    }
    wall = in_wall_time(&relative, &timer->line);
    result = real_set(timer, &wall);
    if (result < 0 && timer->kind == FILE_TIMER)
        timer->kind = FREE;
    let_go(&before);
    if (result == 0)
        listen_for_changes();
    return result;
}

static bool settable(const struct itimerspec *value)
{
    return value && valid(&value->it_value) && valid(&value->it_interval) && value->it_value.tv_sec >= 0 &&
           value->it_interval.tv_sec >= 0;
}

/* timerfd */

/* Which clock a timer file is on; the kernel says so in its description. */
static clockid_t clock_of_file(int file)
{
    char path[40] = "/proc/self/fdinfo/", text[512], digits[12], *found_at;
    int length = 0, description;
    ssize_t size;
    for (unsigned rest = (unsigned)file; length == 0 || rest; rest /= 10)
        digits[length++] = (char)('0' + rest % 10);
    for (size_t end = strlen(path); length > 0; end++)
        path[end] = digits[--length];
    description = open(path, O_RDONLY | O_CLOEXEC);
    if (description < 0)
        return CLOCK_MONOTONIC;
    size = real.read(description, text, sizeof text - 1);
    real.close(description);
    text[size > 0 ? size : 0] = 0;
    found_at = strstr(text, "clockid: ");
    return found_at && found_at[9] >= '0' && found_at[9] <= '9' ? found_at[9] - '0' : CLOCK_MONOTONIC;
}

WARPED int timerfd_settime(int file, int flags, const struct itimerspec *value, struct itimerspec *old)
{
    struct block *block = attached();
    struct timer timer = {.kind = FILE_TIMER, .file = file};
    bool absolute = flags & TFD_TIMER_ABSTIME;
    int64_t offset = 0;
    if (!block || !settable(value) || (absolute && !warped_clock(block, clock_of_file(file), &offset)))
        return real.timerfd_settime(file, flags, value, old);
    return set(&timer, block, absolute, offset, value, old);
}

WARPED int timerfd_gettime(int file, struct itimerspec *value)
{
    struct block *block = attached();
    struct timer timer = {.kind = FILE_TIMER, .file = file};
    return block ? get(&timer, block, value) : real.timerfd_gettime(file, value);
}

/* POSIX timers */

WARPED int timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict id)
{
    struct block *block = attached();
    int64_t offset;
    int result = real.timer_create(clock, event, id);
    if (result == 0 && block && warped_clock(block, clock, &offset)) {
        struct timer timer = {.kind = POSIX_TIMER, .posix = *id, .clock = clock};
        sigset_t before = hold();
        place_of(&timer, true);
        let_go(&before);
    }
    return result;
}

WARPED int timer_delete(timer_t id)
{
    struct timer *timer, wanted = {.kind = POSIX_TIMER, .posix = id};
    if (attached()) {
        sigset_t before = hold();
        timer = place_of(&wanted, false);
        if (timer)
            timer->kind = FREE;
        let_go(&before);
    }
    return real.timer_delete(id);
}

/* A timer made on a clock that is left alone, or before this process was attached, is not in the table. */
static bool warped_timer(const struct block *block, const struct timer *wanted, int64_t *offset)
{
    sigset_t before = hold();
    const struct timer *timer = place_of(wanted, false);
    bool answer = timer && warped_clock(block, timer->clock, offset);
    let_go(&before);
    return answer;
}

WARPED int timer_settime(timer_t id, int flags, const struct itimerspec *restrict value, struct itimerspec *restrict old)
{
    struct block *block = attached();
    struct timer timer = {.kind = POSIX_TIMER, .posix = id};
    int64_t offset;
    if (!block || !settable(value) || !warped_timer(block, &timer, &offset))
        return real.timer_settime(id, flags, value, old);
    return set(&timer, block, flags & TIMER_ABSTIME, offset, value, old);
}

WARPED int timer_gettime(timer_t id, struct itimerspec *value)
{
    struct block *block = attached();
    struct timer timer = {.kind = POSIX_TIMER, .posix = id};
    return block ? get(&timer, block, value) : real.timer_gettime(id, value);
}

/* setitimer and alarm: one timer of the process */

static struct itimerspec from_timeval(const struct itimerval *value)
{
    return (struct itimerspec){
        .it_value = {value->it_value.tv_sec, value->it_value.tv_usec * 1000},
        .it_interval = {value->it_interval.tv_sec, value->it_interval.tv_usec * 1000},
    };
}

static struct itimerval to_timeval(const struct itimerspec *value)
{
    return (struct itimerval){.it_value = rounded_up(&value->it_value), .it_interval = rounded_up(&value->it_interval)};
}

WARPED int setitimer(__itimer_which_t which, const struct itimerval *restrict value, struct itimerval *restrict old)
{
    struct block *block = attached();
    struct timer timer = {.kind = PROCESS_TIMER};
    struct itimerspec target = value ? from_timeval(value) : (struct itimerspec){.it_interval = {0}}, old_target;
    if (!block || which != ITIMER_REAL || !settable(&target))
        return real.setitimer(which, value, old);
    if (set(&timer, block, false, 0, &target, old ? &old_target : NULL) < 0)
        return -1;
    if (old)
        *old = to_timeval(&old_target);
    return 0;
}

WARPED int getitimer(__itimer_which_t which, struct itimerval *value)
{
    struct block *block = attached();
    struct timer timer = {.kind = PROCESS_TIMER};
    struct itimerspec target;
    if (!block || which != ITIMER_REAL)
        return real.getitimer(which, value);
    if (get(&timer, block, &target) < 0)
        return -1;
    *value = to_timeval(&target);
    return 0;
}

WARPED unsigned alarm(unsigned seconds)
{
    struct itimerval value = {.it_value = {.tv_sec = seconds}}, old = {.it_value = {0}};
    setitimer(ITIMER_REAL, &value, &old);
    /* As the kernel rounds it: never 0 while it is set. */
    return (unsigned)(old.it_value.tv_sec + (old.it_value.tv_usec >= 500000 || (!old.it_value.tv_sec && old.it_value.tv_usec)));
}

WARPED useconds_t ualarm(useconds_t us, useconds_t interval)
{
    struct itimerval value = {.it_value = {us / 1000000, us % 1000000}, .it_interval = {interval / 1000000, interval % 1000000}};
    struct itimerval old = {.it_value = {0}};
    setitimer(ITIMER_REAL, &value, &old);
    return (useconds_t)(old.it_value.tv_sec * 1000000 + old.it_value.tv_usec);
}
